"""From Bronze to Silver for one day: mapped, cleaned, checked, one row per key, everything else explained.

The outcome is a function of the Bronze objects, the mapping and the model, and of nothing else: no clock, no other day,
no order of rows or batches decides anything. Rows stream through DuckDB, which spills to disk beyond its memory limit.
"""

# ruff: noqa: S608 - this module writes SQL: names are quoted, values are literals, expressions come from the model

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa

from retail_medallion.errors import ConfigurationError, DataContractError
from retail_medallion.mapping import Block, CompiledBlock, tells_what_is_gone
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
    count_partition,
)
from retail_medallion.silver.engines import FEW_ROWS, Engine, EngineLimits, engine
from retail_medallion.silver.standardisers.base import clean_key, quoted

_ROWS_PER_BATCH = 50_000
_WHOLE_TABLE = "*"


class TransformedPartition:
    """One cell of Silver, cleaned and balanced. Made by `transform`, and usable until that context ends."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        entity: Entity,
        inputs: Sequence[BronzeInput],
        counts: PartitionCounts,
        scopes: Sequence[str],
        shape: Sequence[compilation.Compilation],
    ) -> None:
        self._connection = connection
        self._entity = entity
        self._inputs = inputs
        self._shape = shape
        self._cursors = ExitStack()
        self.counts = counts
        self.scopes = scopes

    def close(self) -> None:
        """End all reading."""
        self._cursors.close()

    def accepted(self) -> pa.RecordBatchReader:
        """One row per key, ordered by key; columns as `accepted_schema` says."""
        schema = accepted_schema(self._entity)
        columns = ", ".join(quoted(name) for name in schema.names)
        query = f"SELECT {columns} FROM ({contest.accepted(self._entity)}) ORDER BY {quoted(self._entity.key)}"
        relation = self._cursor().sql(query)
        batches = (as_declared(batch, schema) for batch in relation.to_arrow_reader(_ROWS_PER_BATCH))
        return pa.RecordBatchReader.from_batches(schema, batches)

    def rejected(self) -> pa.RecordBatchReader:
        """Rejected rows by block and position, with the raw row, the mapped row and every reason as JSON."""

        def batches() -> Iterator[pa.RecordBatch]:
            for index, bronze in enumerate(self._inputs):
                if bronze.observed:
                    hidden = compilation.token_columns(self._shape[index])
                    yield from quarantine.rejected_batches(bronze, self._refused(index), hidden)

        return pa.RecordBatchReader.from_batches(quarantine.SCHEMA, batches())

    def _refused(self, index: int) -> Iterator[quarantine.RefusedRow]:
        cursor = self._cursor().execute(
            "SELECT bronze_row, source_key, mapped, reasons, masked FROM staged WHERE refused AND block = ?"
            " ORDER BY bronze_row, source_key, mapped, reasons",
            [index],
        )
        while rows := cursor.fetchmany(_ROWS_PER_BATCH):
            yield from (quarantine.RefusedRow(*row) for row in rows)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        # One of its own, so that readers may be read side by side.
        cursor = self._connection.cursor()
        self._cursors.callback(cursor.close)
        return cursor


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
    shape = tuple(compilation.Compilation.of(mapping, model, bronze, None) for bronze in inputs)
    few = all(bronze.rows <= FEW_ROWS for bronze in inputs)
    with engine(shape, described, limits, keep=few) as used:
        used.day = day
        blocks, scopes = _Staging(used, mapping, model, described, where).stage(inputs, seen or {})
        counts = count_partition(used.connection, described, blocks)
        check_partition(counts, where)
        partition = TransformedPartition(used.connection, described, inputs, counts, scopes, shape)
        try:
            yield partition
        finally:
            partition.close()


@dataclass
class _Staging:
    engine: Engine
    mapping: SourceMapping
    model: CanonicalModel
    entity: Entity
    where: str

    def stage(
        self, inputs: Sequence[BronzeInput], seen: Mapping[str, BronzeInput]
    ) -> tuple[list[BlockCounts], list[str]]:
        blocks: list[BlockCounts] = []
        scopes: set[str] = set()
        for index, bronze in enumerate(inputs):
            if not bronze.observed:
                continue
            covering = self._covering(bronze, seen)
            wanted = compilation.Compilation.of(self.mapping, self.model, bronze, covering)
            compiled = compilation.compiled(wanted)
            # Planning the statement takes longer than cleaning a quiet day's rows; a day without any needs no plan.
            counted = self._stage_block(index, bronze, wanted, compiled) if bronze.rows else _nothing(bronze)
            check_block(counted, self.where)
            blocks.append(counted)
            scopes |= self._scopes(bronze, compiled, covering)
        if any(not bronze.observed and _covers_the_table(bronze.block) for bronze in inputs):
            # Each of these blocks names some of the keys, and only together do they name all.
            scopes.discard(_WHOLE_TABLE)
        with self._explained():
            self.engine.settle()
        return blocks, sorted(scopes)

    def _stage_block(
        self, index: int, bronze: BronzeInput, wanted: compilation.Compilation, compiled: CompiledBlock
    ) -> BlockCounts:
        staged, rows_read = self._over(bronze, "bronze", compilation.staging(wanted, index), into="staged")
        counts = BlockCounts(
            name=bronze.block.name,
            recorded=bronze.rows,
            rows_read=rows_read,
            selected=rows_read,
            staged=staged[0][0],
            exploded=bronze.block.explode is not None,
        )
        if bronze.block.where is not None or tells_what_is_gone(bronze.block, bronze.schema):
            ((counted, selected),), _ = self._over(bronze, "bronze", compiled.count)
            counts = replace(counts, rows_read=min(rows_read, counted), selected=selected)
        gone = wanted.of_gone_keys()
        if gone is None:
            return counts
        ((_, selected),), _ = self._over(bronze, "bronze", compilation.compiled(gone).count)
        if not selected:
            return counts
        staged, _ = self._over(bronze, "bronze", compilation.staging(gone, index), into="staged")
        return replace(counts, selected=counts.selected + selected, staged=counts.staged + staged[0][0])

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

    def _over(self, bronze: BronzeInput, name: str, query: str, *, into: str | None = None) -> tuple[list[Any], int]:
        """Run a query over one pass of a Bronze object; its rows, and how many rows the pass had."""
        numbered = NumberedRows(bronze)
        with self._explained(numbered):
            return self.engine.run(query, name, numbered, into=into), numbered.rows

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


__all__ = [
    "BronzeInput",
    "ControlTotals",
    "EngineLimits",
    "PartitionCounts",
    "TransformedPartition",
    "accepted_schema",
    "transform",
]
