"""PostgreSQL -> extract -> Parquet on S3 -> PostgreSQL leaves every awkward value as it was, merged or not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from retail_medallion.bronze.block import EXTRACTED_AT, ExtractBlock, Mode
from retail_medallion.bronze.extract import extract
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.storage.parquet_store import ObjectInfo, ParquetStore
from retail_medallion.storage.postgres.catalogue import TableName
from retail_medallion.storage.postgres.copy_in import copy_into
from retail_medallion.storage.postgres.ddl import create_if_missing, declared_by_arrow
from retail_medallion_tests.conformance import awkward
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on

DAY = date(2025, 3, 2)
KEY = "lake/2025-03-02/rows.parquet"
ADDED = ("awkward_row", "awkward_at")


@pytest.fixture(scope="module")
def awkward_source(postgres_server: Any) -> Iterator[FreshDatabase]:
    with fresh_database_on(postgres_server) as database:
        connection = database.connect()
        awkward.create(connection)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE visible (part integer)")
        connection.commit()
        connection.close()
        yield database


def extracted(source: FreshDatabase, store: ParquetStore, table: str, parts: list[int], mode: Mode) -> ObjectInfo:
    """Extract the rows of some halves of a table, chosen by their number."""
    connection = source.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE visible")
        cursor.execute("INSERT INTO visible SELECT unnest(%s)", (parts,))
    connection.close()
    columns = "row_number() OVER () AS awkward_row, '2025-03-02'::timestamptz AS awkward_at"
    query = f'SELECT * FROM (SELECT {columns}, t.* FROM awkward."{table}" AS t) AS x'  # noqa: S608
    block = ExtractBlock(
        name="rows",
        mode=mode,
        key=("awkward_row",),
        document=("awkward_at",) if mode is Mode.DOCUMENTS else (),
        query=f"{query} WHERE awkward_row % 2 IN (SELECT part FROM visible)",  # noqa: S608
        watermark="awkward_at",
    )
    with SourceSnapshot(source.connect) as snapshot:
        [part] = extract(
            snapshot,
            store,
            block,
            key_of=lambda _: KEY,
            days=[DAY],
            first_day=date(2025, 3, 1),
            metadata={},
            log=logging.getLogger(__name__),
        )
        return store.write(KEY, part.reader(), metadata=part.metadata, replaces=part.replaces)


@pytest.mark.parametrize("table", awkward.TABLES, ids=lambda table: table.name)
def test_an_awkward_table_comes_back_from_s3_as_it_was(awkward_source, s3_client, fresh_bucket, table) -> None:
    store = ParquetStore(s3_client, fresh_bucket)
    # The merge sees the even rows first and then all of them, so that every type is merged and compared.
    half = extracted(awkward_source, store, table.name, [0], Mode.CHANGED)
    whole = extracted(awkward_source, store, table.name, [0, 1], Mode.CHANGED)
    assert extracted(awkward_source, store, table.name, [1], Mode.CHANGED) == whole
    assert extracted(awkward_source, store, table.name, [0, 1], Mode.DOCUMENTS).digest == whole.digest
    assert half.rows == whole.rows // 2

    connection = awkward_source.connect()
    try:
        source, copy = TableName(table.name, awkward.SCHEMA), TableName(f"{table.name[:50]} copy", awkward.SCHEMA)
        info = store.stat(KEY)
        assert info is not None
        with store.open(info) as opened:
            names = [name for name in opened.schema.names if name not in {*ADDED, EXTRACTED_AT}]
            reader = opened.reader(names)
            assert create_if_missing(connection, copy, declared_by_arrow(reader.schema))
            copy_into(connection, copy, reader)
        assert awkward.differences(connection, source.identifier, copy.identifier) == []
    finally:
        connection.close()
