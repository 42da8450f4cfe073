"""Month partitions of a Gold table, made before the rows that need them are written."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.gold.definition import GoldTable

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it


def ensure_months(cursor: Cursor, table: GoldTable, months: list[dt.date]) -> list[str]:
    """Create the partitions for those months that do not exist yet.

    The transaction may not hold locks on Gold tables yet: attaching a partition locks every table the new one refers to
    against writers, and all locks on Gold tables are taken in the order of their names. Readers are never locked out,
    because the partition is made first and attached after.

    Args:
        cursor: Cursor of the caller's transaction.
        table: A table partitioned by month.
        months: First days of months.

    Returns:
        Names of the partitions made.
    """
    missing = _missing(cursor, table, months)
    if not missing:
        return []
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"gold.{table.name}.months",))
    missing = _missing(cursor, table, months)
    if not missing:
        return []
    for name in sorted({column.references for column in table.columns if column.references}):
        cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(sql.Identifier("gold", name)))
    for month in missing:
        following = (month + dt.timedelta(days=31)).replace(day=1)
        parent, child = sql.Identifier("gold", table.name), sql.Identifier("gold", partition_name(table, month))
        cursor.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 90)").format(
                child, parent
            )
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                parent, child, sql.Literal(month), sql.Literal(following)
            )
        )
    return [partition_name(table, month) for month in missing]


def partition_name(table: GoldTable, month: dt.date) -> str:
    """Name of the partition of a month."""
    return f"{table.name}_{month:%Y_%m}"


def _missing(cursor: Cursor, table: GoldTable, months: list[dt.date]) -> list[dt.date]:
    missing = []
    for month in sorted(months):
        cursor.execute("SELECT to_regclass(%s) IS NULL", (f"gold.{partition_name(table, month)}",))
        row = cursor.fetchone()
        if row is not None and row[0]:
            missing.append(month)
    return missing
