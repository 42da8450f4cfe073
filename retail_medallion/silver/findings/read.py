"""What findings a source has, for checks and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retail_medallion.storage.postgres.session import raw_connection

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    import sqlalchemy as sa

_COUNTS = """
SELECT r.rule, r.message, r.severity, count(f.id)
FROM silver_meta.finding_rule r
LEFT JOIN silver_meta.finding f ON f.source_system = r.source_system AND f.rule = r.rule
WHERE r.source_system = %(source)s AND r.entity = %(entity)s
GROUP BY r.rule, r.message, r.severity ORDER BY r.rule
"""

_WORST = """
SELECT rule, id, as_of_partition, expected, actual, delta, severity FROM (
    SELECT f.*, row_number() OVER (
        PARTITION BY f.rule ORDER BY abs(f.delta) DESC NULLS LAST, f.as_of_partition DESC, f.id COLLATE "C",
        f.scope COLLATE "C") AS place
    FROM silver_meta.finding f WHERE f.source_system = %(source)s AND f.entity = %(entity)s
) ranked WHERE place <= %(limit)s ORDER BY severity, rule, place
"""


@dataclass(frozen=True)
class RuleCount:
    """How many rows a rule has found; 0 for one that holds and found none."""

    rule: str
    message: str
    severity: str
    count: int


@dataclass(frozen=True)
class FoundRow:
    """One finding."""

    rule: str
    id: str
    as_of_partition: dt.date
    expected: str | None
    actual: str | None
    delta: Decimal | None
    severity: str


def count_findings(connection: sa.Connection, source: str, entity: str) -> list[RuleCount]:
    """Every rule that holds for an entity of a source, with the number of its findings."""
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(_COUNTS, {"source": source, "entity": entity})
        return [RuleCount(*row) for row in cursor.fetchall()]


def worst_findings(connection: sa.Connection, source: str, entity: str, *, of_each_rule: int = 5) -> list[FoundRow]:
    """The findings of each rule that are furthest from what was expected, newest first among equals."""
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(_WORST, {"source": source, "entity": entity, "limit": of_each_rule})
        return [FoundRow(*row) for row in cursor.fetchall()]
