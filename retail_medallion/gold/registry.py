"""All Gold tables, in an order in which each one comes after those it refers to."""

from __future__ import annotations

from collections.abc import Mapping

from retail_medallion.errors import ModelError
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.tables import (
    bridge_category_ancestor,
    bridge_product_category,
    dim_category,
    dim_coupon,
    dim_customer,
    dim_customer_version,
    dim_date,
    dim_fiscal_calendar,
    dim_location,
    dim_payment_method,
    dim_product,
    dim_product_version,
    dim_source,
    dim_supplier,
    fct_cart,
    fct_cart_item,
    fct_coupon_redemption,
    fct_fulfilment,
    fct_inventory_daily,
    fct_loyalty_transaction,
    fct_review,
    fct_sale,
    fct_sale_item,
    fct_stock_movement,
    fct_transaction,
    mart_basket_pair,
    mart_cart_funnel,
    mart_cohort_retention,
    mart_coupon_effect,
    mart_customer_rfm,
    mart_customer_value,
    mart_daily_payments,
    mart_daily_sales,
    mart_data_quality,
    mart_fulfilment_service,
    mart_inventory_health,
    mart_payment_reconciliation,
    mart_product_quality,
    mart_store_day,
)

TABLES: Mapping[str, GoldTable] = {
    module.TABLE.name: module.TABLE
    for module in (
        dim_date,
        dim_source,
        dim_fiscal_calendar,
        dim_category,
        dim_supplier,
        dim_product,
        dim_location,
        dim_customer,
        dim_payment_method,
        dim_coupon,
        bridge_category_ancestor,
        bridge_product_category,
        dim_product_version,
        dim_customer_version,
        fct_sale,
        fct_sale_item,
        fct_transaction,
        fct_coupon_redemption,
        fct_loyalty_transaction,
        fct_review,
        fct_cart,
        fct_cart_item,
        fct_fulfilment,
        fct_stock_movement,
        fct_inventory_daily,
        mart_daily_sales,
        mart_store_day,
        mart_payment_reconciliation,
        mart_daily_payments,
        mart_cart_funnel,
        mart_fulfilment_service,
        mart_customer_rfm,
        mart_customer_value,
        mart_cohort_retention,
        mart_basket_pair,
        mart_product_quality,
        mart_coupon_effect,
        mart_inventory_health,
        mart_data_quality,
    )
}
"""Table name to table. Materialising them in this order leaves nothing pending but rows whose parent does not exist."""


def table(name: str) -> GoldTable:
    """The Gold table of that name.

    Raises:
        ModelError: There is none.
    """
    try:
        return TABLES[name]
    except KeyError:
        raise ModelError(f"There is no Gold table {name!r}.", fix=f"Use one of: {', '.join(TABLES)}") from None


def referencing(dimension: str) -> list[tuple[GoldTable, str]]:
    """Every (table, column) that points at members of a dimension."""
    return [(t, column) for t in TABLES.values() for column, to in t.dimension_references.items() if to == dimension]


def written_with(name: str) -> list[str]:
    """Every table a write of `name` may write to: itself, dimensions it may infer members of, and its children."""
    found: set[str] = set()
    open_names = [name]
    while open_names:
        current = open_names.pop()
        if current in found:
            continue
        found.add(current)
        one = TABLES[current]
        open_names += [*one.dimension_references.values(), *one.cascades, *one.loosens]
    return sorted(found)


def writing_lock(name: str, source: str) -> str:
    """Name of the advisory lock that whoever writes rows of a source into a table holds."""
    return f"gold.{name}|{source}"
