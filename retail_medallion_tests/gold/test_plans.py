"""What a day costs must follow from what changed on it, not from how much there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2 import sql

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.warehouse import DAY, DEFAULTS, MODEL, NOON, Warehouse
from retail_medallion_tests.servers import fresh_database_on

SOURCE = "shop"
ROWS = 4_000

REFERENCES = {
    "products": {"category_id": "n::text", "extra_category_ids": "ARRAY[mod(n, 10)::text]"},
    "customers": {},
    "coupons": {"customer_id": "n::text"},
    "sales": {"customer_id": "n::text", "coupon_ids": "ARRAY[mod(n, 100)::text, n::text]"},
    "sale_items": {"sale_id": "n::text", "product_id": "n::text", "coupon_id": "n::text"},
    "transactions": {"sale_id": "n::text"},
    "loyalty_transactions": {"sale_id": "n::text", "customer_id": "n::text"},
    "stock_movements": {"product_id": "n::text", "location_id": "mod(n, 10)::text"},
    "shopping_carts": {"sale_id": "n::text", "customer_id": "n::text"},
    "cart_items": {"cart_id": "n::text", "product_id": "n::text"},
    "sale_fulfilments": {"sale_id": "n::text", "sale_item_id": "n::text"},
    "product_reviews": {"sale_id": "n::text", "product_id": "n::text"},
}


@pytest.fixture(scope="module")
def full(postgres_server: EmbeddedPostgres) -> Iterator[Warehouse]:
    """A warehouse with many rows in every table below."""
    with fresh_database_on(postgres_server, prefix="gold") as database:
        made = Warehouse(database.url)
        made.add_source(SOURCE)
        for entity, references in REFERENCES.items():
            fill(made, entity, references)
        made.execute("ANALYZE")
        for parent in ("fct_sale", "fct_cart"):
            made.execute(
                "INSERT INTO meta.pending (consumer, source_system, role, id) VALUES (%s, %s, '*', '')",
                (parent, SOURCE),
            )
            made.run(parent, SOURCE)
        made.execute("ANALYZE gold.fct_sale; ANALYZE gold.fct_cart")
        yield made
        made.engine.dispose()


def fill(warehouse: Warehouse, entity: str, references: dict[str, str]) -> None:
    row: dict[str, Any] = {"source_system": SOURCE, "is_deleted": False, **DEFAULTS[entity]}
    row |= {"load_id": "00000000-0000-0000-0000-000000000000", "bronze_row": 0, "ingested_at": NOON, "dq_flags": []}
    row |= {"winner_partition": DAY, "effective_partition": DAY}
    values = {name: sql.Literal(value) for name, value in row.items()}
    computed = {MODEL.entity(entity).key: "n::text", **references}
    values |= {name: sql.SQL(expression) for name, expression in computed.items()}  # type: ignore[misc] # SQL either way
    statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM generate_series(1, %s) n").format(
        sql.Identifier("silver", entity),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
    )
    with warehouse.engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute(statement, (ROWS,))


# Not the tree of categories: it is small, and reading it whole is what the planner rightly takes for cheaper.
NAMES = [
    "dim_coupon",
    "bridge_product_category",
    "fct_sale",
    "fct_sale_item",
    "fct_transaction",
    "fct_coupon_redemption",
    "fct_loyalty_transaction",
    "fct_review",
    "fct_cart",
    "fct_cart_item",
    "fct_fulfilment",
    "fct_stock_movement",
]
PARTS = ("select", "expand", "waiting")


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name in NAMES for part in PARTS if getattr(TABLES[name], part) is not None]
)
def test_the_rows_of_a_few_keys_are_found_without_reading_a_whole_table(full: Warehouse, name: str, part: str) -> None:
    with full.engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute(
            "CREATE TEMP TABLE given ON COMMIT DROP AS"
            " SELECT role, id FROM (VALUES ('3000'), ('3001')) ids (id),"
            " unnest(%s::text[]) role; ANALYZE given",
            (list({c.role for c in TABLES[name].consumes}),),
        )
        given = sql.Identifier("pg_temp", "given")
        query = sql.SQL(getattr(TABLES[name], part)).format(scope=given, wanted=given)
        cursor.execute(sql.SQL("EXPLAIN (VERBOSE, FORMAT JSON) {}").format(query), {"source": SOURCE})
        ((((plan,),),)) = cursor.fetchall()
    whole = {(scan["Schema"], scan["Relation Name"]) for scan in scans(plan["Plan"])}
    assert {t for t in whole if t[0] in {"silver", "gold"}} == set()


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node["Node Type"] == "Seq Scan":
        yield {"Schema": "", **node}
    for child in node.get("Plans", []):
        yield from scans(child)
