"""DuckDB as the engine of mappings: locked in, exact, and the same everywhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from retail_medallion.mapping.macros import register_macros

_PARSER = threading.local()


def parser() -> DuckDBPyConnection:
    """A connection of this thread that only parses texts and reads constants: it has no tables, files or extensions."""
    if not hasattr(_PARSER, "connection"):
        _PARSER.connection = duckdb.connect(":memory:", config={"autoload_known_extensions": False})
        _PARSER.connection.execute("SET enable_external_access = false")
    found: DuckDBPyConnection = _PARSER.connection
    return found


def new_duckdb(
    memory_limit: str = "1GB", threads: int = 2, temp_dir: str | os.PathLike[str] | None = None
) -> DuckDBPyConnection:
    """Open an in-memory DuckDB that sees nothing but what is registered with it.

    No file, network, extension or Python variable can be reached from SQL, times are UTC, and no setting can be changed
    any more. The macros of `macros` are there.

    Args:
        memory_limit: As DuckDB writes it, such as `500MB`; beyond it, work is spilled to `temp_dir`.
        threads: Threads of one query.
        temp_dir: Where to spill; nowhere (an error instead) where None.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": threads,
        "temp_directory": "" if temp_dir is None else os.fspath(temp_dir),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "python_enable_replacements": False,
        # Common subexpressions are computed outside of TRY(...), where a value that cannot be read stops the query.
        # Turning lists of values into joins takes longer to plan than a quiet day takes to clean, and wins nothing.
        "disabled_optimizers": "common_subexpressions,in_clause",
    }
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    register_macros(connection)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def readable_schema(schema: pa.Schema) -> pa.Schema:
    """The schema `readable` gives: 256-bit decimals as text, which DuckDB cannot read, and everything else as it is."""
    return pa.schema(
        [field.with_type(pa.string()) if pa.types.is_decimal256(field.type) else field for field in schema],
        metadata=schema.metadata,
    )


def readable(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Make a stream of Arrow batches readable by DuckDB, without losing a digit.

    Args:
        reader: Bronze rows.

    Returns:
        The same rows with the types of `readable_schema`; the reader itself where nothing has to change.
    """
    wanted = readable_schema(reader.schema)
    if wanted.equals(reader.schema):
        return reader
    wide = [i for i, field in enumerate(reader.schema) if pa.types.is_decimal256(field.type)]

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            columns = list(batch.columns)
            for i in wide:
                columns[i] = pa.array([_plain(value) for value in columns[i].to_pylist()], pa.string())
            yield pa.RecordBatch.from_arrays(columns, schema=wanted)

    return pa.RecordBatchReader.from_batches(wanted, batches())


def _plain(value: object) -> str | None:
    return None if value is None else format(value, "f")


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A DuckDB text literal."""
    return "'" + text.replace("'", "''") + "'"
