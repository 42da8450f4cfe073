"""Loading puts exactly the rows given into the columns named, or nothing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from retail_medallion.errors import DataContractError, SchemaDriftError, SourceSchemaError
from retail_medallion.storage.postgres import copy_in
from retail_medallion.storage.postgres.copy_in import copy_into


@pytest.fixture
def connection(fresh_database):
    opened = fresh_database.connect()
    yield opened
    opened.close()


def loaded(connection, definition, data, **options):
    """Load into a new table ``t`` with these column definitions; gives its rows as text."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (" + definition + ")")
        copy_into(connection, "t", data.to_reader(), **options)
        cursor.execute("SELECT t::text FROM t")
        return [text for (text,) in cursor.fetchall()]


def table_of(kind, *values):
    return pa.table({"a": pa.array(values, kind)})


@pytest.mark.parametrize(
    ("column", "data", "expected"),
    [
        ("integer", table_of(pa.int64(), 7, None), ["(7)", "()"]),
        ("smallint", table_of(pa.uint8(), 255), ["(255)"]),
        ("numeric(12,4)", table_of(pa.decimal128(6, 2), Decimal("1.50")), ["(1.5000)"]),
        ("numeric", table_of(pa.decimal256(60, 2), Decimal("1.50")), ["(1.50)"]),
        ("numeric", table_of(pa.int64(), 2**53 + 1), ["(9007199254740993)"]),
        ("numeric(5,2)", table_of(pa.string(), "1.5"), ["(1.50)"]),
        ("numeric", table_of(pa.string(), "NaN", "1.500"), ["(NaN)", "(1.500)"]),
        ("jsonb", table_of(pa.large_string(), '{"a":1}', None), ['("{""a"": 1}")', "()"]),
        ("jsonb[]", table_of(pa.list_(pa.string()), ["{}", None]), ['("{""{}"",NULL}")']),
        ("varchar(3)[]", table_of(pa.list_(pa.string()), ["a", None]), ['("{a,NULL}")']),
        ("text", table_of(pa.dictionary(pa.int8(), pa.string()), "a", "b", "a"), ["(a)", "(b)", "(a)"]),
        ("text", table_of(pa.null(), None), ["()"]),
        ("numeric(5,2)", table_of(pa.null(), None), ["()"]),
        ("uuid", table_of(pa.null(), None), ["()"]),
        ("uuid", table_of(pa.binary(16), b"\x00" * 15 + b"\x01"), ["(00000000-0000-0000-0000-000000000001)"]),
        (
            "uuid",
            table_of(pa.string(), "00000000-0000-0000-0000-000000000001"),
            ["(00000000-0000-0000-0000-000000000001)"],
        ),
        ("interval", table_of(pa.duration("us"), dt.timedelta(hours=1)), ["(01:00:00)"]),
        ("interval", table_of(pa.month_day_nano_interval(), (1, 2, 3000)), ['("1 mon 2 days 00:00:00.000003")']),
        ("timestamptz", table_of(pa.timestamp("ns", "Europe/Madrid"), 1_000_000), ['("1970-01-01 00:00:00.001+00")']),
        ("double precision", table_of(pa.float32(), 0.5), ["(0.5)"]),
        ("inet", table_of(pa.string(), "10.0.0.1"), ["(10.0.0.1)"]),
        ("bytea", table_of(pa.binary(3), b"abc"), ['("\\\\x616263")']),
    ],
)
def test_a_value_of_an_equivalent_type_arrives_exactly(connection, column, data, expected):
    assert loaded(connection, f"a {column}", data) == expected


@pytest.mark.parametrize(
    ("column", "data"),
    [
        ("numeric(5,2)", table_of(pa.float64(), 1.5)),
        ("timestamptz", table_of(pa.timestamp("us"), 0)),
        ("timestamp", table_of(pa.timestamp("us", "UTC"), 0)),
        ("date", table_of(pa.timestamp("us"), 0)),
        ("text", table_of(pa.int64(), 1)),
        ("integer", table_of(pa.string(), "1")),
        ("real", table_of(pa.float64(), 0.1)),
        ("integer[]", table_of(pa.int64(), 1)),
        ("jsonb", table_of(pa.struct([("x", pa.int64())]), {"x": 1})),
    ],
)
def test_a_type_that_would_have_to_be_guessed_is_refused(connection, column, data):
    with pytest.raises(SchemaDriftError, match="'a'"):
        loaded(connection, f"a {column}", data)


@pytest.mark.parametrize(
    ("column", "data"),
    [
        ("smallint", table_of(pa.int64(), 40000)),
        ("numeric(5,2)", table_of(pa.decimal128(6, 3), Decimal("1.005"))),
        ("numeric(5,2)", table_of(pa.decimal128(12, 2), Decimal("123456.00"))),
        ("timestamp", table_of(pa.timestamp("ns"), 1)),
        ("varchar(2)", table_of(pa.string(), "abc")),
        ("text", table_of(pa.string(), "nul \0")),
        ("integer CHECK (a > 0)", table_of(pa.int32(), 1, -424242)),
        ("text NOT NULL", table_of(pa.string(), None)),
        ("jsonb", table_of(pa.string(), "{not json")),
        ("inet", table_of(pa.string(), "nowhere")),
        ("interval", table_of(pa.month_day_nano_interval(), (0, 0, 1))),
    ],
)
def test_a_value_the_column_cannot_hold_is_refused_without_being_quoted(connection, column, data):
    with pytest.raises(DataContractError) as caught:
        loaded(connection, f"a {column}", data)
    assert not any(
        value in str(caught.value) for value in ("40000", "1.005", "123456", "abc", "-424242", "not json", "nowhere")
    )
    connection.rollback()


def test_columns_go_by_name_and_the_rest_get_their_default(connection):
    data = pa.table({"b": [1], "a": ["x"]})
    assert loaded(connection, "a text, b bigint, c text DEFAULT 'd', id bigint GENERATED ALWAYS AS IDENTITY", data) == [
        "(x,1,d,1)"
    ]


def test_only_the_columns_asked_for_are_loaded(connection):
    assert loaded(connection, "a text, b bigint", pa.table({"b": [1], "a": ["x"]}), columns=["b"]) == ["(,1)"]


def test_unknown_columns_and_tables_are_named(connection):
    with pytest.raises(SchemaDriftError, match="'extra'"):
        loaded(connection, "a text", pa.table({"a": ["x"], "extra": [1]}))
    with pytest.raises(SourceSchemaError, match="nowhere"):
        copy_into(connection, "nowhere", pa.table({"a": [1]}).to_reader())


def test_batches_with_and_without_infinity_keep_their_order_and_values(connection, monkeypatch):
    monkeypatch.setattr(copy_in, "CHUNK_BYTES", 64)
    infinity, minus = 2**63 - 1, -(2**63)
    values = [infinity if n % 7 == 3 else minus if n % 11 == 5 else n for n in range(200)]
    data = pa.table({"n": pa.array(range(200)), "at": pa.array(values, pa.int64()).view(pa.timestamp("us", "UTC"))})
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n bigint, at timestamptz)")
        assert copy_into(connection, "t", data.to_reader()) == 200
        cursor.execute("SELECT n, at::text, extract(epoch FROM at) FROM t ORDER BY ctid")
        found = cursor.fetchall()
    assert [n for n, *_ in found] == list(range(200))
    for (_, text, epoch), value in zip(found, values, strict=True):
        assert text == {infinity: "infinity", minus: "-infinity"}.get(value, text)
        assert value in {infinity, minus} or epoch * 1_000_000 == value


def test_sliced_arrays_and_many_small_batches_arrive_whole(connection):
    whole = pa.table({"a": [f"row {n}" for n in range(5000)], "b": [[n, None] for n in range(5000)]})
    data = pa.concat_tables([whole.slice(start, 7) for start in range(3, 4903, 7)])
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a text, b bigint[])")
        assert copy_into(connection, "t", data.to_reader()) == 4900
        cursor.execute("SELECT count(DISTINCT a), sum(b[1]), count(b[2]) FROM t")
        assert cursor.fetchone() == (4900, sum(range(3, 4903)), 0)


def test_an_error_in_the_stream_reaches_the_caller_as_it_was(connection):
    def batches():
        yield pa.record_batch({"a": [1]})
        raise LookupError("the source is gone")

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a bigint)")
    connection.commit()
    with pytest.raises(LookupError, match="the source is gone"):
        copy_into(connection, "t", pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches()))
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM t")
        assert cursor.fetchone() == (0,)
