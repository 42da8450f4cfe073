"""Reading Silver with exact types, and as it was after some day."""

from __future__ import annotations

import datetime as dt
import gc
import uuid
import weakref
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from retail_medallion.errors import ConfigurationError
from retail_medallion.silver.reading import EntityRows
from retail_medallion.silver.statements import current_columns
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on
from retail_medallion_tests.silver.days import DAYS, ITEMS, Day, Warehouse, random_days


class Readable(Warehouse):
    """A warehouse that can be read."""

    def __init__(self, database: FreshDatabase) -> None:
        super().__init__(sa.create_engine(database.url, poolclass=sa.pool.StaticPool))
        self.database = database

    def read(self, **wanted: Any) -> EntityRows:
        return EntityRows(ITEMS, self.database.connect, **wanted)


@pytest.fixture(scope="module")
def warehouse(postgres_server: Any) -> Iterator[Readable]:
    with fresh_database_on(postgres_server) as database:
        yield Readable(database)


@pytest.fixture(scope="module")
def other(postgres_server: Any) -> Iterator[Readable]:
    with fresh_database_on(postgres_server) as database:
        yield Readable(database)


def ordered(table: pa.Table) -> pa.Table:
    return table.sort_by([("source_system", "ascending"), ("sale_item_id", "ascending")])


@pytest.mark.parametrize("seed", range(8))
def test_as_of_a_day_is_a_warehouse_into_which_only_the_days_up_to_it_were_loaded(
    warehouse: Readable, other: Readable, seed: int
) -> None:
    days = random_days(seed)
    warehouse.clear()
    warehouse.write_all(days)
    other.clear()
    for day in DAYS:
        other.write(day, days[day])
        known = ordered(other.read().to_arrow())
        assert ordered(warehouse.read(as_of=day).to_arrow()).equals(known), day
        assert ordered(warehouse.read(as_of=day, source="a").to_arrow()).equals(known), day


def test_as_of_the_last_day_is_the_current_table_for_all_sources(warehouse: Readable) -> None:
    warehouse.clear()
    for source in "abc":
        warehouse.write_all(random_days(ord(source)), source)
    current = ordered(warehouse.read().to_arrow())
    assert current.num_rows > 3
    assert True in current["is_deleted"].to_pylist()
    assert ordered(warehouse.read(as_of=DAYS[-1]).to_arrow()).equals(current)
    assert warehouse.read(as_of=DAYS[0] - dt.timedelta(days=1)).to_arrow().num_rows == 0
    only = warehouse.read(source="b").to_arrow()
    assert set(only["source_system"].to_pylist()) == {"b"}


def test_the_history_has_a_period_for_every_version(warehouse: Readable) -> None:
    warehouse.clear()
    warehouse.write(DAYS[0], Day({"1": ("U", "A", 1)}))
    warehouse.write(DAYS[1], Day({"1": ("U", "A", 2)}))
    found = warehouse.read(history=True, columns=["quantity", "valid_from", "valid_to", "is_current"]).to_arrow()
    assert found.sort_by("valid_from").to_pylist() == [
        {"quantity": Decimal("1.000"), "valid_from": DAYS[0], "valid_to": DAYS[1], "is_current": False},
        {"quantity": Decimal("2.000"), "valid_from": DAYS[1], "valid_to": None, "is_current": True},
    ]


def test_types_are_those_of_the_model_whether_there_are_rows_or_not(warehouse: Readable) -> None:
    warehouse.clear()
    empty = warehouse.read().to_arrow()
    assert empty.num_rows == 0
    assert empty.schema.names == list(current_columns(ITEMS))
    warehouse.write(DAYS[0], Day({"1": ("U", "A", 1)}))
    for wanted in ({}, {"as_of": DAYS[0]}):
        table = warehouse.read(**wanted).to_arrow()
        assert table.schema.equals(empty.schema)
        assert table.schema.field("quantity").type == pa.decimal128(18, 3)
        assert table.schema.field("ingested_at").type == pa.timestamp("us", "UTC")
        assert table.schema.field("winner_partition").type == pa.date32()
        assert table.schema.field("dq_flags").type == pa.list_(pa.string())
        row = table.to_pylist()[0]
        assert row["quantity"] == Decimal("1.000")
        assert isinstance(row["load_id"], uuid.UUID)


def test_pandas_keeps_decimals_and_days(warehouse: Readable) -> None:
    warehouse.clear()
    warehouse.write(DAYS[0], Day({"1": ("U", "A", 1)}))
    frame = warehouse.read(columns=["sale_item_id", "quantity", "tax_rate", "winner_partition"]).to_pandas()
    assert list(frame.columns) == ["sale_item_id", "quantity", "tax_rate", "winner_partition"]
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)
    assert frame["quantity"].sum() == Decimal("1.000")
    assert frame["tax_rate"].isna().all()


def test_a_stream_gives_its_connection_back_when_it_ends_and_when_it_is_dropped(warehouse: Readable) -> None:
    warehouse.clear()
    warehouse.write(DAYS[0], Day({"1": ("U", "A", 1)}))
    opened: list[weakref.ref[Any]] = []

    def connect() -> Any:
        connection = warehouse.database.connect()
        opened.append(weakref.ref(connection))
        return connection

    rows = EntityRows(ITEMS, connect)
    assert sum(batch.num_rows for batch in rows.reader()) == 1
    with rows.reader() as half_read:
        next(iter(half_read))
    never_read = rows.reader()
    del half_read, never_read
    gc.collect()
    left = [connection() for connection in opened]
    assert len(left) == 3
    assert all(connection is None or connection.closed for connection in left)


def test_what_cannot_be_read_is_refused_with_what_can() -> None:
    def never() -> Any:
        raise AssertionError("connected")

    with pytest.raises(ConfigurationError, match="colour") as refused:
        EntityRows(ITEMS, never, columns=["colour"])
    assert "quantity" in str(refused.value)
    with pytest.raises(ConfigurationError, match="as of"):
        EntityRows(ITEMS, never, as_of=DAYS[0], history=True)
    with pytest.raises(ConfigurationError, match="No column"):
        EntityRows(ITEMS, never, columns=[])
