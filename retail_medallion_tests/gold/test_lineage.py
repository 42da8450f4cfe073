from __future__ import annotations

import pytest

from retail_medallion.gold.lineage import column_lineage
from retail_medallion.gold.registry import TABLES
from retail_medallion.model import load_model

MODEL = load_model()


def test_a_computed_column_leads_back_to_every_silver_column_it_is_made_of() -> None:
    found = column_lineage("fct_sale_item")
    lineage = {column: {str(origin) for origin in origins} for column, origins in found.items()}
    assert lineage["customer_key"] == {"silver.sale_items.source_system", "silver.sales.customer_id"}
    assert lineage["sale_date"] == {"silver.sales.business_date"}
    assert {
        "silver.sale_items.gross_amount",
        "silver.sale_items.discount_amount",
        "silver.sales.discount_amount",
    } <= lineage["net_revenue"]


@pytest.mark.parametrize("name", [name for name in TABLES if name != "dim_date"])
def test_every_column_comes_from_columns_that_exist(name: str) -> None:
    for column, origins in column_lineage(name).items():
        constants = {"line_count", "item_count", "window_start", "window_end", "fiscal_year", "fiscal_week"}
        if column not in constants:
            assert origins, f"{name}.{column} comes from nowhere"
        for origin in origins:
            schema, table, source = origin.schema, origin.table, origin.column
            if schema in {"silver", "silver_versions"}:
                technical = {"source_system", "is_deleted", "winner_partition", "partition_date"}
                assert source in MODEL.entity(table).columns or source in technical, origin
            elif schema == "gold":
                assert source in TABLES[table].column_names, origin


def test_personal_data_reaches_gold_in_no_other_columns() -> None:
    personal = {f"silver.{e.entity}.{c.name}" for e in MODEL.entities.values() for c in e if c.pii}
    reached = {
        (t, c, o)
        for t in TABLES
        for c, origins in column_lineage(t).items()
        for o in map(str, origins)
        if o in personal
    }
    assert reached == {
        ("dim_customer", "birth_year", "silver.customers.birth_date"),
        # Where the source shows it.
        ("dim_customer", "display_label", "silver.customers.full_name"),
        ("dim_customer", "full_name", "silver.customers.full_name"),
        ("dim_customer", "email", "silver.customers.email"),
        ("dim_customer", "phone", "silver.customers.phone"),
        ("dim_customer", "person_key", "silver.customers.identity_hash"),
        ("fct_review", "body_length", "silver.product_reviews.body"),
    }
