"""The SQL of keeping findings up to date."""

from __future__ import annotations

SETTINGS = "SET LOCAL TIME ZONE 'UTC'; SET LOCAL datestyle TO 'ISO, YMD'"

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))"

TAKE = """
DROP TABLE IF EXISTS pg_temp.finding_taken;
CREATE TEMP TABLE finding_taken ON COMMIT DROP AS
    SELECT role, id, seq FROM meta.pending WHERE consumer = %(consumer)s AND source_system = %(source)s;
ANALYZE pg_temp.finding_taken
"""

# Locked in the order in which writers insert, so that neither can hold a row the other waits for. A key written again
# in the meantime has another seq and stays.
GIVE_BACK = """
SELECT FROM meta.pending p
WHERE p.consumer = %(consumer)s AND p.source_system = %(source)s
  AND EXISTS (SELECT FROM pg_temp.finding_taken t WHERE t.role = p.role AND t.id = p.id AND t.seq = p.seq)
ORDER BY p.role, p.id FOR UPDATE
"""

SETTLE = """
DELETE FROM meta.pending p USING pg_temp.finding_taken t
WHERE p.consumer = %(consumer)s AND p.source_system = %(source)s AND p.role = t.role AND p.id = t.id AND p.seq = t.seq
"""

VERSIONS = "SELECT rule, version FROM silver_meta.finding_rule WHERE source_system = %(source)s"

RETIRE = """
DELETE FROM silver_meta.finding WHERE source_system = %(source)s AND rule = %(rule)s;
DELETE FROM silver_meta.finding_rule WHERE source_system = %(source)s AND rule = %(rule)s
"""

REMEMBER_RULE = """
INSERT INTO silver_meta.finding_rule (source_system, rule, entity, column_name, message, severity, version)
VALUES (%(source)s, %(rule)s, %(entity)s, %(column)s, %(message)s, %(severity)s, %(version)s)
ON CONFLICT (source_system, rule) DO UPDATE SET
    entity = excluded.entity, column_name = excluded.column_name, message = excluded.message,
    severity = excluded.severity, version = excluded.version
"""

CREATE_EVERYTHING = """
DROP TABLE IF EXISTS pg_temp.finding_everything;
CREATE TEMP TABLE finding_everything (role text, id text) ON COMMIT DROP
"""

ADD_TO_EVERYTHING = """
INSERT INTO pg_temp.finding_everything
SELECT DISTINCT %(role)s, v.id FROM (SELECT {value} AS id FROM {table} WHERE source_system = %(source)s) v
WHERE v.id IS NOT NULL
"""

OPEN_SCOPE = """
DROP TABLE IF EXISTS {scope};
CREATE TEMP TABLE {name} ON COMMIT DROP AS
    SELECT DISTINCT reached.id FROM (SELECT w.id FROM {wanted} w WHERE w.role = %(role)s{reach}) reached
    WHERE reached.id IS NOT NULL
"""

FIND = """
SELECT %(rule)s::text AS rule, %(source)s::text AS source_system, %(entity)s::text AS entity, q.id::text AS id,
       q.scope::text AS scope, e.effective_partition AS as_of_partition,
       q.expected::text AS expected, q.actual::text AS actual,
       CASE WHEN jsonb_typeof(to_jsonb(q.expected)) = 'number' AND jsonb_typeof(to_jsonb(q.actual)) = 'number'
            THEN (to_jsonb(q.actual) #>> '{{}}')::numeric - (to_jsonb(q.expected) #>> '{{}}')::numeric END AS delta,
       %(severity)s::text AS severity
FROM ({query}) q
JOIN {table} e ON e.source_system = %(source)s AND e.{key} = q.id
"""

DELETE = "DELETE FROM silver_meta.finding f WHERE f.source_system = %(source)s AND f.rule = %(rule)s AND ({condition})"

STORE = "INSERT INTO silver_meta.finding {found}"

STORED = "SELECT * FROM silver_meta.finding WHERE source_system = %(source)s"
