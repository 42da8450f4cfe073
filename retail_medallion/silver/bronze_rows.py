"""Bronze rows on their way into DuckDB: numbered, counted, and with their own errors kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from retail_medallion.errors import SourceSchemaError
from retail_medallion.mapping import Block
from retail_medallion.mapping.engine import readable

ROW_NUMBER = "bronze_row"
"""Column added to every row: its position in the Bronze object, from 0."""


@dataclass(frozen=True)
class BronzeInput:
    """The Bronze object of one block on one day.

    Attributes:
        block: The block.
        schema: Columns of the object.
        open: Starts reading it from its first row; may be called several times and gives the same rows each time.
        observed: False for a snapshot day nobody looked at the source: no rows, and nothing is told by their absence.
        rows: Rows the object is recorded with.
    """

    block: Block
    schema: pa.Schema
    open: Callable[[], pa.RecordBatchReader]
    observed: bool
    rows: int


class NumberedRows:
    """One pass over a Bronze object.

    DuckDB turns whatever a reader raises into an error of its own, so the first error is kept here to be raised again.

    Args:
        bronze: What to read.

    Attributes:
        recorded: Rows the object is recorded with.
        rows: Rows read so far.
        error: What reading it raised.
    """

    def __init__(self, bronze: BronzeInput) -> None:
        self._bronze = bronze
        self.recorded = bronze.rows
        self.rows = 0
        self.error: Exception | None = None

    def reader(self) -> pa.RecordBatchReader:
        """The rows, with `bronze_row`.

        Raises:
            SourceSchemaError: The object has a column of that name.
        """
        if ROW_NUMBER in self._bronze.schema.names:
            raise SourceSchemaError(
                f"The extract has a column {ROW_NUMBER!r}, which is the name of the row's position.",
                where=f"block {self._bronze.block.entity}/{self._bronze.block.name}",
                fix="Rename it in the extract's query.",
            )
        source = readable(self._bronze.open())
        schema = source.schema.append(pa.field(ROW_NUMBER, pa.int64(), nullable=False))
        return pa.RecordBatchReader.from_batches(schema, self._batches(source, schema))

    def as_list(self) -> pa.ListArray:
        """All rows at once, as one list of structs.

        Raises:
            SourceSchemaError: The object has a column of that name.
        """
        reader = self.reader()
        none = pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in reader.schema], schema=reader.schema)
        structs = pa.concat_batches([none, *reader]).to_struct_array()
        return pa.ListArray.from_arrays(pa.array([0, len(structs)], pa.int32()), structs)

    def _batches(self, source: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in source:
                numbers = pa.array(range(self.rows, self.rows + batch.num_rows), pa.int64())
                self.rows += batch.num_rows
                yield pa.RecordBatch.from_arrays([*batch.columns, numbers], schema=schema)
        except Exception as error:
            self.error = error
            raise
