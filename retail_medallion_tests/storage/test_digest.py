from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_medallion.errors import DataContractError
from retail_medallion.storage.digest import ContentDigest, row_digest

COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "text": (pa.string(), ["", "é", None, "long " * 50]),
    "large text": (pa.large_string(), ["", "é", None, "b"]),
    "bytes": (pa.binary(), [b"", b"\x00", None, b"\xff"]),
    "uuid": (pa.uuid(), [b"a" * 16, None, b"b" * 16, b"c" * 16]),
    "bool": (pa.bool_(), [True, False, None, True]),
    "int": (pa.int16(), [1, -1, None, 0]),
    "decimal": (pa.decimal128(12, 2), [Decimal("1.50"), None, Decimal(-2), Decimal(0)]),
    "wide decimal": (pa.decimal256(76, 30), [Decimal("1e40"), None, Decimal("-1e-30"), Decimal(0)]),
    "instant": (pa.timestamp("us", "UTC"), [dt.datetime(2025, 1, 1, tzinfo=dt.UTC), None, None, None]),
    "list": (pa.list_(pa.string()), [["a", None], [], None, ["b"]]),
    "fixed list": (pa.list_(pa.int8(), 2), [[1, 2], None, [3, None], [5, 6]]),
    "struct": (
        pa.struct([("a", pa.int32()), ("b", pa.list_(pa.bool_()))]),
        [{"a": 1, "b": [True]}, None, {}, {"a": 2}],
    ),
    "map": (pa.map_(pa.string(), pa.int32()), [[("a", 1)], None, [], [("b", None), ("c", 3)]]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["x", None, "y", "x"]),
    "nothing": (pa.null(), [None, None, None, None]),
}


def table() -> pa.Table:
    return pa.table({name: pa.array(values, kind) for name, (kind, values) in COLUMNS.items()})


def digest(batches: list[pa.RecordBatch], schema: pa.Schema, volatile: tuple[str, ...] = ()) -> str:
    made = ContentDigest(schema, volatile=volatile)
    for batch in batches:
        made.update(batch)
    return made.hexdigest()


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), max_size=5))
def test_batch_boundaries_leave_no_trace(cuts: list[int]) -> None:
    whole = table()
    edges = [0, *sorted(cuts), 4]
    pieces = [whole.slice(a, b - a) for a, b in itertools.pairwise(edges)]
    batches = [batch for piece in pieces for batch in piece.to_batches()]
    assert digest(batches, whole.schema) == digest(whole.to_batches(), whole.schema)


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "nothing"])
def test_every_value_and_every_null_counts(name: str) -> None:
    whole = table()
    kind, values = COLUMNS[name]
    seen = {digest(whole.to_batches(), whole.schema)}
    position = whole.column_names.index(name)
    for row in range(4):
        changed = [*values]
        changed[row] = values[0] if values[row] is None else None
        other = whole.set_column(position, whole.schema.field(name), pa.array(changed, kind))
        seen.add(digest(other.to_batches(), other.schema))
    assert len(seen) == 5


def test_the_order_of_rows_counts() -> None:
    whole = pa.table({"a": [1, 2]})
    assert digest(whole.to_batches(), whole.schema) != digest(whole.take([1, 0]).to_batches(), whole.schema)


def test_what_lies_under_a_null_does_not_count() -> None:
    mask = pa.py_buffer(bytes([0b101]))
    made = [
        pa.Array.from_buffers(pa.int64(), 3, [mask, pa.array([1, garbage, 3], pa.int64()).buffers()[1]])
        for garbage in (7, 99)
    ]
    assert made[0].equals(made[1])
    batches = [pa.record_batch([array], names=["a"]) for array in made]
    assert digest([batches[0]], batches[0].schema) == digest([batches[1]], batches[1].schema)


def test_names_types_and_field_metadata_count_but_volatile_columns_do_not() -> None:
    base = pa.table({"a": pa.array([1], pa.int64()), "t": [1]})
    same = base.set_column(1, "t", pa.array([2]))
    assert digest(base.to_batches(), base.schema, ("t",)) == digest(same.to_batches(), same.schema, ("t",))
    others = [
        pa.table({"b": pa.array([1], pa.int64())}),
        pa.table({"a": pa.array([1], pa.int32())}),
        pa.table({"a": pa.array([1], pa.int64())}, schema=pa.schema([pa.field("a", pa.int64(), metadata={"x": "y"})])),
        pa.table({"a": pa.array([], pa.int64())}),
    ]
    found = {digest(other.to_batches(), other.schema) for other in [base.select(["a"]), *others]}
    assert len(found) == 5


def test_two_columns_cannot_trade_their_values() -> None:
    one, other = pa.table({"a": ["x"], "b": ["y"]}), pa.table({"a": ["xy"], "b": [""]})
    assert digest(one.to_batches(), one.schema) != digest(other.to_batches(), other.schema)


def test_a_row_is_recognised_wherever_it_stands() -> None:
    batch = table().to_batches()[0]
    doubled = pa.concat_tables([table().slice(2, 1), table()]).combine_chunks().to_batches()[0]
    assert [row_digest(batch, row) for row in range(4)] == [row_digest(doubled, row + 1) for row in range(4)]
    assert row_digest(doubled, 0) == row_digest(batch, 2)


def test_a_type_that_cannot_be_digested_is_named() -> None:
    views = pa.table({"a": pa.array(["x"], pa.string_view())})
    with pytest.raises(DataContractError, match="string_view"):
        digest(views.to_batches(), views.schema)
