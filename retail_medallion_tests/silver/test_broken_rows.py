"""Rows broken in several places at once: every rule that refuses one is listed, or every one that flags it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from retail_medallion_tests.silver.blocks import cleaned

NOON = "2026-06-20T10:00:00Z"
LATE = "2026-06-22T00:00:00Z"
Outcomes = Mapping[str | None, tuple[str, bool] | None]

# What each value of a column does to its row, whatever the other columns hold: a rule and whether it refuses the row.
SALES: Mapping[str, Outcomes] = {
    "k": {"s": None, " ": ("G01", True)},
    "status": {"completed": None, None: ("G01", True), "odd": ("G03", False)},
    "channel": {"web": None, "pigeon": ("G03", False)},
    "total_amount": {"10.00": None, "": ("G01", True), "1.234,56": ("G02", True), "1e3": ("G02", True)},
    "sold_at": {NOON: None, "n/a": ("G01", True), "soon": ("G02", True), LATE: ("G04", True)},
    "currency_code": {"EUR": None, "EURO": ("G02", True), None: ("G10", False)},
    "tax_amount": {"0": None, "free": ("G02", True)},
    "discount_amount": {"0": None, "0,5": ("G02", True), "-0.01": None},
    "completed_at": {NOON: None, "later": ("G02", False), LATE: ("G04", False)},
    "cancelled_at": {"2026-06-21T10:00:00Z": None, "1969-12-31T00:00:00Z": ("G04", False)},
    "coupon_ids": {"c1": None, "[c1": ("G02", False)},
    "is_test": {"no": None, "perhaps": ("G02", True)},
}
REVIEWS: Mapping[str, Outcomes] = {
    "k": {"r": None, None: ("G01", True)},
    "product_id": {"a1": None, "": ("product_reviews.no_product", True)},
    "rating": {"4": None, "": ("G01", True), "four": ("G02", True), "0": ("G13", True), "5.1": ("G13", True)},
    "title": {"Good": None, "4111 1111 1111 1111": ("G11", True)},
    "body": {"Fits.": None, "<p></p>": ("product_reviews.no_text", False)},
    "language_code": {"de": None, "German": ("G06", False)},
    "status": {"published": None, "-": ("G01", True), "seen": ("G03", False)},
    "helpful_count": {"1": None, "-1": ("G13", True), "1.5": ("G02", True)},
    "submitted_at": {NOON: None, None: ("G01", True), "20.06.2026": ("G02", True), LATE: ("G04", True)},
}
MOVEMENTS: Mapping[str, Outcomes] = {
    "k": {"m": None, "": ("G01", True)},
    "product_id": {"a1": None, None: ("G01", True)},
    "location_id": {"l1": None, " ": ("G01", True)},
    "movement_type": {"adjustment": None, "riddle": ("G03", False)},
    "quantity": {"3": None, "": ("G01", True), "0": ("stock_movements.no_quantity", True), "3 pcs": ("G02", True)},
    "unit_cost": {"1.5": None, "cheap": ("G02", False), "-1": ("G13", False)},
    "occurred_at": {NOON: None, "": ("G01", True), "2026-02-30 10:00": ("G02", True), LATE: ("G04", True)},
    "reference_type": {"manual": None, "gossip": ("G03", False)},
    "counterpart_location_id": {"l2": None},
}
BROKEN = {"sales": SALES, "product_reviews": REVIEWS, "stock_movements": MOVEMENTS}
KEYS = {"sales": "sale_id", "product_reviews": "review_id", "stock_movements": "stock_movement_id"}


def row_of(outcomes: Mapping[str, Outcomes]) -> st.SearchStrategy[dict[str, str | None]]:
    # Half of the columns are left as they should be, so that rows with few faults are seen too.
    return st.fixed_dictionaries(
        {column: st.just(next(iter(values))) | st.sampled_from(list(values)) for column, values in outcomes.items()}
    )


@pytest.mark.parametrize("entity", BROKEN)
@given(data=st.data())
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_every_rule_a_row_breaks_is_listed(entity: str, data: st.DataObject) -> None:
    outcomes = BROKEN[entity]
    rows = data.draw(st.lists(row_of(outcomes), min_size=10, max_size=60))
    sent: list[dict[str, Any]] = [
        {**row, "k": f"s{i}" if row["k"] and row["k"].strip() else row["k"]} for i, row in enumerate(rows)
    ]
    found = cleaned(entity, *sent)
    refused = {r["bronze_row"]: json.loads(r["reasons"]) for r in found.rejected}
    flagged = {r["bronze_row"]: r["dq_flags"] for r in found.accepted}
    for i, row in enumerate(rows):
        fired = [(*fault, KEYS[entity] if c == "k" else c) for c, value in row.items() if (fault := outcomes[c][value])]
        refusing = sorted((rule, column) for rule, refuses, column in fired if refuses)
        assert sorted((reason["rule"], reason["column"]) for reason in refused.get(i, [])) == refusing
        assert (i in flagged) == (not refusing)
        if not refusing:
            assert flagged[i] == sorted({rule for rule, _, _ in fired})
    assert found.counts.rejected == len(refused)
    for rule in {reason["rule"] for reasons in refused.values() for reason in reasons}:
        with_rule = sum(any(reason["rule"] == rule for reason in reasons) for reasons in refused.values())
        assert found.counts.rejections[rule] == with_rule
