"""How often products come back, and what customers say about them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from decimal import Decimal

import pandas as pd

from retail_medallion_tests.marts.daily import returned_units
from retail_medallion_tests.marts.documents import documents
from retail_medallion_tests.marts.exact import ZERO, mean, ratio, rounded
from retail_medallion_tests.marts.frames import Retailer, Row, expected, only, records

LOW = 2


def mart_product_quality(retailer: Retailer) -> pd.DataFrame:
    """Units sold and returned, and published reviews, per month and product."""
    sales, lines = documents(retailer)
    buyers = {sale["sale_id"]: sale["customer_id"] for sale in records(sales)}
    sold: dict[tuple[dt.date, uuid.UUID], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    first_return: dict[tuple[str | None, str], dt.date] = {}
    # Lines of free text and reviews of whole families are of no product that could be ranked.
    for line in only(lines, lambda line: line["is_revenue"] and line["product_id"] is not None):
        units = sold[line["sale_date"].replace(day=1), retailer.key("products", line["product_id"])]
        if line["is_merchandise"] and line["line_type"] != "return":
            units[0] += line["quantity"]
        units[1] += returned_units(line)
        if line["line_type"] == "return" and line["customer_id"] is not None:
            who = (line["customer_id"], line["product_id"])
            first_return[who] = min(first_return.get(who, line["sale_date"]), line["sale_date"])
    reviews: dict[tuple[dt.date, uuid.UUID], list[Row]] = defaultdict(list)
    for review in retailer.rows("reviews"):
        if review["status"] == "published" and review["product_id"] is not None:
            place = (review["date"].replace(day=1), retailer.key("products", review["product_id"]))
            author = review["customer_id"] or buyers.get(review["sale_id"])
            returned = first_return.get((author, review["product_id"]))
            reviews[place].append({**review, "returned": returned})
    rows = [_month_of(*place, sold.get(place, [ZERO, ZERO]), reviews.get(place, [])) for place in sold | reviews]
    for month in {row["month_start"] for row in rows}:
        own = [row for row in rows if row["month_start"] == month]
        _rank(own, "average_rating", "rating_rank", best_is_high=True)
        _rank(own, "return_rate", "return_rank", best_is_high=False)
    return expected(retailer, rows)


def _month_of(month: dt.date, product: uuid.UUID, units: list[Decimal], reviews: list[Row]) -> Row:
    average = mean(review["rating"] for review in reviews)
    after = [review["returned"] is not None and review["date"] >= review["returned"] for review in reviews]
    before = [review["returned"] is not None and review["date"] < review["returned"] for review in reviews]
    return {
        "month_start": month,
        "product_key": product,
        "units_sold": units[0],
        "returned_units": units[1],
        "return_rate": ratio(units[1], units[0]),
        "reviews": len(reviews),
        "average_rating": None if average is None else rounded(average, 2),
        "low_rating_share": ratio(sum(review["rating"] <= LOW for review in reviews), len(reviews)),
        "reviews_before_return": sum(before),
        "reviews_after_return": sum(after),
    }


def _rank(rows: list[Row], measure: str, name: str, *, best_is_high: bool) -> None:
    known = [row[measure] for row in rows if row[measure] is not None]
    for row in rows:
        value = row[measure]
        better = [other > value if best_is_high else other < value for other in known] if value is not None else []
        row[name] = None if value is None else 1 + sum(better)
