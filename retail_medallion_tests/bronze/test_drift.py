"""Columns that are no longer those of the day before (G12)."""

from __future__ import annotations

import json

import pytest

from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.bronze.drift import FINGERPRINT
from retail_medallion.errors import SchemaDriftError, SourceSchemaError
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
        ("DROP COLUMN price", "G12.*'price'.*gone.*price numeric.12,2. as on 2025-03-01.*no such column.*leave it out"),
        (
            "ALTER COLUMN price TYPE text",
            "G12.*'price'.*changed.*numeric.12,2. as on 2025-03-01.*found text.*accept-drift",
        ),
        ("ALTER COLUMN price TYPE numeric(12,1)", "G12.*'price'.*numeric.12,2.*found numeric.12,1"),
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
    assert json.loads(accepted.metadata["columns_changed"]) == ["price: numeric(12,2) to text"]
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


@pytest.fixture
def labelled(source: Source) -> Source:
    """A source of which the mapping reads all columns, with five rows of the first day."""
    source.reads = lambda: dict.fromkeys(("id", "label", "price", "updated_at"), "shop.yml:7:9")
    source.execute("INSERT INTO thing SELECT n, 'n' || n, n, '2025-03-01' FROM generate_series(1, 5) n")
    source.run(0)
    return source


def refused(source: Source, number: int = 1, block: ExtractBlock | None = None) -> str:
    with pytest.raises(SchemaDriftError) as caught:
        source.run(number, block=block)
    assert source.store.stat(source.info(0).key.replace("03-01", f"03-{number + 1:02}")) is None
    return str(caught.value)


def test_every_column_that_is_gone_or_another_is_named_with_the_place_that_reads_it(labelled: Source) -> None:
    labelled.execute("ALTER TABLE thing DROP COLUMN label, ALTER COLUMN price TYPE text")
    message = refused(labelled)
    assert "columns 'label', 'price'" in message
    assert "expected label text as on 2025-03-01, found no such column" in message
    assert "expected price numeric(12,2) as on 2025-03-01, found text" in message
    assert message.count("(shop.yml:7:9)") == 2


@pytest.mark.parametrize("name", ["label_text", "caption"])
def test_a_renamed_column_is_recognised_by_its_values(labelled: Source, name: str) -> None:
    labelled.execute(f"ALTER TABLE thing RENAME COLUMN label TO {name}; ALTER TABLE thing ADD COLUMN label2 text")
    words = f"'{name}' is new, of the same type, and holds the same in 5 of 5 rows: write it in place of 'label'"
    assert words in refused(labelled)


def test_a_column_with_a_similar_name_and_other_values_is_not_taken_for_it(labelled: Source) -> None:
    labelled.execute("ALTER TABLE thing ADD COLUMN labels text; UPDATE thing SET labels = 'x'")
    labelled.execute("ALTER TABLE thing DROP COLUMN label")
    assert "Map another column than 'label'" in refused(labelled)


def test_where_no_row_can_be_compared_a_similar_name_is_told(labelled: Source) -> None:
    labelled.execute("ALTER TABLE thing RENAME COLUMN price TO unit_price; ALTER TABLE thing ADD COLUMN note text")
    labelled.execute("UPDATE thing SET id = id + 100")
    assert "'unit_price' is new, of the same type, and has a similar name: write it in place of" in refused(labelled)


def test_a_column_of_another_type_is_not_taken_for_the_one_that_is_gone(labelled: Source) -> None:
    labelled.execute("ALTER TABLE thing DROP COLUMN price, ADD COLUMN new_price text")
    assert "Map another column than 'price'" in refused(labelled)


def test_a_key_that_was_renamed_is_told_as_drift_too(labelled: Source) -> None:
    labelled.execute("ALTER TABLE thing RENAME COLUMN id TO thing_id")
    message = refused(labelled)
    assert "column 'id', which the mapping reads, is gone" in message
    assert "'thing_id' is new, of the same type, and has a similar name" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ALTER TABLE thing RENAME COLUMN updated_at TO modified_at", 'column "updated_at" does not exist'),
        ("ALTER TABLE thing RENAME TO things", "no table or view thing"),
    ],
)
def test_an_extract_that_fits_its_source_no_more_tells_when_it_did_and_what_it_gave(
    labelled: Source, change: str, words: str
) -> None:
    labelled.reads = lambda: {"id", "label", "price"}
    labelled.execute(change)
    message = refused(labelled)
    assert words in message
    assert (
        "on 2025-03-01 the extract fitted its source and gave: id integer, label text, price numeric(12,2)" in message
    )
    assert "day=2025-03-02" in message


def test_a_query_that_names_a_renamed_column_passes_on_what_the_server_supposes(labelled: Source) -> None:
    block = changed(name="asked", table=None, query="SELECT id, label, price, updated_at FROM thing")
    labelled.run(0, block=block)
    labelled.execute("ALTER TABLE thing RENAME COLUMN label TO labels")
    message = refused(labelled, block=block)
    assert 'column "label" does not exist' in message
    assert 'Perhaps you meant to reference the column "thing.labels"' in message


def test_an_extract_that_never_fitted_its_source_says_just_that(source: Source) -> None:
    with pytest.raises(SourceSchemaError, match="no table or view nothing") as caught:
        source.run(0, block=changed(table="nothing"))
    assert "fitted" not in str(caught.value)


def test_the_first_day_extracted_again_is_held_against_itself(source: Source) -> None:
    whole = ExtractBlock(name="whole", mode=Mode.SNAPSHOT, key=("id",), table="thing")
    source.reads = lambda: {"id", "label"}
    [before] = source.run(0, block=whole)
    source.execute("ALTER TABLE thing DROP COLUMN label")
    with pytest.raises(SchemaDriftError, match=r"'label'.*gone"):
        source.run(0, block=whole)
    assert source.info(0, whole) == before


def test_a_text_that_becomes_the_printed_form_of_something_else_is_another_type(labelled: Source) -> None:
    labelled.execute("ALTER TABLE thing ALTER COLUMN label TYPE varchar(40)")
    assert labelled.run(1)[0].rows == 0
    labelled.execute("ALTER TABLE thing ALTER COLUMN label TYPE jsonb USING to_jsonb(label)")
    assert "expected label character varying(40) as on 2025-03-02, found jsonb" in refused(labelled, 2)
