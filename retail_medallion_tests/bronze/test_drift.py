"""Columns that are no longer those of the day before (G12)."""

from __future__ import annotations

import json

import pytest

from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.bronze.drift import FINGERPRINT
from retail_medallion.errors import SchemaDriftError
from retail_medallion_tests.bronze.harness import Source, changed, day


@pytest.fixture
def kept(source: Source) -> Source:
    """A source whose first day was extracted, and whose mapping reads all columns but the label."""
    source.reads = lambda: {"id", "Price", "updated_at"}
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-01'), (2, 'b', 2, '2025-03-04')")
    source.run(0)
    return source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP COLUMN price", "G12.*'price'.*gone.*decimal128.*2025-03-01.*no such column"),
        ("ALTER COLUMN price TYPE text", "G12.*'price'.*changed.*decimal128.*2025-03-01.*found string.*accept-drift"),
        ("ALTER COLUMN price TYPE numeric(12,1)", "G12.*'price'.*decimal128.12, 2.*found decimal128.12, 1"),
    ],
)
def test_a_column_the_mapping_reads_that_is_gone_or_another_stops_the_next_day(
    kept: Source, change: str, message: str
) -> None:
    kept.execute(f"ALTER TABLE thing {change}")
    with pytest.raises(SchemaDriftError, match=f"(?s){message}"):
        kept.run(3)
    assert list(kept.store.list_keys("")) == [kept.info(0).key]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER COLUMN id TYPE bigint",
        "ALTER COLUMN price TYPE numeric(14,2)",
        "ALTER COLUMN label TYPE jsonb USING to_jsonb(label)",
        "DROP COLUMN label",
        "ADD COLUMN note text",
    ],
)
def test_a_column_that_is_not_read_or_holds_what_it_held_or_is_new_stops_nothing(kept: Source, change: str) -> None:
    kept.execute(f"ALTER TABLE thing {change}")
    [info] = kept.run(3)
    assert info.rows == 1


def test_a_new_column_is_told_by_the_first_day_that_has_it(kept: Source) -> None:
    kept.execute("ALTER TABLE thing ADD COLUMN note text")
    [first, second] = kept.run(3, 4)
    assert json.loads(first.metadata["columns_added"]) == ["note"]
    assert "columns_added" not in second.metadata
    assert "columns_added" not in kept.run(5)[0].metadata


def test_an_equal_schema_is_known_without_opening_the_object(kept: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(kept.store), "open", None)
    assert kept.run(3)[0].metadata[FINGERPRINT] == kept.info(0).metadata[FINGERPRINT]


def test_the_nearest_earlier_day_decides(kept: Source) -> None:
    kept.execute("ALTER TABLE thing ALTER COLUMN price TYPE text")
    kept.reads = None
    [accepted] = kept.run(3)
    assert json.loads(accepted.metadata["columns_changed"]) == ["price: decimal128(12, 2) to string"]
    kept.reads = lambda: {"price"}
    assert kept.run(4)[0].rows == 0
    with pytest.raises(SchemaDriftError, match="G12"):
        kept.run(2)


def test_a_snapshot_and_another_block_of_the_day_are_told_apart(kept: Source) -> None:
    whole = ExtractBlock(name="whole", mode=Mode.SNAPSHOT, key=("id",), query="SELECT id, label FROM thing")
    assert "columns_gone" not in kept.run(1, block=whole)[0].metadata
    other = ExtractBlock(name="whole", mode=Mode.SNAPSHOT, key=("id",), query="SELECT label, id FROM thing")
    assert kept.run(2, block=other)[0].metadata["observed"] == "true"
    kept.reads = lambda: {"id", "label"}
    less = ExtractBlock(name="whole", mode=Mode.SNAPSHOT, key=("id",), query="SELECT id FROM thing")
    with pytest.raises(SchemaDriftError, match=f"'label'.*gone.*(?s:.)*{day(2)}"):
        kept.run(3, block=less)
    assert kept.run(3, block=changed())[0].rows == 1
