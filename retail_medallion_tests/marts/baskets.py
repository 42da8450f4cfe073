"""Products bought together."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from itertools import combinations

import pandas as pd

from retail_medallion_tests.marts.documents import documents
from retail_medallion_tests.marts.exact import ratio
from retail_medallion_tests.marts.frames import Retailer, expected, only

WINDOW = dt.timedelta(days=90)
MOST_PRODUCTS = 100
LEAST_TOGETHER = 5


def mart_basket_pair(retailer: Retailer) -> pd.DataFrame:
    """Pairs of products that were in at least five baskets of the last ninety days."""
    sales, lines = documents(retailer)
    start, end = retailer.horizon - WINDOW, retailer.horizon
    bought = {
        sale["sale_id"] for sale in only(sales, lambda sale: sale["is_purchase"] and start <= sale["sale_date"] < end)
    }
    baskets: dict[str, set[str]] = defaultdict(set)
    for line in only(lines, lambda line: line["line_type"] == "sale" and line["product_id"] is not None):
        if line["sale_id"] in bought:
            baskets[line["sale_id"]].add(line["product_id"])
    counted = [
        sorted(retailer.key("products", product) for product in basket)
        for basket in baskets.values()
        if len(basket) <= MOST_PRODUCTS
    ]
    alone = Counter(product for basket in counted for product in basket)
    together = Counter(pair for basket in counted for pair in combinations(basket, 2))
    rows = [
        {
            "product_a_key": a,
            "product_b_key": b,
            "window_start": start,
            "window_end": end - dt.timedelta(days=1),
            "baskets": len(counted),
            "sales_with_a": alone[a],
            "sales_with_b": alone[b],
            "sales_with_both": both,
            "support": ratio(both, len(counted)),
            "confidence_ab": ratio(both, alone[a]),
            "confidence_ba": ratio(both, alone[b]),
            "lift": ratio(both * len(counted), alone[a] * alone[b]),
        }
        for (a, b), both in together.items()
        if both >= LEAST_TOGETHER
    ]
    return expected(retailer, rows)
