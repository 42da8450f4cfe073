"""Hostile and wrong mapping files: every one is refused with a message that names file and line."""

from __future__ import annotations

import json

import pytest

from retail_medallion.errors import MappingError
from retail_medallion.mapping import check_mapping, compile_block, read_mapping
from retail_medallion_tests.mapping.bronze import MODEL, bronze
from retail_medallion_tests.mapping.hostile import expressions, files

SCHEMA = bronze(
    {
        "id": "bigint",
        "a": "text",
        "b": "text",
        "price": "real",
        "cents": "integer",
        "made": "timestamp without time zone",
        "doc": "jsonb",
    }
).schema
LINE = 10
ITEMS = """mapping: v1
source: {code: shop, tenant: shop, owner: a@b.c, timezone: UTC, currency: EUR, country: DE, language: de}
entities:
  products:
    - block: items
      extract: {table: items, mode: snapshot, key: [id]}
      key: {product_id: "id"}
      columns:
        product_name: "a"
        COLUMN: EXPRESSION
"""


def items(expression: str, column: str = "brand") -> str:
    return ITEMS.replace("COLUMN", column).replace("EXPRESSION", json.dumps(expression))


def refusals(text: str | bytes) -> list[str]:
    """What loading and checking a file answers, each with its place."""
    try:
        mapping = read_mapping(text if isinstance(text, bytes) else text.encode(), "shop.yml")
    except MappingError as error:
        return [f"{error.where}: {error.what} {error.why or ''} {error.fix or ''}"]
    return [str(problem) for problem in check_mapping(mapping, MODEL) if problem.severity == "error"]


def named(answers: list[str], line: int, words: str) -> bool:
    return any(answer.startswith(f"shop.yml:{line}:") and words in answer for answer in answers)


def test_the_sound_files_the_hostile_ones_are_made_of_pass() -> None:
    assert refusals(files.SOUND) == []
    assert refusals(items("a")) == []


@pytest.mark.parametrize(("expression", "words"), expressions.WITHOUT_DATA)
def test_an_expression_that_is_more_than_one_value_of_its_row(expression: str, words: str) -> None:
    answers = refusals(items(expression))
    assert named(answers, LINE, words), answers


@pytest.mark.parametrize(
    ("column", "expression", "words"),
    [("list_price", *case) for case in expressions.FLOAT_MONEY]
    + [("brand", *case) for case in expressions.UNKNOWN_COLUMNS],
)
def test_an_expression_the_columns_of_the_extract_do_not_allow(column: str, expression: str, words: str) -> None:
    mapping = read_mapping(items(expression, column).encode(), "shop.yml")
    with pytest.raises(MappingError) as caught:
        compile_block(mapping, mapping.blocks[0], MODEL, SCHEMA)
    assert str(caught.value.where).startswith(f"shop.yml:{LINE}:")
    assert words in str(caught.value)


@pytest.mark.parametrize(("query", "words"), files.QUERIES)
def test_a_query_that_does_more_than_read_rows(query: str, words: str) -> None:
    text = files.SOUND.replace(files.TABLE, files.QUERY.replace("QUERY", json.dumps(query)))
    assert text != files.SOUND
    assert named(refusals(text), 13, words), refusals(text)


@pytest.mark.parametrize("query", files.SOUND_QUERIES)
def test_a_query_whose_texts_and_ages_have_nothing_to_do_with_the_clock_passes(query: str) -> None:
    text = files.SOUND.replace(files.TABLE, files.QUERY.replace("QUERY", json.dumps(query)))
    assert refusals(text) == []


@pytest.mark.parametrize(("watermark", "words"), files.WATERMARKS)
def test_a_watermark_that_does_not_date_a_row(watermark: str, words: str) -> None:
    text = files.SOUND.replace(files.MARK, f"watermark: {json.dumps(watermark)}")
    assert named(refusals(text), 13, words), refusals(text)


@pytest.mark.parametrize(("old", "new", "line", "words"), files.CHANGES)
def test_a_file_that_names_or_says_what_cannot_be(old: str, new: str, line: int, words: str) -> None:
    assert old in files.SOUND
    assert named(refusals(files.SOUND.replace(old, new, 1)), line, words), refusals(files.SOUND.replace(old, new, 1))


@pytest.mark.parametrize(("text", "words"), [*files.YAML, *files.BYTES])
def test_yaml_that_no_mapping_needs(text: str | bytes, words: str) -> None:
    (answer,) = refusals(text)
    assert answer.startswith("shop.yml:")
    assert answer.split(":")[1].isdecimal()
    assert words in answer


def test_documents_named_in_a_circle() -> None:
    text = """mapping: v1
source: {code: shop, tenant: shop, owner: a@b.c, timezone: UTC, currency: EUR, country: DE, language: de}
entities:
  cart_items:
    - block: lines
      extract: {table: a, mode: changed, key: [id], watermark: at}
      key: {cart_item_id: "id"}
      complete: {within: cart_id, seen: sale_items/lines, value: "cart"}
      columns: {cart_id: "cart", quantity: "n"}
  sale_items:
    - block: lines
      extract: {table: b, mode: changed, key: [id], watermark: at}
      key: {sale_item_id: "id"}
      complete: {within: sale_id, seen: cart_items/lines, value: "sale"}
      columns: {sale_id: "sale", quantity: "n"}
"""
    answers = refusals(text)
    assert named(answers, 8, "goes in a circle: cart_items/lines -> sale_items/lines -> cart_items/lines")
    assert named(answers, 14, "goes in a circle")


def test_the_corpus_is_large() -> None:
    without_rows = len(expressions.WITHOUT_DATA) + len(expressions.FLOAT_MONEY) + len(expressions.UNKNOWN_COLUMNS)
    of_files = len(files.QUERIES) + len(files.WATERMARKS) + len(files.CHANGES) + len(files.YAML) + len(files.BYTES)
    assert without_rows + of_files >= 200
