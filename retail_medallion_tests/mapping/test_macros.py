"""The macros, against Python's exact arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_medallion.mapping import new_duckdb
from retail_medallion.model.currencies import minor_units


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with new_duckdb() as opened:
        yield opened


def value(connection: duckdb.DuckDBPyConnection, sql: str, *arguments: object) -> object:
    return connection.execute(f"SELECT {sql}", list(arguments)).fetchall()[0][0]


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("1999", "EUR", "19.99"),
        ("1999", "jpy ", "1999"),
        ("1999", "KWD", "1.999"),
        ("-5", "CLF", "-0.0005"),
        ("7.00", "USD", "0.07"),
    ],
)
def test_minor_units_follow_the_currency(connection, amount: str, currency: str, expected: str) -> None:
    assert value(connection, "minor(?, ?)", amount, currency) == Decimal(expected)
    assert value(connection, "typeof(minor(1, 'EUR'))") == "DECIMAL(18,4)"


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("19.99", "EUR"), ("0.00001", "EUR"), ("1e3", "EUR"), ("", "EUR"), ("5", "XAU"), ("5", None), ("9" * 25, "EUR")],
)
def test_what_is_no_amount_in_minor_units_fails(connection, amount: str, currency: str | None) -> None:
    with pytest.raises(duckdb.Error):
        value(connection, "minor(?, ?)", amount, currency)


def test_minor_units_are_those_of_iso_4217() -> None:
    units = minor_units()
    assert {units[code] for code in ("EUR", "USD", "GBP", "CHF", "MXN", "HUF")} == {2}
    assert (units["JPY"], units["KRW"], units["BHD"], units["UYW"]) == (0, 0, 3, 4)
    assert "XAU" not in units


WHOLE = st.integers(-(10**13), 10**13)


@settings(max_examples=150, deadline=None)
@given(a=WHOLE, b=WHOLE, places=st.integers(0, 6))
def test_division_is_exact_and_rounds_half_away_from_zero(connection, a: int, b: int, places: int) -> None:
    dividend, divisor = Decimal(a).scaleb(-places), Decimal(b).scaleb(-4)
    got = value(
        connection, f"divide_exact(CAST('{dividend:f}' AS DECIMAL(24,6)), CAST('{divisor:f}' AS DECIMAL(18,4)))"
    )
    if b == 0:
        assert got is None
        return
    with localcontext(prec=60):
        expected = (dividend / divisor).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
    assert got == (expected if abs(expected) < Decimal(10) ** 14 else None)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(max_size=8).filter(lambda t: "\x00" not in t), min_size=2, max_size=3),
    st.lists(st.text("/\\a", max_size=4), min_size=2, max_size=3),
)
def test_composite_keys_are_different_where_their_parts_are(connection, one: list[str], other: list[str]) -> None:
    keys = [value(connection, f"key({', '.join('?' * len(parts))})", *parts) for parts in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


def test_a_composite_key_needs_all_of_its_parts(connection) -> None:
    assert value(connection, "key(1, 'a/b', 'c\\d')") == r"1/a\/b/c\\d"
    assert value(connection, "key(1, NULL)") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"fr": "Chaise", "en": "Chair"}', "Chaise"),
        ('{"fr": " ", "en": "Chair"}', "Chair"),
        ('"Chair"', "Chair"),
        ('{"de": "Stuhl"}', None),
        ("null", None),
        (None, None),
    ],
)
def test_translations_take_the_first_language_that_has_a_text(
    connection, text: str | None, expected: str | None
) -> None:
    assert value(connection, "tr(?, 'fr', 'en')", text) == expected
