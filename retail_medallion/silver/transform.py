"""From Bronze to Silver for one day: mapped, cleaned, checked, one row per key, everything else explained.

The outcome is a function of the Bronze objects, the mapping and the model, and of nothing else: no clock, no other day,
no order of rows or batches decides anything. Rows stream through DuckDB, which spills to disk beyond its memory limit.
"""

# ruff: noqa: S608 - this module writes SQL: names are quoted, values are literals, expressions come from the model

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from retail_medallion.errors import ConfigurationError, DataContractError
from retail_medallion.mapping import Block, CompiledBlock, new_duckdb
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.silver import compilation, contest, quarantine
from retail_medallion.silver.accepted import accepted_schema, as_declared
from retail_medallion.silver.bronze_rows import BronzeInput, NumberedRows
from retail_medallion.silver.counts import (
    BlockCounts,
    ControlTotals,
    PartitionCounts,
    check_block,
    check_partition,
)
from retail_medallion.silver.staging import BlockSelect, staged_columns
from retail_medallion.silver.standardisers import RowSettings, register_functions
from retail_medallion.silver.standardisers.base import clean_key, quoted
from retail_medallion.storage.temporary import temporary_folder

_ROWS_PER_BATCH = 50_000
_WHOLE_TABLE = "*"


@dataclass(frozen=True)
class EngineLimits:
    """What one partition may use.

    Attributes:
        memory: Memory limit of DuckDB, in its own writing.
        threads: Threads of one query.
        spill_to: Folder for what does not fit; the system's temporary folder where None.
    """

    memory: str = "1GB"
    threads: int = 2
    spill_to: Path | None = None


class TransformedPartition:
    """One cell of Silver, cleaned and balanced. Made by `transform`, and usable until that context ends."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        entity: Entity,
        inputs: Sequence[BronzeInput],
        counts: PartitionCounts,
        scopes: Sequence[str],
    ) -> None:
        self._connection = connection
        self._entity = entity
        self._inputs = inputs
        self.counts = counts
        self.scopes = scopes

    def accepted(self) -> pa.RecordBatchReader:
        """One row per key, ordered by key; columns as `accepted_schema` says."""
        schema = accepted_schema(self._entity)
        columns = ", ".join(quoted(name) for name in schema.names)
        query = f"SELECT {columns} FROM ({contest.accepted(self._entity)}) ORDER BY {quoted(self._entity.key)}"
        relation = self._connection.cursor().sql(query)
        batches = (as_declared(batch, schema) for batch in relation.to_arrow_reader(_ROWS_PER_BATCH))
        return pa.RecordBatchReader.from_batches(schema, batches)

    def rejected(self) -> pa.RecordBatchReader:
        """Rejected rows by block and position, with the raw row, the mapped row and every reason as JSON."""

        def batches() -> Iterator[pa.RecordBatch]:
            for index, bronze in enumerate(self._inputs):
                if bronze.observed:
                    yield from quarantine.rejected_batches(bronze, self._refused(index))

        return pa.RecordBatchReader.from_batches(quarantine.SCHEMA, batches())

    def _refused(self, index: int) -> Iterator[quarantine.RefusedRow]:
        cursor = self._connection.cursor().execute(
            "SELECT bronze_row, source_key, mapped, reasons, masked FROM staged WHERE refused AND block = ?"
            " ORDER BY bronze_row, source_key, mapped, reasons",
            [index],
        )
        while rows := cursor.fetchmany(_ROWS_PER_BATCH):
            yield from (quarantine.RefusedRow(*row) for row in rows)


@contextmanager
def transform(
    mapping: SourceMapping,
    model: CanonicalModel,
    entity: str,
    day: dt.date,
    inputs: Sequence[BronzeInput],
    seen: Mapping[str, BronzeInput] | None = None,
    *,
    limits: EngineLimits | None = None,
) -> Iterator[TransformedPartition]:
    """Clean one day of one entity of one source.

    Args:
        mapping: The source's mapping.
        model: The canonical model.
        entity: Name of the entity.
        day: The partition.
        inputs: The Bronze object of each block, in the order of the mapping.
        seen: Bronze objects of other blocks that name the documents covered, by `entity/block`.
        limits: Memory, threads and spill folder.

    Raises:
        MappingError: The mapping does not fit the Bronze columns or the model.
        BalanceError: Rows or money went in that did not come out.
        DataContractError: The rows cannot be processed at all.
    """
    limits = limits or EngineLimits()
    described = model.entity(entity)
    where = f"{mapping.source.code}/silver/{entity}, partition {day}"
    with temporary_folder(limits.spill_to) as spill:
        connection = new_duckdb(limits.memory, limits.threads, spill)
        try:
            register_functions(connection)
            staging = _Staging(connection, mapping, model, described, day, where)
            blocks, scopes = staging.stage(inputs, seen or {})
            counts = _counts(connection, described, blocks)
            check_partition(counts, where)
            yield TransformedPartition(connection, described, inputs, counts, scopes)
        finally:
            connection.close()


@dataclass
class _Staging:
    connection: duckdb.DuckDBPyConnection
    mapping: SourceMapping
    model: CanonicalModel
    entity: Entity
    day: dt.date
    where: str

    def stage(
        self, inputs: Sequence[BronzeInput], seen: Mapping[str, BronzeInput]
    ) -> tuple[list[BlockCounts], list[str]]:
        columns = ", ".join(f"{quoted(name)} {type_}" for name, type_ in staged_columns(self.entity).items())
        self.connection.execute(f"CREATE TABLE staged ({columns})")
        blocks: list[BlockCounts] = []
        scopes: set[str] = set()
        for index, bronze in enumerate(inputs):
            if not bronze.observed:
                continue
            covering = self._covering(bronze, seen)
            compiled = compilation.compiled(compilation.Compilation.of(self.mapping, self.model, bronze, covering))
            # Planning the statement takes longer than cleaning a quiet day's rows; a day without any needs no plan.
            counted = self._stage_block(index, bronze, compiled) if bronze.rows else _nothing(bronze)
            check_block(counted, self.where)
            blocks.append(counted)
            scopes |= self._scopes(bronze, compiled, covering)
        if any(not bronze.observed and _covers_the_table(bronze.block) for bronze in inputs):
            # Each of these blocks names some of the keys, and only together do they name all.
            scopes.discard(_WHOLE_TABLE)
        with self._explained():
            for statement in contest.statements(self.entity):
                self.connection.execute(statement)
        return blocks, sorted(scopes)

    def _stage_block(self, index: int, bronze: BronzeInput, compiled: CompiledBlock) -> BlockCounts:
        source = self.mapping.source
        settings = RowSettings(
            day=self.day,
            source=source.code,
            timezone=source.timezone,
            country=source.country,
            currency=source.currency,
            language=source.language,
            tenant=source.tenant,
            tax_included=source.tax_included,
            day_cutoff=source.day_cutoff,
        )
        select = BlockSelect(
            self.model, self.entity, bronze.block, index, compiled.select, compiled.types, settings
        ).sql()
        staged, rows_read = self._over(bronze, "bronze", f"INSERT INTO staged {select}")
        selected = rows_read
        if bronze.block.where is not None:
            ((counted, selected),), _ = self._over(bronze, "bronze", compiled.count)
            rows_read = min(rows_read, counted)
        return BlockCounts(
            name=bronze.block.name,
            recorded=bronze.rows,
            rows_read=rows_read,
            selected=selected,
            staged=staged[0][0],
            exploded=bronze.block.explode is not None,
        )

    def _covering(self, bronze: BronzeInput, seen: Mapping[str, BronzeInput]) -> BronzeInput | None:
        """The rows that name the documents a block covers, where they are another block's."""
        complete = bronze.block.completeness
        if complete is None or complete.seen in {None, f"{bronze.block.entity}/{bronze.block.name}"}:
            return None
        if complete.seen not in seen:
            raise DataContractError(
                f"The rows of {complete.seen}, which name the documents covered, were not given.", where=self.where
            )
        return seen[complete.seen]

    def _scopes(self, bronze: BronzeInput, compiled: CompiledBlock, covering: BronzeInput | None) -> set[str]:
        if compiled.scope is None or (covering is not None and not covering.observed):
            return set()
        if compiled.scope_relation is None:
            return {compiled.scope}
        keys = f"SELECT DISTINCT {clean_key('scope_key')} FROM ({compiled.scope})"
        found, _ = self._over(covering or bronze, compiled.scope_relation, keys)
        return {key for (key,) in found if key is not None}

    def _over(self, bronze: BronzeInput, name: str, statement: str) -> tuple[list[Any], int]:
        """Run a statement over one pass of a Bronze object; its rows, and how many rows the pass had."""
        numbered = NumberedRows(bronze)
        with self._explained(numbered):
            self.connection.register(name, numbered.reader())
            try:
                found = self.connection.execute(statement).fetchall()
            finally:
                self.connection.unregister(name)
        return found, numbered.rows

    @contextmanager
    def _explained(self, numbered: NumberedRows | None = None) -> Iterator[None]:
        try:
            yield
        except duckdb.OutOfMemoryException:
            raise ConfigurationError(
                "The memory limit is too low for this partition.",
                where=self.where,
                fix="Raise the memory limit of the cleaning, or run fewer partitions at once.",
            ) from None
        except duckdb.Error as error:
            if numbered is not None and numbered.error is not None:
                raise numbered.error from None
            # DuckDB quotes the value it failed on, which must not reach a log.
            raise DataContractError(
                "The rows cannot be cleaned.", where=self.where, why=f"DuckDB raised {type(error).__name__}"
            ) from None


def _covers_the_table(block: Block) -> bool:
    return block.completeness is not None and block.completeness.within == "table"


def _nothing(bronze: BronzeInput) -> BlockCounts:
    return BlockCounts(
        name=bronze.block.name,
        recorded=0,
        rows_read=0,
        selected=0,
        staged=0,
        exploded=bronze.block.explode is not None,
    )


def _counts(connection: duckdb.DuckDBPyConnection, entity: Entity, blocks: Sequence[BlockCounts]) -> PartitionCounts:
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
    )


__all__ = [
    "BronzeInput",
    "ControlTotals",
    "EngineLimits",
    "PartitionCounts",
    "TransformedPartition",
    "accepted_schema",
    "transform",
]
