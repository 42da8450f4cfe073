"""Writes to Silver what a day says of some keys, as the Silver writer leaves it, in one statement for many keys."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from typing import Any

from psycopg2 import sql
from psycopg2.extras import Json

from retail_medallion.silver.news import departed, link_columns, version_of
from retail_medallion_tests.gold.oracle import Row, Silver
from retail_medallion_tests.gold.schedules.shop import TOMBSTONE, WITHDRAWN, full
from retail_medallion_tests.gold.warehouse import MODEL, NOON

Change = tuple[str, str, Any]

_TECHNICAL = {"load_id": uuid.UUID(int=0), "bronze_row": 0, "ingested_at": NOON, "dq_flags": []}
_NO_COUNTS = dict.fromkeys(("rows_read", "filtered", "accepted", "rejected", "superseded"), 0)

_TELL = """
INSERT INTO meta.pending (consumer, source_system, role, id)
SELECT DISTINCT c.consumer, %s, t.role, t.id
FROM (VALUES {}) t (entity, role, id) JOIN meta.consumer c ON c.entity = t.entity AND c.role = t.role
ORDER BY 1, 2, 3, 4
ON CONFLICT (consumer, source_system, role, id) DO UPDATE SET seq = nextval('meta.pending_seq');
"""


class Writes:
    """Writes to the Silver of one source, and remembers it in `silver`.

    Args:
        silver: What the source's Silver holds; it is kept up to date.
        cursor: Of a psycopg2 connection.
    """

    def __init__(self, silver: Silver, cursor: Any) -> None:
        self._silver = silver
        self._cursor = cursor
        self._statements: list[bytes] = []

    def write(self, day: dt.date, changes: list[Change]) -> None:
        """Let a day say something else of some keys."""
        told: set[tuple[str, str, str]] = set()
        by_entity: dict[str, dict[str, Any]] = defaultdict(dict)
        for entity, id_, values in changes:
            by_entity[entity][id_] = values
        for entity, keys in by_entity.items():
            told |= self._write_entity(entity, keys, day)
        if told:
            values = self._values(sorted(told))
            self._add(sql.SQL(_TELL).format(sql.SQL(values)), (self._silver.source,))
        self._flush()

    def _write_entity(self, entity: str, keys: dict[str, Any], day: dt.date) -> set[tuple[str, str, str]]:
        silver, key = self._silver, MODEL.entity(entity).key
        before = {id_: silver.state(entity, id_) for id_ in keys}
        known = {id_: self._as_of(entity, id_, day) for id_ in keys}
        for id_, values in keys.items():
            if values == WITHDRAWN:
                silver.withdraw(entity, id_, day)
            else:
                silver.put(entity, id_, day, None if values == TOMBSTONE else full(entity, values))
        after = {id_: silver.state(entity, id_) for id_ in keys}
        self._replace("silver_versions", entity, keys, self._versions(entity, keys, day), day)
        changed = {id_ for id_ in keys if before[id_] != after[id_]}
        rows = {id_: self._current(row) for id_ in sorted(changed) if (row := after[id_]) is not None}
        self._replace("silver", entity, changed, rows)
        told = {(entity, version_of(key), id_) for id_ in keys if self._as_of(entity, id_, day) != known[id_]}
        links, lists = link_columns(MODEL.entity(entity))
        for id_ in changed:
            told.add((entity, key, id_))
            if after[id_] is None:
                told.add((entity, departed(key), id_))
            for image in (before[id_] or {}, after[id_] or {}):
                told |= {(entity, link, image[link]) for link in links if image.get(link) is not None}
                told |= {(entity, link, each) for link in lists for each in image.get(link) or ()}
        return told

    def _as_of(self, entity: str, id_: str, day: dt.date) -> Row | None:
        """The state a key had at the end of a day."""
        days = self._silver.versions.get(entity, {}).get(id_, {})
        states = [known for known, row in days.items() if row is not None and known <= day]
        return days[max(states)] if states else None

    def _versions(self, entity: str, keys: dict[str, Any], day: dt.date) -> dict[str, Row]:
        nothing = dict.fromkeys(full(entity, {}))
        rows = {}
        for id_, values in keys.items():
            if values != WITHDRAWN:
                is_gone = values == TOMBSTONE
                row = nothing if is_gone else full(entity, values)
                rows[id_] = {**row, **_TECHNICAL, "partition_date": day, "op": "D" if is_gone else "U"}
        return rows

    def _current(self, row: Row) -> Row:
        return {**row, **_TECHNICAL, "effective_partition": row["winner_partition"]}

    def _replace(self, schema: str, entity: str, keys: Any, rows: dict[str, Row], day: dt.date | None = None) -> None:
        table, key = sql.Identifier(schema, entity), sql.Identifier(MODEL.entity(entity).key)
        if not keys:
            return
        of_day = sql.SQL("") if day is None else sql.SQL(" AND partition_date = {}").format(sql.Literal(day))
        delete = sql.SQL("DELETE FROM {} WHERE source_system = %s AND {} IN %s{};").format(table, key, of_day)
        self._add(delete, (self._silver.source, tuple(sorted(keys))))
        if rows:
            columns = list(next(iter(rows.values())))
            jsonb = {c.name for c in MODEL.entity(entity) if c.type == "jsonb"}
            values = [
                (self._silver.source, id_, *(_adapted(row[c], is_json=c in jsonb) for c in columns))
                for id_, row in sorted(rows.items())
            ]
            names = sql.SQL(", ").join([sql.Identifier("source_system"), key, *map(sql.Identifier, columns)])
            self._add(sql.SQL("INSERT INTO {} ({}) VALUES {};").format(table, names, sql.SQL(self._values(values))))

    def deliver(self, day: dt.date, entities: list[str]) -> None:
        """Let some entities have a partition of a day."""
        counts = {"rejections": {}, "warnings": {}, **_NO_COUNTS}
        rows = []
        for entity in entities:
            self._silver.partitions[entity, day] = counts
            rows.append(
                (self._silver.source, entity, day, uuid.UUID(int=0), "changed", True, *[0] * 6, *[Json({})] * 3)
            )
        self._add(
            sql.SQL(
                "INSERT INTO silver_meta.partition_state (source_system, entity, partition_date, load_id, mode,"
                " observed, rows_read, filtered, mapped, accepted, rejected, superseded, rejections, warnings,"
                " control_totals)"
                " VALUES {} ON CONFLICT (source_system, entity, partition_date) DO NOTHING;"
            ).format(sql.SQL(self._values(rows)))
        )
        self._flush()

    def _values(self, rows: list[tuple[Any, ...]]) -> str:
        each = [f"({', '.join(['%s'] * len(row))})" for row in rows]
        return ", ".join(self._cursor.mogrify(t, row).decode() for t, row in zip(each, rows, strict=True))

    def _add(self, statement: sql.Composable, parameters: tuple[Any, ...] = ()) -> None:
        self._statements.append(self._cursor.mogrify(statement, parameters or None))

    def _flush(self) -> None:
        if self._statements:
            self._cursor.execute(b"\n".join(self._statements))
            self._statements.clear()
            self._cursor.connection.commit()


def _adapted(value: Any, *, is_json: bool) -> Any:
    return Json(value) if is_json and value is not None else value
