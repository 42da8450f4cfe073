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
SHRINK_PERCENT = 30
"""A table read as a whole that lost more than this share of its rows blocks: the source is probably half restored."""
ACCEPT_SHRINK = "RETAIL_ACCEPT_SHRINK"
"""Variable that lists entities, as source/entity, of which a run believes a shrunken table all the same."""

# By date, not by time of loading; days nobody looked at the source cover nothing and prove nothing. Days written before
# there was the column tell the rows of a snapshot by what was mapped.
_COVERED = """
    SELECT partition_date, covered FROM (
        SELECT partition_date, coalesce(
            covered_rows, CASE WHEN observed AND mode = 'snapshot' THEN jsonb_build_object('', mapped) END) AS covered
        FROM silver_meta.partition_state
        WHERE source_system = %(source)s AND entity = %(entity)s AND {other_days}
    ) found
    WHERE covered <> '{{}}'
    ORDER BY {nearest} LIMIT 1
"""
_BEFORE = _COVERED.format(other_days="partition_date < %(day)s", nearest="partition_date DESC")
_AFTER = _COVERED.format(other_days="partition_date > %(day)s", nearest="partition_date")


def refuse_many_rejections(counts: PartitionCounts, where: str) -> None:
    """Raise where too large a part of the rows was rejected.

    Rows that only prove the presence of a key are judged apart: long lists of keys would hide a day of broken rows.

    Raises:
        DataContractError: More than one row in `REJECT_SHARE` was, and more than `REJECT_FLOOR`.
    """
    _refuse_many(counts, counts.rejected - counts.presence_rejected, counts.mapped - counts.presence, where)
    _refuse_many(counts, counts.presence_rejected, counts.presence, where)


def _refuse_many(counts: PartitionCounts, rejected: int, mapped: int, where: str) -> None:
    if rejected <= REJECT_FLOOR or rejected * REJECT_SHARE <= mapped:
        return
    worst = ", ".join(f"{rule} {n}" for rule, n in sorted(counts.rejections.items(), key=lambda item: -item[1])[:5])
    raise DataContractError(
        f"{rejected} of {mapped} rows were rejected, more than one in {REJECT_SHARE}.",
        where=where,
        why=f"rows rejected by rule: {worst}",
        fix="Correct the mapping or the source and materialise the day again; the partition keeps what it had.",
    )


def refuse_shrunken_table(
    cursor: Cursor, parameters: Mapping[str, Any], covered: Mapping[str, int], where: str, *, accept: bool
) -> str | None:
    """Raise where a table read as a whole lost too large a part of the rows it had the time before.

    Args:
        cursor: Cursor of the transaction that holds the entity's lock.
        parameters: `source`, `entity` and `day` of the partition.
        covered: Rows of each block that reads the whole table; empty where none does.
        where: The place, for the message.
        accept: Say what shrank in place of raising.

    Raises:
        DataContractError: A block, or all together, lost more than `SHRINK_PERCENT` and more than `REJECT_FLOOR` rows.
    """
    before = _nearest(cursor, _BEFORE, parameters) if covered else None
    shrunken = None if before is None else _shrunken(before[1], covered)
    if before is None or shrunken is None:
        return None
    place, rows, lost = shrunken
    what = f"{place} has {rows} rows, {lost} fewer than the one of {before[0]}."
    if accept:
        return f"{what} Accepted by {ACCEPT_SHRINK}."
    name = f"{parameters['source']}/{parameters['entity']}"
    raise DataContractError(
        what,
        where=where,
        why=f"a drop of more than {SHRINK_PERCENT} % usually means a source read half restored",
        fix="Check the source table and materialise the day again; the partition keeps what it had. If the rows are "
        f"gone for good: retail-medallion run --accept-shrink {name}, or {ACCEPT_SHRINK}={name} for that one run.",
    )


def shrunken_afterwards(cursor: Cursor, parameters: Mapping[str, Any], covered: Mapping[str, int]) -> str | None:
    """Say so where the table of the day after this one, loaded before it, would have been refused.

    It is not refused now: this day is not to blame, and the other one is already believed.
    """
    after = _nearest(cursor, _AFTER, parameters) if covered else None
    shrunken = None if after is None else _shrunken(covered, after[1])
    if after is None or shrunken is None:
        return None
    place, rows, lost = shrunken
    return (
        f"{place} of {after[0]} was loaded before this day and has {rows} rows, {lost} fewer than"
        " this day: check the source table as it was then."
    )


def _nearest(cursor: Cursor, query: str, parameters: Mapping[str, Any]) -> tuple[dt.date, Mapping[str, int]] | None:
    cursor.execute(query, parameters)
    row = cursor.fetchone()
    return None if row is None else (row[0], row[1])


def _shrunken(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[str, int, int] | None:
    """The first place that lost too many rows, its rows after, and how many it lost."""
    # A block that was renamed or taken out is in the sum alone.
    places = [
        (f"Block {name}: the snapshot", before[name], after[name])
        for name in sorted({*before} & {*after})
        if len({*before, *after}) > 1
    ]
    places.append(("The snapshot", sum(before.values()), sum(after.values())))
    for place, rows_before, rows_after in places:
        lost = rows_before - rows_after
        if lost > REJECT_FLOOR and lost * 100 > rows_before * SHRINK_PERCENT:
            return place, rows_after, lost
    return None
