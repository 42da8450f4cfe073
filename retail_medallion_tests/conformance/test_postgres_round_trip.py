"""PostgreSQL -> Arrow -> Parquet -> Arrow -> PostgreSQL leaves every awkward value as it was."""

from __future__ import annotations

import io
from collections.abc import Iterator

import psycopg2.extensions
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg2 import sql

from retail_medallion.storage.postgres.catalogue import TableName
from retail_medallion.storage.postgres.copy_in import copy_into
from retail_medallion.storage.postgres.copy_out import read_query
from retail_medallion.storage.postgres.ddl import create_if_missing, declared_by_arrow
from retail_medallion_tests.conformance import awkward
from retail_medallion_tests.servers import fresh_database_on


@pytest.fixture(scope="module")
def awkward_server(postgres_server) -> Iterator[psycopg2.extensions.connection]:
    with fresh_database_on(postgres_server) as database:
        connection = database.connect()
        awkward.create(connection)
        yield connection
        connection.close()


@pytest.fixture
def awkward_database(awkward_server) -> Iterator[psycopg2.extensions.connection]:
    yield awkward_server
    awkward_server.rollback()


def through_parquet(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
    stored = pq.ParquetFile(buffer)
    assert stored.schema_arrow == reader.schema
    return pa.RecordBatchReader.from_batches(stored.schema_arrow, stored.iter_batches(batch_size=1000))


@pytest.mark.parametrize("table", awkward.TABLES, ids=lambda table: table.name)
def test_an_awkward_table_comes_back_from_parquet_as_it_was(awkward_database, table):
    source, copy = TableName(table.name, awkward.SCHEMA), TableName(f"{table.name[:50]} copy", awkward.SCHEMA)
    reader = through_parquet(read_query(awkward_database, sql.SQL("TABLE {}").format(source.identifier)))

    assert create_if_missing(awkward_database, copy, declared_by_arrow(reader.schema))
    copy_into(awkward_database, copy, reader)

    assert awkward.differences(awkward_database, source.identifier, copy.identifier) == []


def test_generated_columns_are_left_to_postgresql(awkward_database):
    with awkward_database.cursor() as cursor:
        cursor.execute("CREATE TABLE awkward.generated_twin (LIKE awkward.generated INCLUDING ALL)")
    assert (
        copy_into(awkward_database, "awkward.generated_twin", read_query(awkward_database, "TABLE awkward.generated"))
        == 3
    )
    twins = [sql.Identifier("awkward", name) for name in ("generated", "generated_twin")]
    assert awkward.differences(awkward_database, *twins) == []


def test_an_all_null_column_and_an_empty_table_give_the_schema_of_a_full_one(awkward_database):
    full = read_query(awkward_database, "SELECT * FROM awkward.decimals").read_all().schema
    for wanted in (3, -1):
        some = read_query(
            awkward_database, "SELECT * FROM awkward.decimals WHERE id = %s", parameters=[wanted]
        ).read_all()
        assert some.schema.equals(full, check_metadata=True)


def test_the_comparison_itself_sees_a_changed_value_a_lost_row_and_a_changed_type(awkward_database):
    original = sql.Identifier("awkward", "decimals")
    with awkward_database.cursor() as cursor:
        for change in (
            "UPDATE broken SET money_like = money_like + 0.01 WHERE id = 1",
            "DELETE FROM broken WHERE id = 2",
            "INSERT INTO broken SELECT * FROM broken WHERE id = 5",
            "ALTER TABLE broken ALTER money_like TYPE numeric(14,2)",
        ):
            cursor.execute("CREATE TEMP TABLE broken AS TABLE awkward.decimals")
            assert awkward.differences(awkward_database, original, sql.Identifier("broken")) == []
            cursor.execute(change)
            assert awkward.differences(awkward_database, original, sql.Identifier("broken")) != []
            awkward_database.rollback()
