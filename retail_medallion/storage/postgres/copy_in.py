"""Loading a stream of Arrow batches into a table, by COPY.

Batches travel in COPY's binary format. Where a column has no binary form, or a batch holds an infinite date, rows
travel in the text format instead; the table gets the same values either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pgpq
import psycopg2
import psycopg2.extensions
import pyarrow as pa
from psycopg2 import sql

from retail_medallion.errors import SchemaDriftError
from retail_medallion.storage.postgres.catalogue import TableColumn, TableName, existing_columns
from retail_medallion.storage.postgres.encoders import ColumnPlan, plan_column
from retail_medallion.storage.postgres.failures import translate
from retail_medallion.storage.postgres.render import text_rows

CHUNK_BYTES = 4 << 20
"""Bytes of Arrow data encoded at a time."""

_READ_SIZE = 1 << 20


def copy_into(
    connection: psycopg2.extensions.connection,
    table: TableName | str,
    reader: pa.RecordBatchReader,
    columns: Sequence[str] | None = None,
) -> int:
    """Append a stream's rows to a table, columns matched by name.

    Nothing is committed: the rows belong to the connection's current transaction, which is in an error state after any
    of the errors below. Columns PostgreSQL computes itself (generated ones) are left out; columns the stream lacks get
    their default.

    Args:
        connection: A psycopg2 connection.
        table: The table; a string is read as ``table`` or ``schema.table``.
        reader: The rows; consumed.
        columns: Names of the columns to load; None loads all of the stream.

    Returns:
        The number of rows loaded.

    Raises:
        SchemaDriftError: The stream has a column the table lacks, or types that do not fit.
        DataContractError: A value its column cannot hold, or one that breaks a constraint; named by column.
        ServiceUnavailableError: The connection was lost.
    """
    name = TableName.parse(table) if isinstance(table, str) else table
    target = existing_columns(connection, name)
    plans = _plans(reader.schema, target, columns, name)
    batches = _Lookahead(_prepared(reader, plans))
    rows = 0
    while batches.upcoming is not None:
        run = _Run(batches, plans, in_text=batches.upcoming.in_text)
        rows += _copy(connection, name, plans, run)
    return rows


@dataclass(frozen=True)
class _Prepared:
    batch: pa.RecordBatch
    in_text: bool


class _Lookahead:
    """An iterator that shows its next item."""

    def __init__(self, items: Iterable[_Prepared]) -> None:
        self._items = iter(items)
        self.upcoming: _Prepared | None = next(self._items, None)

    def pop(self) -> _Prepared | None:
        taken, self.upcoming = self.upcoming, next(self._items, None)
        return taken


class _Run:
    """A file-like object: the encoded rows of the batches that go in the same format, up to the first that does not.

    The driver drops an exception raised inside ``read``, so it is kept here for the caller.
    """

    def __init__(self, batches: _Lookahead, plans: Sequence[ColumnPlan], *, in_text: bool) -> None:
        self.in_text = in_text
        self.failure: BaseException | None = None
        self._batches = batches
        self._chunks = self._text() if in_text else self._binary(plans)

    def read(self, _size: int = -1) -> bytes:
        """Give the next chunk, of whatever size; empty at the end."""
        try:
            return next(self._chunks, b"")
        except BaseException as error:
            self.failure = error
            raise

    def readline(self, _size: int = -1, /) -> bytes:
        """Not called: the driver asks for it in its types only."""
        raise NotImplementedError

    def _same_format(self) -> Iterator[pa.RecordBatch]:
        while self._batches.upcoming is not None and self._batches.upcoming.in_text == self.in_text:
            taken = self._batches.pop()
            if taken is not None:
                yield taken.batch

    def _text(self) -> Iterator[bytes]:
        return (rows for batch in self._same_format() if (rows := text_rows(batch)))

    def _binary(self, plans: Sequence[ColumnPlan]) -> Iterator[bytes]:
        schema = pa.schema([pa.field(plan.name, plan.wire) for plan in plans])
        encoders = {plan.name: plan.encoder() for plan in plans}
        encoder = pgpq.ArrowToPostgresBinaryEncoder.new_with_encoders(schema, encoders)
        yield encoder.write_header()
        for batch in self._same_format():
            # The encoder may keep a small batch back; an empty chunk would end the COPY.
            if encoded := encoder.write_batch(batch):
                yield encoded
        yield encoder.finish()


def _copy(connection: psycopg2.extensions.connection, table: TableName, plans: Sequence[ColumnPlan], run: _Run) -> int:
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT {format})").format(
        table=table.identifier,
        columns=sql.SQL(", ").join(sql.Identifier(plan.name) for plan in plans),
        format=sql.SQL("text" if run.in_text else "binary"),
    )
    failure: BaseException
    try:
        with connection.cursor() as cursor:
            cursor.copy_expert(statement, run, size=_READ_SIZE)
            return int(cursor.rowcount)
    except psycopg2.Error as error:
        failure = run.failure or translate(error, f"loading table {table}")
    raise failure


def _plans(
    schema: pa.Schema, target: Sequence[TableColumn], columns: Sequence[str] | None, table: TableName
) -> list[ColumnPlan]:
    known = {column.name: column for column in target}
    wanted = list(schema.names if columns is None else columns)
    unknown = [name for name in wanted if name not in known]
    absent = [name for name in wanted if name not in schema.names]
    if unknown or absent:
        raise SchemaDriftError(
            f"Column {', '.join(map(repr, unknown or absent))} is not in the {'table' if unknown else 'data'}",
            where=f"table {table}",
            why="columns are matched by name",
            fix="rename or drop the column where the data is made, or change the table",
        )
    loaded = [known[name] for name in wanted if not known[name].generated]
    if not loaded:
        raise SchemaDriftError("The data has no column to load", where=f"table {table}", fix="load at least one column")
    return [plan_column(column.name, schema.field(column.name).type, column.type) for column in loaded]


def _prepared(reader: pa.RecordBatchReader, plans: Sequence[ColumnPlan]) -> Iterator[_Prepared]:
    always_text = not all(plan.binary for plan in plans)
    for whole in reader:
        for batch in _slices(whole):
            arrays = [plan.prepare(batch.column(plan.name)) for plan in plans]
            in_text = always_text or any(plan.has_infinity(values) for plan, values in zip(plans, arrays, strict=True))
            yield _Prepared(pa.RecordBatch.from_arrays(arrays, [plan.name for plan in plans]), in_text)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces of about CHUNK_BYTES; rows are never cut."""
    if batch.num_rows == 0:
        return
    rows = max(1, batch.num_rows * CHUNK_BYTES // max(1, batch.nbytes))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)
