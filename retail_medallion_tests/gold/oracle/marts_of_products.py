"""What is bought together, and what comes back or is disliked."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from itertools import combinations
from typing import Any

from retail_medallion_tests.gold.oracle.arithmetic import mean, month_of, ratio
from retail_medallion_tests.gold.oracle.marts_of_sales import (
    purchases,
    revenue_lines,
    sold_and_returned,
)
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import NIL, World

WINDOW = dt.timedelta(days=90)
LARGEST_BASKET, FEWEST_JOINT_SALES = 100, 5


def mart_basket_pair(world: World) -> list[Row]:
    horizon = world.horizon
    if horizon is None:
        return []
    in_window = {s["sale_key"] for s in purchases(world) if horizon - WINDOW <= s["sale_date"] < horizon}
    contents: dict[Any, set[Any]] = defaultdict(set)
    for item in world.rows("fct_sale_item"):
        if item["sale_key"] in in_window and item["line_type"] == "sale" and item["product_key"] != NIL:
            contents[item["sale_key"]].add(item["product_key"])
    baskets = [sorted(products) for products in contents.values() if len(products) <= LARGEST_BASKET]
    single = Counter(product for basket in baskets for product in basket)
    joint = Counter(pair for basket in baskets for pair in combinations(basket, 2))
    return [
        {
            "source_key": world.source_key,
            "product_a_key": a,
            "product_b_key": b,
            "window_start": horizon - WINDOW,
            "window_end": horizon - dt.timedelta(days=1),
            "baskets": len(baskets),
            "sales_with_a": single[a],
            "sales_with_b": single[b],
            "sales_with_both": both,
            "support": ratio(both, len(baskets)),
            "confidence_ab": ratio(both, single[a]),
            "confidence_ba": ratio(both, single[b]),
            "lift": ratio(both * len(baskets), single[a] * single[b]),
        }
        for (a, b), both in joint.items()
        if both >= FEWEST_JOINT_SALES
    ]


def _rank(values: dict[Any, Any], *, best_is_high: bool) -> dict[Any, int | None]:
    known = [value for value in values.values() if value is not None]
    return {
        key: None if value is None else 1 + sum((other > value) if best_is_high else (other < value) for other in known)
        for key, value in values.items()
    }


def mart_product_quality(world: World) -> list[Row]:
    sold: dict[tuple[dt.date, Any], list[Row]] = defaultdict(list)
    first_return: dict[tuple[Any, Any], dt.date] = {}
    for item in revenue_lines(world):
        sold[month_of(item["sale_date"]), item["product_key"]].append(item)
        if item["line_type"] == "return" and item["customer_key"] != NIL:
            who = (item["customer_key"], item["product_key"])
            first_return[who] = min(item["sale_date"], first_return.get(who, item["sale_date"]))
    reviewed: dict[tuple[dt.date, Any], list[Row]] = defaultdict(list)
    for review in world.rows("fct_review"):
        if review["status"] == "published":
            reviewed[month_of(review["review_date"]), review["product_key"]].append(review)
    rows = []
    for month, product in sorted({key for key in (*sold, *reviewed) if key[1] != NIL}):
        units = sold_and_returned(sold[month, product])
        reviews = reviewed[month, product]
        returners = [
            review["review_date"] < first_return[review["customer_key"], product]
            for review in reviews
            if (review["customer_key"], product) in first_return
        ]
        rows.append(
            {
                "source_key": world.source_key,
                "month_start": month,
                "product_key": product,
                "units_sold": units["units"],
                "returned_units": units["returned_units"],
                "return_rate": ratio(units["returned_units"], units["units"]),
                "reviews": len(reviews),
                "average_rating": mean([review["rating"] for review in reviews], 2),
                "low_rating_share": ratio(sum(review["rating"] <= 2 for review in reviews), len(reviews)),
                "reviews_before_return": returners.count(True),
                "reviews_after_return": returners.count(False),
            }
        )
    for month in {row["month_start"] for row in rows}:
        of_month = [row for row in rows if row["month_start"] == month]
        for name, column, best_is_high in (
            ("rating_rank", "average_rating", True),
            ("return_rank", "return_rate", False),
        ):
            ranks = _rank({row["product_key"]: row[column] for row in of_month}, best_is_high=best_is_high)
            for row in of_month:
                row[name] = ranks[row["product_key"]]
    return rows


TABLES = {"mart_basket_pair": mart_basket_pair, "mart_product_quality": mart_product_quality}
