"""Every rule: a row that breaks it, a row that does not."""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from retail_medallion.errors import ModelError
from retail_medallion.silver import rules
from retail_medallion.silver.standardisers.cards import holds_card_number, mask_card_numbers
from retail_medallion_tests.silver.blocks import (
    MODEL,
    UPDATED,
    Outcome,
    block,
    bronze,
    cleaned,
    run,
    source_mapping,
    table_of,
)
from retail_medallion_tests.silver.cleaning import SETTINGS
from retail_medallion_tests.silver.rule_examples import COMPLETE, GENERIC, MODEL_RULES

D = Decimal


def rules_of(outcome: Outcome) -> list[set[str]]:
    """Rules that fired for each row, in the order of the rows."""
    fired: dict[int, set[str]] = {row["bronze_row"]: set(row["dq_flags"]) for row in outcome.accepted}
    fired |= {row["bronze_row"]: {r["rule"] for r in json.loads(row["reasons"])} for row in outcome.rejected}
    return [rules for _, rules in sorted(fired.items())]


@pytest.mark.parametrize("entity", MODEL.entities)
def test_a_complete_row_breaks_no_rule(entity: str) -> None:
    outcome = cleaned(entity, COMPLETE[entity])
    assert [row["dq_flags"] for row in outcome.accepted] == [[]]
    assert not outcome.rejected


@pytest.mark.parametrize("entity", sorted({rule.partition(".")[0] for rule, _, _ in MODEL_RULES}))
def test_a_rule_of_the_model_fires_for_what_breaks_it_and_not_for_what_comes_close(entity: str) -> None:
    refusing = {f"{entity}.{rule.id}" for rule in MODEL.entity(entity).rules if rule.severity == "reject"}
    examples = [example for example in MODEL_RULES if example[0].partition(".")[0] == entity]
    changes = [change for _, breaking, holding in examples for change in (breaking, holding)]
    rows = [{**COMPLETE[entity], "k": f"row {i}", **change} for i, change in enumerate(changes)]
    outcome = cleaned(entity, *rows)
    fired = rules_of(outcome)
    refused = {row["bronze_row"] for row in outcome.rejected}
    for i, (rule, _, _) in enumerate(examples):
        assert rule in fired[2 * i]
        assert rule not in fired[2 * i + 1], rule
        assert (2 * i in refused) == (rule in refusing), rule


def test_every_rule_of_the_model_has_examples() -> None:
    declared = {f"{entity.entity}.{rule.id}" for entity in MODEL.entities.values() for rule in entity.rules}
    signs = {
        f"{entity.entity}.{column.name}_sign" for entity in MODEL.entities.values() for column in entity if column.sign
    }
    assert {rule for rule, _, _ in MODEL_RULES} == declared | signs


@pytest.mark.parametrize(("rule", "entity", "breaking", "holding", "refused"), GENERIC)
def test_a_generic_rule_refuses_what_is_needed_and_flags_what_is_not(
    rule: str, entity: str, breaking: dict[str, Any], holding: dict[str, Any], *, refused: bool
) -> None:
    rows = [{**COMPLETE[entity], **breaking}, {**COMPLETE[entity], "k": "other", **holding}]
    outcome = cleaned(entity, *rows)
    fired = rules_of(outcome)
    assert rule in fired[0]
    assert rule not in fired[1]
    assert bool(outcome.rejected) == refused
    assert outcome.counts.rejections.get(rule, 0) == int(refused)
    assert outcome.counts.warnings.get(rule, 0) == int(not refused)


def test_every_generic_rule_has_examples_and_is_documented() -> None:
    assert {rule for rule, *_ in GENERIC} | {"G07"} == set(rules.GENERIC_RULES)
    page = (Path(__file__).parents[2] / "docs" / "cleaning.md").read_text(encoding="utf-8")
    table = page.partition("## Generic rules")[2].partition("\n##")[0]
    assert set(re.findall(r"^\| (G[0-9]{2}) \|", table, re.MULTILINE)) == set(rules.GENERIC_RULES)


def test_the_sign_of_an_amount_is_what_another_column_tells() -> None:
    base = COMPLETE["stock_movements"]
    kinds = {"sale_issue": -3, "customer_return": 3, "adjustment": None, "count": None, "mystery": None}
    rows = [
        {**base, "k": f"{kind} {sign}", "movement_type": kind, "quantity": D(sign)}
        for kind in kinds
        for sign in (3, -3)
    ]
    found = {row["stock_movement_id"]: row for row in cleaned("stock_movements", *rows).accepted}
    for kind, told in kinds.items():
        for sign in (3, -3):
            row = found[f"{kind} {sign}"]
            assert row["quantity"] == (sign if told is None else told)
            assert ("stock_movements.quantity_sign" in row["dq_flags"]) == (told is not None and told != sign)


def test_an_amount_without_direction_loses_its_sign_in_silence() -> None:
    row = cleaned("transactions", {**COMPLETE["transactions"], "amount": D(-5), "transaction_type": "payout"}).row
    assert (row["amount"], row["dq_flags"]) == (D(5), [])


def test_coordinates_of_nowhere_become_empty() -> None:
    rows = [{**COMPLETE["inventory_locations"], "k": str(i), "latitude": D(0), "longitude": D(i)} for i in range(2)]
    nowhere, somewhere = cleaned("inventory_locations", *rows).accepted
    assert (nowhere["latitude"], nowhere["longitude"]) == (None, None)
    assert (somewhere["latitude"], somewhere["longitude"]) == (0, 1)


def test_a_rating_gives_its_raw_value_and_its_scale_where_they_are_not_mapped() -> None:
    scale = {"rating": {"expr": "rating", "rating_scale": {"lowest": 0, "highest": 10}}}
    rows = [
        {**COMPLETE["product_reviews"], "k": "1", "rating": D(7)},
        {**COMPLETE["product_reviews"], "k": "2", "rating": D(11)},
    ]
    outcome = cleaned("product_reviews", *rows, columns=scale)
    assert (outcome.row["rating"], outcome.row["rating_raw"], outcome.row["rating_scale_max"]) == (
        D("3.80"),
        D(7),
        D(10),
    )
    assert outcome.refusals == {("G13", "rating")}
    bare = cleaned(
        "product_reviews", COMPLETE["product_reviews"], columns={"rating": {"expr": "rating", "rating_scale": 10}}
    )
    assert (bare.row["rating"], bare.row["rating_raw"]) == (D("2.33"), D(4))
    mapped = {**COMPLETE["product_reviews"], "rating_raw": D(80), "rating_scale_max": D(100)}
    row = cleaned("product_reviews", mapped).row
    assert (row["rating"], row["rating_raw"], row["rating_scale_max"]) == (D(4), D(80), D(100))


def test_a_missing_rating_is_said_once() -> None:
    outcome = cleaned("product_reviews", {**COMPLETE["product_reviews"], "rating": "n/a"})
    assert outcome.refusals == {("G01", "rating")}


def test_a_session_token_is_not_kept_and_differs_from_source_to_source() -> None:
    row = {**COMPLETE["shopping_carts"], "session_hash": "token 1"}
    here, there = cleaned("shopping_carts", row).row, cleaned("shopping_carts", row, code="web").row
    assert here["session_hash"] == hashlib.sha256(b"shop\x1ftoken 1").digest()[:16]
    assert there["session_hash"] != here["session_hash"]


def test_a_percentage_needs_no_currency() -> None:
    rows = [
        {**COMPLETE["coupons"], "k": kind, "discount_type": kind, "currency_code": None}
        for kind in ("percentage", "fixed_price")
    ]
    fixed, percentage = cleaned("coupons", *rows, currency="CHF").accepted
    assert (percentage["currency_code"], percentage["dq_flags"]) == (None, [])
    assert (fixed["currency_code"], fixed["dq_flags"]) == ("CHF", ["G10"])


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


@pytest.mark.parametrize("entity", ["products", "coupons", "product_categories"])
def test_a_card_number_in_a_description_refuses_the_row(entity: str) -> None:
    row = {**COMPLETE[entity], "description": "paid with 5555-5555-5555-4444"}
    outcome = cleaned(entity, row)
    assert outcome.refusals == {("G11", "description")}
    assert "5555" not in json.dumps(outcome.rejected)


def test_a_session_token_is_nowhere_in_what_is_kept_of_a_refused_cart() -> None:
    token = "s3cr3t-token"
    row = {**COMPLETE["shopping_carts"], "created_at": None, "cookie": token, "other": "kept"}
    plain = "replace(CAST(cookie AS VARCHAR), 'session=', '')"
    codes = {"known": {"known": "known", "strict": True}}
    for session in (plain, {"expr": plain, "code": "known"}):
        outcome = carts(row, {**row, "k": "2", "cookie": None}, session=session, codes=codes)
        assert token not in json.dumps(outcome.rejected)
        first, second = outcome.rejected
        assert (json.loads(first["raw"])["cookie"], json.loads(second["raw"])["cookie"]) == ("***", None)
        assert json.loads(first["raw"])["other"] == "kept"
        assert json.loads(second["mapped"])["session_hash"] is None
        assert (("G03", "session_hash") in outcome.refusals) == (session is not plain)


def carts(*rows: dict[str, Any], session: Any, codes: Any) -> Outcome:
    columns = {"session_hash": session, "status": '"status"', "created_at": '"created_at"'}
    mapping = source_mapping({"shopping_carts": [block("shopping_carts", columns)]}, codes=codes)
    return run(mapping, "shopping_carts", [bronze(mapping, "shopping_carts", table_of(rows))])


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
