"""Any text, number or moment PostgreSQL can hold comes back from Arrow and Parquet as it was."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import psycopg2.extensions
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from retail_medallion.storage.postgres.calendar import date_of, days_of
from retail_medallion.storage.postgres.copy_in import copy_into
from retail_medallion.storage.postgres.copy_out import read_query
from retail_medallion_tests.conformance import awkward
from retail_medallion_tests.servers import fresh_database_on

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
FEW = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def connection(postgres_server) -> Iterator[psycopg2.extensions.connection]:
    with fresh_database_on(postgres_server) as database:
        opened = database.connect()
        yield opened
        opened.close()


def assert_round_trip(connection: psycopg2.extensions.connection, kind: str, values: list[Any], source: str) -> None:
    """Put ``values`` (as ``source`` type) into a column of ``kind``, read it, store it, load it, and compare."""
    connection.rollback()
    one, other = sql.Identifier("one"), sql.Identifier("other")
    with connection.cursor() as cursor:
        for name in (one, other):
            cursor.execute(sql.SQL("CREATE TEMP TABLE {} (v {}, n integer)").format(name, sql.SQL(kind)))
        cursor.execute(
            sql.SQL("INSERT INTO one SELECT x::{}, n FROM unnest(%s::{}[]) WITH ORDINALITY AS u(x, n)").format(
                sql.SQL(kind), sql.SQL(source)
            ),
            (values,),
        )
    buffer = io.BytesIO()
    pq.write_table(read_query(connection, "TABLE one").read_all(), buffer)
    assert copy_into(connection, "other", pq.read_table(buffer).to_reader()) == len(values)
    assert awkward.differences(connection, one, other) == []


@FEW
@given(values=st.lists(st.none() | TEXT, max_size=8))
def test_any_text(connection, values):
    assert_round_trip(connection, "text", values, "text")


@FEW
@given(values=st.lists(st.none() | st.lists(st.none() | TEXT, max_size=4), max_size=5))
def test_any_array_of_texts(connection, values):
    table = pa.table({"v": pa.array(values, pa.list_(pa.string()))})
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE lists (v text[])")
    copy_into(connection, "lists", table.to_reader())
    assert read_query(connection, "TABLE lists").read_all()["v"].to_pylist() == values


@FEW
@given(
    values=st.lists(
        st.none() | st.decimals(allow_infinity=True, allow_nan=True).filter(lambda d: not d.is_snan()), max_size=8
    )
)
def test_any_unconstrained_numeric(connection, values):
    texts = [None if v is None else "NaN" if v.is_nan() else f"{v}" if v.is_infinite() else f"{v:E}" for v in values]
    texts = [text for text in texts if text is None or "E" not in text or abs(int(text.split("E")[1])) < 10_000]
    assert_round_trip(connection, "numeric", texts, "text")


@FEW
@given(values=st.lists(st.none() | st.integers(-(10**38) + 1, 10**38 - 1), max_size=8))
def test_any_decimal_of_38_digits(connection, values):
    # Put together from digits: Decimal's own arithmetic rounds to 28 of them.
    texts = [None if v is None else f"{v}e-10" for v in values]
    assert_round_trip(connection, "numeric(38,10)", texts, "text")


@FEW
@given(values=st.lists(st.none() | st.floats(), max_size=8))
def test_any_double(connection, values):
    assert_round_trip(
        connection,
        "double precision",
        [None if v is None else repr(v) if math.isfinite(v) else str(v) for v in values],
        "text",
    )


MOMENTS = st.integers(-210_866_803_200_000_000, 9_223_371_331_200_000_000 - 1)


@FEW
@given(values=st.lists(st.none() | MOMENTS, max_size=8), kind=st.sampled_from(["timestamp", "timestamptz"]))
def test_any_moment(connection, values, kind):
    """The numbers are microseconds since 1970, over all that PostgreSQL and Arrow both hold."""
    zone = "UTC" if kind == "timestamptz" else None
    given_values = pa.array(values, pa.int64()).view(pa.timestamp("us", zone))
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMP TABLE moments (v {})").format(sql.SQL(kind)))
    copy_into(connection, "moments", pa.table({"v": given_values}).to_reader())
    found = read_query(connection, "TABLE moments").read_all()["v"]
    assert found.combine_chunks().view(pa.int64()).to_pylist() == values


@settings(deadline=None)
@given(days=st.integers(-(10**9), 10**9))
def test_the_calendar_counts_there_and_back(days):
    assert days_of(*date_of(days)) == days
