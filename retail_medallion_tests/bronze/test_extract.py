from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.bronze.extract import extract, extract_all
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.errors import (
    AccessDeniedError,
    BalanceError,
    ConcurrentWriteError,
    MappingError,
    RetailMedallionError,
    SchemaDriftError,
    SourceSchemaError,
)
from retail_medallion_tests.bronze.harness import FIRST, LOG, Source, changed, day, key_of, store_partition


def test_the_object_tells_what_was_read_and_how(source: Source) -> None:
    source.metadata = {"mapping_version": "7"}
    source.execute(
        "INSERT INTO thing VALUES (2, 'b', 2.25, '2025-03-02'), (1, 'a', 1.10, '2025-03-02 10:00'),"
        " (3, 'c', NULL, NULL)"
    )
    [_, info] = source.run(0, 1)
    assert info.rows == 2
    assert info.metadata["mapping_version"] == "7"
    assert info.metadata["observed"] == "true"
    with source.store.open(info) as opened:
        told = opened.metadata
        rows = opened.reader().read_all()
    assert told["mode"] == "changed"
    assert told["window"] == "[2025-03-02T00:00:00+00:00, 2025-03-03T00:00:00+00:00)"
    assert told["source_rows"] == "2"
    assert told["control_totals"] == told["source_totals"] == '{"price": "3.35"}'
    assert told["server_version"]
    assert rows.column_names == ["id", "label", "price", "updated_at", "_extracted_at"]
    assert rows["id"].to_pylist() == [1, 2]
    assert rows["price"].to_pylist() == [Decimal("1.10"), Decimal("2.25")]
    assert rows.schema.field("_extracted_at").type == pa.timestamp("us", "UTC")
    assert rows["_extracted_at"].to_pylist() == [datetime.fromisoformat(told["snapshot_taken_at"])] * 2


def test_an_empty_day_is_a_typed_object_with_no_rows(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02')")
    full, empty = source.run(1, 2)
    with source.store.open(full) as one, source.store.open(empty) as other:
        assert other.rows == 0
        assert one.schema.equals(other.schema, check_metadata=True)


def test_files_are_ordered_by_the_bytes_of_the_key(source: Source) -> None:
    source.execute("CREATE TABLE named (code text, at timestamptz)")
    source.execute("INSERT INTO named SELECT c, '2025-03-02' FROM unnest(ARRAY['b','A','é','a','Z','','aa']) AS c")
    block = changed(table="named", key=("code",), watermark="at")
    source.run(1, block=block)
    assert source.ids(1, block) == ["", "A", "Z", "a", "aa", "b", "é"]


def test_a_row_that_moved_to_a_later_day_stays_where_it_was_seen(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02'), (2, 'b', 2, '2025-03-02')")
    source.run(1)
    before = source.rows(1)
    source.execute("UPDATE thing SET updated_at = '2025-03-04', label = 'changed' WHERE id = 1")
    source.execute("INSERT INTO thing VALUES (3, 'late', 3, '2025-03-02 12:00')")
    source.run(1, 3)
    assert [(row["id"], row["label"]) for row in source.rows(1)] == [(1, "a"), (2, "b"), (3, "late")]
    assert [(row["id"], row["label"]) for row in source.rows(3)] == [(1, "changed")]
    assert source.rows(1)[:2] == before
    assert source.rows(1)[2]["_extracted_at"] > before[0]["_extracted_at"]


def test_a_newer_version_of_a_row_within_its_day_replaces_it(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02'), (2, 'b', 2, '2025-03-02')")
    source.run(1)
    first = source.rows(1)
    source.execute("UPDATE thing SET label = 'A' WHERE id = 1")
    [info] = source.run(1)
    rows = source.rows(1)
    assert [(row["id"], row["label"]) for row in rows] == [(1, "A"), (2, "b")]
    assert rows[0]["_extracted_at"] > first[0]["_extracted_at"]
    assert rows[1] == first[1]
    with source.store.open(info) as opened:
        assert opened.metadata["control_totals"] == '{"price": "3.00"}'


def test_a_day_of_which_nothing_changed_keeps_its_object(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02')")
    before = source.run(0, 1, 2)
    assert source.run(0, 1, 2) == before
    source.execute("DELETE FROM thing")
    assert source.run(0, 1, 2) == before


def test_deleting_in_the_source_takes_nothing_away_from_a_day_already_seen(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02'), (2, 'b', 2, '2025-03-02')")
    source.run(1)
    source.execute("DELETE FROM thing WHERE id = 1")
    source.execute("UPDATE thing SET label = 'B' WHERE id = 2")
    source.run(1)
    assert [(row["id"], row["label"]) for row in source.rows(1)] == [(1, "a"), (2, "B")]


LINES = ExtractBlock(
    name="lines",
    mode=Mode.DOCUMENTS,
    key=("id",),
    document=("doc_id",),
    query="SELECT l.*, d.changed_at FROM line l JOIN doc d ON d.id = l.doc_id",
    watermark="changed_at",
)


@pytest.fixture
def documents(source: Source) -> Source:
    source.execute("CREATE TABLE doc (id int PRIMARY KEY, changed_at timestamptz)")
    source.execute("CREATE TABLE line (id int PRIMARY KEY, doc_id int, amount numeric(10,2))")
    source.execute("INSERT INTO doc VALUES (1, '2025-03-02'), (2, '2025-03-02')")
    source.execute("INSERT INTO line VALUES (10, 1, 1), (11, 1, 2), (20, 2, 3)")
    source.block = LINES
    return source


def test_a_document_extracted_again_loses_the_lines_it_no_longer_has(documents: Source) -> None:
    documents.run(1)
    first = documents.rows(1)
    documents.execute("DELETE FROM line WHERE id = 11")
    documents.execute("INSERT INTO line VALUES (12, 1, 5)")
    documents.run(1)
    rows = documents.rows(1)
    assert [row["id"] for row in rows] == [10, 12, 20]
    assert [rows[0], rows[2]] == [first[0], first[2]]


def test_a_document_that_moved_to_a_later_day_stays_whole_where_it_was_seen(documents: Source) -> None:
    documents.run(1)
    documents.execute("UPDATE doc SET changed_at = '2025-03-03' WHERE id = 1")
    documents.execute("DELETE FROM line WHERE id = 10")
    documents.run(1, 2)
    assert documents.ids(1) == [10, 11, 20]
    assert documents.ids(2) == [11]


def test_a_query_may_place_the_window_itself(source: Source) -> None:
    source.execute(
        "INSERT INTO thing VALUES (1, 'x', 1, '2025-02-01'), (2, 'b', 2, '2025-03-02'), (3, '%', 3, '2025-03-03')"
    )
    block = ExtractBlock(
        name="placed",
        mode=Mode.APPENDED,
        key=("id",),
        query="""SELECT id, ':window_start' AS text, label /* :window_end */ -- :window_end
            FROM thing WHERE updated_at >= :window_start AND updated_at < :window_end AND label NOT LIKE 'z%';""",
    )
    source.run(0, 1, 2, block=block)
    assert [source.ids(number, block) for number in range(3)] == [[1], [2], [3]]
    assert source.rows(1, block)[0]["text"] == ":window_start"


def test_names_are_quoted_and_read_as_postgresql_reads_them(source: Source) -> None:
    source.execute('CREATE SCHEMA "My Shop"')
    source.execute('CREATE TABLE "My Shop"."order; drop table thing" ("Id" int, "when" timestamptz)')
    source.execute("""INSERT INTO "My Shop"."order; drop table thing" VALUES (1, '2025-03-02')""")
    block = changed(table='"My Shop"."order; drop table thing"', key=("Id",), watermark='"when"')
    source.run(1, block=block)
    assert source.ids(1, block) == [1]
    with pytest.raises(MappingError, match="not the name of a table"):
        source.run(1, block=changed(table="thing; drop table thing"))


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"table": "nothing"}, SourceSchemaError, "There is no table or view nothing"),
        ({"key": ("nope",)}, SourceSchemaError, "no column 'nope'"),
        ({"watermark": "label"}, SourceSchemaError, "The watermark is of type text"),
        ({"watermark": None}, MappingError, "cannot tell the rows of a day"),
        ({"table": None, "query": "SELECT 1 AS id, 2 AS _extracted_at"}, SourceSchemaError, "_extracted_at"),
    ],
)
def test_a_block_that_does_not_fit_the_source_is_refused_before_anything_is_read(
    source: Source, more: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        source.run(0, block=changed(**more))
    assert list(source.store.list_keys("")) == []


def test_a_table_that_may_not_be_read_is_told_from_one_that_is_not_there(source: Source) -> None:
    source.execute("CREATE ROLE reader_without_rights")

    def connect():
        connection = source.database.connect()
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE reader_without_rights")
        connection.commit()
        return connection

    try:
        with SourceSnapshot(connect) as snapshot, pytest.raises(AccessDeniedError, match="may not be read"):
            list(
                extract(
                    snapshot, source.store, source.block, key_of=key_of("x"), days=[FIRST], first_day=FIRST,
                    metadata={}, log=LOG,
                )
            )  # fmt: skip
    finally:
        source.execute("DROP ROLE reader_without_rights")


def test_all_extracts_of_a_run_see_one_snapshot(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02')")
    second = changed(name="second")
    with SourceSnapshot(source.database.connect) as snapshot:
        seen = []
        for block in (source.block, second):
            keys = key_of(block.name)
            for part in extract(
                snapshot, source.store, block, key_of=keys, days=[day(1)], first_day=FIRST, metadata={}, log=LOG
            ):
                seen.append(store_partition(source.store, keys(day(1)), part).rows)
                source.execute("INSERT INTO thing VALUES (%s, 'between', 1, '2025-03-02')", (100 + len(seen),))
        with snapshot.worker() as one, snapshot.worker() as other, one.cursor() as first, other.cursor() as again:
            first.execute("SELECT count(*) FROM thing")
            again.execute("SELECT count(*) FROM thing")
            assert first.fetchone() == again.fetchone() == (1,)
    assert seen == [1, 1]


def test_a_source_cannot_be_written_to(source: Source) -> None:
    source.execute("CREATE SEQUENCE counter")
    block = ExtractBlock(name="writes", mode=Mode.SNAPSHOT, key=("id",), query="SELECT nextval('counter') AS id")
    with pytest.raises(RetailMedallionError, match="read-only"):
        source.run(0, block=block)


def test_rows_that_differ_from_what_the_source_counts_are_not_stored(source: Source) -> None:
    block = ExtractBlock(
        name="dice",
        mode=Mode.SNAPSHOT,
        key=("id",),
        query="SELECT g AS id, (random() * 1000000)::numeric(12,2) AS amount FROM generate_series(1, 50) g",
    )
    with pytest.raises(BalanceError, match="sum of 'amount'"):
        source.run(0, block=block)
    assert list(source.store.list_keys("")) == []


def test_a_column_added_to_the_source_is_null_in_rows_seen_before(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02'), (2, 'b', 2, '2025-03-02')")
    source.run(1)
    source.execute("DELETE FROM thing WHERE id = 1")
    source.execute(
        "ALTER TABLE thing ADD colour text DEFAULT 'red', ALTER id TYPE bigint, ALTER price TYPE numeric(14,3)"
    )
    source.run(1)
    rows = source.rows(1)
    assert [(row["id"], row["colour"], row["price"]) for row in rows] == [(1, None, Decimal(1)), (2, "red", Decimal(2))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP label", "Column 'label' is gone.*2025-03-02.*expected label string"),
        ("ALTER label TYPE int USING 1", "Column 'label' changed its type.*2025-03-02.*expected string, found int32"),
        ("ALTER price TYPE numeric(12,1)", r"expected decimal128\(12, 2\), found decimal128\(12, 1\)"),
        ("ALTER updated_at TYPE timestamp", r"expected timestamp\[us, tz=UTC\], found timestamp\[us\]"),
    ],
)
def test_a_column_dropped_or_retyped_stops_the_merge_and_is_named(source: Source, change: str, message: str) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02')")
    [before] = source.run(1)
    source.execute(f"ALTER TABLE thing {change}")
    with pytest.raises(SchemaDriftError, match=f"(?s){message}"):
        source.run(1)
    assert source.info(1) == before


def test_of_two_runs_of_one_day_the_one_that_read_the_older_object_loses(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02')")
    keys = key_of("things")
    with SourceSnapshot(source.database.connect) as snapshot:
        [part] = extract(
            snapshot, source.store, source.block, key_of=keys, days=[day(1)], first_day=FIRST, metadata={}, log=LOG
        )
        source.execute("INSERT INTO thing VALUES (2, 'b', 1, '2025-03-02')")
        source.run(1)
        with pytest.raises(ConcurrentWriteError):
            store_partition(source.store, keys(day(1)), part)
    assert source.ids(1) == [1, 2]


def test_progress_is_logged_in_lines_with_rows_bytes_rate_and_elapsed(source: Source, caplog) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02')")
    with caplog.at_level(logging.INFO, LOG.name):
        source.run(1)
    [line] = [record.message for record in caplog.records if record.message.startswith("extracted")]
    assert "block=things day=2025-03-02 rows=1 bytes=" in line
    assert "rows_per_second=" in line
    assert "elapsed=" in line


def test_an_extract_dropped_half_way_gives_its_connection_back_to_nobody(source: Source) -> None:
    source.execute("INSERT INTO thing SELECT g, repeat('x', 200), 1, '2025-03-02' FROM generate_series(1, 100000) g")
    before = threading.active_count()
    with SourceSnapshot(source.database.connect) as snapshot:
        [part] = extract(
            snapshot, source.store, source.block, key_of=key_of("things"), days=[day(1)], first_day=FIRST,
            metadata={}, log=LOG,
        )  # fmt: skip
        reader = part.reader()
        reader.read_next_batch()
        del reader, part
        with snapshot.worker() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM thing")
            assert cursor.fetchone() == (100000,)
    assert threading.active_count() == before
    assert datetime.now(UTC) > snapshot.taken_at


def test_all_blocks_of_a_day_come_before_the_next_day(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02'), (2, 'b', 2, '2025-03-03')")
    blocks = [changed(name="one"), changed(name="other")]
    with SourceSnapshot(source.database.connect) as snapshot:
        output = extract_all(
            snapshot,
            source.store,
            blocks,
            key_of=lambda when, name: key_of(name)(when),
            days=[day(2), day(1)],
            first_day=FIRST,
            metadata={},
            log=LOG,
        )
        handed = [(part.partition, part.name, part.reader().read_all().num_rows) for part in output]
    assert output.names == frozenset({"one", "other"})
    assert handed == [(day(n).isoformat(), name, 1) for n in (1, 2) for name in ("one", "other")]
