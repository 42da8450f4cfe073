"""No number loses a digit between Bronze and its column without being reported."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_medallion_tests.mapping.bronze import bronze, mapped

LONG = ["0.1234567890123456789", "12345678901234.5678", "-99999999999999.9999", "9007199254740993.0", "1.10", "7"]


def prices(expression: str, kind: str, *values: Any) -> list[tuple[Any, bool]]:
    """What an expression makes of each value of a column, and whether the value is reported as unreadable."""
    table = bronze({"id": "bigint", "x": kind}, *enumerate(values))
    rows = mapped(f'{{product_name: "id", list_price: "{expression}"}}', table)
    return [(row["list_price"], "list_price" in row["failed"]) for row in rows]


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("CAST(x AS DECIMAL(10,2))", "text", "19.995"),
        ("CAST(x AS DECIMAL(10,2))", "text", "19.99000000000000000000000000000000000000000000000001"),
        ("CAST(x AS DECIMAL(10,2))", "text", "1e-3"),
        ("CAST(x AS DECIMAL(10,2))", "text", "1.2345e1"),
        ("CAST(x AS INTEGER)", "text", "19.99"),
        ("x::BIGINT", "text", "0.5"),
        ("CAST(x AS DECIMAL)", "text", "1.0005"),
        ("CAST(x AS DECIMAL(10,1))", "numeric(12,2)", Decimal("19.99")),
        ("CAST(x AS INTEGER)", "numeric(12,2)", Decimal("19.99")),
        ("CAST(x * x AS DECIMAL(18,2))", "numeric(12,2)", Decimal("0.11")),
        ("CAST(x AS DECIMAL(10,2))", "double precision", 19.995),
        ("CAST(x AS DECIMAL(10,1))", "real", 1024.06),
        ("CAST(x ->> '$.p' AS DECIMAL(10,2))", "jsonb", '{"p": 19.995}'),
        ("CAST(x -> '$.p' AS DECIMAL(10,2))", "jsonb", '{"p": "19.995"}'),
        ("CAST(x ->> '$.p' AS DECIMAL(18,4))", "text", '{"p": 0.00000001}'),
        ("CASE WHEN true THEN CAST(x AS DECIMAL(10,2)) * 2 END", "text", "19.995"),
    ],
)
def test_a_cast_that_would_round_gives_no_value_and_is_reported(expression: str, kind: str, value: Any) -> None:
    assert prices(expression, kind, value, None) == [(None, True), (None, False)]


@pytest.mark.parametrize(
    ("expression", "kind", "value", "number"),
    [
        ("CAST(x AS DECIMAL(10,2))", "text", " +19.9900 ", "19.99"),
        ("CAST(x AS DECIMAL(10,2))", "text", ".5", "0.5"),
        ("CAST(x AS DECIMAL(10,2))", "text", "-5.", "-5"),
        ("CAST(x AS DECIMAL(10,2))", "text", "1.5E3", "1500"),
        ("CAST(x AS DECIMAL(10,2))", "text", "1.5e-1", "0.15"),
        ("CAST(x AS DECIMAL(38,0))", "text", "1.2345678901234567e+20", "123456789012345670000"),
        ("CAST(x AS INTEGER)", "text", "19.000", "19"),
        ("CAST(x AS DECIMAL(10,1))", "numeric(12,2)", Decimal("19.90"), "19.9"),
        ("CAST(round(x, 1) AS DECIMAL(10,1))", "numeric(12,2)", Decimal("19.95"), "20"),
        ("CAST(x AS DECIMAL(18,4))", "double precision", 0.1 + 0.2, "0.3"),
        ("CAST(x AS DECIMAL(18,4))", "double precision", 123456789012.5678, "123456789012.5678"),
        ("CAST(x AS DECIMAL(18,4))", "real", 1024.06, "1024.06"),
        ("CAST(x -> '$.p' AS DECIMAL(10,2))", "jsonb", '{"p": 19.99}', "19.99"),
    ],
)
def test_a_cast_that_keeps_the_value_reports_nothing(expression: str, kind: str, value: Any, number: str) -> None:
    assert prices(expression, kind, value) == [(Decimal(number), False)]


def test_try_cast_gives_no_value_rather_than_another_one() -> None:
    assert prices("TRY_CAST(x AS DECIMAL(10,2))", "text", "19.995", "19.9") == [
        (None, False),
        (Decimal("19.9"), False),
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12), max_size=20),
    st.integers(0, 5),
    st.sampled_from(["f", "e", ""]),
)
def test_a_cast_gives_the_number_itself_or_reports_it(values: list[Decimal], scale: int, form: str) -> None:
    texts = [format(value, form) for value in values]
    with localcontext() as context:
        context.prec = 100
        fits = [Decimal(text) == Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP) for text in texts]
    for text, kept, (found, failed) in zip(
        texts, fits, prices(f"CAST(x AS DECIMAL(20,{scale}))", "text", *texts), strict=True
    ):
        assert failed == (found is None), text
        assert found in {None, Decimal(text)}, text
        # Written without an exponent, as databases print decimals, nothing that fits is refused.
        assert form != "f" or failed != kept, text


@pytest.mark.parametrize("kind", ["jsonb", "text"])
@pytest.mark.parametrize(
    ("expression", "document"),
    [
        ("x ->> '$.p'", '{{"p": {}}}'),
        ("x ->> 'p'", '{{"p":{}}}'),
        ("json_extract_string(x, '$.p')", '{{"p": {}}}'),
        ("(x -> '$.a') ->> 0", '{{"a": [{}, 1]}}'),
        ("CAST(x AS JSON) ->> '$.p'", '{{"q": "1.2345678901234567 \\" ,", "p": {}}}'),
        ("replace(x, chr(9), ' ') ->> '$.p'", '{{"p": {}}}'),
        ("CAST(x ->> '$.p' AS DECIMAL(38,19))", '{{"p": {}}}'),
        ("CAST(x -> '$.p' AS DECIMAL(38,19))", '{{"p": {}}}'),
        ("(x ->> '$.inner') ->> '$.p'", '{{"inner": "{{\\"p\\": {}}}"}}'),
    ],
)
def test_numbers_in_json_keep_all_of_their_digits(expression: str, document: str, kind: str) -> None:
    found = prices(expression, kind, *(document.format(number) for number in LONG))
    assert [Decimal(value) for value, _ in found] == [Decimal(number) for number in LONG]
    assert not any(failed for _, failed in found)


def test_numbers_in_exploded_arrays_keep_all_of_their_digits() -> None:
    table = bronze({"id": "bigint", "doc": "jsonb"}, (1, f'{{"lines": [{",".join(LONG)}]}}'))
    more = """explode: {as: line, from: "doc -> '$.lines'"}"""
    rows = mapped('{product_name: "id", list_price: "line.value ->> \'$\'"}', table, more=more)
    assert [Decimal(row["list_price"]) for row in rows] == [Decimal(number) for number in LONG]


def test_a_whole_json_document_is_passed_on_as_it_was_written() -> None:
    document = '{"a": 0.1234567890123456789, "b": [1.10]}'
    table = bronze({"id": "bigint", "doc": "jsonb"}, (1, document))
    (row,) = mapped('{product_name: "id", attributes: "doc", list_price: "doc ->> \'$.a\'"}', table)
    assert (row["attributes"], row["list_price"]) == (document, "0.1234567890123456789")


numbers = (
    st.decimals(allow_nan=False, allow_infinity=False, places=None)
    .map(lambda value: format(value, "f"))
    .filter(lambda text: len(text) < 60)
)
texts = st.text(st.sampled_from('0123456789.eE-"\\,:{}[] ä'), max_size=30)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(numbers, texts.map(json.dumps)), max_size=8), numbers, texts)
def test_any_json_document_gives_its_numbers_and_its_texts(others: list[str], number: str, text: str) -> None:
    document = f'{{"o": [{", ".join(others)}], {json.dumps(text)}: 1, "p ": {number}, "t t": {json.dumps(text)}}}'
    if text in {"o", "p ", "t t"}:
        return
    table = bronze({"id": "bigint", "x": "jsonb"}, (1, document))
    (row,) = mapped("""{product_name: "x ->> '$.\\"t t\\"'", list_price: "x ->> '$.\\"p \\"'"}""", table)
    assert Decimal(row["list_price"]) == Decimal(number)
    assert row["product_name"] == text
