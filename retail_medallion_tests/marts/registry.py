"""The second computation of each mart."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from retail_medallion_tests.marts import carts, daily, parcels
from retail_medallion_tests.marts.frames import Retailer

MARTS: Mapping[str, Callable[[Retailer], pd.DataFrame]] = {
    "mart_daily_sales": daily.mart_daily_sales,
    "mart_store_day": daily.mart_store_day,
    "mart_payment_reconciliation": daily.mart_payment_reconciliation,
    "mart_daily_payments": daily.mart_daily_payments,
    "mart_cart_funnel": carts.mart_cart_funnel,
    "mart_fulfilment_service": parcels.mart_fulfilment_service,
}
"""Name of the mart to the function that computes it."""
