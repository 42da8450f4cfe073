"""Dimensions: what Silver knows of a member, or a placeholder for one that something refers to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

from retail_medallion.gold.registry import TABLES as REGISTERED
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import NIL, World, first_known

ENTITY_OF = {
    "dim_category": "product_categories",
    "dim_supplier": "suppliers",
    "dim_product": "products",
    "dim_location": "inventory_locations",
    "dim_customer": "customers",
    "dim_payment_method": "payment_methods",
    "dim_coupon": "coupons",
}
SAME = {
    "dim_category": "category_code category_name is_active",
    "dim_supplier": "supplier_code supplier_name legal_name tax_id gln city postal_code region_code country_code"
    " currency_code payment_terms_days lead_time_days is_active",
    "dim_product": "parent_product_id sku gtin product_name variant_name brand product_type unit_of_measure list_price"
    " cost_price currency_code tax_rate weight_grams attributes is_active is_stock_tracked launched_on discontinued_on",
    "dim_location": "location_code location_name location_type city region_code postal_code country_code time_zone"
    " latitude longitude floor_area_m2 opened_on closed_on is_active",
    "dim_customer": "customer_number customer_type gender language_code city region_code country_code segment"
    " loyalty_tier marketing_opt_in is_guest is_active",
    "dim_payment_method": "method_code method_name method_type provider card_scheme fee_rate fee_fixed currency_code"
    " is_online is_active",
    "dim_coupon": "coupon_code campaign_name description discount_type discount_value currency_code applies_to"
    " min_purchase_amount max_discount_amount starts_at ends_at usage_limit usage_limit_per_customer usage_count"
    " is_stackable status",
}
"""Columns that are those of Silver."""
LINKS = {
    "dim_category": {"parent_category_key": ("product_categories", "parent_category_id")},
    "dim_product": {
        "category_key": ("product_categories", "category_id"),
        "supplier_key": ("suppliers", "supplier_id"),
    },
    "dim_location": {"parent_location_key": ("inventory_locations", "parent_location_id")},
    "dim_customer": {
        "home_location_key": ("inventory_locations", "home_location_id"),
        "merged_into_key": ("customers", "merged_into_customer_id"),
    },
    "dim_coupon": {"customer_key": ("customers", "customer_id")},
}
LABELLED = {
    "dim_category": ("category_name", "path", "level1_name"),
    "dim_supplier": ("supplier_name",),
    "dim_product": ("product_name",),
    "dim_location": ("location_name",),
    "dim_customer": ("display_label",),
    "dim_payment_method": ("method_name",),
}
"""Columns in which a placeholder is called unknown."""
PLACEHOLDER: dict[str, Row] = {
    "dim_category": {"depth": 1},
    "dim_product": {"product_type": "unknown"},
    "dim_location": {"location_type": "unknown"},
    "dim_customer": {"customer_type": "unknown"},
    "dim_payment_method": {"method_type": "unknown"},
    "dim_coupon": {"discount_type": "unknown", "applies_to": "unknown", "status": "unknown"},
}
LEVELS = 4


def climb(world: World, id_: str) -> list[str]:
    """A category and those above it as far as they are known, ending before one that was seen."""
    known, seen = world.current("product_categories"), []
    at: str | None = id_
    while at in known and at not in seen:
        seen.append(at)
        at = known[at]["parent_category_id"]
    return seen


def _category(world: World, id_: str, row: Row) -> Row:  # noqa: ARG001 all of these have one shape
    known = world.current("product_categories")
    names = [known[each]["category_name"] for each in reversed(climb(world, id_))]
    levels = {f"level{n + 1}_name": names[n] if n < len(names) else None for n in range(LEVELS)}
    return {"path": " > ".join(names), "depth": len(names), **levels}


def _location(world: World, id_: str, row: Row) -> Row:  # noqa: ARG001
    return {
        "is_selling": row["location_type"] in {"store", "online"},
        "is_stocking": row["location_type"] in {"store", "warehouse", "distribution_centre", "returns"},
    }


def person_key(world: World, customer_id: str) -> Any:
    """The same for all accounts of one person."""
    row = world.current("customers").get(customer_id, {})
    return first_known(row.get("identity_hash"), world.key("customers", customer_id))


def _customer(world: World, id_: str, row: Row) -> Row:
    postal_code = row["postal_code"]
    return {
        "display_label": "Customer " + str(world.key("customers", id_)).upper()[:8],
        "person_key": person_key(world, id_),
        "birth_year": None if row["birth_date"] is None else row["birth_date"].year,
        "postal_area": None if postal_code is None else postal_code.replace(" ", "")[:3],
        "registered_date": world.local_date(row["registered_at"]),
        **dict.fromkeys(("full_name", "email", "phone")),
    }


def _coupon(world: World, id_: str, row: Row) -> Row:  # noqa: ARG001
    return {
        "valid_from_date": world.local_date(row["starts_at"]),
        "valid_to_date": world.local_date(row["ends_at"]),
    }


DERIVED: dict[str, Callable[[World, str, Row], Row]] = {
    "dim_category": _category,
    "dim_location": _location,
    "dim_customer": _customer,
    "dim_coupon": _coupon,
}


def _member_columns(world: World, dimension: str, id_: str) -> Row:
    declared = REGISTERED[dimension]
    return {
        declared.primary_key[0]: world.key(ENTITY_OF[dimension], id_),
        "source_system": world.silver.source,
        str(declared.id_column): id_,
        "tenant": world.silver.tenant,
    }


def _known(world: World, dimension: str) -> dict[str, Row]:
    derive = DERIVED.get(dimension)
    return {
        id_: {
            **_member_columns(world, dimension, id_),
            "is_inferred": False,
            "is_deleted": row["is_deleted"],
            "silver_partition": row["winner_partition"],
            **{column: row[column] for column in SAME[dimension].split()},
            **{column: world.key(to, row[link]) for column, (to, link) in LINKS.get(dimension, {}).items()},
            **(derive(world, id_, row) if derive else {}),
        }
        for id_, row in world.current(ENTITY_OF[dimension]).items()
    }


def _placeholder(world: World, dimension: str, id_: str) -> Row:
    columns = dict.fromkeys(REGISTERED[dimension].column_names)
    own: Row = {"person_key": world.key("customers", id_)} if dimension == "dim_customer" else {}
    return {
        **columns,
        **_member_columns(world, dimension, id_),
        "is_inferred": True,
        "is_deleted": False,
        **dict.fromkeys(LINKS.get(dimension, {}), NIL),
        **dict.fromkeys(LABELLED.get(dimension, ()), f"(unknown {id_})"),
        **PLACEHOLDER.get(dimension, {}),
        **own,
    }


def referred_to(world: World, dimension: str) -> set[str]:
    """Source keys of the members that a row of any table refers to."""
    keys = set()
    for table in REGISTERED.values():
        columns = [c for c, to in table.dimension_references.items() if to == dimension]
        if not columns:
            continue
        rows = _known(world, table.name).values() if table.name in ENTITY_OF else world.rows(table.name)
        keys |= {row[column] for row in rows for column in columns}
    return {world.id_of(key) for key in keys - {NIL}}


def _dimension(world: World, *, dimension: str) -> list[Row]:
    known = _known(world, dimension)
    unknown = sorted(referred_to(world, dimension) - set(known))
    return [*known.values(), *(_placeholder(world, dimension, id_) for id_ in unknown)]


def dim_source(world: World) -> list[Row]:
    days = [day for _, day in world.silver.partitions]
    return [
        {
            "source_key": world.source_key,
            "source_system": world.silver.source,
            "tenant": world.silver.tenant,
            "name": world.silver.source,
            "timezone": world.silver.timezone,
            "default_currency": "EUR",
            "country": "DE",
            "first_partition": min(days, default=None),
            "last_partition": max(days, default=None),
            "fiscal_first_month": 1,
            "fiscal_pattern": "calendar",
            "shows_personal_data": False,
        }
    ]


def dim_fiscal_calendar(world: World) -> list[Row]:
    """The one of a source without settings: calendar years. Others are counted in the tests of the calendar."""
    rows, day = [], dt.date(1990, 1, 1)
    while day <= dt.date(2060, 12, 31):
        rows.append(
            {
                "source_key": world.source_key,
                "date_key": day,
                "fiscal_year": day.year,
                "fiscal_quarter": (day.month + 2) // 3,
                "fiscal_period": day.month,
                "fiscal_week": (day - day.replace(month=1, day=1)).days // 7 + 1,
                "fiscal_year_start": day.replace(month=1, day=1),
            }
        )
        day += dt.timedelta(days=1)
    return rows


TABLES: dict[str, Callable[[World], list[Row]]] = {
    "dim_source": dim_source,
    "dim_fiscal_calendar": dim_fiscal_calendar,
    **{dimension: partial(_dimension, dimension=dimension) for dimension in ENTITY_OF},
}
