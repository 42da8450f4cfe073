"""What went in and what came out of one Silver partition, in rows and in money, and the proof that both agree."""

# ruff: noqa: S608 - this module writes SQL: names are quoted, queries are those of the contest

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import duckdb

from retail_medallion.errors import BalanceError
from retail_medallion.model import Entity
from retail_medallion.silver import contest
from retail_medallion.silver.standardisers.base import quoted


@dataclass(frozen=True)
class ControlTotals:
    """Exact sums of one money or quantity column, as cleaned.

    Attributes:
        mapped: Over all mapped rows.
        accepted: Over accepted rows.
        rejected: Over rejected rows; a value that could not be read counts as 0.
        superseded: Over rows whose key another row of the day won.
    """

    mapped: Decimal
    accepted: Decimal
    rejected: Decimal
    superseded: Decimal


@dataclass(frozen=True)
class BlockCounts:
    """Rows of one block.

    Attributes:
        name: The block.
        recorded: Rows its Bronze object says it has.
        rows_read: Rows read.
        selected: Rows that met its condition.
        staged: Mapped rows.
        exploded: One Bronze row may give any number of mapped rows.
    """

    name: str
    recorded: int
    rows_read: int
    selected: int
    staged: int
    exploded: bool


@dataclass(frozen=True)
class PartitionCounts:
    """Rows of one partition, all blocks together.

    Attributes:
        rows_read: Rows of its Bronze objects.
        filtered: Rows that did not meet their block's condition.
        mapped: Rows the mapping made of the others.
        accepted: Rows that go into Silver, one per key.
        rejected: Rows that go into quarantine.
        superseded: Rows whose key another row of the day won.
        warnings: Accepted rows per rule that warned.
        rejections: Rejected rows per rule that refused them; a row may break several.
        totals: Control totals per money and quantity column.
        presence: Mapped rows that say of a key only that it is there.
        presence_rejected: Rejected rows among them.
        blocks: Mapped rows per block that was observed.
    """

    rows_read: int
    filtered: int
    mapped: int
    accepted: int
    rejected: int
    superseded: int
    warnings: Mapping[str, int] = field(default_factory=dict)
    rejections: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, ControlTotals] = field(default_factory=dict)
    presence: int = 0
    presence_rejected: int = 0
    blocks: Mapping[str, int] = field(default_factory=dict)


def count_partition(
    connection: duckdb.DuckDBPyConnection, entity: Entity, blocks: Sequence[BlockCounts]
) -> PartitionCounts:
    """Count and add up what became of the staged rows.

    Args:
        connection: Where the tables of the partition are, the contest settled.
        entity: Whose rows they are.
        blocks: What was counted while they were staged.
    """
    parts = {
        "mapped": "staged",
        "accepted": f"({contest.accepted(entity)})",
        "rejected": "(FROM staged WHERE refused)",
        "superseded": f"({contest.SUPERSEDED})",
    }
    sums = ", ".join(["count(*)", *(f"coalesce(sum({quoted(c)}), 0)" for c in entity.money_columns)])
    found = {part: connection.execute(f"SELECT {sums} FROM {rows}").fetchall()[0] for part, rows in parts.items()}
    totals = {
        column: ControlTotals(**{part: Decimal(found[part][i]) for part in parts})
        for i, column in enumerate(entity.money_columns, start=1)
    }
    warnings = f"SELECT unnest(dq_flags) AS rule, count(*) FROM ({contest.accepted(entity)}) GROUP BY 1 ORDER BY 1"
    rejections = (
        "SELECT unnest(list_distinct(CAST(reasons ->> '$[*].rule' AS VARCHAR[]))) AS rule, count(*)"
        " FROM staged WHERE refused GROUP BY 1 ORDER BY 1"
    )
    presence = connection.execute("SELECT count(*), count(*) FILTER (WHERE refused) FROM staged WHERE op = 'P'")
    keys, refused_keys = presence.fetchall()[0]
    return PartitionCounts(
        rows_read=sum(block.rows_read for block in blocks),
        filtered=sum(block.rows_read - block.selected for block in blocks),
        mapped=found["mapped"][0],
        accepted=found["accepted"][0],
        rejected=found["rejected"][0],
        superseded=found["superseded"][0],
        warnings=dict(connection.execute(warnings).fetchall()),
        rejections=dict(connection.execute(rejections).fetchall()),
        totals=totals,
        presence=keys,
        presence_rejected=refused_keys,
        blocks={block.name: block.staged for block in blocks},
    )


def check_block(block: BlockCounts, where: str) -> None:
    """Hold that every row of a block was read, and that each selected row gave exactly one mapped row.

    Raises:
        BalanceError: It is not so.
    """
    where = f"{where}, block {block.name}"
    if block.rows_read != block.recorded:
        raise BalanceError(
            f"{block.rows_read} rows were read from an object that is recorded with {block.recorded}.", where=where
        )
    if not 0 <= block.selected <= block.rows_read:
        raise BalanceError(f"{block.selected} of {block.rows_read} rows were selected.", where=where)
    if not block.exploded and block.staged != block.selected:
        raise BalanceError(
            f"{block.selected} rows were selected and {block.staged} were mapped.",
            where=where,
            why="a mapping may neither multiply nor drop rows unless it explodes an array",
        )


def check_partition(counts: PartitionCounts, where: str) -> None:
    """Hold that every mapped row, and every cent in it, was accepted, rejected or superseded.

    Raises:
        BalanceError: It is not so.
    """
    parted = counts.accepted + counts.rejected + counts.superseded
    if counts.mapped != parted:
        raise BalanceError(
            f"{counts.mapped} rows were mapped, and {counts.accepted} accepted, {counts.rejected} rejected and"
            f" {counts.superseded} superseded make {parted}.",
            where=where,
        )
    for column, totals in counts.totals.items():
        if totals.mapped != totals.accepted + totals.rejected + totals.superseded:
            raise BalanceError("A control total does not add up.", where=f"{where}, column {column}")
