"""What compiled blocks do with awkward values, types and names."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_medallion.errors import MappingError, SchemaDriftError
from retail_medallion.mapping import compile_block, new_duckdb, read_mapping
from retail_medallion_tests.mapping.bronze import MODEL, bronze, mapped, products, query, run


def refusal(columns: str, types: dict[str, str], **more: str) -> MappingError:
    mapping = products(columns, **more)
    with pytest.raises(MappingError) as caught:
        compile_block(mapping, mapping.blocks[0], MODEL, bronze({"id": "bigint", **types}).schema)
    assert caught.value.where is not None
    assert caught.value.where.startswith("shop.yml:")
    return caught.value


@pytest.mark.parametrize("kind", ["real", "double precision"])
def test_a_price_in_floating_point_is_refused_with_the_way_to_write_it(kind: str) -> None:
    error = refusal('{product_name: "id", list_price: "price"}', {"price": kind})
    assert "CAST(price AS DECIMAL(18,4))" in str(error)
    assert error.where == "shop.yml:11:37"


@pytest.mark.parametrize(
    "expression",
    [
        "CAST(price * 2 AS DECIMAL(18,4))",
        "CAST(cents / 100 AS DECIMAL(18,4))",
        "cents / 100",
        "CAST(CAST(cents AS DOUBLE) AS DECIMAL(18,4))",
        "CASE WHEN price > 1 THEN cents END",
        "cents * 1e-2",
        "CAST(CAST(cents / 100 AS VARCHAR) AS DECIMAL(18,4))",
        "coalesce(CAST(price AS DECIMAL(18,4)), price)",
        "divide_exact(price, 2)",
    ],
)
def test_floating_point_on_the_way_of_money_is_refused(expression: str) -> None:
    error = refusal(f'{{product_name: "id", list_price: "{expression}"}}', {"price": "real", "cents": "integer"})
    assert "exact number" in error.what


@pytest.mark.parametrize("kind", ["real", "double precision"])
def test_a_float_column_cast_to_a_decimal_keeps_the_digits_it_prints(kind: str) -> None:
    written = ["9.8", "1024.06", "0.1", "123456.7", "263.5", "0.005", "-19.99"]
    table = bronze({"id": "bigint", "price": kind}, *((i, float(text)) for i, text in enumerate([*written, "nan"])))
    rows = mapped('{product_name: "id", list_price: "CAST(price AS DECIMAL(18,4))"}', table)
    assert [row["list_price"] for row in rows] == [
        *(Decimal(text).quantize(Decimal("0.0001")) for text in written),
        None,
    ]
    assert rows[-1]["failed"] == ["list_price"]


def test_exact_ways_to_divide_are_allowed() -> None:
    table = bronze({"id": "bigint", "cents": "integer"}, (1, 1999))
    columns = """{product_name: "id", list_price: "minor(cents, 'EUR')",
      cost_price: "divide_exact(cents, 300)", tax_rate: "19 * 0.01"}"""
    (row,) = mapped(columns, table)
    assert (row["list_price"], row["cost_price"], row["tax_rate"]) == (
        Decimal("19.99"),
        Decimal("6.6633"),
        Decimal("0.19"),
    )


def test_a_value_that_cannot_be_read_names_its_column_and_stops_nothing() -> None:
    types = {"id": "bigint", "price": "text", "flag": "text", "doc": "text"}
    table = bronze(types, (1, "1.5", "t", "{}"), (2, "x", "maybe", "{"), (3, None, None, None))
    rows = mapped(
        """{product_name: "id", list_price: "CAST(price AS DECIMAL(18,4))", is_active: "CAST(flag AS BOOLEAN)",
          cost_price: "CAST(price AS DECIMAL(18,4)) * 2", brand: "doc ->> '$.brand'"}""",
        table,
    )
    assert [row["failed"] for row in rows] == [[], ["list_price", "is_active", "cost_price", "brand"], []]
    assert [row["cost_price"] for row in rows] == [Decimal("3.0"), None, None]


def test_a_branch_that_is_not_taken_cannot_fail() -> None:
    table = bronze({"id": "bigint", "kind": "text", "price": "text"}, (1, "a", "x"), (2, "b", "x"), (3, "b", "2"))
    rows = mapped(
        '{product_name: "id", list_price: "CASE WHEN kind = \'b\' THEN CAST(price AS DECIMAL(18,4)) ELSE 0 END"}', table
    )
    assert [(row["list_price"], row["failed"]) for row in rows] == [(0, []), (None, ["list_price"]), (2, [])]


def test_a_fallback_does_not_hide_a_value_that_cannot_be_read() -> None:
    table = bronze({"id": "bigint", "price": "text"}, (1, "x"), (2, None))
    columns = """{product_name: "id", list_price: "coalesce(CAST(price AS DECIMAL(18,4)), 0)",
      cost_price: {expr: "CAST(price AS DECIMAL(18,4))", default: 7}}"""
    rows = mapped(columns, table)
    assert [(row["list_price"], row["cost_price"], row["failed"]) for row in rows] == [
        (None, None, ["list_price", "cost_price"]),
        (0, 7, []),
    ]


def test_try_cast_says_that_an_unreadable_value_is_expected() -> None:
    rows = mapped(
        '{product_name: "id", list_price: "TRY_CAST(price AS DECIMAL(18,4))"}',
        bronze({"id": "bigint", "price": "text"}, (1, "x")),
    )
    assert (rows[0]["list_price"], rows[0]["failed"]) == (None, [])


def test_a_condition_that_cannot_be_computed_rejects_the_row_instead_of_dropping_it() -> None:
    table = bronze({"id": "bigint", "stock": "text"}, (1, "5"), (2, "x"), (3, None), (4, "0"))
    mapping = products('{product_name: "id"}', more='where: "CAST(stock AS INTEGER) > 0"')
    compiled = compile_block(mapping, mapping.blocks[0], MODEL, table.schema)
    assert [(row["source_key"], row["failed"]) for row in run(compiled, table)] == [("1", []), ("2", ["product_id"])]
    assert query(compiled.count, table) == [{"rows_read": 4, "selected": 2}]


def test_overflow_names_its_column() -> None:
    table = bronze({"id": "bigint", "n": "bigint"}, (1, 10**18), (2, 3))
    rows = mapped('{product_name: "id", sku: "n * n", brand: "n * n"}', table)
    assert [(row["sku"], row["failed"]) for row in rows] == [(None, ["sku", "brand"]), (9, [])]


def test_postgresql_types_without_a_counterpart_are_readable() -> None:
    big = Decimal("12345678901234567890123456789012345678901234.5600")
    table = bronze(
        {"id": "uuid", "big": "numeric(60,4)", "tags": "text[]", "more": "jsonb", "at": "timestamp without time zone"},
        (b"\x01" * 16, big, ["a", "b"], '["c"]', dt.datetime(2026, 1, 1)),  # noqa: DTZ001 - a time without zone
    )
    columns = """{product_name: "big", extra_category_ids: "tags", attributes: "more", brand: "more ->> 0",
      source_created_at: "at"}"""
    (row,) = mapped(columns, table)
    assert row["source_key"] == "01010101-0101-0101-0101-010101010101"
    assert row["product_name"] == str(big)
    assert (row["extra_category_ids"], row["attributes"], row["brand"]) == (["a", "b"], '["c"]', "c")


def test_code_maps_defaults_and_null_values_work_in_this_order() -> None:
    table = bronze({"id": "bigint", "kind": "text"}, *enumerate(["G", "S ", "-", None, "", "X"]))
    rows = mapped(
        '{product_name: "id", product_type: {expr: "kind", code: kinds, null_values: ["-"], default: bundle}}',
        table,
        codes="{kinds: {G: goods, S: service}}",
    )
    assert [row["product_type"] for row in rows] == ["goods", "service", "bundle", "bundle", "bundle", "unknown"]
    assert [row["unmapped"] for row in rows] == [[], [], [], [], [], ["product_type"]]


def test_a_code_map_with_a_rule_for_the_rest_leaves_nothing_unmapped() -> None:
    rows = mapped(
        '{product_name: "id", product_type: {expr: "kind", code: kinds}}',
        bronze({"id": "bigint", "kind": "integer"}, (1, 1), (2, 9)),
        codes='{kinds: {1: goods, "*": other}}',
    )
    assert [(row["product_type"], row["unmapped"]) for row in rows] == [("goods", []), ("other", [])]


@pytest.mark.parametrize(
    ("columns", "types", "words"),
    [
        ('{product_name: "nam"}', {"name": "text"}, "Did you mean 'name'?"),
        ('{product_name: "name"}', {"name": "bytea"}, "takes a text"),
        ('{product_name: "id", is_active: "at"}', {"at": "date"}, "takes a truth"),
        ('{product_name: "id", launched_on: "id"}', {}, "takes a day"),
        ('{product_name: "name * 2"}', {"name": "text"}, "cannot evaluate"),
        ("{product_name: \"regexp_extract(name, '(')\"}", {"name": "text"}, "missing )"),
        ('{product_name: "id", list_price: {expr: "id", default: 0.5}}', {}, "does not fit"),
        ('{product_name: "id", product_type: {expr: "id", code: missing}}', {}, "no code map"),
        ('{product_name: "_extracted_at"}', {}, "no column '_extracted_at'"),
    ],
)
def test_a_mistake_is_found_before_any_row_moves(columns: str, types: dict[str, str], words: str) -> None:
    assert words in str(refusal(columns, types))


def test_a_condition_has_to_be_a_condition() -> None:
    assert "takes a condition" in refusal('{product_name: "id"}', {}, more='where: "id + 1"').what


def test_columns_that_differ_only_in_case_are_refused() -> None:
    mapping = products('{product_name: "id"}')
    with pytest.raises(SchemaDriftError, match="upper and lower case"):
        compile_block(mapping, mapping.blocks[0], MODEL, bronze({"id": "bigint", "ID": "bigint"}).schema)


def test_columns_are_found_whatever_their_case() -> None:
    table = bronze({"id": "bigint", "orderPlacedAt": "text", "order": "text"}, (1, "x", "y"))
    (row,) = mapped("""{product_name: orderplacedat, brand: '"orderPlacedAt" || "order"'}""", table)
    assert (row["product_name"], row["brand"]) == ("x", "xy")


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=80).filter(
    lambda name: name.lower() not in {"id", "bronze_row", "_extracted_at", "where?", "items?"}
)


@settings(max_examples=25, deadline=None)
@given(name=NAMES, value=st.text(max_size=20))
def test_any_column_name_and_any_value_pass_through(name: str, value: str) -> None:
    mapping = products('{product_name: "id"}')
    expression = '"' + name.replace('"', '""') + '"'
    text = f"CASE WHEN {expression} IS NOT NULL THEN {expression} END"
    column = mapping.blocks[0].columns["product_name"].model_copy(update={"expr": text})
    block = mapping.blocks[0].model_copy(update={"columns": {"product_name": column}})
    table = pa.table(
        {"id": pa.array([1]), name: pa.array([value]), "_extracted_at": pa.array([0], pa.timestamp("us", "UTC"))}
    )
    (row,) = run(compile_block(mapping, block, MODEL, table.schema), table)
    assert row["product_name"] == value


@settings(max_examples=25, deadline=None)
@given(word=st.text(min_size=1, max_size=30).filter(lambda word: "\x00" not in word))
def test_constants_code_maps_and_null_values_are_values_whatever_they_hold(word: str) -> None:
    mapping = products('{product_name: {const: x}, brand: {expr: "name", code: map}}', codes="{map: {a: b}}")
    block = mapping.blocks[0]
    constant = block.columns["product_name"].model_copy(update={"const": word})
    null_values = block.columns["brand"].model_copy(update={"code": None, "null_values": (word,), "default": word})
    block = block.model_copy(update={"columns": {"product_name": constant, "brand": null_values}})
    table = bronze({"id": "bigint", "name": "text"}, (1, "kept" if word.strip() != "kept" else "k"), (2, word))
    rows = run(compile_block(mapping, block, MODEL, table.schema), table)
    assert [row["product_name"] for row in rows] == [word, word]
    assert rows[0]["brand"].startswith("k")


NUMBERS = st.one_of(
    st.none(), st.text(max_size=12), st.decimals(allow_nan=True, places=6).map(str), st.integers().map(str)
)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(NUMBERS, min_size=1, max_size=20))
def test_no_text_stops_a_load(values: list[str | None]) -> None:
    values = [value.replace("\x00", "") if value else value for value in values]
    table = bronze({"id": "bigint", "v": "text"}, *enumerate(values))
    mapping = products(
        """{product_name: "id", list_price: "CAST(v AS DECIMAL(18,4))", is_active: "CAST(v AS BOOLEAN)",
          cost_price: "minor(v, 'EUR') + CAST(v AS DECIMAL(18,4))", brand: "tr(v, 'en')",
          launched_on: "CAST(strptime(v, '%Y-%m-%d') AS DATE)", attributes: "CAST(v AS JSON) -> '$.a'",
          weight_grams: "CAST(v AS INTEGER) * CAST(v AS INTEGER)"}"""
    )
    compiled = compile_block(mapping, mapping.blocks[0], MODEL, table.schema)
    # DuckDB has dates and decimals that Python cannot show: only what is compared is fetched.
    rows = query(f"SELECT list_price, failed FROM ({compiled.select}) ORDER BY bronze_row", table)  # noqa: S608
    assert len(rows) == len(values)
    for value, row in zip(values, rows, strict=True):
        assert (row["list_price"] is None) == (value is None or "list_price" in row["failed"])
        assert value is not None or row["failed"] == []


def test_the_engine_reaches_nothing_but_what_is_registered(tmp_path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    local_table = pa.table({"a": [1]})
    with new_duckdb() as connection:
        for statement in (
            f"SELECT * FROM read_csv('{secret}')",  # noqa: S608
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            f"ATTACH '{tmp_path / 'x.db'}'",
            "INSTALL httpfs",
            "SET threads = 4",
            "SET enable_external_access = true",
            "SELECT * FROM local_table",
        ):
            with pytest.raises(Exception, match=r"(?i)cannot|disabled|locked|not exist|permission"):
                connection.execute(statement)
    assert local_table.num_rows == 1


def test_a_scope_of_the_block_itself_is_read_from_its_own_rows() -> None:
    text = """
mapping: v1
source: {code: shop, tenant: shop, owner: a@b.c, timezone: UTC, currency: EUR, country: DE, language: de}
entities:
  sale_items:
    - block: lines
      extract: {table: lines, mode: documents, key: [id], document: [order_id], watermark: at}
      key: {sale_item_id: id}
      complete: {within: sale_id}
      columns: {sale_id: order_id, quantity: qty, unit_price: qty}
"""
    mapping = read_mapping(text.encode())
    table = bronze({"id": "bigint", "order_id": "bigint", "qty": "integer"}, (1, 7, 1), (2, 7, 1), (3, None, 1))
    compiled = compile_block(mapping, mapping.blocks[0], MODEL, table.schema)
    assert compiled.scope is not None
    assert compiled.scope_relation == "bronze"
    assert query(compiled.scope, table) == [{"scope_key": "7"}]
