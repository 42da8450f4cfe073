"""The SQL of writing a Silver partition and of recomputing the current state, one set per entity.

The statements share temporary tables: `accepted`, `rejected` and `scope` hold the new content, `affected` the keys
whose current state may change, `before` their rows as they were, `changed` those whose row is different now, `revised`
those whose state as of the day is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from psycopg2 import sql

from retail_medallion.model import Entity
from retail_medallion.silver import news

PROVENANCE = ("is_deleted", "deleted_at", "source_created_at", "source_updated_at", "record_hash")
"""Columns after the business columns that describe the state of the row; a difference in one of them is a change."""

RECORD_LOAD = """
    INSERT INTO silver_meta.load
        (load_id, source_system, entity, partition_date, mapping_version, model_version, bronze_objects)
    VALUES (%(load_id)s, %(source)s, %(entity)s, %(day)s, %(mapping_version)s, %(model_version)s, %(bronze_objects)s)
    ON CONFLICT (load_id) DO NOTHING;
    INSERT INTO silver_meta.load_run (load_id, run_id, seconds) VALUES (%(load_id)s, %(run_id)s, %(seconds)s)
    ON CONFLICT (load_id, run_id) DO UPDATE SET seconds = excluded.seconds
"""

RECORD_PARTITION = """
    INSERT INTO silver_meta.partition_state
        (source_system, entity, partition_date, load_id, mode, observed, rows_read, filtered, mapped, accepted,
         rejected, superseded, rejections, warnings, control_totals, covered_rows)
    VALUES (%(source)s, %(entity)s, %(day)s, %(load_id)s, %(mode)s, %(observed)s, %(rows_read)s, %(filtered)s,
        %(mapped)s, %(accepted)s, %(rejected)s, %(superseded)s, %(rejections)s, %(warnings)s, %(control_totals)s,
        %(covered_rows)s)
    ON CONFLICT (source_system, entity, partition_date) DO UPDATE SET
        load_id = excluded.load_id, mode = excluded.mode, observed = excluded.observed,
        rows_read = excluded.rows_read, filtered = excluded.filtered, mapped = excluded.mapped,
        accepted = excluded.accepted, rejected = excluded.rejected, superseded = excluded.superseded,
        rejections = excluded.rejections, warnings = excluded.warnings, control_totals = excluded.control_totals,
        covered_rows = excluded.covered_rows
"""

_CREATE_STAGES = """
    CREATE TEMP TABLE accepted ON COMMIT DROP AS
        SELECT {staged} FROM {versions} WITH NO DATA;
    CREATE TEMP TABLE rejected
        (block text, bronze_row bigint, source_key text, raw jsonb, mapped jsonb, reasons jsonb) ON COMMIT DROP;
    CREATE TEMP TABLE scope (scope_key text) ON COMMIT DROP;
    CREATE TEMP TABLE affected (id text PRIMARY KEY) ON COMMIT DROP;
    CREATE TEMP TABLE revised (id text) ON COMMIT DROP
"""

_AFFECT_BY_PARTITION = """
    INSERT INTO pg_temp.affected
    SELECT {key} FROM {versions} WHERE source_system = %(source)s AND partition_date = %(day)s
    UNION
    SELECT source_key FROM silver_quarantine.rejected_row
    WHERE entity = %(entity)s AND source_system = %(source)s AND partition_date = %(day)s AND source_key IS NOT NULL
    ON CONFLICT DO NOTHING
"""

# Two branches, each an equality: the planner has no figures yet for rows of this very transaction, and an OR of both
# would tempt it to compare every row with every scope.
_AFFECT_BY_SCOPE = """
    INSERT INTO pg_temp.affected
    SELECT c.{key} FROM {current} c
    WHERE c.source_system = %(source)s AND EXISTS (
        SELECT FROM silver_meta.scope_seen s
        WHERE s.entity = %(entity)s AND s.source_system = %(source)s AND s.partition_date = %(day)s
          AND s.scope_key = '*')
    UNION
    SELECT c.{key} FROM silver_meta.scope_seen s JOIN {current} c ON {current_document} = s.scope_key
    WHERE c.source_system = %(source)s
      AND s.entity = %(entity)s AND s.source_system = %(source)s AND s.partition_date = %(day)s
    ON CONFLICT DO NOTHING
"""

_DELETE_PARTITION = """
    DELETE FROM {versions} WHERE source_system = %(source)s AND partition_date = %(day)s;
    DELETE FROM silver_meta.scope_seen
    WHERE entity = %(entity)s AND source_system = %(source)s AND partition_date = %(day)s;
    DELETE FROM silver_quarantine.rejected_row
    WHERE entity = %(entity)s AND source_system = %(source)s AND partition_date = %(day)s
"""

_INSERT_PARTITION = """
    INSERT INTO {versions} (source_system, partition_date, load_id, {staged})
    SELECT %(source)s, %(day)s, %(load_id)s, {staged} FROM pg_temp.accepted;
    INSERT INTO silver_meta.scope_seen (entity, source_system, scope_key, partition_date)
    SELECT DISTINCT %(entity)s, %(source)s, scope_key, %(day)s::date FROM pg_temp.scope
"""

# Rows are numbered by what came, whatever of it is kept.
_INSERT_REJECTED = """
    INSERT INTO silver_quarantine.rejected_row
        (source_system, entity, partition_date, block, bronze_row, mapped_row,
         source_key, raw, mapped, reasons, load_id)
    SELECT %(source)s, %(entity)s, %(day)s, t.block, t.bronze_row,
           row_number() OVER (PARTITION BY t.block, t.bronze_row ORDER BY t.source_key, t.mapped::text) - 1,
           t.source_key, {raw}, {mapped}, {reasons}, %(load_id)s
    FROM pg_temp.rejected t
"""

_REMEMBER_BEFORE = """
    CREATE TEMP TABLE before ON COMMIT DROP AS
    SELECT {images} FROM {current} c JOIN pg_temp.affected a ON a.id = c.{key} WHERE c.source_system = %(source)s
"""

_DELETE_CURRENT = """
    DELETE FROM {current} c USING pg_temp.affected a WHERE c.source_system = %(source)s AND c.{key} = a.id
"""

# A rejected row is no state of its key, but it proves that the source still has it. Most keys were seen on the last day
# of all, so that there is nothing to look up; OFFSET 0 keeps what is looked up from being looked up once per use.
_CURRENT_STATE = """
    SELECT u.source_system, {business_of_u},
           d.at IS NOT NULL OR u.is_deleted OR absent.at IS NOT NULL AS is_deleted,
           u.deleted_at, u.source_created_at, u.source_updated_at, u.record_hash, u.load_id, u.bronze_row,
           u.ingested_at, u.dq_flags, u.extras,
           coalesce(d.at, u.partition_date) AS winner_partition,
           coalesce(d.at, absent.at, u.partition_date) AS effective_partition
    FROM (
        SELECT {grouped} AS id,
               max(v.partition_date) FILTER (WHERE v.op = 'U') AS updated,
               max(v.partition_date) FILTER (WHERE v.op = 'D') AS tombstone,
               max(v.partition_date) FILTER (WHERE v.op IN ('U', 'P')) AS seen
        FROM {versions} v {only_affected}
        WHERE v.source_system = %(source)s {until_v}
        GROUP BY {grouped}
    ) k
    JOIN {versions} u ON u.source_system = %(source)s AND u.{key} = k.id AND u.partition_date = k.updated
    CROSS JOIN LATERAL (SELECT CASE WHEN k.tombstone > k.updated THEN k.tombstone END AS at) d
    CROSS JOIN LATERAL (
        SELECT greatest(k.seen, max(r.partition_date)) AS last FROM silver_quarantine.rejected_row r
        WHERE r.entity = %(entity)s AND r.source_system = %(source)s AND r.source_key = k.id {until_r}
    ) sighting
    CROSS JOIN LATERAL (
        SELECT CASE WHEN d.at IS NULL AND sighting.last < (
            SELECT max(s.partition_date) FROM silver_meta.scope_seen s
            WHERE s.entity = %(entity)s AND s.source_system = %(source)s)
        THEN least(
            (SELECT min(s.partition_date) FROM silver_meta.scope_seen s
             WHERE s.entity = %(entity)s AND s.source_system = %(source)s
               AND s.scope_key = '*' AND s.partition_date > sighting.last {until_s}),
            (SELECT min(s.partition_date) FROM silver_meta.scope_seen s
             WHERE s.entity = %(entity)s AND s.source_system = %(source)s
               AND s.scope_key = {document_of_u} AND s.partition_date > sighting.last {until_s})) END AS at
        OFFSET 0
    ) absent
"""

_INSERT_CURRENT = """
    INSERT INTO {current} (source_system, {business}, is_deleted, deleted_at, source_created_at, source_updated_at,
        record_hash, load_id, bronze_row, ingested_at, dq_flags, extras, winner_partition, effective_partition)
"""

_COUNT_PARTITION = """
    SELECT count(*), coalesce(sum(pg_column_size(v.*)), 0)
    FROM {versions} v WHERE source_system = %(source)s AND partition_date = %(day)s
"""


@dataclass(frozen=True)
class EntityStatements:
    """The statements of one entity; parameters are `source`, `entity`, `day` and, where rows are written, `load_id`.

    `current_as_of` is the current state as the partitions up to and including `day` alone give it.
    """

    create_stages: sql.Composed
    affect_by_partition: sql.Composed
    affect_by_scope: sql.Composed
    delete_partition: sql.Composed
    insert_partition: sql.Composed
    insert_rejected: sql.Composed
    remember_before: sql.Composed
    delete_current: sql.Composed
    insert_current: sql.Composed
    remember_revised: sql.Composed
    remember_changes: sql.Composed
    count_current: sql.Composed
    insert_pending: sql.Composed
    count_partition: sql.Composed
    recompute_current: sql.Composed
    current_as_of: sql.Composed


def staged_columns(entity: Entity) -> tuple[str, ...]:
    """Columns the cleaning delivers and the versions table takes over, in that order."""
    return (*entity.columns, *PROVENANCE, "op", "bronze_row", "ingested_at", "dq_flags", "extras")


def current_columns(entity: Entity) -> tuple[str, ...]:
    """Columns of the current table, in the order in which the current state is computed."""
    technical = ("load_id", "bronze_row", "ingested_at", "dq_flags", "extras")
    return ("source_system", *entity.columns, *PROVENANCE, *technical, "winner_partition", "effective_partition")


def lock_name(entity: str, source: str) -> str:
    """The advisory lock of an entity of a source: the current state spans all days, so they share one."""
    return f"silver.{entity}|{source}"


def insert_rejected(**kept: sql.Composable) -> sql.Composed:
    """The statement that puts the staged rejected rows into quarantine.

    Args:
        kept: What is kept of a row `t` as `raw`, `mapped` and `reasons`, where it is not all of it.
    """
    columns = {name: kept.get(name, sql.Identifier("t", name)) for name in ("raw", "mapped", "reasons")}
    return sql.SQL(_INSERT_REJECTED).format(**columns)


@cache
def _compose(
    entity_name: str,
    business: tuple[str, ...],
    single_links: tuple[str, ...],
    list_links: tuple[str, ...],
    document: str | None,
) -> EntityStatements:
    identifiers = sql.SQL(", ").join
    key, links = single_links[0], (*single_links, *list_links)
    current = sql.Identifier("silver", entity_name)
    versions = sql.Identifier("silver_versions", entity_name)
    state = [*PROVENANCE, "winner_partition", "effective_partition"]
    staged = [*business, *PROVENANCE, "op", "bronze_row", "ingested_at", "dq_flags", "extras"]
    no_document = sql.SQL("NULL::text")
    parts: dict[str, sql.Composable] = {
        "key": sql.Identifier(key),
        "current": current,
        "versions": versions,
        "business": identifiers([sql.Identifier(name) for name in business]),
        "business_of_u": identifiers([sql.Identifier("u", name) for name in business]),
        "staged": identifiers([sql.Identifier(name) for name in staged]),
        "current_document": sql.Identifier("c", document) if document else no_document,
        "document_of_u": sql.Identifier("u", document) if document else no_document,
        "images": identifiers([sql.Identifier("c", name) for name in (*links, *state)]),
        **news.parts(single_links, list_links),
    }

    def compose(*templates: str, only_affected: bool = True, up_to_day: bool = False) -> sql.Composed:
        joined = sql.SQL("JOIN pg_temp.affected a ON a.id = v.{}").format(sql.Identifier(key))
        filtered = {**parts, "only_affected": joined if only_affected else sql.SQL("")}
        # Of the temporary table it is known how many keys it has.
        filtered["grouped"] = sql.Identifier("a", "id") if only_affected else sql.Identifier("v", key)
        for alias in ("v", "r", "s"):
            known = f"AND {alias}.partition_date <= %(day)s" if up_to_day else ""
            filtered[f"until_{alias}"] = sql.SQL(known)
        return sql.SQL("").join([sql.SQL(template).format(**filtered) for template in templates])

    return EntityStatements(
        create_stages=compose(_CREATE_STAGES),
        affect_by_partition=compose(_AFFECT_BY_PARTITION),
        affect_by_scope=compose(_AFFECT_BY_SCOPE),
        delete_partition=compose(_DELETE_PARTITION),
        insert_partition=compose(_INSERT_PARTITION),
        insert_rejected=insert_rejected(),
        remember_before=compose(_REMEMBER_BEFORE),
        delete_current=compose(_DELETE_CURRENT),
        insert_current=compose(_INSERT_CURRENT, _CURRENT_STATE),
        remember_revised=compose(news.REMEMBER_REVISED),
        remember_changes=compose(news.REMEMBER_CHANGES),
        count_current=compose(news.COUNT_CURRENT),
        insert_pending=compose(news.INSERT_PENDING),
        count_partition=compose(_COUNT_PARTITION),
        recompute_current=compose(_CURRENT_STATE, only_affected=False),
        current_as_of=compose(_CURRENT_STATE, only_affected=False, up_to_day=True),
    )


def for_entity(entity: Entity) -> EntityStatements:
    """The statements of an entity."""
    documents = [c.name for c in entity if c.delete_scope]
    return _compose(
        entity.entity,
        tuple(entity.columns),
        *news.link_columns(entity),
        documents[0] if documents else None,
    )
