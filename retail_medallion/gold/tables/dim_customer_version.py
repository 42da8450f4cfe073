"""Customers as they were, without personal data: segment, tier, place and consent, day by day."""

from __future__ import annotations

from retail_medallion.gold.definition import Column, Consumes, GoldTable
from retail_medallion.gold.tables import history

_ATTRIBUTES = {
    "customer_type": "c.customer_type",
    "segment": "c.segment",
    "loyalty_tier": "c.loyalty_tier",
    "country_code": "c.country_code::text AS country_code",
    "region_code": "c.region_code",
    "city": "c.city",
    "marketing_opt_in": "c.marketing_opt_in",
    "home_location_id": history.reference("home_location_id", "home_location_key", "inventory_locations"),
    "is_active": "c.is_active",
    "is_deleted": "c.is_deleted",
}

TABLE = GoldTable(
    name="dim_customer_version",
    kind="history",
    grain="one shopper account over the days in which nothing of what is followed here changed",
    question="How many accounts moved from one loyalty tier to another in each month?",
    example="""
SELECT date_trunc('month', later.valid_from)::date AS month, former.loyalty_tier AS "from", later.loyalty_tier AS "to",
       count(*) AS accounts
FROM gold.dim_customer_version later
JOIN gold.dim_customer_version former ON former.customer_key = later.customer_key
    AND former.version_no = later.version_no - 1
WHERE former.loyalty_tier IS DISTINCT FROM later.loyalty_tier GROUP BY 1, 2, 3 ORDER BY 1
""",
    columns=history.columns(
        "customer_key",
        "dim_customer",
        (
            Column("customer_type", "text", "person or business", nullable=True),
            Column("segment", "text", "the source's own segment", nullable=True),
            Column("loyalty_tier", "text", "the source's own tier", nullable=True),
            Column("country_code", "text", "ISO 3166-1 country", nullable=True),
            Column("region_code", "text", "ISO 3166-2 subdivision", nullable=True),
            Column("city", "text", "city", nullable=True),
            Column("marketing_opt_in", "boolean", "consent; empty means never asked", nullable=True),
            Column("home_location_key", "uuid", "usual store", references="dim_location"),
            Column("is_active", "boolean", "usable account", nullable=True),
            Column("is_deleted", "boolean", "the source marked it deleted", nullable=True),
        ),
    ),
    primary_key=("customer_key", "valid_from"),
    select=history.select("customers", "customer_id", "customer_key", _ATTRIBUTES),
    scope_column="customer_key",
    scope_value="gold.member_key('customers', %(source)s, id)",
    all_ids=history.all_ids("customers", "customer_id"),
    entity="customers",
    consumes=(Consumes("customers", "version_of_customer_id"),),
    mentions=history.all_ids("customers", "customer_id", of_day=True),
    silver_inputs=("customers",),
    gold_inputs=("dim_source", "dim_customer", "dim_location"),
    checks=history.CHECKS,
    excludes=(history.no_overlap("customer_key"),),
)
