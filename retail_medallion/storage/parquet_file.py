"""Local Parquet files: written once from a stream, in bounded memory, and checked before anybody relies on them."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from retail_medallion.errors import ConfigurationError, DataContractError, ObjectVerificationError
from retail_medallion.storage.digest import ContentDigest
from retail_medallion.storage.temporary import temporary_folder

FORMAT_VERSION = "1"
_FOOTER_KEY = b"parquet_store"
_ROW_GROUP_ROWS = 65_536
_ROW_GROUP_BYTES = 16 * 2**20
_DIGITS_OF_AN_INTEGER = 18
# Small ones cost no time; larger ones cost a merge of two files 50 MB more.
_READ_BATCH_ROWS = 4096
_READ_BUFFER = 2**18
_HASH_BLOCK = 2**20


@dataclass(frozen=True)
class WrittenFile:
    """A finished local Parquet file.

    Attributes:
        path: Where it is.
        rows: Number of rows.
        digest: Content digest of the rows.
        size: Bytes.
        sha256: SHA-256 of the file, hexadecimal.
        metadata: The caller's metadata, as it stands in the footer.
    """

    path: Path
    rows: int
    digest: str
    size: int
    sha256: str
    metadata: Mapping[str, str]


@contextmanager
def workspace() -> Iterator[Path]:
    """A private temporary directory that is gone afterwards; a full disk is reported as such."""
    try:
        with temporary_folder() as directory:
            yield directory
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise ConfigurationError(
            "The local disk is full; nothing was uploaded.",
            where=tempfile.gettempdir(),
            why="Parquet files are written to a temporary directory before they are uploaded.",
            fix="Free space there, or set TMPDIR to a directory with more space, and run again.",
        ) from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _row_groups(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Collect batches into tables that are bounded in rows and in bytes."""
    pending: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in reader:
        offset = 0
        while offset < batch.num_rows:
            piece = batch.slice(offset, _ROW_GROUP_ROWS - rows)
            offset += piece.num_rows
            pending.append(piece)
            rows += piece.num_rows
            size += piece.nbytes
            if rows >= _ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES:
                yield pa.Table.from_batches(pending, schema=reader.schema)
                pending, rows, size = [], 0, 0
    if pending:
        yield pa.Table.from_batches(pending, schema=reader.schema)


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Choose the columns that are worth a dictionary: texts.

    Numbers and times seldom repeat; a dictionary that is given up half-way costs a third of the writing, and space.
    """
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]


def _delta_columns(schema: pa.Schema) -> dict[str, str]:
    """Choose the columns stored as differences from row to row: all that Parquet keeps as integers.

    Keys, times and amounts differ little from their neighbours. It takes less time than compressing them as they are.
    """
    tests = (pa.types.is_integer, pa.types.is_timestamp, pa.types.is_date32, _is_short_decimal)
    return {field.name: "DELTA_BINARY_PACKED" for field in schema if any(test(field.type) for test in tests)}


def _is_short_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal128(kind)) and int(kind.precision) <= _DIGITS_OF_AN_INTEGER


def write_file(
    reader: pa.RecordBatchReader, path: Path, *, metadata: Mapping[str, str], volatile: Collection[str] = ()
) -> WrittenFile:
    """Write a stream to a local Parquet file (zstd, with statistics), re-open it and check it.

    Args:
        reader: The rows; consumed.
        path: The file to write.
        metadata: Written to the footer. It is read after the last row, so whoever makes the rows may add to it.
        volatile: Columns left out of the content digest.

    Raises:
        DataContractError: Two columns have the same name.
        ObjectVerificationError: The file, re-opened, is not what was written.
    """
    schema = reader.schema
    if len(set(schema.names)) != len(schema.names):
        twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
        raise DataContractError(
            f"Columns occur more than once: {', '.join(twice)}.", fix="Give each column its own name."
        )
    digest = ContentDigest(schema, volatile=volatile)
    with pq.ParquetWriter(
        path,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=1,
        write_statistics=True,
        store_schema=True,
        use_dictionary=_dictionary_columns(schema),
        store_decimal_as_integer=True,
        column_encoding=_delta_columns(schema),
    ) as writer:
        for table in _row_groups(reader):
            for batch in table.to_batches():
                digest.update(batch)
            writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
            # What writing a row group took is otherwise kept from the next user of memory.
            pa.default_memory_pool().release_unused()
        content = digest.hexdigest()
        final = dict(metadata)
        footer = {"format": FORMAT_VERSION, "rows": digest.rows, "digest": content, "metadata": final}
        writer.add_key_value_metadata({_FOOTER_KEY: json.dumps(footer, ensure_ascii=True)})
    written = LocalParquet(path)
    if written.rows != digest.rows or not written.schema.equals(schema, check_metadata=True):
        raise ObjectVerificationError(
            "The Parquet file just written does not read back as it was written.",
            where=str(path.name),
            why=f"expected {digest.rows} rows of {schema.names}, found {written.rows} rows of {written.schema.names}",
        )
    return WrittenFile(path, digest.rows, content, path.stat().st_size, file_sha256(path), final)


class LocalParquet:
    """A local Parquet file, opened: schema, row count and footer are read, rows are not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with pq.ParquetFile(path) as file:
            stored = file.metadata.metadata or {}
            self.rows: int = file.metadata.num_rows
            # The stored Arrow schema is exact; the one the Parquet reader builds adds field ids to the metadata.
            encoded = stored.get(b"ARROW:schema")
            self.schema: pa.Schema = (
                pa.ipc.read_schema(pa.py_buffer(base64.b64decode(encoded))) if encoded else file.schema_arrow
            )
        self.footer: dict[str, Any] = json.loads(stored[_FOOTER_KEY]) if _FOOTER_KEY in stored else {}

    @property
    def digest(self) -> str:
        """Content digest of the rows, as written in the footer."""
        return str(self.footer.get("digest", ""))

    @property
    def metadata(self) -> dict[str, str]:
        """The writer's own metadata, complete, from the footer."""
        return dict(self.footer.get("metadata", {}))

    def reader(self, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
        """Stream the rows in the order in which they were written.

        Args:
            columns: Names of the columns wanted, in the order wanted; None for all.
        """
        if columns is None:
            return pa.RecordBatchReader.from_batches(self.schema, self._batches(self.schema, None))
        schema = pa.schema([self.schema.field(name) for name in columns])
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema, columns))

    def _batches(self, schema: pa.Schema, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        # The reader's default keeps all it has read of the file until the end.
        with pq.ParquetFile(self.path, pre_buffer=False, buffer_size=_READ_BUFFER) as file:
            for batch in file.iter_batches(batch_size=_READ_BATCH_ROWS, columns=columns):
                arrays = batch.columns if columns is None else [batch.column(name) for name in columns]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
