"""Every rule: a row that breaks it, a row that does not."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from retail_medallion.errors import ModelError
from retail_medallion.silver import rules
from retail_medallion.silver.standardisers.cards import holds_card_number, mask_card_numbers
from retail_medallion_tests.silver.blocks import MODEL, UPDATED, cleaned
from retail_medallion_tests.silver.cleaning import SETTINGS

D = Decimal
NOON = dt.datetime(2026, 6, 20, 10, tzinfo=dt.UTC)
LATER = NOON + dt.timedelta(hours=1)
DAY, NEXT_DAY = dt.date(2026, 6, 20), dt.date(2026, 6, 21)
COMPLETE: dict[str, dict[str, Any]] = {
    "customers": {"k": "c1", "full_name": "Ana Lind"},
    "inventory_locations": {"k": "l1", "location_name": "Mitte", "location_type": "store", "country_code": "DE"},
    "payment_methods": {"k": "p1", "method_name": "Cash", "method_type": "cash"},
    "product_categories": {"k": "g1", "category_name": "Shoes"},
    "products": {"k": "a1", "product_name": "Shoe", "list_price": D("9.50")},
    "sale_items": {"k": "i1", "sale_id": "s1", "quantity": D(2), "unit_price": D("3.00")},
    "sales": {"k": "s1", "status": "completed", "sold_at": NOON, "total_amount": D("10.00")},
    "suppliers": {"k": "v1", "supplier_name": "Linden"},
    "transactions": {"k": "t1", "transaction_type": "payment", "amount": D("5.00"), "occurred_at": NOON},
}
LATER_MISSING = {"marketing_opt_in": True, "marketing_opt_in_at": None}
MODEL_RULES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("customers.not_identified", {"full_name": None}, {"full_name": None, "is_guest": True}),
    ("customers.consent_without_time", LATER_MISSING, {"marketing_opt_in": True, "marketing_opt_in_at": NOON}),
    (
        "inventory_locations.closed_before_opened",
        {"opened_on": NEXT_DAY, "closed_on": DAY},
        {"opened_on": DAY, "closed_on": DAY},
    ),
    ("inventory_locations.country_missing", {"country_code": None}, {"country_code": "Germany"}),
    ("product_categories.own_parent", {"parent_category_id": " g1 "}, {"parent_category_id": "g2"}),
    ("products.negative_price", {"cost_price": D("-0.01")}, {"cost_price": D("0.01")}),
    ("products.free_goods", {"list_price": D(0)}, {"list_price": D(0), "product_type": "service"}),
    ("products.cost_above_price", {"cost_price": D("9.51")}, {"cost_price": D("9.50")}),
    ("sale_items.no_quantity", {"quantity": D(0)}, {"quantity": D(-1)}),
    ("sale_items.gross_differs", {"gross_amount": D("6.02")}, {"gross_amount": D("6.01")}),
    ("sale_items.discount_above_gross", {"discount_amount": D("6.01")}, {"discount_amount": D("6.00")}),
    ("sale_items.free_line", {"unit_price": D(0)}, {"unit_price": D("0.01")}),
    ("sale_items.returned_above_quantity", {"returned_quantity": D("2.001")}, {"returned_quantity": D(2)}),
    (
        "sales.header_equation",
        {"subtotal_amount": D("10"), "tax_amount": D("0.03")},
        {"subtotal_amount": D("10"), "tax_amount": D("0.03"), "tax_included": True},
    ),
    ("sales.negative_sale", {"total_amount": D(-1)}, {"total_amount": D(-1), "sale_type": "return"}),
    (
        "transactions.refund_without_parent",
        {"transaction_type": "refund"},
        {"transaction_type": "refund", "parent_transaction_id": "t0"},
    ),
    ("transactions.zero_amount", {"amount": D(0)}, {"amount": D("-0.01")}),
    (
        "transactions.failed_but_settled",
        {"status": "failed", "settled_at": LATER},
        {"status": "failed", "settled_at": None},
    ),
]


def fires(rule: str, outcome: Any) -> bool:
    refused = {reason["rule"] for row in outcome.rejected for reason in json.loads(row["reasons"])}
    warned = {flag for row in outcome.accepted for flag in row["dq_flags"]}
    return rule in refused | warned


@pytest.mark.parametrize("entity", COMPLETE)
def test_a_complete_row_breaks_no_rule(entity: str) -> None:
    outcome = cleaned(entity, COMPLETE[entity])
    assert [row["dq_flags"] for row in outcome.accepted] == [[]]
    assert not outcome.rejected


@pytest.mark.parametrize(("rule", "breaking", "holding"), MODEL_RULES)
def test_a_rule_of_the_model_fires_for_what_breaks_it_alone(
    rule: str, breaking: dict[str, Any], holding: dict[str, Any]
) -> None:
    entity, id_ = rule.split(".")
    declared = {r.id: r for r in MODEL.entity(entity).rules}[id_]
    broken = cleaned(entity, {**COMPLETE[entity], **breaking})
    assert fires(rule, broken)
    assert bool(broken.rejected) == (declared.severity == "reject")
    assert not fires(rule, cleaned(entity, {**COMPLETE[entity], **holding}))


def test_every_rule_of_the_model_has_a_case() -> None:
    declared = {f"{entity.entity}.{rule.id}" for entity in MODEL.entities.values() for rule in entity.rules}
    assert {rule for rule, _, _ in MODEL_RULES} == declared


GENERIC: list[tuple[str, str, dict[str, Any], bool]] = [
    # rule, entity, what breaks it, whether the row is refused
    ("G01", "customers", {"k": " "}, True),
    ("G01", "sales", {"total_amount": None}, True),
    ("G01", "suppliers", {"supplier_name": " \u200b"}, True),
    ("G02", "sales", {"total_amount": "1.234,56"}, True),
    ("G02", "products", {"weight_grams": "heavy"}, False),
    ("G02", "sales", {"currency_code": "EURO"}, True),
    ("G03", "sales", {"channel": "pigeon"}, False),
    ("G04", "sales", {"sold_at": dt.datetime(2026, 6, 22, tzinfo=dt.UTC)}, True),
    ("G04", "customers", {"registered_at": dt.datetime(1969, 1, 1, tzinfo=dt.UTC)}, False),
    ("G05", "sales", {"completed_at": NOON - dt.timedelta(seconds=1)}, False),
    ("G05", "products", {"launched_on": NEXT_DAY, "discontinued_on": DAY}, False),
    ("G06", "customers", {"email": "a@@b"}, False),
    ("G06", "products", {"gtin": "4006381333932"}, False),
    ("G10", "products", {"currency_code": None}, False),
    ("G10", "products", {"currency_code": "EURO"}, True),
    ("G10", "sales", {"currency_code": None}, False),
    ("G11", "payment_methods", {"method_name": "Visa 4111 1111 1111 1111"}, True),
    ("G11", "transactions", {"masked_account": 4111111111111111}, True),
    ("G13", "products", {"tax_rate": D("1.5")}, False),
    ("G13", "products", {"weight_grams": D("-1")}, False),
    ("G13", "sale_items", {"discount_amount": D("-1")}, True),
    ("G13", "suppliers", {"lead_time_days": 366}, False),
    ("G13", "customers", {"merged_into_customer_id": "c1"}, False),
    ("G14", "customers", {"registered_at": dt.datetime(2025, 10, 26, 2, 30)}, False),  # noqa: DTZ001 - a local time
]


@pytest.mark.parametrize(("rule", "entity", "breaking", "refused"), GENERIC)
def test_a_generic_rule_refuses_what_is_needed_and_flags_what_is_not(
    rule: str, entity: str, breaking: dict[str, Any], *, refused: bool
) -> None:
    outcome = cleaned(entity, {**COMPLETE[entity], **breaking})
    assert fires(rule, outcome)
    assert bool(outcome.rejected) == refused
    assert outcome.counts.rejections.get(rule, 0) == int(refused)
    assert outcome.counts.warnings.get(rule, 0) == int(not refused)


def test_every_generic_rule_has_a_case() -> None:
    assert {rule for rule, *_ in GENERIC} | {"G07"} == set(rules.GENERIC_RULES)


def test_all_broken_rules_of_a_row_are_listed() -> None:
    breaking = {"k": None, "total_amount": "x", "sold_at": "soon", "status": None}
    outcome = cleaned("sales", {**COMPLETE["sales"], **breaking})
    assert outcome.refusals == {("G01", "sale_id"), ("G02", "total_amount"), ("G02", "sold_at"), ("G01", "status")}


def test_an_optional_value_that_cannot_be_read_becomes_null_and_is_not_replaced_by_a_default() -> None:
    row = cleaned("customers", {**COMPLETE["customers"], "first_name": "Ana", "birth_date": "1.2.80"}).row
    assert (row["birth_date"], row["dq_flags"]) == (None, ["G02"])
    refused = cleaned("sale_items", {**COMPLETE["sale_items"], "tax_amount": "none at all"})
    assert refused.refusals == {("G02", "tax_amount")}


def test_an_amount_never_gets_a_currency_it_was_not_in() -> None:
    unmapped = cleaned("products", COMPLETE["products"], currency="CHF").row
    assert (unmapped["currency_code"], unmapped["dq_flags"]) == ("CHF", [])
    missing = cleaned("products", {**COMPLETE["products"], "currency_code": None}, currency="CHF").row
    assert (missing["currency_code"], missing["dq_flags"]) == ("CHF", ["G10"])
    without_amount = cleaned("products", {**COMPLETE["products"], "list_price": None, "currency_code": None}).row
    assert (without_amount["currency_code"], without_amount["dq_flags"]) == (None, [])


CODES = {"state": {"1": "completed", "9": "cancelled"}, "land": {"D": "DE"}}


def test_a_value_the_code_map_lacks_is_unknown_and_flagged_or_refused_where_the_map_is_strict() -> None:
    columns = {"status": {"expr": "status", "code": "state"}}
    rows = [{**COMPLETE["sales"], "k": str(i), "status": value} for i, value in enumerate(("1", "7"))]
    loose = cleaned("sales", *rows, codes=CODES, columns=columns)
    assert [(row["status"], row["dq_flags"]) for row in loose.accepted] == [("completed", []), ("unknown", ["G03"])]
    strict = {"state": {**CODES["state"], "strict": True}}
    refused = cleaned("sales", *rows, codes=strict, columns=columns)
    assert [row["status"] for row in refused.accepted] == ["completed"]
    assert refused.refusals == {("G03", "status")}
    (reason,) = json.loads(refused.rejected[0]["reasons"])
    assert (reason["column"], reason["value"]) == ("status", "7")


def test_values_strict_code_maps_refuse_are_told_apart_and_hidden_where_they_must_be() -> None:
    codes = {"strictly": {"a": "A", "strict": True}}
    columns = {name: {"expr": name, "code": "strictly"} for name in ("method_name", "method_type")}
    row = {**COMPLETE["payment_methods"], "method_name": "x", "method_type": " y "}
    card = {**row, "k": "2", "method_type": "a", "method_name": "Visa 4111 1111 1111 1111"}
    plain, hidden = cleaned("payment_methods", row, card, codes=codes, columns=columns).rejected
    given = {r["column"]: r["value"] for r in json.loads(plain["reasons"])}
    assert (given["method_name"], given["method_type"]) == ("x", " y ")
    reasons = {(r["rule"], r["column"]): r["value"] for r in json.loads(hidden["reasons"])}
    assert set(reasons.values()) == {"Visa ************1111"}
    assert {("G03", "method_name"), ("G11", "method_name")} == set(reasons)
    assert "4111" not in hidden["raw"] + hidden["mapped"]
    columns = {"full_name": {"expr": "full_name", "code": "strictly"}}
    (person,) = cleaned("customers", {"k": "1", "full_name": "Ada"}, codes=codes, columns=columns).rejected
    assert "Ada" not in person["reasons"]
    assert "***" in person["reasons"]


def test_a_code_map_of_a_column_that_is_no_enumeration_says_what_it_lacks() -> None:
    columns = {"country_code": {"expr": "country_code", "code": "land"}}
    rows = [{**COMPLETE["customers"], "k": str(i), "country_code": value} for i, value in enumerate(("D", "F"))]
    outcome = cleaned("customers", *rows, codes=CODES, columns=columns)
    assert [(r["country_code"], r["dq_flags"]) for r in outcome.accepted] == [("DE", []), (None, ["G03"])]


CARDS = ["4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444", "6011000990139424", "3530111333300000",
         "30569309025904", "2223003122003222", "6759649826438453"]  # fmt: skip
NO_CARDS = ["4111111111111112", "1234567890123452", "79927398713", "4111111111111111" * 2, "4006381333931",
            "98765432109", "9111111111111111"]  # fmt: skip


@pytest.mark.parametrize("number", CARDS)
def test_a_card_number_is_found_and_masked(number: str) -> None:
    text = f"ref {number}, thanks"
    assert holds_card_number(text)
    assert mask_card_numbers(text).endswith(f"{number[-4:]}, thanks")
    assert not holds_card_number(mask_card_numbers(text))


@pytest.mark.parametrize("number", NO_CARDS)
def test_a_long_number_that_no_scheme_issues_is_no_card_number(number: str) -> None:
    assert not holds_card_number(number)
    assert mask_card_numbers(number) == number


def test_a_card_number_is_nowhere_in_what_is_kept_of_its_row() -> None:
    number = "4111111111111111"
    row = {**COMPLETE["transactions"], "k": f"t {number}", "masked_account": f"4111 1111 1111 1111/{number}"}
    outcome = cleaned("transactions", row)
    kept = json.dumps(outcome.rejected)
    assert number not in kept.replace(" ", "").replace("-", "")
    assert "1111" in json.loads(outcome.rejected[0]["reasons"])[0]["value"]


def test_a_setting_the_source_does_not_have_is_an_error_of_the_model() -> None:
    assert rules.bound("a::text = :currency AND :tax_included", SETTINGS) == "a::text = 'EUR' AND false"
    with pytest.raises(ModelError, match="no setting :vat"):
        rules.bound(":vat", SETTINGS)


def test_warnings_are_sorted_and_named_once() -> None:
    row = {**COMPLETE["customers"], "email": "a@@b", "phone": "1", "birth_date": "x", "gender": "q"}
    assert cleaned("customers", row, {**row, "source_updated_at": UPDATED}).accepted[0]["dq_flags"][:3] == [
        "G02",
        "G03",
        "G06",
    ]
