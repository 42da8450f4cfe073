"""Three retailers whose databases look nothing alike, from the mapping file to canonical rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa

from retail_medallion.mapping import CompiledBlock, Mapping, check_mapping, compile_block, load_mapping
from retail_medallion_tests.mapping.bronze import EXTRACTED, FILES, MODEL, bronze, query, run


def load(name: str) -> Mapping:
    mapping = load_mapping(FILES / f"{name}.yml")
    assert [problem for problem in check_mapping(mapping, MODEL) if problem.severity == "error"] == []
    return mapping


def compiled(mapping: Mapping, entity: str, name: str, table: pa.Table, seen: pa.Table | None = None) -> CompiledBlock:
    block = mapping.block(entity, name)
    assert block is not None
    return compile_block(mapping, block, MODEL, table.schema, seen.schema if seen else None)


def only(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


NOON = dt.datetime(2026, 6, 20, 12, 0, tzinfo=dt.UTC)


def test_a_normalised_shop() -> None:
    mapping = load("normalised")
    orders = bronze(
        {
            "id": "bigint",
            "status_code": "smallint",
            "ordered_at": "timestamp with time zone",
            "client_id": "integer",
            "net_total": "numeric(12,2)",
            "discount_total": "numeric(12,2)",
            "grand_total": "numeric(12,2)",
            "voided_at": "timestamp with time zone",
        },
        (1, 10, NOON, 5, Decimal("10.00"), Decimal("1.00"), Decimal("11.90"), None),
        (2, 77, NOON, None, None, Decimal("0.00"), Decimal("20.00"), NOON),
    )
    headers = run(compiled(mapping, "sales", "orders", orders), orders)
    assert only(headers, "source_key", "status", "customer_id", "currency_code", "subtotal_amount", "deleted_at") == [
        ("1", "pending", 5, "EUR", Decimal("11.00"), None),
        ("2", "unknown", None, "EUR", None, NOON),
    ]
    assert only(headers, "bronze_row", "ingested_at", "failed", "unmapped", "unmapped_strict") == [
        (0, EXTRACTED, [], [], []),
        (1, EXTRACTED, [], ["status"], []),
    ]

    lines = bronze(
        {
            "id": "bigint",
            "order_id": "bigint",
            "pos": "integer",
            "article_id": "integer",
            "qty": "integer",
            "unit_price": "numeric(12,2)",
        },
        (11, 1, 1, 7, 2, Decimal("5.00")),
        (12, 1, 2, 8, -1, Decimal("3.50")),
    )
    block = compiled(mapping, "sale_items", "lines", lines, orders)
    assert only(run(block, lines), "source_key", "sale_id", "line_type", "quantity", "gross_amount") == [
        ("11", 1, "sale", 2, Decimal("10.00")),
        ("12", 1, "return", 1, Decimal("3.50")),
    ]
    assert block.scope is not None
    assert block.scope_relation == "seen"
    assert sorted(row["scope_key"] for row in query(block.scope, orders, "seen")) == ["1", "2"]


JOURNAL = dict.fromkeys(
    ("store", "txn_no", "line_no", "txn_date", "txn_time", "amount", "discount", "void_flag", "tender", "kind"), "text"
)


def test_a_journal_of_text() -> None:
    mapping = load("journal")
    journal = bronze(
        JOURNAL,
        ("03", "000017", "1", "20260620", "235959", "19.99", "", "N", None, None),
        ("03", "000018", "1", "20260631", "101112", "abc", "1.5", "N", None, None),
        ("03", "000019", "1", "20260620", "101112", "5", "", "Y", None, None),
        ("03", "000020", "1", "20260620", "101112", "5", "", None, None, None),
    )
    block = compiled(mapping, "sales", "headers", journal)
    rows = run(block, journal)
    assert only(rows, "bronze_row", "source_key", "sold_at", "total_amount", "discount_amount", "failed") == [
        (
            0,
            "till/03/000017",
            dt.datetime(2026, 6, 20, 23, 59, 59),  # noqa: DTZ001 - no zone in the source
            Decimal("19.9900"),
            Decimal("0.0000"),
            [],
        ),
        (1, "till/03/000018", None, None, Decimal("1.5000"), ["sold_at", "total_amount"]),
    ]
    assert query(block.count, journal) == [{"rows_read": 4, "selected": 2}]

    tenders = bronze(
        JOURNAL,
        ("03", "17", "2", "20260620", "101112", "19.99", "", "N", "V", "P"),
        ("03", "17", "3", "20260620", "101112", "-5", "", "N", "??", "X"),
    )
    rows = run(compiled(mapping, "transactions", "tenders", tenders), tenders)
    assert only(rows, "source_key", "sale_id", "transaction_type", "payment_method_id", "amount", "unmapped") == [
        ("03/17/2", "till/03/17", "payment", "V", Decimal("19.9900"), []),
        ("03/17/3", "till/03/17", "unknown", None, Decimal("-5.0000"), ["transaction_type"]),
    ]

    kinds = bronze({"tender": "text"}, ("C",), ("Z",))
    rows = run(compiled(mapping, "payment_methods", "tenders", kinds), kinds)
    assert only(rows, "method_type", "unmapped_strict") == [("cash", []), (None, ["method_type"])]


def test_one_party_table_feeds_customers_and_suppliers() -> None:
    mapping = load("journal")
    parties = bronze(
        dict.fromkeys(("party_no", "role", "name", "email"), "text"),
        ("1", "C", "Ana", "ana@example.com"),
        ("2", "S", "Vinos SL", None),
        ("3", "B", "Both", "none"),
    )
    customers, suppliers = (compiled(mapping, entity, "parties", parties) for entity in ("customers", "suppliers"))
    assert only(run(customers, parties), "source_key", "email") == [("1", "ana@example.com"), ("3", None)]
    assert only(run(suppliers, parties), "source_key", "supplier_name") == [("2", "Vinos SL"), ("3", "Both")]
    assert customers.scope == "*"
    assert customers.filters == {"role"}


DOCUMENT = {"id": "uuid", "doc": "jsonb", "deleted_at": "timestamp with time zone"}
A, B, C = (bytes([n]) * 16 for n in (0xA1, 0xB2, 0xC3))
A_TEXT, B_TEXT = "a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1", "b2b2b2b2-b2b2-b2b2-b2b2-b2b2b2b2b2b2"


def with_known_keys(mapping: Mapping) -> Mapping:
    """The mapping with the keys of its products beside them."""
    (products,) = mapping.entities["products"]
    extract = products.extract.model_copy(update={"mode": "keys", "watermark": None})
    known = products.model_copy(update={"name": "known", "extract": extract, "columns": {}})
    return mapping.model_copy(update={"entities": {**mapping.entities, "products": (products, known)}})


def documents() -> pa.Table:
    lines = '[{"lineId": "x", "sku": "S1", "qty": "1.5", "price": 1999}, {"sku": "S2", "qty": 2, "price": 10.5}]'
    head = '"placedAt": "2026-06-20T14:00:00+02:00", "buyer": {"id": 7}'
    return bronze(
        DOCUMENT,
        (A, f'{{"state": "paid", {head}, "ccy": "eur", "total": 1999, "lines": {lines}, "meta": {{"a": [1]}}}}', None),
        (B, f'{{"state": "lost", {head}, "ccy": "JPY", "total": 1999, "lines": []}}', NOON),
        (C, f'{{"state": "new", {head}, "ccy": "KWD", "total": 1999, "lines": {{"no": "array"}}}}', None),
    )


def test_json_documents_with_minor_units() -> None:
    mapping, table = load("documents"), documents()
    rows = run(compiled(mapping, "sales", "docs", table), table)
    assert only(rows, "status", "currency_code", "total_amount", "deleted_at", "unmapped_strict") == [
        ("confirmed", "EUR", Decimal("19.9900"), None, []),
        (None, "JPY", Decimal("1999.0000"), NOON, ["status"]),
        ("pending", "KWD", Decimal("1.9990"), None, []),
    ]
    assert rows[0]["source_key"] == A_TEXT
    assert rows[0]["sold_at"] == NOON
    assert rows[0]["customer_id"] == "7"
    assert rows[0]["extras"] == '{"a":[1]}'


def test_json_lines_become_rows_and_none_vanishes() -> None:
    mapping, table = load("documents"), documents()
    block = compiled(mapping, "sale_items", "doc_lines", table, table)
    rows = run(block, table)
    assert only(rows, "bronze_row", "source_key", "line_number", "sku", "quantity", "unit_price") == [
        (0, f"{A_TEXT}#x", 1, "S1", Decimal("1.500"), Decimal("19.9900")),
        (0, f"{A_TEXT}#1", 2, "S2", Decimal("2.000"), None),
        (2, None, None, None, None, None),
    ]
    assert only(rows, "failed") == [([],), (["unit_price", "gross_amount"],), (["sale_item_id"],)]
    assert block.scope is not None
    scopes = {row["scope_key"] for row in query(block.scope, table, "seen")}
    assert scopes >= {A_TEXT, B_TEXT}, "the order whose array is empty is covered too"
    assert len(scopes) == 3
    assert query(block.count, table) == [{"rows_read": 3, "selected": 3}]
    assert block.lineage["sku"] == {"doc"}
    assert block.filters == {"doc"}


def test_translations_tombstones_and_key_lists() -> None:
    mapping = load("documents")
    products = bronze(
        {
            "id": "bigint",
            "title": "jsonb",
            "price_cents": "integer",
            "archived_at": "timestamp with time zone",
            "deleted_at": "timestamp with time zone",
        },
        (1, '{"fr": "Chaise", "en": "Chair"}', 1999, None, None),
        (2, '{"fr": " ", "en": "Table"}', 5, NOON, None),
    )
    rows = run(compiled(mapping, "products", "products", products), products)
    assert only(rows, "product_name", "list_price", "is_active") == [
        ("Chaise", Decimal("19.9900"), True),
        ("Table", Decimal("0.0500"), False),
    ]
    keys = bronze({"id": "bigint"}, (1,), (2,))
    known = compiled(with_known_keys(mapping), "products", "known", keys)
    assert only(run(known, keys), "source_key") == [("1",), ("2",)]
    assert known.scope == "*"
    purged = compiled(mapping, "sales", "purged", keys)
    assert purged.scope is None
    assert purged.types == {}
