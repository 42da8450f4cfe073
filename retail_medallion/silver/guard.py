"""Decides whether a partition is believed: the bounds that keep a half-restored source or a broken mapping out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

from retail_medallion.errors import DataContractError
from retail_medallion.silver.counts import PartitionCounts

REJECT_SHARE = 20
"""A partition blocks when more than one row in twenty is rejected."""
REJECT_FLOOR = 10
"""Fewer rejected rows than this never block: on a quiet day one bad row is a large share."""
SNAPSHOT_SHRINK_PERCENT = 30
"""A whole-table snapshot that lost more than this share of its rows blocks: the source is probably half restored."""

# By date, not by time of loading; days nobody looked at the source hold no rows and prove nothing.
_SNAPSHOT_BEFORE = """
    SELECT partition_date, mapped FROM silver_meta.partition_state
    WHERE source_system = %(source)s AND entity = %(entity)s AND partition_date < %(day)s
      AND observed AND mode = 'snapshot'
    ORDER BY partition_date DESC LIMIT 1
"""
_SNAPSHOT_AFTER = """
    SELECT partition_date, mapped FROM silver_meta.partition_state
    WHERE source_system = %(source)s AND entity = %(entity)s AND partition_date > %(day)s
      AND observed AND mode = 'snapshot'
    ORDER BY partition_date LIMIT 1
"""


def refuse_many_rejections(counts: PartitionCounts, where: str) -> None:
    """Raise where too large a part of the rows was rejected.

    Raises:
        DataContractError: More than one row in `REJECT_SHARE` was, and more than `REJECT_FLOOR`.
    """
    if counts.rejected <= REJECT_FLOOR or counts.rejected * REJECT_SHARE <= counts.mapped:
        return
    worst = ", ".join(f"{rule} {n}" for rule, n in sorted(counts.rejections.items(), key=lambda item: -item[1])[:5])
    raise DataContractError(
        f"{counts.rejected} of {counts.mapped} rows were rejected, more than one in {REJECT_SHARE}.",
        where=where,
        why=f"rows rejected by rule: {worst}",
        fix="Correct the mapping or the source and materialise the day again; the partition keeps what it had.",
    )


def refuse_shrunken_snapshot(cursor: Cursor, parameters: Mapping[str, Any], rows: int, where: str) -> None:
    """Raise where a snapshot lost too large a part of the rows of the one before it.

    Args:
        cursor: Cursor of the transaction that holds the entity's lock.
        parameters: `source`, `entity` and `day` of the snapshot.
        rows: Its rows.
        where: The place, for the message.

    Raises:
        DataContractError: It lost more than `SNAPSHOT_SHRINK_PERCENT` and more than `REJECT_FLOOR` rows.
    """
    before = _other(cursor, _SNAPSHOT_BEFORE, parameters)
    if before is None or not _shrank(before[1], rows):
        return
    raise DataContractError(
        f"The snapshot has {rows} rows, {before[1] - rows} fewer than the one of {before[0]}.",
        where=where,
        why=f"a drop of more than {SNAPSHOT_SHRINK_PERCENT} % usually means a source read half restored",
        fix="Check the source table and materialise the day again; the partition keeps what it had.",
    )


def shrunken_afterwards(cursor: Cursor, parameters: Mapping[str, Any], rows: int) -> str | None:
    """Say so where the snapshot after this one, loaded before it, would have been refused.

    It is not refused now: this day is not to blame, and the other one is already believed.
    """
    after = _other(cursor, _SNAPSHOT_AFTER, parameters)
    if after is None or not _shrank(rows, after[1]):
        return None
    return (
        f"The snapshot of {after[0]} was loaded before this one and has {after[1]} rows, {rows - after[1]} fewer than"
        " this day: check the source table as it was then."
    )


def _other(cursor: Cursor, query: str, parameters: Mapping[str, Any]) -> tuple[dt.date, int] | None:
    cursor.execute(query, parameters)
    row = cursor.fetchone()
    return None if row is None else (row[0], int(row[1]))


def _shrank(before: int, after: int) -> bool:
    lost = before - after
    return lost > REJECT_FLOOR and lost * 100 > before * SNAPSHOT_SHRINK_PERCENT
