"""The views of Gold: what a look at several tables together answers, computed when it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.gold.keys import NOT_APPLICABLE
from retail_medallion.gold.registry import TABLES

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        name: Its name in the schema `gold`.
        reads: The tables it reads; where one takes another shape, the view is made anew.
        comment: What one row of it is.
        query: Its SQL.
    """

    name: str
    reads: tuple[str, ...]
    comment: str
    query: str

    @property
    def fingerprint(self) -> str:
        """Changes with the view and with the shape of what it reads."""
        return hashlib.sha256(repr((self, [TABLES[name].shape for name in self.reads])).encode()).hexdigest()[:12]


_AS_WAS = "AND {day} >= {version}.valid_from AND {day} < {version}.valid_to"
_PRODUCT_AS_WAS = f"p.product_key = m.product_key {_AS_WAS.format(day='m.sale_date', version='p')}"
_SUMS = ("line_count", "units", "returned_units", "gross_amount", "discount_amount", "net_revenue", "tax_amount")
_KNOWN_SUMS = ("cost_amount", "margin_amount", "lines_without_cost")


def _by_category(joined: str) -> str:
    """Daily sales added up over the products of a category, brand and supplier."""
    sums = ", ".join(f"sum(m.{name}) AS {name}" for name in (*_SUMS, *_KNOWN_SUMS))
    return f"""
SELECT m.source_key, m.sale_date, m.location_key, m.channel, m.currency_code,
       coalesce(p.category_key, '{NOT_APPLICABLE}') AS category_key, p.brand,
       coalesce(p.supplier_key, '{NOT_APPLICABLE}') AS supplier_key, {sums}
FROM gold.mart_daily_sales m {joined}
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""  # noqa: S608 names of the tables


VIEWS: Sequence[View] = (
    View(
        "v_sale_item_as_was",
        ("fct_sale_item", "dim_product_version", "dim_customer_version"),
        "One line of a sale with its product and its customer as they were on the day of sale.",
        f"""
SELECT {", ".join(f"i.{name}" for name in TABLES["fct_sale_item"].column_names)},
       p.version_no AS product_version_no, p.product_name, p.brand, p.category_key, p.supplier_key, p.list_price,
       p.cost_price, p.currency_code AS price_currency_code,
       c.version_no AS customer_version_no, c.segment, c.loyalty_tier, c.country_code, c.region_code, c.city,
       c.marketing_opt_in, c.home_location_key
FROM gold.fct_sale_item i
LEFT JOIN gold.dim_product_version p ON p.product_key = i.product_key
    {_AS_WAS.format(day="i.sale_date", version="p")}
LEFT JOIN gold.dim_customer_version c ON c.customer_key = i.customer_key
    {_AS_WAS.format(day="i.sale_date", version="c")}
""",  # noqa: S608 names of the tables
    ),
    View(
        "v_daily_sales_by_category",
        ("mart_daily_sales", "dim_product"),
        "Daily sales by category, brand and supplier of the products as they are now.",
        _by_category("JOIN gold.dim_product p ON p.product_key = m.product_key"),
    ),
    View(
        "v_daily_sales_by_category_as_was",
        ("mart_daily_sales", "dim_product_version"),
        "Daily sales by category, brand and supplier of the products as they were on the day.",
        _by_category(f"LEFT JOIN gold.dim_product_version p ON {_PRODUCT_AS_WAS}"),
    ),
    View(
        "v_customer_sale_number",
        ("fct_sale", "dim_customer"),
        "One purchase of an identified customer: the how manieth of this person at this source, and how long after.",
        f"""
SELECT s.source_key, s.sale_key, s.sale_date, s.sold_at, s.customer_key, c.person_key, s.currency_code, s.net_revenue,
       row_number() OVER person AS sale_number,
       s.sale_date - lag(s.sale_date) OVER person AS days_since_previous_sale
FROM gold.fct_sale s JOIN gold.dim_customer c ON c.customer_key = s.customer_key
WHERE s.is_revenue AND s.sale_type IN ('sale', 'exchange') AND s.customer_key <> '{NOT_APPLICABLE}'
WINDOW person AS (PARTITION BY s.source_key, c.person_key ORDER BY s.sale_date, s.sold_at, s.sale_key)
""",  # noqa: S608 names of the tables
    ),
    View(
        "v_loyalty_balance",
        ("fct_loyalty_transaction",),
        "One movement of loyalty points with the balance of the account after it.",
        """
SELECT t.source_key, t.loyalty_transaction_key, t.customer_key, t.programme_code, t.account_id, t.transaction_date,
       t.occurred_at, t.transaction_type, t.points,
       sum(t.points) OVER (account ORDER BY t.occurred_at, t.loyalty_transaction_key ROWS UNBOUNDED PRECEDING)
           AS balance,
       lead(t.loyalty_transaction_key) OVER (account ORDER BY t.occurred_at, t.loyalty_transaction_key) IS NULL
           AS is_latest
FROM gold.fct_loyalty_transaction t
WINDOW account AS (PARTITION BY t.source_key, t.customer_key, t.programme_code, t.account_id)
""",
    ),
    View(
        "v_cart_item_purchased",
        ("fct_cart_item", "fct_cart", "fct_sale_item"),
        "One item of a cart, and whether and how much of its product was bought in the sale the cart became.",
        f"""
SELECT i.source_key, i.cart_item_key, i.cart_key, i.product_key, i.added_date, i.quantity, i.was_removed,
       c.sale_key, coalesce(l.quantity, 0) AS purchased_quantity, l.quantity IS NOT NULL AS is_purchased
FROM gold.fct_cart_item i
JOIN gold.fct_cart c ON c.cart_key = i.cart_key
LEFT JOIN LATERAL (
    SELECT sum(s.quantity) AS quantity FROM gold.fct_sale_item s
    WHERE s.sale_key = c.sale_key AND s.product_key = i.product_key AND s.line_type = 'sale'
      AND s.product_key <> '{NOT_APPLICABLE}'
) l ON true
""",  # noqa: S608 names of the tables
    ),
    View(
        "v_review_verified",
        ("fct_review", "fct_sale_item"),
        "One review, and whether its author is known to have bought the product by then.",
        f"""
SELECT r.source_key, r.review_key, r.product_key, r.customer_key, r.review_date, r.rating, r.status,
       r.is_verified_source, p.first_purchase_date, p.first_purchase_date IS NOT NULL AS is_verified
FROM gold.fct_review r
LEFT JOIN LATERAL (
    SELECT min(s.sale_date) AS first_purchase_date FROM gold.fct_sale_item s
    WHERE s.product_key = r.product_key AND s.customer_key = r.customer_key AND s.line_type = 'sale' AND s.is_revenue
      AND s.sale_date <= r.review_date AND r.customer_key <> '{NOT_APPLICABLE}'
      AND r.product_key <> '{NOT_APPLICABLE}'
) p ON true
""",  # noqa: S608 names of the tables
    ),
)

_MADE_FROM = """
SELECT c.relname, substring(obj_description(c.oid, 'pg_class') FROM '\\[([0-9a-f]{12})\\]$')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'gold' AND c.relkind = 'v'
"""

_GRANTS = """
SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END, a.is_grantable
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
WHERE c.oid = to_regclass(%s) AND a.grantee <> c.relowner ORDER BY 2, 1
"""

Grants = dict[str, list[tuple[str, str | None, bool]]]
"""View to (privilege, role, may hand it on) of those who may use it; no role means everybody."""


def declared() -> list[View]:
    """The views whose tables are all declared."""
    return [view for view in VIEWS if TABLES.keys() >= set(view.reads)]


def outdated(cursor: Cursor) -> list[View]:
    """Views that are missing, or were made otherwise."""
    cursor.execute(_MADE_FROM)
    found = dict(cursor.fetchall())
    return [view for view in declared() if found.get(view.name) != view.fingerprint]


def drop(cursor: Cursor, unwanted: Sequence[View]) -> Grants:
    """Drop views, so that what they read can be altered; fails where a view of somebody else builds on one.

    Returns:
        Who was allowed what, for `create`.
    """
    grants: Grants = {}
    for view in unwanted:
        cursor.execute(_GRANTS, (f"gold.{view.name}",))
        grants[view.name] = cursor.fetchall()
        cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(sql.Identifier("gold", view.name)))
    return grants


def create(cursor: Cursor, wanted: Sequence[View], grants: Grants) -> None:
    """Create views, with what others were allowed before."""
    for view in wanted:
        name = sql.Identifier("gold", view.name)
        cursor.execute(sql.SQL("CREATE VIEW {} AS {}").format(name, sql.SQL(view.query)))
        comment = sql.Literal(f"{view.comment} [{view.fingerprint}]")
        cursor.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(name, comment))
        for privilege, role, grantable in grants.get(view.name, []):
            cursor.execute(
                sql.SQL("GRANT {} ON {} TO {}{}").format(
                    sql.SQL(privilege),
                    name,
                    sql.SQL("PUBLIC") if role is None else sql.Identifier(role),
                    sql.SQL(" WITH GRANT OPTION" if grantable else ""),
                )
            )
