"""Days of a compared block: states, and rows that say of a key that it is gone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa

from retail_medallion_tests.silver.blocks import Outcome, block, bronze, run, source_mapping, table_of

COMPARED = {"table": "t", "mode": "compared", "key": ["k"]}
D = Decimal


def day(rows: list[dict[str, Any]], columns: dict[str, str] | None = None, **more: Any) -> Outcome:
    definition = block("customers", columns or {"full_name": "n"}, **more) | {"extract": COMPARED}
    mapping = source_mapping({"customers": [definition]})
    schema = pa.schema([("k", pa.string()), ("n", pa.string()), ("_deleted", pa.bool_())])
    table = table_of([{"_deleted": False, "n": None, **row} for row in rows], schema)
    return run(mapping, "customers", [bronze(mapping, "customers", table)])


def ops(outcome: Outcome) -> dict[str, str]:
    return {row["customer_id"]: row["op"] for row in outcome.accepted}


def test_a_row_about_a_gone_key_is_a_tombstone_and_the_others_are_states() -> None:
    outcome = day([{"k": "1", "n": "x"}, {"k": "2", "_deleted": True}, {"k": "3", "n": "y"}])
    assert ops(outcome) == {"1": "U", "2": "D", "3": "U"}
    assert (outcome.counts.rows_read, outcome.counts.filtered, outcome.counts.mapped) == (3, 0, 3)
    assert outcome.scopes == []
    assert [row["bronze_row"] for row in outcome.accepted] == [0, 1, 2]


def test_a_day_of_states_alone_and_one_of_gone_keys_alone_balance() -> None:
    assert ops(day([{"k": "1", "n": "x"}])) == {"1": "U"}
    assert ops(day([{"k": "1", "_deleted": True}])) == {"1": "D"}
    assert ops(day([])) == {}


def test_more_rows_than_are_handed_over_at_once_balance_as_well() -> None:
    outcome = day([{"k": str(i), "n": "x"} if i % 3 else {"k": str(i), "_deleted": True} for i in range(1500)])
    assert sorted(set(ops(outcome).values())) == ["D", "U"]
    assert (outcome.counts.mapped, outcome.counts.accepted) == (1500, 1500)


def test_a_condition_decides_about_states_and_not_about_gone_keys() -> None:
    outcome = day(
        [{"k": "1", "n": "x"}, {"k": "2", "n": "y"}, {"k": "3", "_deleted": True}], where="n = 'x' OR 1 / length(n) = 0"
    )
    assert ops(outcome) == {"1": "U", "3": "D"}
    assert (outcome.counts.filtered, outcome.counts.mapped) == (1, 2)


def test_a_key_that_came_anew_under_another_spelling_lives() -> None:
    outcome = day([{"k": " 1", "_deleted": True}, {"k": "1", "n": "x"}])
    assert ops(outcome) == {"1": "U"}
    assert outcome.counts.superseded == 1


def test_a_gone_key_that_cannot_be_read_is_refused_with_its_reason() -> None:
    outcome = day([{"k": None, "_deleted": True}, {"k": "2", "n": "x"}])
    assert (ops(outcome), outcome.refusals) == ({"2": "U"}, {("G01", "customer_id")})


def test_objects_of_the_days_before_the_block_was_compared_are_read_as_they_are() -> None:
    definition = block("customers", {"full_name": "n"}) | {"extract": COMPARED}
    mapping = source_mapping({"customers": [definition]})
    outcome = run(mapping, "customers", [bronze(mapping, "customers", table_of([{"k": "1", "n": "x"}]))])
    assert (ops(outcome), outcome.scopes) == ({"1": "U"}, [])


def test_the_elements_of_a_gone_row_go_with_the_document_it_was() -> None:
    lines = block(
        "sale_items",
        {"sale_id": "k", "quantity": "q", "unit_price": "q"},
        complete={"within": "sale_id", "value": "k"},
        explode={"as": "line", "from": "doc"},
        key={"sale_item_id": "k || '-' || (line.value ->> '$.id')"},
    )
    mapping = source_mapping({"sale_items": [lines | {"extract": COMPARED}]})
    table = table_of(
        [
            {"k": "1", "q": D(1), "doc": '[{"id": 7}, {"id": 8}]', "_deleted": False},
            {"k": "2", "q": None, "doc": None, "_deleted": True},
        ]
    )
    outcome = run(mapping, "sale_items", [bronze(mapping, "sale_items", table)])
    assert [(row["sale_item_id"], row["op"]) for row in outcome.accepted] == [("1-7", "U"), ("1-8", "U")]
    assert outcome.scopes == ["1", "2"]
