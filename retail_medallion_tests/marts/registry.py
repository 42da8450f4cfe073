"""The second computation of each mart, and of the stock of each day that one of them adds up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from retail_medallion_tests.marts import baskets, carts, coupons, customers, daily, parcels, quality, stock
from retail_medallion_tests.marts.frames import Retailer

MARTS: Mapping[str, Callable[[Retailer], pd.DataFrame]] = {
    "mart_daily_sales": daily.mart_daily_sales,
    "mart_store_day": daily.mart_store_day,
    "mart_payment_reconciliation": daily.mart_payment_reconciliation,
    "mart_daily_payments": daily.mart_daily_payments,
    "mart_basket_pair": baskets.mart_basket_pair,
    "mart_customer_rfm": customers.mart_customer_rfm,
    "mart_cohort_retention": customers.mart_cohort_retention,
    "mart_customer_value": customers.mart_customer_value,
    "fct_inventory_daily": stock.fct_inventory_daily,
    "mart_inventory_health": stock.mart_inventory_health,
    "mart_coupon_effect": coupons.mart_coupon_effect,
    "mart_cart_funnel": carts.mart_cart_funnel,
    "mart_fulfilment_service": parcels.mart_fulfilment_service,
    "mart_product_quality": quality.mart_product_quality,
}
"""Name of the mart to the function that computes it."""

ELSEWHERE = {"mart_data_quality"}
"""Marts that are held against the source in a way of their own, because it does not tell all of their columns."""
