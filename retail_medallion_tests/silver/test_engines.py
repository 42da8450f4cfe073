"""A partition comes out the same whatever its engine cleaned before it."""

from __future__ import annotations

import datetime as dt
import gc
import os
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from retail_medallion.errors import BalanceError, ServiceUnavailableError
from retail_medallion.silver import engines
from retail_medallion.silver.engines import FEW_ROWS, Engine, close_all
from retail_medallion.silver.transform import BronzeInput, EngineLimits, transform
from retail_medallion_tests.silver.blocks import MODEL, block, bronze, source_mapping, table_of

FIRST = dt.date(2026, 6, 20)
COLUMNS = {name: name for name in ("full_name", "birth_date", "registered_at", "phone", "is_active", "city")}
MAPPING = source_mapping({"customers": [block("customers", COLUMNS)]})
LINES = source_mapping(
    {
        "sale_items": [
            block(
                "sale_items",
                {"sale_id": "s", "quantity": "q", "unit_price": {"const": 1}},
                where="q IS NOT NULL",
                complete={"within": "sale_id", "value": "s"},
            )
        ]
    }
)


@pytest.fixture(autouse=True)
def _no_engine_waits() -> Iterator[None]:
    close_all()
    yield
    close_all()


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def customers(number: int, rows: int = 12) -> pa.Table:
    """Rows of which some are refused, some repeat a key, and some are in order on one day and not on another."""
    noon = dt.datetime.combine(day(0), dt.time(12), tzinfo=dt.UTC)
    return table_of(
        [
            {
                "k": str(i % 9),
                "full_name": f"Name {number} {i}",
                "birth_date": day(i - 3),
                "registered_at": noon + dt.timedelta(days=i % 4),
                "phone": "030 901820" if i % 2 else None,
                "is_active": "perhaps" if i % 5 == number % 5 else "yes",
                "city": "x" * i,
            }
            for i in range(rows)
        ]
    )


def outcome(mapping: Any, entity: str, partition: dt.date, inputs: list[BronzeInput]) -> tuple[Any, ...]:
    with transform(mapping, MODEL, entity, partition, inputs) as made:
        return made.accepted().read_all(), made.rejected().read_all(), made.counts, made.scopes


def clean(number: int, rows: int = 12, **more: Any) -> tuple[Any, ...]:
    return outcome(MAPPING, "customers", day(number), [bronze(MAPPING, "customers", customers(number, rows), **more)])


def freshly(number: int) -> tuple[Any, ...]:
    close_all()
    return clean(number)


def waiting() -> int:
    return len(engines._waiting)


def test_days_one_after_another_come_out_as_each_by_itself() -> None:
    alone = [freshly(n) for n in range(4)]
    close_all()
    assert [clean(n) for n in (0, 1, 2, 3, 1, 0)] == [*alone, alone[1], alone[0]]
    assert waiting() == 1
    assert len({str(found[2]) for found in alone}) > 1, "the day decides"
    assert all(found[2].superseded and found[2].rejected for found in alone)


def test_documents_and_conditions_are_those_of_the_day() -> None:
    def lines(sale: str, *quantities: int | None) -> list[BronzeInput]:
        rows = [{"k": str(i), "s": sale, "q": q and Decimal(q)} for i, q in enumerate(quantities)]
        schema = pa.schema([("k", "string"), ("s", "string"), ("q", pa.decimal128(9, 2))])
        return [bronze(LINES, "sale_items", table_of(rows, schema))]

    found = [
        outcome(LINES, "sale_items", FIRST, lines(*day_))
        for day_ in (("a", 1, None), ("b", 2), ("c",), ("d", None, None), ("e", 3, 4, None))
    ]
    assert [made[3] for made in found] == [["a"], ["b"], [], ["d"], ["e"]]
    assert [(made[2].rows_read, made[2].filtered, made[2].accepted) for made in found] == [
        (2, 1, 1), (1, 0, 1), (0, 0, 0), (2, 2, 0), (3, 1, 2)
    ]  # fmt: skip


def broken(error: Exception) -> BronzeInput:
    source = bronze(MAPPING, "customers", customers(0))

    def batches() -> Iterator[pa.RecordBatch]:
        yield from source.open()
        raise error

    return BronzeInput(
        source.block, source.schema, lambda: pa.RecordBatchReader.from_batches(source.schema, batches()), True, 12
    )


def left_by_an_error(number: int) -> None:
    inputs = [bronze(MAPPING, "customers", customers(number))]
    with transform(MAPPING, MODEL, "customers", day(number), inputs) as made:
        made.accepted().read_next_batch()
        raise ZeroDivisionError


def test_a_day_after_a_failed_one_comes_out_as_by_itself() -> None:
    alone = freshly(1)
    clean(0)
    with pytest.raises(BalanceError):
        outcome(MAPPING, "customers", day(0), [bronze(MAPPING, "customers", customers(0), rows=13)])
    assert waiting() == 0, "the engine of a failed day is not used again"
    assert clean(1) == alone
    with pytest.raises(ServiceUnavailableError, match="closed"):
        outcome(MAPPING, "customers", day(0), [broken(ServiceUnavailableError("S3 closed the connection."))])
    assert clean(1) == alone
    with pytest.raises(ZeroDivisionError):
        left_by_an_error(0)
    assert waiting() == 0
    assert clean(1) == alone


def test_a_partition_that_was_not_read_to_its_end_leaves_nothing_behind() -> None:
    alone = freshly(1)
    with transform(MAPPING, MODEL, "customers", day(0), [bronze(MAPPING, "customers", customers(0))]) as made:
        accepted, rejected = made.accepted(), made.rejected()
        rejected.read_next_batch()
    assert waiting() == 1
    assert clean(1) == alone
    del accepted


def test_threads_never_share_an_engine() -> None:
    alone = [freshly(n) for n in range(6)]
    close_all()
    together = threading.Barrier(2, timeout=60)

    def at_the_same_time(number: int) -> tuple[Any, ...]:
        inputs = [bronze(MAPPING, "customers", customers(number))]
        with transform(MAPPING, MODEL, "customers", day(number), inputs) as made:
            together.wait()
            return made.accepted().read_all(), made.rejected().read_all(), made.counts, made.scopes

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(at_the_same_time, range(6))) == alone
    assert waiting() == 2


def test_a_changed_mapping_schema_or_limit_gets_an_engine_of_its_own() -> None:
    clean(0)
    other = source_mapping({"customers": [block("customers", COLUMNS)]}, country="CH")
    found = outcome(other, "customers", day(0), [bronze(other, "customers", customers(0))])
    assert {phone for phone in found[0]["phone"].to_pylist() if phone} != {"+4930901820"}
    wider = customers(0).append_column("more", pa.array([1] * 12))
    assert outcome(MAPPING, "customers", day(0), [bronze(MAPPING, "customers", wider)])[2] == clean(0)[2]
    inputs = [bronze(MAPPING, "customers", customers(0))]
    with transform(MAPPING, MODEL, "customers", day(0), inputs, limits=EngineLimits(threads=1)):
        pass
    assert waiting() == 4


def test_only_so_many_engines_wait_and_the_longest_unused_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_KEPT", 1)
    clean(0)
    ((_, first),) = engines._waiting
    gone = weakref.ref(first)
    del first
    outcome(LINES, "sale_items", FIRST, [bronze(LINES, "sale_items", table_of([{"k": "1", "s": "1", "q": 1}]))])
    assert waiting() == 1
    gc.collect()
    assert gone() is None


def test_few_rows_and_many_rows_come_out_the_same_and_many_leave_no_engine_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = freshly(2)
    assert clean(0, rows=FEW_ROWS)[2].mapped == FEW_ROWS
    assert waiting() == 1
    assert clean(0, rows=FEW_ROWS + 1)[2].mapped == FEW_ROWS + 1
    assert waiting() == 0
    monkeypatch.setattr(engines, "FEW_ROWS", 0)
    assert clean(2) == few


def test_a_forked_process_makes_engines_of_its_own() -> None:
    clean(0)
    child = os.fork()
    if child == 0:
        os._exit(waiting())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert waiting() == 1


def test_an_engine_that_cannot_be_made_leaves_no_folder(tmp_path: Any) -> None:
    with pytest.raises(duckdb.Error):
        Engine(MODEL.entity("customers"), EngineLimits(memory="no memory", spill_to=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_every_arrow_type_is_handed_over_as_it_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    at = dt.datetime(2026, 6, 20, 1, 2, 3, 4, tzinfo=dt.UTC)
    values = {
        "k": pa.array(["1"]),
        "n": pa.array(["x"]),
        "dictionary": pa.array(["a"]).dictionary_encode(),
        "large": pa.array(["a"], pa.large_string()),
        "view": pa.array(["a"], pa.string_view()),
        "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef"], pa.binary(16))),
        "sixteen": pa.array([b"0123456789abcdef"], pa.binary(16)),
        "binary": pa.array([b"\x00\xff"]),
        "nothing": pa.nulls(1),
        "wide": pa.array([Decimal("1." + "1" * 50)], pa.decimal256(76, 50)),
        "narrow": pa.array([Decimal("1.10")], pa.decimal32(5, 2)),
        "seconds": pa.array([at], pa.timestamp("s", "Europe/Berlin")),
        "nanos": pa.array([at.replace(tzinfo=None)], pa.timestamp("ns")),
        "time": pa.array([at.time()]),
        "span": pa.array([dt.timedelta(days=1, microseconds=3)]),
        "struct": pa.array([{"a": [1, None], "b c": {"d": "e"}}]),
        "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())),
        "list": pa.array([["a", None]]),
        "fixed": pa.array([[1, 2]], pa.list_(pa.int32(), 2)),
        "unsigned": pa.array([2**64 - 1], pa.uint64()),
        'quo"ted, name': pa.array([1]),
        "_extracted_at": pa.array([at], pa.timestamp("us", "UTC")),
    }
    for name in values.keys() - {"k", "n", "_extracted_at"}:
        table = pa.table({key: values[key] for key in ("k", "n", name, "_extracted_at")})
        columns = {"supplier_name": "n", "extras": {"expr": _json_of(name)}}
        mapping = source_mapping({"suppliers": [block("suppliers", columns)]})
        found = []
        for few in (FEW_ROWS, 0):
            monkeypatch.setattr(engines, "FEW_ROWS", few)
            found.append(outcome(mapping, "suppliers", FIRST, [bronze(mapping, "suppliers", table)]))
        assert found[0] == found[1], name
        assert found[0][2].accepted == 1, name


def _json_of(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'to_json(CAST("{escaped}" AS VARCHAR))'
