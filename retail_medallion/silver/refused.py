"""Finding rejected rows: how many of which kind, one of them with everything that is kept of it, and their days."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from retail_medallion.silver.tables import rejected_row

_readable = sa.table(
    "readable",
    *(sa.column(name) for name in ("source", "entity", "day", "key", "rule", "column", "value", "reason")),
    *(sa.column(name) for name in ("block", "bronze_row", "mapped_row", "bronze_object")),
    schema="silver_quarantine",
)


_PLACE = ("source", "entity", "day", "block", "bronze_row", "mapped_row")


@dataclass(frozen=True)
class Filter:
    """Which rejected rows; None stands for any.

    Attributes:
        source: Code of the source.
        entity: Canonical entity.
        first: First day.
        last: Last day, included.
        rule: A rule the row breaks, perhaps beside others.
        key: Key of the row in the source.
        block: Block of the mapping it came through.
        bronze_row: Its position in the Bronze object, from 0.
    """

    source: str | None = None
    entity: str | None = None
    first: dt.date | None = None
    last: dt.date | None = None
    rule: str | None = None
    key: str | None = None
    block: str | None = None
    bronze_row: int | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The filter on the readable view."""
        c = _readable.c
        equal = (
            (c.source, self.source),
            (c.entity, self.entity),
            (c.rule, self.rule),
            (c.key, self.key),
            (c.block, self.block),
            (c.bronze_row, self.bronze_row),
        )
        found = [column == value for column, value in equal if value is not None]
        if self.first is not None:
            found.append(c.day >= self.first)
        if self.last is not None:
            found.append(c.day <= self.last)
        return found


@dataclass(frozen=True)
class Refusals:
    """How many rows of a source, entity and day break a rule in the same way, and the key of one of them."""

    source: str
    entity: str
    day: dt.date
    rule: str
    reason: str
    rows: int
    key: str | None


@dataclass(frozen=True)
class RefusedRow:
    """One rejected row.

    Attributes:
        source: Code of the source.
        entity: Canonical entity.
        day: Its partition.
        block: Block of the mapping.
        bronze_row: Position in the Bronze object, from 0.
        mapped_row: Position among the rows that one Bronze row maps to, from 0.
        key: Its key in the source.
        raw: The Bronze row.
        mapped: The values as mapped, before cleaning.
        reasons: Every rule it breaks, as (rule, reason in words, value).
        bronze_object: Key of the Bronze object.
    """

    source: str
    entity: str
    day: dt.date
    block: str
    bronze_row: int
    mapped_row: int
    key: str | None
    raw: Mapping[str, Any]
    mapped: Mapping[str, Any]
    reasons: Sequence[tuple[str, str, str | None]]
    bronze_object: str | None


def count_refusals(connection: sa.Connection, wanted: Filter) -> list[Refusals]:
    """Rejected rows by source, entity, day and reason. A row with two reasons counts under both."""
    c = _readable.c
    kind = (c.source, c.entity, c.day, c.rule, c.reason)
    row = sa.tuple_(c.block, c.bronze_row, c.mapped_row)
    query = sa.select(*kind, sa.func.count(row.distinct()), sa.func.min(c.key)).where(*wanted.conditions())
    return [Refusals(*found) for found in connection.execute(query.group_by(*kind).order_by(*kind))]


def count_rows(connection: sa.Connection, wanted: Filter) -> int:
    """Number of rejected rows."""
    place = (_readable.c[name] for name in _PLACE)
    rows = sa.select(*place).where(*wanted.conditions()).distinct().subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one())


def refused_rows(connection: sa.Connection, wanted: Filter, limit: int) -> list[RefusedRow]:
    """Rejected rows, newest day first."""
    c = rejected_row.c
    matching = sa.select(*(_readable.c[name] for name in _PLACE)).where(*wanted.conditions())
    columns = (c.source_system, c.entity, c.partition_date, c.block, c.bronze_row, c.mapped_row)
    newest = (c.partition_date.desc(), c.source_system, c.entity, c.block, c.bronze_row, c.mapped_row)
    query = sa.select(*columns, c.source_key, c.raw, c.mapped).where(sa.tuple_(*columns).in_(matching))
    found = []
    for row in connection.execute(query.order_by(*newest).limit(limit)):
        source, entity, day, block, bronze_row, mapped_row, key, raw, mapped = row
        at = sa.and_(*(_readable.c[name] == value for name, value in zip(_PLACE, row, strict=False)))
        reasons = connection.execute(
            sa.select(*(_readable.c[name] for name in ("rule", "reason", "value", "bronze_object"))).where(at)
        ).all()
        words = [(rule, reason, value) for rule, reason, value, _ in reasons]
        bronze_object = reasons[0][3] if reasons else None
        found.append(
            RefusedRow(source, entity, day, block, bronze_row, mapped_row, key, raw, mapped, words, bronze_object)
        )
    return found


def days_with_refusals(connection: sa.Connection, wanted: Filter) -> dict[str, dict[dt.date, frozenset[str]]]:
    """Entities with rejected rows by source and day."""
    c = _readable.c
    query = sa.select(c.source, c.day, c.entity).where(*wanted.conditions()).distinct().order_by(c.source, c.day)
    found: dict[str, dict[dt.date, frozenset[str]]] = defaultdict(dict)
    for source, day, entity in connection.execute(query):
        found[source][day] = found[source].get(day, frozenset()) | {entity}
    return dict(found)
