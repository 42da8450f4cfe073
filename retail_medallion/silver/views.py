"""The views of Silver: the history of every entity, and quarantine as a person reads it.

A view remembers a fingerprint of the statement it was made from in its comment, so that telling whether it is up to
date takes one look at the catalogue, and a warehouse that has the views is not touched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg2 import sql

from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.storage.postgres.session import raw_connection

HISTORY_SUFFIX = "_history"

# A key is there from a sighting (a version, its presence in a key list, or a row of it that was refused) until the next
# tombstone or version, or until an extract that covered it did not have it. Sightings without such a gap between them
# belong to one period.
_HISTORY = """
SELECT {columns}, u.partition_date, period.valid_from, period.valid_to, period.valid_to IS NULL AS is_current
FROM (
    SELECT source_system, id, updated, min(day) AS valid_from,
           CASE WHEN bool_and(until IS NOT NULL) THEN max(until) END AS valid_to
    FROM (
        SELECT source_system, id, updated, day, until,
               count(*) FILTER (WHERE begins) OVER (PARTITION BY source_system, id ORDER BY day) AS period
        FROM (
            SELECT seen.source_system, seen.id, seen.updated, seen.day, coalesce(absent.day, seen.next) AS until,
                   seen.op = 'U' OR lag(absent.day) OVER (
                       PARTITION BY seen.source_system, seen.id ORDER BY seen.day) IS NOT NULL AS begins
            FROM (
                SELECT source_system, id, day, op, lead(day) OVER sightings AS next,
                       max(day) FILTER (WHERE op = 'U') OVER sightings AS updated,
                       max(day) FILTER (WHERE op = 'D') OVER sightings AS tombstone
                FROM (
                    SELECT v.source_system, v.{key} AS id, v.partition_date AS day, v.op FROM {versions} v
                    UNION ALL
                    SELECT DISTINCT r.source_system, r.source_key, r.partition_date, 'P'::char(1)
                    FROM silver_quarantine.rejected_row r
                    WHERE r.entity = {entity} AND r.source_key IS NOT NULL AND NOT EXISTS (
                        SELECT FROM {versions} v
                        WHERE v.source_system = r.source_system AND v.{key} = r.source_key
                          AND v.partition_date = r.partition_date)
                ) sighting
                WINDOW sightings AS (PARTITION BY source_system, id ORDER BY day)
            ) seen
            {document_join}
            CROSS JOIN LATERAL (
                SELECT least(
                    (SELECT min(s.partition_date) FROM silver_meta.scope_seen s
                     WHERE s.entity = {entity} AND s.source_system = seen.source_system AND s.scope_key = '*'
                       AND s.partition_date > seen.day AND (seen.next IS NULL OR s.partition_date < seen.next)),
                    (SELECT min(s.partition_date) FROM silver_meta.scope_seen s
                     WHERE s.entity = {entity} AND s.source_system = seen.source_system AND s.scope_key = {document}
                       AND s.partition_date > seen.day AND (seen.next IS NULL OR s.partition_date < seen.next))) AS day
            ) absent
            WHERE seen.updated IS NOT NULL AND (seen.tombstone IS NULL OR seen.tombstone < seen.updated)
        ) piece
    ) piece
    GROUP BY source_system, id, updated, period
) period
JOIN {versions} u
  ON u.source_system = period.source_system AND u.{key} = period.id AND u.partition_date = period.updated
"""

_DOCUMENT_JOIN = """JOIN {versions} d
              ON d.source_system = seen.source_system AND d.{key} = seen.id AND d.partition_date = seen.updated"""

# The generic rules' messages continue the name of their column; those of the model are sentences of their own.
_READABLE = """
SELECT r.source_system AS source, r.entity, r.partition_date AS day, r.source_key AS key,
       reason.content ->> 'rule' AS rule, reason.content ->> 'column' AS "column", reason.content ->> 'value' AS value,
       CASE WHEN reason.content ->> 'rule' ~ '^G[0-9]+$' THEN (reason.content ->> 'column') || ' ' ELSE '' END
           || (reason.content ->> 'message') AS reason,
       r.block, r.bronze_row, r.mapped_row,
       (SELECT o.content ->> 'key'
        FROM silver_meta.load l CROSS JOIN LATERAL jsonb_array_elements(l.bronze_objects) o (content)
        WHERE l.load_id = r.load_id AND o.content ->> 'block' = r.block) AS bronze_object
FROM silver_quarantine.rejected_row r
CROSS JOIN LATERAL jsonb_array_elements(r.reasons) WITH ORDINALITY reason (content, place)
ORDER BY r.source_system, r.entity, r.partition_date, r.block, r.bronze_row, r.mapped_row, reason.place
"""

_FINGERPRINT = re.compile(r"\[([0-9a-f]{12})\]\Z")


@dataclass(frozen=True)
class View:
    """A view as it has to be.

    Attributes:
        schema: Its schema.
        name: Its name.
        query: What it shows.
        comment: What it is, in words.
    """

    schema: str
    name: str
    query: sql.Composable
    comment: str

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"


def history_columns(entity: Entity) -> tuple[str, ...]:
    """Columns of `silver.<entity>_history`, in order."""
    return (*_content_columns(entity), "partition_date", "valid_from", "valid_to", "is_current")


def views(model: CanonicalModel) -> list[View]:
    """All views of Silver."""
    return [*(_history(entity) for entity in model.entities.values()), _readable()]


def outdated_views(connection: sa.Connection, model: CanonicalModel) -> list[View]:
    """Views that are missing, or were made from another statement than the model gives now."""
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname || '.' || c.relname, obj_description(c.oid, 'pg_class') FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v'"
        )
        made_from = {name: _FINGERPRINT.search(comment or "") for name, comment in cursor.fetchall()}
    wanted = views(model)
    found = {name: match[1] for name, match in made_from.items() if match}
    return [view for view in wanted if found.get(view.full_name) != fingerprint(connection, view)]


def replace_views(connection: sa.Connection, wanted: Sequence[View]) -> None:
    """Make views anew; fails where a view of somebody else builds on one of them."""
    with raw_connection(connection).cursor() as cursor:
        for view in wanted:
            name = sql.Identifier(view.schema, view.name)
            cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(name))
            cursor.execute(sql.SQL("CREATE VIEW {} AS {}").format(name, view.query))
            comment = f"{view.comment} [{fingerprint(connection, view)}]"
            cursor.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(name, sql.Literal(comment)))


def drop_views(connection: sa.Connection, unwanted: Sequence[View]) -> None:
    """Drop views that exist; fails where a view of somebody else builds on one of them."""
    with raw_connection(connection).cursor() as cursor:
        for view in unwanted:
            cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(sql.Identifier(view.schema, view.name)))


def fingerprint(connection: sa.Connection, view: View) -> str:
    """Twelve hexadecimal digits that change with the view's statement or comment."""
    text = f"{view.full_name}\n{view.comment}\n{view.query.as_string(raw_connection(connection))}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _content_columns(entity: Entity) -> tuple[str, ...]:
    provenance = ("is_deleted", "deleted_at", "source_created_at", "source_updated_at", "record_hash", "load_id")
    return ("source_system", *entity.columns, *provenance, "bronze_row", "ingested_at", "dq_flags", "extras")


def _history(entity: Entity) -> View:
    documents = [c.name for c in entity if c.delete_scope]
    parts: dict[str, sql.Composable] = {
        "key": sql.Identifier(entity.key),
        "versions": sql.Identifier("silver_versions", entity.entity),
    }
    query = sql.SQL(_HISTORY).format(
        **parts,
        entity=sql.Literal(entity.entity),
        columns=sql.SQL(", ").join([sql.Identifier("u", name) for name in _content_columns(entity)]),
        document=sql.Identifier("d", documents[0]) if documents else sql.SQL("NULL::text"),
        document_join=sql.SQL(_DOCUMENT_JOIN).format(**parts) if documents else sql.SQL(""),
    )
    return View(
        "silver",
        f"{entity.entity}{HISTORY_SUFFIX}",
        query,
        f"{entity.description} Every version with the days it held: from valid_from up to, not including, valid_to.",
    )


def _readable() -> View:
    return View(
        "silver_quarantine",
        "readable",
        sql.SQL(_READABLE),
        "One row per rejected row and rule it breaks, in words, with the Bronze object and row it came from.",
    )
