from __future__ import annotations

import pytest

from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.errors import SourceSchemaError
from retail_medallion_tests.bronze.harness import Source

BLOCK = ExtractBlock(name="shelf", mode=Mode.SNAPSHOT, key=("id",), table="shelf")
KEYS = ExtractBlock(name="shelf", mode=Mode.KEYS, key=("id",), table="shelf")


@pytest.fixture
def shelf(source: Source) -> Source:
    source.block = BLOCK
    source.execute("CREATE TABLE shelf (id int, label text)")
    source.execute("INSERT INTO shelf VALUES (1, 'a'), (2, 'b')")
    return source


def observed(source: Source, number: int) -> tuple[str, int]:
    info = source.info(number)
    return info.metadata["observed"], info.rows


def test_of_a_range_only_the_newest_day_observes(shelf: Source) -> None:
    shelf.run(0, 1, 2)
    assert [observed(shelf, number) for number in range(3)] == [("false", 0), ("false", 0), ("true", 2)]
    with shelf.store.open(shelf.info(0)) as empty, shelf.store.open(shelf.info(2)) as full:
        assert empty.schema.equals(full.schema, check_metadata=True)


def test_today_is_never_stored_under_a_day_before_one_already_observed(shelf: Source) -> None:
    shelf.run(3)
    shelf.execute("DELETE FROM shelf")
    shelf.run(1)
    assert observed(shelf, 1) == ("false", 0)
    assert observed(shelf, 3) == ("true", 2)


def test_an_observed_day_keeps_its_object_when_a_range_passes_over_it(shelf: Source) -> None:
    [before] = shelf.run(1)
    shelf.execute("INSERT INTO shelf VALUES (3, 'c')")
    shelf.run(0, 1, 2)
    assert shelf.info(1) == before
    assert [observed(shelf, number) for number in (0, 2)] == [("false", 0), ("true", 3)]
    shelf.execute("DELETE FROM shelf")
    assert shelf.run(1) == [before]
    assert shelf.run(0) == [shelf.info(0)]


def test_the_newest_day_observed_again_holds_the_table_as_it_is_now(shelf: Source) -> None:
    shelf.run(1)
    shelf.execute("DELETE FROM shelf WHERE id = 1")
    shelf.run(1)
    assert shelf.ids(1) == [2]
    before = shelf.info(1)
    assert shelf.run(1) == [before]


def test_an_empty_table_that_was_seen_is_told_from_one_that_was_not(shelf: Source) -> None:
    shelf.execute("DELETE FROM shelf")
    shelf.run(1, 2)
    assert [observed(shelf, number) for number in (1, 2)] == [("false", 0), ("true", 0)]


def test_a_day_not_observed_becomes_observed_while_no_later_day_is(shelf: Source) -> None:
    shelf.execute("DELETE FROM shelf")
    shelf.run(1, 2)
    other = shelf.info(2)
    shelf.store._client.delete_object(Bucket=shelf.store.bucket, Key=other.key)
    shelf.run(1)
    assert observed(shelf, 1) == ("true", 0)


def test_a_list_of_keys_holds_nothing_else_and_observes_as_a_snapshot_does(shelf: Source) -> None:
    shelf.block = KEYS
    shelf.run(0, 1)
    assert [observed(shelf, number) for number in range(2)] == [("false", 0), ("true", 2)]
    assert [sorted(row) for row in shelf.rows(1)] == [["_extracted_at", "id"]] * 2
    shelf.execute("DELETE FROM shelf WHERE id = 1")
    shelf.run(2)
    assert (shelf.ids(1), shelf.ids(2)) == ([1, 2], [2])


def test_a_list_of_keys_does_not_read_the_other_columns(shelf: Source) -> None:
    shelf.block = KEYS
    shelf.execute("ALTER TABLE shelf DROP COLUMN label, ADD COLUMN label int GENERATED ALWAYS AS (1 / id) STORED")
    shelf.run(0)
    before = shelf.info(0)
    shelf.execute("ALTER TABLE shelf DROP COLUMN label")
    assert shelf.run(0) == [before]


def test_a_list_of_keys_of_a_column_that_is_not_there_is_refused(shelf: Source) -> None:
    shelf.block = ExtractBlock(name="shelf", mode=Mode.KEYS, key=("number",), table="shelf")
    with pytest.raises(SourceSchemaError, match="number"):
        shelf.run(0)
