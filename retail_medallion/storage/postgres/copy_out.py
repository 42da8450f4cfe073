"""Reading a table or a query as a stream of Arrow batches, by COPY.

The server prints CSV; one thread collects whole rows into blocks; a second parses block by block with the types the
catalogue gave, while whoever consumes the stream works on what was parsed before. Few blocks and batches wait, so
memory does not grow with the rows.
"""

from __future__ import annotations

import contextlib
import io
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg2
import psycopg2.extensions
import pyarrow as pa
import pyarrow.csv
from psycopg2 import sql

from retail_medallion.errors import DataContractError, RetailMedallionError, SourceSchemaError
from retail_medallion.storage.postgres.channel import Channel
from retail_medallion.storage.postgres.failures import translate, translated
from retail_medallion.storage.postgres.parse import from_text
from retail_medallion.storage.postgres.session import fix_wire_settings
from retail_medallion.storage.postgres.types import Parameters, QueryColumn, bound_query, describe_query

BLOCK_BYTES = 2 << 20
"""Bytes of CSV parsed at a time; larger ones cost memory, and are no faster."""

_BLOCKS_WAITING = 2
_BATCHES_WAITING = 1
_FAILED_COLUMN = re.compile(r"In CSV column #(\d+)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_query(
    connection: psycopg2.extensions.connection,
    query: sql.Composable | str,
    columns: Sequence[str] | None = None,
    parameters: Parameters | None = None,
) -> pa.RecordBatchReader:
    """Stream a query's rows with exact types.

    The query runs within the connection's current transaction when the first batch is asked for; the connection must
    not be used for anything else until the stream ends. A stream dropped half-way cancels the query when it is
    garbage-collected; :func:`open_query` does so at a known moment.

    Args:
        connection: A psycopg2 connection; the wire settings are applied to its session.
        query: A SELECT, VALUES or WITH .. SELECT without a trailing semicolon.
        columns: Names of the columns to read, in this order; None reads all.
        parameters: Values for ``%s`` or ``%(name)s`` placeholders; without any, a percent sign is just that.

    Returns:
        A stream whose fields carry the PostgreSQL type in their metadata; batches hold some megabytes each.

    Raises:
        SourceSchemaError: The query does not compile or a column is missing.
        DataContractError: While reading: a value its Arrow type cannot carry, named by column.
        ServiceUnavailableError: While reading: the connection was lost or the query was cancelled.
    """
    stream = QueryStream(connection, query, columns, parameters)
    return pa.RecordBatchReader.from_batches(stream.schema, stream.batches())


@contextlib.contextmanager
def open_query(
    connection: psycopg2.extensions.connection,
    query: sql.Composable | str,
    columns: Sequence[str] | None = None,
    parameters: Parameters | None = None,
) -> Iterator[pa.RecordBatchReader]:
    """Stream a query's rows like :func:`read_query`; leaving the block early cancels the query there and then.

    After a cancelled read the transaction is rolled back and the connection can be used again.
    """
    stream = QueryStream(connection, query, columns, parameters)
    try:
        yield pa.RecordBatchReader.from_batches(stream.schema, stream.batches())
    finally:
        stream.close()


class QueryStream:
    """One COPY to the client and the batches made of it."""

    def __init__(
        self,
        connection: psycopg2.extensions.connection,
        query: sql.Composable | str,
        columns: Sequence[str] | None,
        parameters: Parameters | None,
    ) -> None:
        with translated("preparing the query"):
            fix_wire_settings(connection)
        described = describe_query(connection, query, parameters)
        self.columns = described if columns is None else _chosen(described, columns)
        self.schema = pa.schema([column.field for column in self.columns])
        self._connection = connection
        with connection.cursor() as cursor:
            bound = bound_query(cursor, query, parameters)
            as_is = columns is None and all(column.wire is None for column in described)
            self._statement = _copy_statement(bound, None if as_is else self.columns).as_string(cursor)
        self._blocks: Channel[bytes] = Channel(_BLOCKS_WAITING)
        self._batches: Channel[pa.RecordBatch] = Channel(_BATCHES_WAITING)
        self._threads: list[threading.Thread] = []

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Run the query and yield its batches; closing the generator cancels what is left."""
        # Neither a thread nor the generator refers to the other's owner: dropping the reader ends them all.
        batches = self._batches
        self._threads = [
            threading.Thread(target=target, args=arguments, name=name, daemon=True)
            for name, target, arguments in (
                ("postgres-copy-out", _run_copy, (self._connection, self._statement, self._blocks)),
                ("postgres-parse", _run_parser, (_BlockParser(self.columns, self.schema), self._blocks, batches)),
            )
        ]
        for thread in self._threads:
            thread.start()
        try:
            while (batch := batches.take()) is not None:
                yield batch
        finally:
            self.close()

    def close(self) -> None:
        """End the COPY if it is still running and wait for the threads; safe to call more than once."""
        threads, self._threads = self._threads, []
        if not threads:
            return
        self._batches.abandon()
        if self._blocks.abandon() and threads[0].is_alive():
            with contextlib.suppress(psycopg2.Error):
                self._connection.cancel()
        for thread in threads:
            thread.join()
        if self._connection.closed == 0 and self._cancelled():
            with contextlib.suppress(psycopg2.Error):
                self._connection.rollback()

    def _cancelled(self) -> bool:
        return self._blocks.abandoned and not self._connection.autocommit


class _BlockSink(io.RawIOBase):
    """Takes blocks of whole rows from a buffered writer, which the driver fills row by row."""

    def __init__(self, blocks: Channel[bytes]) -> None:
        super().__init__()
        self._blocks = blocks

    def writable(self) -> bool:
        return True

    def write(self, rows: Any) -> int:
        block = bytes(rows)
        # A buffered writer writes what it holds before it takes a row that does not fit, and a longer row at once.
        if not block.endswith(b"\n"):
            raise DataContractError(
                "PostgreSQL sent rows that are no CSV",
                why="a row has no end",
                fix="check that nothing between the server and here changes the stream",
            )
        self._blocks.put(block)
        return len(block)


class _BlockParser:
    """Turns blocks of CSV into batches; remembers which columns need the exact way."""

    def __init__(self, columns: Sequence[QueryColumn], schema: pa.Schema) -> None:
        self._columns = columns
        self._schema = schema
        self._csv_types = {str(index): _csv_type(column.field.type) for index, column in enumerate(columns)}
        self._names = list(self._csv_types)

    def parse(self, data: bytes) -> pa.RecordBatch:
        if data.startswith(_BYTE_ORDER_MARK):
            # The parser drops a byte order mark at the start of its input; this one belongs to the first value.
            data = _BYTE_ORDER_MARK + data
        table = self._read(data)
        arrays = [
            from_text(values, column.field.type, column.name) if pa.types.is_binary(values.type) else _combined(values)
            for column, values in zip(self._columns, table.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _read(self, data: bytes) -> pa.Table:
        while True:
            try:
                return pyarrow.csv.read_csv(
                    pa.BufferReader(data),
                    read_options=pyarrow.csv.ReadOptions(
                        column_names=self._names, block_size=len(data) + 1, use_threads=False
                    ),
                    parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types=self._csv_types,
                        null_values=[""],
                        true_values=["t"],
                        false_values=["f"],
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=False,
                    ),
                )
            except pa.ArrowInvalid as error:
                self._take_as_text(error)

    def _take_as_text(self, error: pa.ArrowInvalid) -> None:
        """Parse the column that failed as bytes from now on; its values go the exact way, only for this stream."""
        found = _FAILED_COLUMN.search(str(error))
        if found and self._csv_types[found[1]] != pa.binary():
            self._csv_types[found[1]] = pa.binary()
            return
        raise DataContractError(
            "PostgreSQL sent rows that are no CSV",
            why=f"{type(error).__name__} while parsing",
            fix="check that nothing between the server and here changes the stream",
        ) from None


def _csv_type(wanted: pa.DataType) -> pa.DataType:
    """Choose what the CSV parser makes of a column: the type itself, or bytes for the exact way."""
    by_hand = wanted == pa.uuid() or pa.types.is_list(wanted) or pa.types.is_decimal256(wanted)
    return pa.binary() if by_hand or pa.types.is_binary(wanted) else wanted


def _combined(values: pa.ChunkedArray) -> pa.Array:
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _chosen(described: Sequence[QueryColumn], columns: Sequence[str]) -> list[QueryColumn]:
    known = {column.name: column for column in described}
    missing = [name for name in columns if name not in known]
    if missing or not columns:
        raise SourceSchemaError(
            f"The query has no column {', '.join(map(repr, missing))}" if columns else "No column was asked for",
            why="it has " + ", ".join(map(repr, known)),
            fix="ask for columns the query has",
        )
    return [known[name] for name in columns]


def _copy_statement(query: sql.Composable, columns: Sequence[QueryColumn] | None) -> sql.Composable:
    if columns is not None:
        sent = [
            sql.Identifier(column.name)
            if column.wire is None
            else sql.SQL("{} AS {}").format(column.wire, sql.Identifier(column.name))
            for column in columns
        ]
        query = sql.SQL("SELECT {sent} FROM ({query}\n) AS query").format(sent=sql.SQL(", ").join(sent), query=query)
    return sql.SQL("COPY ({query}\n) TO STDOUT (FORMAT csv)").format(query=query)


def _run_copy(connection: psycopg2.extensions.connection, statement: str, blocks: Channel[bytes]) -> None:
    failure: RetailMedallionError | None = None
    try:
        with connection.cursor() as cursor, _BlockSink(blocks) as sink:
            rows = io.BufferedWriter(sink, BLOCK_BYTES)
            cursor.copy_expert(statement, rows)
            rows.flush()
    except BaseException as error:  # noqa: BLE001 - handed to the consumer, whatever it is
        failure = translate(error, "reading the query")
    blocks.finish(failure)


def _run_parser(parser: _BlockParser, blocks: Channel[bytes], batches: Channel[pa.RecordBatch]) -> None:
    failure: BaseException | None = None
    try:
        while (block := blocks.take()) is not None:
            batches.put(parser.parse(block))
    except BaseException as error:  # noqa: BLE001 - handed to the consumer, whatever it is
        failure = error
    batches.finish(failure)
