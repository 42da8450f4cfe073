"""What Gold must hold for a given Silver, said a second time in plain Python: no SQL, no database, no floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from retail_medallion_tests.gold.oracle import (
    bridges,
    carts,
    coupons,
    dimensions,
    fulfilment,
    histories,
    loyalty,
    marts_of_carts,
    marts_of_coupons,
    marts_of_customers,
    marts_of_delivery,
    marts_of_money,
    marts_of_products,
    marts_of_quality,
    marts_of_sales,
    marts_of_stock,
    money,
    reviews,
    sales,
    stock,
)
from retail_medallion_tests.gold.oracle.silver import Row, Silver
from retail_medallion_tests.gold.oracle.world import World

_MODULES = (
    dimensions,
    bridges,
    histories,
    sales,
    coupons,
    money,
    loyalty,
    carts,
    fulfilment,
    reviews,
    stock,
    marts_of_sales,
    marts_of_money,
    marts_of_carts,
    marts_of_delivery,
    marts_of_customers,
    marts_of_products,
    marts_of_coupons,
    marts_of_stock,
    marts_of_quality,
)
ORACLES: dict[str, Callable[[World], list[Row]]] = {
    name: oracle for module in _MODULES for name, oracle in module.TABLES.items()
}
"""Gold table to what gives its rows."""


class Expected:
    """Gold as a function of Silver.

    Args:
        silver: Of one source.
    """

    def __init__(self, silver: Silver) -> None:
        self.world = World(silver, ORACLES)

    def rows(self, table: str, key: tuple[str, ...]) -> dict[tuple[Any, ...], Row]:
        """The rows of a table with all stored columns, by primary key."""
        rows = self.world.rows(table)
        keyed = {tuple(row[column] for column in key): row for row in rows}
        assert len(keyed) == len(rows), f"two rows of {table} have one key"
        return keyed

    def waiting(self) -> set[tuple[str, str, str]]:
        """(table, role, id) of what waits for a parent that Silver does not know."""
        return {
            (table, role, row[role])
            for table, entity, role, parent in (
                ("fct_sale_item", "sale_items", "sale_id", "sales"),
                ("fct_cart_item", "cart_items", "cart_id", "shopping_carts"),
            )
            for row in self.world.live(entity).values()
            if row[role] not in self.world.current(parent)
        }


__all__ = ["ORACLES", "Expected", "Row", "Silver", "World"]
