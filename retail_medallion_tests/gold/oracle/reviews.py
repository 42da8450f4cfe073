"""Reviews."""

from __future__ import annotations

from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World, first_known


def fct_review(world: World) -> list[Row]:
    rows = []
    for id_, review in world.live("product_reviews").items():
        sale = world.sale(review["sale_id"])
        customer = first_known(review["customer_id"], sale and sale["customer_id"])
        rows.append(
            {
                "review_key": world.key("product_reviews", id_),
                "source_key": world.source_key,
                "review_id": id_,
                "product_key": world.key("products", review["product_id"]),
                "customer_key": world.key("customers", customer),
                "sale_key": world.sale_key(review["sale_id"]),
                "sale_id": review["sale_id"],
                "parent_product_id": review["parent_product_id"],
                "review_date": review["business_date"],
                "rating": review["rating"],
                "status": review["status"],
                "language_code": review["language_code"],
                "is_verified_source": review["is_verified_purchase"],
                "body_length": None if review["body"] is None else len(review["body"]),
                "helpful_count": review["helpful_count"],
                "days_from_purchase": None if sale is None else (review["business_date"] - sale["business_date"]).days,
                "silver_partition": review["winner_partition"],
            }
        )
    return rows


TABLES = {"fct_review": fct_review}
