"""Persons: when and what they buy, how they stay, what they are worth."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from retail_medallion_tests.gold.oracle.arithmetic import (
    a_year_before,
    month_of,
    months_between,
    ratio,
    rounded,
    total,
)
from retail_medallion_tests.gold.oracle.dimensions import person_key
from retail_medallion_tests.gold.oracle.marts_of_sales import documents, is_purchase
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import NIL, World

ONE_DAY = dt.timedelta(days=1)


@dataclass
class Shopper:
    """What one person did in one currency before the horizon."""

    person: Any
    currency: str
    documents: list[Row] = field(default_factory=list)

    @property
    def purchases(self) -> list[Row]:
        return [sale for sale in self.documents if is_purchase(sale)]

    @property
    def days(self) -> list[dt.date]:
        return sorted(sale["sale_date"] for sale in self.purchases)

    @property
    def gaps(self) -> list[int]:
        return [(after - before).days for before, after in pairwise(self.days)]


def shoppers(world: World, horizon: dt.date) -> list[Shopper]:
    """Whoever bought something before the horizon."""
    found: dict[tuple[Any, str], Shopper] = {}
    for sale in documents(world):
        if sale["customer_key"] != NIL and sale["sale_date"] < horizon:
            person = person_key(world, world.id_of(sale["customer_key"]))
            key = (person, sale["currency_code"])
            found.setdefault(key, Shopper(*key)).documents.append(sale)
    return [shopper for shopper in found.values() if shopper.purchases]


def _scores(ranked: list[Shopper]) -> dict[Any, int]:
    """Person to fifth, the last fifth being 5; the first fifths are one longer where they cannot be equal."""
    length, longer = divmod(len(ranked), 5)
    sizes = [length + (n < longer) for n in range(5)]
    fifths = [n + 1 for n, size in enumerate(sizes) for _ in range(size)]
    return {shopper.person: fifth for shopper, fifth in zip(ranked, fifths, strict=True)}


def _segment(r: int, f: int, m: int) -> str:
    rules = (
        ("champion", r >= 4 and f >= 4 and m >= 4),
        ("loyal", r >= 3 and f >= 4),
        ("at_risk", r <= 2 and f >= 4),
        ("big_spender", m == 5 and r >= 3),
        ("new", r == 5 and f <= 2),
        ("promising", r >= 3),
        ("lost", r == 1),
    )
    return next((name for name, holds in rules if holds), "hibernating")


def _by_currency(everybody: list[Shopper]) -> list[list[Shopper]]:
    found: dict[str, list[Shopper]] = defaultdict(list)
    for shopper in everybody:
        found[shopper.currency].append(shopper)
    return list(found.values())


def mart_customer_rfm(world: World) -> list[Row]:
    horizon = world.horizon
    if horizon is None:
        return []
    since = a_year_before(horizon)
    rows = []
    for people in _by_currency(shoppers(world, horizon)):
        last = {s.person: s.days[-1] for s in people}
        often = {s.person: sum(day >= since for day in s.days) for s in people}
        much = {s.person: total(d["net_revenue"] for d in s.documents if d["sale_date"] >= since) for s in people}
        scores: list[dict[Any, int]] = []
        for measure in (last, often, much):
            order: dict[Any, Any] = dict(measure)
            scores.append(_scores(sorted(people, key=lambda s: (order[s.person], s.person))))
        for shopper in people:
            person = shopper.person
            r, f, m = (score[person] for score in scores)
            rows.append(
                {
                    "source_key": world.source_key,
                    "person_key": person,
                    "currency_code": shopper.currency,
                    "last_sale_date": last[person],
                    "recency_days": (horizon - ONE_DAY - last[person]).days,
                    "frequency_12m": often[person],
                    "monetary_12m": much[person],
                    "r_score": r,
                    "f_score": f,
                    "m_score": m,
                    "segment": _segment(r, f, m),
                }
            )
    return rows


def mart_cohort_retention(world: World) -> list[Row]:
    horizon = world.horizon
    if horizon is None:
        return []
    cohorts: dict[tuple[dt.date, str], list[Shopper]] = defaultdict(list)
    for shopper in shoppers(world, horizon):
        cohorts[month_of(shopper.days[0]), shopper.currency].append(shopper)
    rows = []
    for (cohort, currency), people in cohorts.items():
        so_far = Fraction(0)
        for number in range(months_between(cohort, horizon - ONE_DAY) + 1):
            active = [s for s in people if any(months_between(cohort, day) == number for day in s.days)]
            revenue = total(
                d["net_revenue"]
                for s in people
                for d in s.documents
                if months_between(cohort, d["sale_date"]) == number
            )
            so_far += Fraction(revenue)
            rows.append(
                {
                    "source_key": world.source_key,
                    "cohort_month": cohort,
                    "months_since": number,
                    "currency_code": currency,
                    "customers": len(people),
                    "active": len(active),
                    "retention": ratio(len(active), len(people)),
                    "net_revenue": revenue,
                    "cumulative_revenue_per_head": rounded(so_far / len(people), 4),
                }
            )
    return rows


def mart_customer_value(world: World) -> list[Row]:
    horizon = world.horizon
    if horizon is None:
        return []
    rows = []
    for people in _by_currency(shoppers(world, horizon)):
        all_gaps = [gap for shopper in people for gap in shopper.gaps]
        for shopper in people:
            days, orders = shopper.days, len(shopper.days)
            silence = (horizon - ONE_DAY - days[-1]).days
            gaps = shopper.gaps if orders > 1 else all_gaps
            known = [d["margin_amount"] for d in shopper.documents if d["margin_amount"] is not None]
            average = ratio(total(p["net_revenue"] for p in shopper.purchases), orders, 4)
            a_year = rounded(Fraction(orders * 365, max((horizon - days[0]).days, 90)), 4)
            active = ratio(1 + sum(gap >= silence for gap in gaps), 1 + len(gaps))
            assert average is not None
            assert active is not None
            rows.append(
                {
                    "source_key": world.source_key,
                    "person_key": shopper.person,
                    "currency_code": shopper.currency,
                    "orders": orders,
                    "net_revenue": total(d["net_revenue"] for d in shopper.documents),
                    "margin_amount": total(known),
                    "documents_without_margin": len(shopper.documents) - len(known),
                    "first_sale_date": days[0],
                    "last_sale_date": days[-1],
                    "average_order_value": average,
                    "orders_per_year": a_year,
                    "average_gap_days": ratio((days[-1] - days[0]).days, orders - 1, 2),
                    "silence_days": silence,
                    "probability_active": active,
                    "projected_12m": rounded(Fraction(average) * Fraction(a_year) * Fraction(active), 4),
                }
            )
    return rows


TABLES = {
    "mart_customer_rfm": mart_customer_rfm,
    "mart_cohort_retention": mart_cohort_retention,
    "mart_customer_value": mart_customer_value,
}
