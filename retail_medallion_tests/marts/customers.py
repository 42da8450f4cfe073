"""Persons: how recently, how often and for how much they bought, how many came back, what each is worth."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

import pandas as pd

from retail_medallion_tests.marts.documents import documents
from retail_medallion_tests.marts.exact import ZERO, ratio, rounded, total
from retail_medallion_tests.marts.frames import Retailer, Row, expected, records

Books = dict[tuple[uuid.UUID, str], list[Row]]
"""The documents of each person in each currency, before the horizon."""

YEAR, LEAST_DAYS = 365, 90


def books(retailer: Retailer) -> Books:
    """The documents of all persons with at least one purchase in the currency."""
    sales, _ = documents(retailer)
    people = retailer.people()
    made: Books = defaultdict(list)
    for sale in records(sales):
        if sale["is_revenue"] and sale["customer_id"] is not None and sale["sale_date"] < retailer.horizon:
            made[people[sale["customer_id"]], sale["currency"]].append(sale)
    return {who: own for who, own in made.items() if _purchases(own)}


def _purchases(own: list[Row]) -> list[Row]:
    return sorted((sale for sale in own if sale["is_purchase"]), key=lambda sale: sale["sale_date"])


def mart_customer_rfm(retailer: Retailer) -> pd.DataFrame:
    """Recency, frequency and money of each person, each in fifths."""
    horizon = retailer.horizon
    a_year_ago = (pd.Timestamp(horizon) - pd.DateOffset(years=1)).date()
    rows = []
    for (person, currency), own in books(retailer).items():
        last = _purchases(own)[-1]["sale_date"]
        recent = [sale for sale in own if sale["sale_date"] >= a_year_ago]
        rows.append(
            {
                "person_key": person,
                "currency_code": currency,
                "last_sale_date": last,
                "recency_days": (horizon - last).days - 1,
                "frequency_12m": len(_purchases(recent)),
                "monetary_12m": total(sale["net_revenue"] for sale in recent),
            }
        )
    for currency in {row["currency_code"] for row in rows}:
        own_rows = [row for row in rows if row["currency_code"] == currency]
        measures = {"r_score": "last_sale_date", "f_score": "frequency_12m", "m_score": "monetary_12m"}
        for score, measure in measures.items():
            ranked = sorted(own_rows, key=lambda row: (row[measure], row["person_key"]))
            for row, fifth in zip(ranked, fifths(len(ranked)), strict=True):
                row[score] = fifth
    return expected(retailer, ({**row, "segment": segment(row)} for row in rows))


def fifths(count: int) -> list[int]:
    """Which fifth each of so many ranked rows is in; the first fifths take the rows left over."""
    size, left_over = divmod(count, 5)
    return [fifth for fifth in range(1, 6) for _ in range(size + (fifth <= left_over))]


SEGMENTS: Sequence[tuple[str, Callable[[int, int, int], bool]]] = (
    ("champion", lambda r, f, m: r >= 4 and f >= 4 and m >= 4),
    ("loyal", lambda r, f, _: r >= 3 and f >= 4),
    ("at_risk", lambda r, f, _: r <= 2 and f >= 4),
    ("big_spender", lambda r, _, m: m == 5 and r >= 3),
    ("new", lambda r, f, _: r == 5 and f <= 2),
    ("promising", lambda r, _f, _m: r >= 3),
    ("lost", lambda r, _f, _m: r == 1),
)


def segment(row: Row) -> str:
    """The first segment the scores fit."""
    scores = (row["r_score"], row["f_score"], row["m_score"])
    return next((name for name, fits in SEGMENTS if fits(*scores)), "hibernating")


def _month(day: dt.date) -> int:
    return day.year * 12 + day.month - 1


def mart_cohort_retention(retailer: Retailer) -> pd.DataFrame:
    """How many of those who began in a month bought again so many months later, and for how much."""
    cohorts: dict[tuple[int, str], list[list[Row]]] = defaultdict(list)
    for (_, currency), own in books(retailer).items():
        cohorts[_month(_purchases(own)[0]["sale_date"]), currency].append(own)
    latest = _month(retailer.horizon - dt.timedelta(days=1))
    rows = []
    for (month, currency), people in cohorts.items():
        active: dict[int, int] = defaultdict(int)
        revenue: dict[int, Decimal] = defaultdict(lambda: ZERO)
        for own in people:
            for bought_in in {_month(sale["sale_date"]) for sale in _purchases(own)}:
                active[bought_in - month] += 1
            for sale in own:
                revenue[_month(sale["sale_date"]) - month] += sale["net_revenue"]
        so_far = ZERO
        for since in range(latest - month + 1):
            so_far += revenue[since]
            rows.append(
                {
                    "cohort_month": dt.date(month // 12, month % 12 + 1, 1),
                    "months_since": since,
                    "currency_code": currency,
                    "customers": len(people),
                    "active": active[since],
                    "retention": ratio(active[since], len(people)),
                    "net_revenue": revenue[since],
                    "cumulative_revenue_per_head": ratio(so_far, len(people), 4),
                }
            )
    return expected(retailer, rows)


def mart_customer_value(retailer: Retailer) -> pd.DataFrame:
    """What each person brought in, and is likely to in a year."""
    all_books = books(retailer)
    gaps = {who: _gaps(own) for who, own in all_books.items()}
    gaps_of_all: dict[str, list[int]] = defaultdict(list)
    for (_, currency), own_gaps in gaps.items():
        gaps_of_all[currency] += own_gaps
    rows = []
    for (person, currency), own in all_books.items():
        bought = _purchases(own)
        first, last = bought[0]["sale_date"], bought[-1]["sale_date"]
        silence = (retailer.horizon - last).days - 1
        judged_by = gaps[person, currency] if len(bought) > 1 else gaps_of_all[currency]
        average = rounded(total(sale["net_revenue"] for sale in bought) / len(bought), 4)
        a_year = rounded(Decimal(len(bought) * YEAR) / max((retailer.horizon - first).days, LEAST_DAYS), 4)
        active = ratio(1 + sum(gap >= silence for gap in judged_by), 1 + len(judged_by))
        margins = [sale["margin"] for sale in own]
        rows.append(
            {
                "person_key": person,
                "currency_code": currency,
                "orders": len(bought),
                "net_revenue": total(sale["net_revenue"] for sale in own),
                "margin_amount": total(margins),
                "documents_without_margin": margins.count(None),
                "first_sale_date": first,
                "last_sale_date": last,
                "average_order_value": average,
                "orders_per_year": a_year,
                "average_gap_days": ratio((last - first).days, len(bought) - 1, 2),
                "silence_days": silence,
                "probability_active": active,
                "projected_12m": rounded(average * a_year * (active or ZERO), 4),
            }
        )
    return expected(retailer, rows)


def _gaps(own: list[Row]) -> list[int]:
    return [(later["sale_date"] - earlier["sale_date"]).days for earlier, later in pairwise(_purchases(own))]
