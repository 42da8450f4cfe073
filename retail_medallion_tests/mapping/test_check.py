"""Mapping files held against the canonical model, and their lineage."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from retail_medallion.bronze.block import Mode
from retail_medallion.errors import MappingError
from retail_medallion.mapping import check_mapping, column_lineage, load_mappings, read_mapping, require_valid
from retail_medallion.mapping.grammar import Mode as MappedMode
from retail_medallion.mapping.lineage import Edge
from retail_medallion_tests.mapping.bronze import FILES, MODEL

SHOP = (FILES / "normalised.yml").read_text()
DOCUMENTS = (FILES / "documents.yml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  sales:\n", "  sale:\n", 7, "Did you mean 'sales'?"),
        ("  total_amount:", "  totl_amount:", 18, "Did you mean 'total_amount'?"),
        ("sale_id: \"id\"", "sales_id: \"id\"", 10, "is 'sale_id', not 'sales_id'"),
        ('sold_at: "ordered_at"', "sold_at: {const: x}\n        sale_id: id", 14, "stands under `key` already"),
        ("code: order_status", "code: order_state", 12, "Did you mean 'order_status'?"),
        ("cancelled,", "canceled,", 5, "Did you mean 'cancelled'?"),
        ('"*": unknown', '"*": whatever', 5, "no canonical value"),
        ('{expr: "status_code", code: order_status}', "{const: closed}", 12, "no canonical value of 'status'"),
        ('sold_at: "ordered_at"', 'completed_at: "ordered_at"', 12, "needs 'sold_at'"),
        ("within: sale_id", "within: product_id", 32, "Allowed: table, sale_id"),
        ("seen: sales/orders", "seen: sales/order", 32, "Did you mean 'sales/orders'?"),
        ('complete: {within: sale_id, seen: sales/orders, value: "id"}', "", 22, "deleted rows are never seen"),
        ('"abs(qty)"', '"sum(qty)"', 36, "aggregate"),
        ('{sale_item_id: "id"}', '{sale_item_id: "id; id"}', 30, "not one expression"),
        ('{sale_item_id: "id"}', '{sale_item_id: "id"}\n      where: "now() > at"', 31, "'now'"),
        ("block: lines", "block: lines\n      where: \"line.value = 1\"", 22, "has no `explode`"),
    ],
)  # fmt: skip
def test_what_the_model_does_not_know_is_named_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in SHOP
    problems = check_mapping(read_mapping(SHOP.replace(old, new, 1).encode(), "shop.yml"), MODEL)
    found = [problem for problem in problems if words in problem.what]
    assert found, [str(problem) for problem in problems]
    assert found[0].severity == "error"
    assert abs(int(found[0].where.split(":")[1]) - line) <= 1, found[0].where


TWO_BLOCKS = """
mapping: v1
source: {code: shop, tenant: shop, owner: a@b.c, timezone: UTC, currency: EUR, country: DE, language: de}
entities:
  customers:
    - block: persons
      extract: {table: persons, mode: snapshot, key: [id]}
      key: {customer_id: "id"}
      columns: {full_name: "name"}
    - block: companies
      extract: {table: companies, MODE, key: [id]}
      key: {customer_id: "id"}
      columns: {full_name: "name"}
"""


def problems_of(second: str, first: str = "mode: snapshot") -> list[str]:
    text = TWO_BLOCKS.replace("mode: snapshot", first).replace("MODE", second)
    return [str(problem) for problem in check_mapping(read_mapping(text.encode(), "shop.yml"), MODEL)]


def test_a_snapshot_beside_changes_would_delete_what_the_changes_brought() -> None:
    (problem,) = problems_of("mode: changed, watermark: at")
    assert problem.startswith("shop.yml:11:7: error: The block 'persons' covers all of customers: what 'companies'")
    assert problems_of("mode: snapshot") == []
    assert problems_of("mode: changed, watermark: at", "mode: appended, watermark: at") == []
    text = TWO_BLOCKS.replace("MODE", "mode: changed, watermark: at")
    gone = text.rsplit("      columns", 1)[0] + "      tombstone: true\n"
    assert check_mapping(read_mapping(gone.encode()), MODEL) == []


def test_only_what_is_read_whole_covers_the_table() -> None:
    text = TWO_BLOCKS.replace("MODE", "mode: snapshot")
    text = text.replace("mode: snapshot", "mode: changed, watermark: at", 1)
    text = text.replace("      columns", "      complete: {within: table}\n      columns", 1)
    problems = [str(problem) for problem in check_mapping(read_mapping(text.encode(), "shop.yml"), MODEL)]
    assert any("`within: table` would delete the rest" in problem and ":9:" in problem for problem in problems)


COMPARED = """
mapping: v1
source: {code: shop, tenant: acme, owner: team:data, timezone: UTC, currency: EUR, country: DE, language: de}
entities:
  suppliers:
    - block: firms
      extract: {table: firms, mode: compared, key: [id]}
      key: {supplier_id: "id"}
      columns: {supplier_name: "name"}
"""
LINES = """
  sale_items:
    - block: lines
      extract: {table: sales, mode: compared, key: [id]}
      explode: {as: line, from: "doc -> '$.lines'"}
      key: {sale_item_id: "id || '#' || (line.value ->> '$.id')"}
      complete: {within: sale_id, value: "id"}
      columns:
        sale_id: "id"
        quantity: "CAST(line.value ->> '$.q' AS DECIMAL(18,3))"
        unit_price: "CAST(line.value ->> '$.p' AS DECIMAL(18,4))"
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("", "", None, None),
        ('"id"}', """"'s' || Id"}""", None, None),
        ('"id"}', '"code"}', "8:26", "'code' of a row that is gone is not known.*They are: id"),
        ("key: [id]", "key: [id, lang]", "7:52", "'lang' out of `extract.key`.*compared together"),
        ("columns:", "complete: {within: table}\n      columns:", "9:17", "remove it"),
        ("columns:", 'where: "name IS NOT NULL"\n      columns:', "9:14", "warning: In mode compared"),
        ("columns:", "tombstone: true\n      columns:", "", "remove `columns`"),
        ('columns: {supplier_name: "name"}', "tombstone: true", "", "not in mode compared"),
    ],
)
def test_a_compared_block_says_of_a_row_that_is_gone_only_its_key(
    old: str, new: str, place: str | None, words: str | None
) -> None:
    text = COMPARED.strip().replace(old, new, 1)
    if place == "":
        with pytest.raises(MappingError, match=words):
            read_mapping(text.encode(), "shop.yml")
        return
    problems = [str(problem) for problem in check_mapping(read_mapping(text.encode(), "shop.yml"), MODEL)]
    if place is None or words is None:
        assert problems == []
        return
    assert any(re.search(f"(?s){words}", problem) for problem in problems), problems
    assert any(f"shop.yml:{int(place.split(':')[0]) - 1}:" in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("", "", None),
        ('      complete: {within: sale_id, value: "id"}\n', "", "say with `complete` which document"),
        ('value: "id"', 'value: "code"', "'code' of a row that is gone is not known"),
        ('value: "id"', 'value: "id", seen: suppliers/firms', "say with `complete` which document"),
        (', value: "id"', "", None),
    ],
)
def test_a_compared_block_that_explodes_names_the_document_that_goes(old: str, new: str, words: str | None) -> None:
    text = (COMPARED.strip() + LINES).replace(old, new, 1)
    problems = [str(problem) for problem in check_mapping(read_mapping(text.encode(), "shop.yml"), MODEL)]
    assert (problems == []) if words is None else any(words in problem for problem in problems), problems


BESIDE = (
    COMPARED.strip().replace('"id"', "KEY")
    + """
    - block: makers
      extract: {table: makers, MODE, key: [id]}
      key: {supplier_id: OTHER}
      columns: {supplier_name: "name"}
"""
)


@pytest.mark.parametrize(
    ("key", "other", "right"),
    [
        ("id", "id", False),
        ("id", "'m:' || id", False),
        ("CAST(id AS BIGINT)", "'m:' || id", True),
        ("CAST(id AS BIGINT)", "'1:' || id", False),
        ("CAST(id AS BIGINT)", "CAST(id AS INTEGER)", False),
        ("'f:' || id", "concat('m:', id)", True),
        ("'f' || id", "'fa' || id", False),
        ("' m:' || id", "'m:' || id", False),
        ("key('f', id)", "key('m', id)", True),
        ("key('f', id)", "key('f', id)", False),
        ("key('f', id)", "'f' || id", False),
        ("key('f', id)", "'fm/' || id", True),
        ("coalesce('f:' || id, 'm:')", "'m:' || id", False),
    ],
)
@pytest.mark.parametrize("mode", ["mode: compared", "mode: changed, watermark: at"])
def test_a_key_that_another_block_can_have_as_well_is_not_told_to_be_gone_by_a_compared_one(
    key: str, other: str, right: bool, mode: str
) -> None:
    text = BESIDE.replace("KEY", f'"{key}"').replace("OTHER", f'"{other}"').replace("MODE", mode)
    problems = [str(problem) for problem in check_mapping(read_mapping(text.encode(), "shop.yml"), MODEL)]
    if right:
        assert problems == []
        return
    (problem,) = problems
    assert problem.startswith("shop.yml:11:13: error: The keys of 'firms' and 'makers' can be the same")
    with pytest.raises(MappingError, match="can be the same"):
        # As the platform itself loads a file.
        require_valid(read_mapping(text.encode(), "shop.yml"), MODEL, expressions=False)


def test_beside_a_compared_block_the_same_rows_and_deletions_may_be_read_but_no_list_of_keys() -> None:
    text = BESIDE.replace("KEY", '"id"').replace("OTHER", '"id"')
    same = text.replace("makers, MODE", "firms, mode: compared")
    assert check_mapping(read_mapping(same.encode()), MODEL) == []
    gone = (
        text.replace("MODE", "mode: changed, watermark: at").rsplit("      columns", 1)[0] + "      tombstone: true\n"
    )
    assert check_mapping(read_mapping(gone.encode()), MODEL) == []
    keys = text.replace("MODE", "mode: keys").rsplit("      columns", 1)[0]
    (problem,) = check_mapping(read_mapping(keys.encode(), "shop.yml"), MODEL)
    assert str(problem).startswith("shop.yml:10:7: error: The block 'firms' is compared and tells by itself")


FEES = """
    - block: fees
      extract: {table: TABLE, mode: compared, key: [id]}
      key: {sale_item_id: "'fee:' || id"}
      columns: {sale_id: DOCUMENT, quantity: {const: 1}, unit_price: "fee"}
"""


@pytest.mark.parametrize(
    ("document", "right"), [("\"'f:' || sale\"", True), ('"sale"', False), ("\"'s:1' || sale\"", False)]
)
def test_what_a_compared_block_has_of_a_document_is_not_deleted_by_one_that_covers_the_document(
    document: str, right: bool
) -> None:
    lines = LINES.rstrip().replace('"id || ', "\"'line:' || id || ").replace('value: "id"', "value: \"'s:' || id\"")
    text = COMPARED.strip() + lines + FEES.replace("DOCUMENT", document).replace("TABLE", "fees")
    for mode in ("compared", "documents, document: [id], watermark: at"):
        tried = text.replace("{table: sales, mode: compared", f"{{table: sales, mode: {mode}")
        problems = [str(problem) for problem in check_mapping(read_mapping(tried.encode(), "shop.yml"), MODEL)]
        assert (problems == []) if right else ("'lines' covers whole documents (sale_id)" in problems[0]), problems


def test_two_arrays_of_the_same_compared_documents_go_together() -> None:
    fees = LINES.strip().partition("\n")[2].replace("block: lines", "block: fees").replace("$.lines", "$.fees")
    both = COMPARED.strip() + LINES.rstrip() + "\n" + fees
    assert check_mapping(read_mapping(both.encode()), MODEL) == []
    other = both.replace("table: sales", "table: fees").replace("table: fees", "table: sales", 1)
    (problem,) = check_mapping(read_mapping(other.encode()), MODEL)
    assert "'lines' covers whole documents" in problem.what


def test_the_check_and_the_extraction_agree_on_the_modes() -> None:
    assert {mode.value for mode in Mode} == {*get_args(MappedMode)}


def test_a_valid_mapping_has_no_problems() -> None:
    assert check_mapping(read_mapping(SHOP.encode()), MODEL) == []
    require_valid(read_mapping(SHOP.encode()), MODEL)


def test_errors_are_raised_together() -> None:
    text = SHOP.replace("total_amount:", "totl_amount:").replace("abs(qty)", "sum(qty)")
    with pytest.raises(MappingError, match="aggregate") as caught:
        require_valid(read_mapping(text.encode(), "shop.yml"), MODEL)
    assert caught.value.where is not None
    assert caught.value.where.startswith("shop.yml:1")


def test_a_key_by_position_and_an_unused_code_map_are_warnings() -> None:
    problems = check_mapping(read_mapping(DOCUMENTS.replace(", code: state", "").encode(), "d.yml"), MODEL)
    assert [problem.severity for problem in problems] == ["warning", "warning"]
    assert "No column uses" in str(problems[0])
    assert "position in the array" in str(problems[1])


def test_the_shipped_mappings_have_no_errors() -> None:
    for mapping in load_mappings().values():
        require_valid(mapping, MODEL)


def test_lineage_tells_values_from_filters_and_copies_from_computations() -> None:
    mapping = read_mapping(DOCUMENTS.encode())
    lines = mapping.block("sale_items", "doc_lines")
    assert lines is not None
    edges = set(column_lineage(mapping, lines))
    assert Edge("sale_id", "id", "DIRECT", "IDENTITY") in edges
    assert Edge("sku", "doc", "DIRECT", "TRANSFORMATION") in edges
    assert Edge("*", "doc", "INDIRECT", "FILTER") in edges
    assert Edge("sale_item_id", "id", "DIRECT", "TRANSFORMATION") in edges

    shop = read_mapping(SHOP.encode())
    (orders,) = shop.entities["sales"]
    assert [edge for edge in column_lineage(shop, orders) if edge.target in {"status", "currency_code"}] == [
        Edge("status", "status_code", "DIRECT", "TRANSFORMATION")
    ]
