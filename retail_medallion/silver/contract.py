"""Whether Silver partitions keep what loading them promised, and what was found wrong with their rows.

Loading already refuses a partition that does not balance. This looks at what is stored, so that it also finds what was
changed behind the writer's back.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from retail_medallion.model import Entity
from retail_medallion.silver.shown import shown_key
from retail_medallion.storage.postgres.session import raw_connection

if TYPE_CHECKING:
    import sqlalchemy as sa

COUNTS = ("rows_read", "filtered", "mapped", "accepted", "rejected", "superseded")

_PARTITIONS = """
    SELECT p.partition_date, p.observed, p.rows_read, p.filtered, p.mapped, p.accepted, p.rejected, p.superseded,
           p.warnings, p.rejections, p.control_totals,
           v.stored, v.sums,
           (SELECT count(*) FROM silver_quarantine.rejected_row r
            WHERE r.entity = p.entity AND r.source_system = p.source_system AND r.partition_date = p.partition_date)
               AS quarantined
    FROM silver_meta.partition_state p
    CROSS JOIN LATERAL (
        SELECT count(*) AS stored, ARRAY[{sums}]::numeric[] AS sums FROM {versions} v
        WHERE v.source_system = p.source_system AND v.partition_date = p.partition_date) v
    WHERE p.source_system = %(source)s AND p.entity = %(entity)s
      AND (%(days)s::date[] IS NULL OR p.partition_date = ANY(%(days)s))
    ORDER BY p.partition_date
"""

# No value of the row: what is shown here is seen by people who may not see personal data.
_WORST = """
    SELECT r.partition_date, r.block, r.bronze_row, r.source_key,
           string_agg(DISTINCT (o.reason ->> 'rule') || ' ' || (o.reason ->> 'column') || ' '
                      || (o.reason ->> 'message'), '; '), count(*)
    FROM silver_quarantine.rejected_row r CROSS JOIN LATERAL jsonb_array_elements(r.reasons) o (reason)
    WHERE r.source_system = %(source)s AND r.entity = %(entity)s
      AND (%(days)s::date[] IS NULL OR r.partition_date = ANY(%(days)s))
    GROUP BY 1, 2, 3, 4, r.mapped_row ORDER BY 6 DESC, 1 DESC, 2, 3 LIMIT %(limit)s
"""


@dataclass(frozen=True)
class RefusedRow:
    """A rejected row, and how to find it in Bronze."""

    day: dt.date
    block: str
    bronze_row: int
    key: str | None
    reasons: str
    rules: int


@dataclass
class Contract:
    """What some partitions of an entity hold.

    Attributes:
        days: Partitions that were loaded.
        missing: Partitions that were asked for and never loaded.
        counts: Rows read, filtered, mapped, accepted, rejected and superseded.
        warnings: Rows kept, by rule they break.
        rejections: Rows refused, by rule they break.
        totals: Sum of each amount and quantity over mapped, accepted, rejected and superseded rows.
        breaches: What does not hold, in words; empty where all does.
    """

    days: list[dt.date] = field(default_factory=list)
    missing: list[dt.date] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    totals: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)


def check_contract(connection: sa.Connection, source: str, entity: Entity, days: Sequence[dt.date] | None) -> Contract:
    """Add up some partitions of an entity of a source, or all, and compare their books with what is stored."""
    sums = [sql.SQL("coalesce(sum(v.{}), 0)").format(sql.Identifier(name)) for name in entity.money_columns]
    statement = sql.SQL(_PARTITIONS).format(
        versions=sql.Identifier("silver_versions", entity.entity), sums=sql.SQL(", ").join(sums)
    )
    contract = Contract()
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(
            statement, {"source": source, "entity": entity.entity, "days": days if days is None else list(days)}
        )
        names = [column.name for column in cursor.description or ()]
        for row in cursor.fetchall():
            partition = dict(zip(names, row, strict=True))
            partition["sums"] = dict(zip(entity.money_columns, partition["sums"], strict=True))
            _add(contract, partition)
    contract.missing = sorted(set(days or ()) - set(contract.days))
    if contract.missing:
        contract.breaches.append(f"{len(contract.missing)} days were never loaded, the first is {contract.missing[0]}")
    return contract


def _add(contract: Contract, partition: Mapping[str, Any]) -> None:
    day = partition["partition_date"]
    contract.days.append(day)
    for name in COUNTS:
        contract.counts[name] += partition[name]
    contract.warnings.update(partition["warnings"])
    contract.rejections.update(partition["rejections"])

    def hold(left: object, right: object, what: str) -> None:
        if left != right:
            contract.breaches.append(f"{day}: {what}: {left} and {right}")

    outcome = partition["accepted"] + partition["rejected"] + partition["superseded"]
    hold(partition["mapped"], outcome, "rows mapped and rows accepted, rejected or superseded")
    hold(partition["accepted"], partition["stored"], "rows accepted and versions stored")
    hold(partition["rejected"], partition["quarantined"], "rows rejected and rows in quarantine")
    for column, texts in partition["control_totals"].items():
        sums = {part: Decimal(text) for part, text in texts.items()}
        parts = sums["accepted"] + sums["rejected"] + sums["superseded"]
        hold(sums["mapped"], parts, f"{column} mapped, and accepted, rejected or superseded")
        hold(sums["accepted"], partition["sums"].get(column), f"{column} accepted and stored")
        kept = contract.totals.setdefault(column, dict.fromkeys(sums, Decimal(0)))
        for part, value in sums.items():
            kept[part] += value


def worst_rows(
    connection: sa.Connection, source: str, entity: Entity, days: Sequence[dt.date] | None, *, limit: int = 10
) -> list[RefusedRow]:
    """The rejected rows that break most rules, newest first among equals."""
    parameters = {
        "source": source,
        "entity": entity.entity,
        "days": days if days is None else list(days),
        "limit": limit,
    }
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(_WORST, parameters)
        rows = [RefusedRow(*row) for row in cursor.fetchall()]
    return [replace(row, key=shown_key(entity, row.key)) for row in rows]
