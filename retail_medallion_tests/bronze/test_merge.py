from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.bronze.merge import merge
from retail_medallion.errors import DataContractError
from retail_medallion.storage.digest import ContentDigest

BEFORE = datetime(2025, 3, 2, 1, tzinfo=UTC)
NOW = datetime(2025, 3, 9, 1, tzinfo=UTC)
STAMP = ("_extracted_at", pa.timestamp("us", "UTC"))

ROWS = ExtractBlock(name="rows", mode=Mode.CHANGED, key=("k",), table="t", watermark="w")
LINES = ExtractBlock(name="lines", mode=Mode.DOCUMENTS, key=("k",), document=("doc",), table="t", watermark="w")


def last(value: object) -> tuple[bool, object]:
    """Order as the database does: NULL last, text by its bytes."""
    return (value is None, value.encode() if isinstance(value, str) else 0 if value is None else value)


def stream(rows: list[dict[str, object]], schema: pa.Schema, batch: int) -> pa.RecordBatchReader:
    return pa.Table.from_pylist(rows, schema=schema).to_reader(max_chunksize=batch)


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=3)
keys = st.one_of(st.none(), st.sampled_from(["", "a", "A", "é", "z", "\U0001f600", "￿", "aa"]), texts)
values = st.one_of(st.none(), st.integers(0, 2))


@settings(deadline=None)
@given(st.dictionaries(keys, values), st.dictionaries(keys, values), st.integers(1, 4), st.integers(1, 4))
def test_a_row_seen_before_stays_unless_the_new_extract_has_its_key_with_other_content(old, new, cut_old, cut_new):
    schema = pa.schema([("k", pa.string()), ("v", pa.int64()), STAMP])

    def made(rows, when):
        return [{"k": key, "v": rows[key], "_extracted_at": when} for key in sorted(rows, key=last)]

    expected = {key: (value, BEFORE) for key, value in old.items()}
    for key, value in new.items():
        if key not in old or old[key] != value:
            expected[key] = (value, NOW)
    result = merge(stream(made(old, BEFORE), schema, cut_old), stream(made(new, NOW), schema, cut_new), ROWS)
    assert [(row["k"], (row["v"], row["_extracted_at"])) for row in result.read_all().to_pylist()] == [
        (key, expected[key]) for key in sorted(expected, key=last)
    ]


lines = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 3)), values)


@settings(deadline=None)
@given(lines, lines, st.integers(1, 4), st.integers(1, 4))
def test_the_newest_extract_of_a_document_wins_whole_and_other_documents_stay(old, new, cut_old, cut_new):
    schema = pa.schema([("doc", pa.int32()), ("k", pa.int64()), ("v", pa.int64()), STAMP])

    def made(rows, when):
        return [{"doc": doc, "k": k, "v": rows[doc, k], "_extracted_at": when} for doc, k in sorted(rows)]

    seen_now = {doc for doc, _ in new}
    expected = {key: (value, BEFORE) for key, value in old.items() if key[0] not in seen_now}
    for key, value in new.items():
        same = key in old and old[key] == value
        expected[key] = (value, BEFORE if same else NOW)
    result = merge(stream(made(old, BEFORE), schema, cut_old), stream(made(new, NOW), schema, cut_new), LINES)
    assert [((r["doc"], r["k"]), (r["v"], r["_extracted_at"])) for r in result.read_all().to_pylist()] == sorted(
        expected.items()
    )


pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=8)


@settings(deadline=None)
@given(pairs, pairs, st.integers(1, 3), st.integers(1, 3))
def test_where_a_key_is_not_unique_every_different_row_is_kept_and_none_is_doubled(old, new, cut_old, cut_new):
    schema = pa.schema([("k", pa.int64()), ("v", pa.int64()), STAMP])

    def made(rows, when):
        return [{"k": k, "v": v, "_extracted_at": when} for k, v in sorted(rows)]

    expected: Counter[tuple[int, int]] = Counter()
    for key in {k for k, _ in old + new}:
        olds, news = [r for r in old if r[0] == key], [r for r in new if r[0] == key]
        expected += Counter(news) if len(olds) == len(news) == 1 else Counter(olds) | Counter(news)
    merged = merge(stream(made(old, BEFORE), schema, cut_old), stream(made(new, NOW), schema, cut_new), ROWS).read_all()
    assert Counter(zip(merged["k"].to_pylist(), merged["v"].to_pylist(), strict=True)) == expected
    assert merged["k"].to_pylist() == sorted(merged["k"].to_pylist())
    again = merge(merged.to_reader(), stream(made(new, NOW), schema, cut_new), ROWS).read_all()
    if max(Counter(k for k, _ in new).values(), default=0) > 1:
        assert len(again) >= len(merged)


EXTREME = 2**63 - 1


def digest(table: pa.Table) -> str:
    result = ContentDigest(table.schema)
    for batch in table.to_batches():
        result.update(batch)
    return result.hexdigest()


SAMPLES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "uuid": (pa.uuid(), [b"a" * 16, b"b" * 16, None]),
    "decimal128": (pa.decimal128(12, 2), [Decimal("-1.50"), Decimal("2.00"), None]),
    "decimal256": (pa.decimal256(60, 10), [Decimal("-1.5"), Decimal("1e40"), None]),
    "instant at infinity": (pa.timestamp("us", "UTC"), [-EXTREME - 1, 0, EXTREME, None]),
    "float": (pa.float64(), [-1.5, 0.0, math.inf, math.nan, None]),
    "binary": (pa.binary(), [b"", b"\x00", b"\xff", None]),
    "bool": (pa.bool_(), [False, True, None]),
    "date": (pa.date32(), [-5, 0, None]),
    "time": (pa.time64("us"), [0, 5, None]),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_type_that_identifies_rows_is_matched_and_ordered(name: str) -> None:
    kind, samples = SAMPLES[name]
    storage = pa.int64() if pa.types.is_timestamp(kind) or pa.types.is_time(kind) else None
    storage = pa.int32() if pa.types.is_date(kind) else storage
    column = pa.array(samples, storage).view(kind) if storage else pa.array(samples, kind)
    stamp = pa.array([BEFORE] * len(samples), STAMP[1])
    table = pa.table({"k": column, "v": pa.array([1] * len(samples)), "_extracted_at": stamp})
    newer = table.set_column(2, "_extracted_at", pa.array([NOW] * len(samples), STAMP[1]))
    # By digest, because NaN is equal to nothing.
    same = merge(table.to_reader(1), newer.to_reader(2), ROWS).read_all()
    assert digest(same) == digest(table)
    added = merge(table.slice(0, 1).to_reader(), newer.slice(1).to_reader(), ROWS).read_all()
    assert digest(added.select(["k", "v"])) == digest(table.select(["k", "v"]))
    changed = newer.set_column(1, "v", pa.array([2] * len(samples)))
    assert merge(table.to_reader(2), changed.to_reader(1), ROWS).read_all().column("v").to_pylist() == [2] * len(
        samples
    )


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (pa.list_(pa.int32()), [[1], None, [], [1, 2]], [[1], [], None, [2, 1]]),
        (pa.list_(pa.timestamp("us", "UTC")), [[EXTREME], [1], [], None], [[EXTREME], [2], None, []]),
        (pa.float64(), [math.nan, 0.0, None, 1.0], [math.nan, -0.0, 1.0, None]),
        (
            pa.decimal256(70, 2),
            [Decimal("1.00"), None, Decimal(2), Decimal(3)],
            [Decimal(1), Decimal(1), None, Decimal(4)],
        ),
        (pa.uuid(), [b"a" * 16, None, b"b" * 16, b"c" * 16], [b"a" * 16, b"b" * 16, None, b"d" * 16]),
        (pa.string(), ["x", "", None, "a"], ["x", None, "", "b"]),
    ],
)
def test_a_row_is_the_same_only_if_every_value_is(kind: pa.DataType, before: list, after: list) -> None:
    def table(values: list, when: datetime) -> pa.Table:
        return pa.table(
            {"k": [1, 2, 3, 4], "v": pa.array(values, kind), "_extracted_at": pa.array([when] * 4, STAMP[1])}
        )

    merged = merge(table(before, BEFORE).to_reader(), table(after, NOW).to_reader(), ROWS).read_all()
    assert merged["_extracted_at"].to_pylist() == [BEFORE, NOW, NOW, NOW]
    assert merged["v"].equals(table(after, NOW)["v"]) or pa.types.is_floating(kind)


def test_rows_in_another_order_than_that_of_the_key_are_refused() -> None:
    schema = pa.schema([("k", pa.int64()), STAMP])
    rows = [{"k": 2, "_extracted_at": NOW}, {"k": 1, "_extracted_at": NOW}]
    with pytest.raises(DataContractError, match="not ordered by k"):
        merge(stream([], schema, 1), stream(rows, schema, 1), ROWS).read_all()
