"""The figures the pictures and the page show, each read from the marts of one source as a pandas frame."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.horizon import data_horizon

DAYS = 28
"""Days a report looks back on, the last closed day included."""

_CATEGORIES = 6

_SOURCE = "m.source_key = gold.member_key('sources', :source, :source)"

_SALES = f"""
WITH by_category AS (
    SELECT m.sale_date, c.level1_name AS category, sum(m.net_revenue) AS net_revenue
    FROM gold.mart_daily_sales m
    JOIN gold.dim_product p ON p.product_key = m.product_key
    JOIN gold.dim_category c ON c.category_key = p.category_key
    WHERE {_SOURCE} AND m.sale_date BETWEEN :first AND :last AND m.currency_code = :currency
    GROUP BY 1, 2
), ranked AS (
    SELECT category, row_number() OVER (ORDER BY sum(net_revenue) DESC, category) AS place
    FROM by_category GROUP BY category
)
SELECT b.sale_date, CASE WHEN r.place <= {_CATEGORIES} THEN b.category ELSE '(other)' END AS category,
       sum(b.net_revenue) AS net_revenue
FROM by_category b JOIN ranked r USING (category) GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 constants only

_FUNNEL = f"""
SELECT coalesce(sum(m.carts), 0) AS carts, coalesce(sum(m.with_items), 0) AS with_items,
       coalesce(sum(m.checkout_started), 0) AS checkout_started, coalesce(sum(m.converted), 0) AS converted,
       coalesce(sum(m.abandoned), 0) AS abandoned, coalesce(sum(m.recovered_within_7_days), 0) AS recovered
FROM gold.mart_cart_funnel m WHERE {_SOURCE} AND m.created_date BETWEEN :first AND :last
"""  # noqa: S608 constants only

_COVER = f"""
SELECT m.abc_class,
       CASE WHEN m.closing_quantity <= 0 THEN 'none left' WHEN m.cover_days IS NULL THEN 'not sold'
            WHEN m.cover_days < 7 THEN 'under 1 week' WHEN m.cover_days < 14 THEN '1 to 2 weeks'
            WHEN m.cover_days < 28 THEN '2 to 4 weeks' WHEN m.cover_days < 56 THEN '4 to 8 weeks'
            ELSE 'over 8 weeks' END AS cover,
       count(*) AS places
FROM gold.mart_inventory_health m
WHERE {_SOURCE} AND m.week_start = (SELECT max(m.week_start) FROM gold.mart_inventory_health m WHERE {_SOURCE})
GROUP BY 1, 2
"""  # noqa: S608 constants only

_WEEKS = f"""
SELECT (:last - m.sale_date) / 7 AS weeks_ago, sum(m.sale_count) AS sales, sum(m.net_revenue) AS net_revenue,
       round(sum(m.purchase_revenue) / nullif(sum(m.sale_count), 0), 2) AS average_basket,
       sum(m.return_count) AS returns
FROM gold.mart_store_day m
WHERE {_SOURCE} AND m.sale_date BETWEEN :last - 13 AND :last AND m.currency_code = :currency GROUP BY 1 ORDER BY 1
"""  # noqa: S608 constants only

_PLACES = f"""
SELECT l.location_name AS place, m.channel, sum(m.sale_count) AS sales, sum(m.net_revenue) AS net_revenue,
       round(sum(m.purchase_revenue) / nullif(sum(m.sale_count), 0), 2) AS average_basket,
       round(100 * sum(m.discount_amount) / nullif(sum(m.gross_amount), 0), 1) AS discount_percent
FROM gold.mart_store_day m JOIN gold.dim_location l ON l.location_key = m.location_key
WHERE {_SOURCE} AND m.sale_date BETWEEN :first AND :last AND m.currency_code = :currency
GROUP BY 1, 2 ORDER BY net_revenue DESC, 1, 2 LIMIT 12
"""  # noqa: S608 constants only

_SEGMENTS = f"""
SELECT m.segment, count(*) AS people, sum(m.monetary_12m) AS spent_in_12_months
FROM gold.mart_customer_rfm m WHERE {_SOURCE} AND m.currency_code = :currency
GROUP BY 1 ORDER BY spent_in_12_months DESC, 1
"""  # noqa: S608 constants only

_SERVICE = f"""
SELECT m.fulfilment_type, m.carrier, sum(m.fulfilments) AS fulfilments, sum(m.delivered) AS delivered,
       sum(m.late) AS late, sum(m.open_overdue) AS overdue
FROM gold.mart_fulfilment_service m
WHERE {_SOURCE} AND m.created_date BETWEEN :first AND :last GROUP BY 1, 2 ORDER BY fulfilments DESC, 1, 2 LIMIT 12
"""  # noqa: S608 constants only

_PAYMENTS = f"""
SELECT m.currency_code AS currency, sum(m.sale_count) AS sales, sum(m.due_amount) AS due,
       sum(m.captured_amount) AS captured, sum(m.refunded_amount) AS refunded, sum(m.difference) AS difference,
       sum(m.underpaid_count) AS underpaid, sum(m.overpaid_count) AS overpaid
FROM gold.mart_payment_reconciliation m WHERE {_SOURCE} AND m.sale_date BETWEEN :first AND :last GROUP BY 1 ORDER BY 1
"""  # noqa: S608 constants only

_QUALITY = f"""
SELECT m.entity, sum(m.rows_read) AS rows_read, sum(m.accepted) AS accepted, sum(m.rejected) AS rejected,
       sum(m.findings) AS findings, min(m.days_behind) AS days_behind
FROM gold.mart_data_quality m WHERE {_SOURCE} GROUP BY 1 ORDER BY rejected DESC, 1
"""  # noqa: S608 constants only


@dataclass(frozen=True)
class Figures:
    """The figures of one source.

    Attributes:
        connection: To the warehouse.
        source: Code of the source.
        last: The last closed day: the one before the data horizon.
        currency: The currency of the figures that are of one currency: the source's own.
    """

    connection: sa.Connection
    source: str
    last: dt.date
    currency: str

    @classmethod
    def of(cls, connection: sa.Connection, source: str) -> Figures | None:
        """The figures of a source; None where nothing of it was loaded to Gold."""
        with cursor_of(connection) as cursor:
            horizon = data_horizon(cursor, source)
        query = sa.text("SELECT default_currency FROM gold.dim_source WHERE source_system = :source")
        currency = connection.execute(query, {"source": source}).scalar()
        if horizon is None or currency is None:
            return None
        return cls(connection, source, horizon - dt.timedelta(days=1), str(currency))

    def sales(self) -> pd.DataFrame:
        """sale_date, category (the largest ones, the rest together), net_revenue."""
        return self._read(_SALES)

    def funnel(self) -> pd.DataFrame:
        """One row: carts, with_items, checkout_started, converted, abandoned, recovered."""
        return self._read(_FUNNEL)

    def cover(self) -> pd.DataFrame:
        """abc_class, cover (in words), places (products at a location) in the last week."""
        return self._read(_COVER)

    def weeks(self) -> pd.DataFrame:
        """weeks_ago (0 and 1), sales, net_revenue, average_basket, returns."""
        return self._read(_WEEKS)

    def places(self) -> pd.DataFrame:
        """place, channel, sales, net_revenue, average_basket, discount_percent."""
        return self._read(_PLACES)

    def segments(self) -> pd.DataFrame:
        """segment, people, spent_in_12_months."""
        return self._read(_SEGMENTS)

    def service(self) -> pd.DataFrame:
        """fulfilment_type, carrier, fulfilments, delivered, late, overdue."""
        return self._read(_SERVICE)

    def payments(self) -> pd.DataFrame:
        """currency, sales, due, captured, refunded, difference, underpaid, overpaid."""
        return self._read(_PAYMENTS)

    def quality(self) -> pd.DataFrame:
        """entity, rows_read, accepted, rejected, findings, days_behind."""
        return self._read(_QUALITY)

    def _read(self, query: str) -> pd.DataFrame:
        parameters: dict[str, str | dt.date] = {
            "source": self.source,
            "currency": self.currency,
            "first": self.last - dt.timedelta(days=DAYS - 1),
            "last": self.last,
        }
        text = sa.text(query)
        used = {name: value for name, value in parameters.items() if name in text.compile().params}
        return pd.read_sql_query(text, self.connection, params=used, coerce_float=False)
