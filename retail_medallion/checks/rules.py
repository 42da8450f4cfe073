"""What a reconciliation is made of, and how it is worked out for a source.

Belongs here: the vocabulary of `silver_rules`, and the one way all of them run. Does not belong here: any rule.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.silver.findings.relations import LIVE, names_in
from retail_medallion.storage.postgres.session import raw_connection

if TYPE_CHECKING:
    import sqlalchemy as sa

_FOUND = "(SELECT * FROM silver_meta.finding WHERE source_system = %(source)s AND rule = ANY(%(findings)s))"

_OFFENDERS = """
DROP TABLE IF EXISTS pg_temp.check_offender;
CREATE TEMP TABLE check_offender ON COMMIT DROP AS
SELECT o.id::text AS id, o.day::date AS day, o.currency_code::text AS currency_code, o.expected::numeric AS expected,
       o.actual::numeric AS actual, o.actual::numeric - o.expected::numeric AS delta, o.what::text AS what
FROM ({offenders}) o
"""

_DAYS = """
SELECT t.day, t.currency_code, t.compared, coalesce(o.offenders, 0), t.expected, coalesce(o.delta, 0)
FROM (SELECT day::date AS day, currency_code::text AS currency_code, compared, expected::numeric AS expected
      FROM ({totals}) x) t
FULL JOIN (SELECT day, currency_code, count(*) AS offenders, sum(delta) AS delta
           FROM pg_temp.check_offender GROUP BY 1, 2) o
       ON o.day = t.day AND coalesce(o.currency_code, '') = coalesce(t.currency_code, '')
ORDER BY 1, 2
"""

_WORST = """
SELECT id, day, currency_code, expected, actual, delta, what FROM pg_temp.check_offender
ORDER BY abs(delta) DESC NULLS LAST, day DESC, id COLLATE "C" LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Rule:
    """One reconciliation of current Silver.

    In both texts `{sales}` stands for the live rows of that entity of the source, and `{found}` for the stored findings
    of `findings`: what a finding says already is summed up here and not said again.

    Attributes:
        id: Its number.
        name: Name of the check.
        title: What has to hold, in words.
        entity: Silver entity whose asset it is shown at.
        offenders: Query of what breaks it: id, day, currency_code (NULL for units and points), expected, actual, what.
        totals: Query of what was compared: day, currency_code, compared (how many), expected (their sum).
        findings: Finding rules it reads.
        needs: Further entities without which its findings are not made.
    """

    id: str
    name: str
    title: str
    entity: str
    offenders: str
    totals: str
    findings: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def reads(self) -> frozenset[str]:
        """The Silver entities it depends on; it holds for a source that maps all of them."""
        named = (names_in(self.offenders) | names_in(self.totals)) - {"found"}
        return named | {self.entity, *self.needs}


@dataclass(frozen=True)
class Day:
    """What a rule found on one day, in one currency.

    Attributes:
        day: The day, local to the shop.
        currency_code: Currency of the sums; None for units and points.
        compared: How many were compared.
        offenders: How many of them break the rule.
        expected: Sum over all that were compared.
        delta: Sum of actual less expected, over the offenders.
    """

    day: dt.date
    currency_code: str | None
    compared: int
    offenders: int
    expected: Decimal | None
    delta: Decimal


@dataclass(frozen=True)
class Offender:
    """What breaks a rule."""

    id: str
    day: dt.date
    currency_code: str | None
    expected: Decimal | None
    actual: Decimal | None
    delta: Decimal | None
    what: str


@dataclass(frozen=True)
class Reconciled:
    """What a rule gave for a source.

    Attributes:
        days: All days, oldest first.
        worst: The offenders furthest from what was expected, newest first among equals.
    """

    days: tuple[Day, ...]
    worst: tuple[Offender, ...]

    @property
    def compared(self) -> int:
        """How many were compared."""
        return sum(day.compared for day in self.days)

    @property
    def offenders(self) -> int:
        """How many break the rule."""
        return sum(day.offenders for day in self.days)


def evaluate(connection: sa.Connection, source: str, rule: Rule, *, worst: int = 10) -> Reconciled:
    """Work out a rule for a source; nothing stored is changed.

    Args:
        connection: On the warehouse, in a transaction. Findings have to be up to date.
        source: Code of the source.
        rule: The rule; the source maps what it reads.
        worst: How many offenders to give back.
    """
    parameters = {"source": source, "findings": list(rule.findings), "limit": worst}
    with raw_connection(connection).cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(sql.SQL(_OFFENDERS).format(offenders=_rendered(rule.offenders)), parameters)
        cursor.execute(sql.SQL(_DAYS).format(totals=_rendered(rule.totals)), parameters)
        days = tuple(
            Day(day, currency, compared or 0, offenders, expected, delta)
            for day, currency, compared, offenders, expected, delta in cursor.fetchall()
        )
        cursor.execute(_WORST, parameters)
        return Reconciled(days, tuple(Offender(*row) for row in cursor.fetchall()))


def active(rules: Collection[Rule], entities: Collection[str]) -> list[Rule]:
    """The rules that hold for a source that maps these entities."""
    mapped = set(entities)
    return [rule for rule in rules if rule.reads <= mapped]


def _rendered(text: str) -> sql.Composed:
    parts: dict[str, sql.Composable] = {"found": sql.SQL(_FOUND)}
    for name in names_in(text) - parts.keys():
        parts[name] = sql.SQL(LIVE).format(sql.Identifier("silver", name))
    return sql.SQL(text).format(**parts)
