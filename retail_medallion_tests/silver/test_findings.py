"""Findings: what each rule finds, and that any order of writes and refreshes finds the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.errors import ModelError
from retail_medallion.silver import current
from retail_medallion.silver.findings import count_findings, finding_rules, worst_findings
from retail_medallion.silver.findings.document import describe_findings
from retail_medallion_tests.servers import fresh_database_on
from retail_medallion_tests.silver.finding_examples import EXAMPLES, Example, Rows
from retail_medallion_tests.silver.findings_oracle import DISTINCT, REFERENCES, findings
from retail_medallion_tests.silver.findings_world import DAY, MODEL, NOON, World

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
RULES = finding_rules(MODEL)
_numbers = count()


@pytest.fixture(scope="module")
def world(postgres_server: EmbeddedPostgres) -> Iterator[World]:
    with fresh_database_on(postgres_server, prefix="findings") as database:
        made = World(database.url)
        yield made
        made.engine.dispose()


@pytest.fixture
def source() -> str:
    return f"shop{next(_numbers)}"


def mended(example: Example) -> Rows:
    """The rows with those of the cure in place of the ones of the same key."""
    result = {}
    for entity in {**example.rows, **example.cure}:
        key = MODEL.entity(entity).key
        rows = (*example.rows.get(entity, []), *example.cure.get(entity, []))
        result[entity] = list({row[key]: row for row in rows}.values())
    return result


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.rule}: {RULES[e.rule].message}")
def test_the_rule_speaks_of_the_row_and_is_silent_when_it_is_mended(
    world: World, source: str, example: Example
) -> None:
    found = "SELECT id, expected, actual FROM silver_meta.finding WHERE source_system = :source AND rule = :rule"
    entities = RULES[example.rule].needs
    for rows, speaks in ((mended(example), False), (example.rows, True), (mended(example), False)):
        for entity in mended(example):
            world.write(source, entity, rows.get(entity, []))
        world.refresh(source, entities)
        stored = world.rows(found, source=source, rule=example.rule)
        assert ((example.id, example.expected, example.actual) in stored) is speaks
        assert (example.id in {key for key, _, _ in stored}) is speaks
        assert world.differing(source, entities) == 0


def test_every_declared_rule_has_an_example() -> None:
    declared = {f"{entity.entity}.{finding.id}" for entity in MODEL.entities.values() for finding in entity.findings}
    assert {example.rule for example in EXAMPLES} == declared


def _rows(key: str, keys: str, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of some of the keys; some are deleted."""
    row = st.fixed_dictionaries({**columns, "is_deleted": st.sampled_from([False, False, True])})
    return st.dictionaries(st.sampled_from(keys), row, max_size=len(keys)).map(
        lambda rows: [{key: name, **rows[name]} for name in sorted(rows)]
    )


def _one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


_times = _one_of(*(NOON + dt.timedelta(hours=n) for n in range(3)))
_content = {
    "products": _rows("product_id", "pq", sku=_one_of("A", "B", None)),
    "customers": _rows("customer_id", "klm", email=_one_of("a@b.example", "c@b.example", None)),
    "coupons": _rows("coupon_id", "cd"),
    "sales": _rows(
        "sale_id",
        "ST",
        subtotal_amount=_one_of(10, 20),
        customer_id=_one_of("k", "l", None),
        original_sale_id=_one_of("S", "U", None),
        coupon_ids=_one_of(["c"], ["c", "d"], None),
    ),
    "sale_items": _rows(
        "sale_item_id",
        "1234",
        sale_id=_one_of("S", "T"),
        product_id=_one_of("p", "q", None),
        gross_amount=_one_of(10, 20),
        line_type=_one_of("sale", "return"),
        original_sale_item_id=_one_of("1", "2", None),
    ),
    "loyalty_transactions": _rows(
        "loyalty_transaction_id",
        "123",
        loyalty_account_id=_one_of("a", None),
        customer_id=_one_of("k", "l"),
        points=_one_of(-2, -1, 1, 2),
        occurred_at=_times,
    ),
    "stock_movements": _rows(
        "stock_movement_id",
        "1234",
        product_id=_one_of("p", "q"),
        location_id=_one_of("l"),
        movement_type=_one_of("purchase_receipt", "sale_issue", "count"),
        quantity=_one_of(-2, -1, 1, 2),
        business_date=_one_of(DAY, DAY + dt.timedelta(days=1)),
        occurred_at=_times,
    ),
}
_write = st.sampled_from(sorted(_content)).flatmap(
    lambda entity: st.tuples(st.just(entity), _one_of(DAY, DAY + dt.timedelta(days=1)), _content[entity])
)
_schedule = st.lists(st.one_of(_write, _write, _write, st.none()), min_size=2, max_size=12)
_SAID_AGAIN = {
    *(f"G08.{entity}.{column}" for entity, links in REFERENCES.items() for column in links),
    *(f"G09.{entity}.{column}" for entity, columns in DISTINCT.items() for column in columns),
    "sales.items_do_not_add_up",
    "loyalty_transactions.balance_below_zero",
    "stock_movements.stock_below_zero",
}


@pytest.mark.parametrize("many", [0, 5_000], ids=["told at once", "told by key"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=_schedule)
def test_any_writes_and_refreshes_find_what_the_rows_say(
    world: World,
    schedule: list[tuple[str, dt.date, list[dict[str, Any]]] | None],
    many: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(current, "MANY", many)
    source, mapped = f"shop{next(_numbers)}", frozenset(_content)
    record: dict[str, dict[dt.date, list[dict[str, Any]]]] = {}
    for step in [*schedule, None]:
        if step is not None:
            entity, day, rows = step
            world.write(source, entity, rows, day)
            record.setdefault(entity, {})[day] = rows
            continue
        world.refresh(source, mapped)
        assert {finding for finding in world.found(source) if finding[0] in _SAID_AGAIN} == findings(record)
    assert world.differing(source, mapped) == 0


def test_when_most_rows_of_an_entity_changed_its_rules_are_computed_in_full_and_no_others(
    world: World, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.refresh(source)
    monkeypatch.setattr(current, "MANY", 0)
    world.write(source, "coupons", [{"coupon_id": str(n)} for n in range(5)])
    renewed = world.refresh(source).renewed
    wanted = {rule.id for rule in finding_rules(MODEL).values() if ("coupons", "coupon_id") in rule.drivers}
    assert "coupons.usage_count_differs" in wanted
    assert "sales.items_do_not_add_up" not in wanted
    assert wanted <= set(renewed) <= {rule.id for rule in finding_rules(MODEL).values() if "coupons" in rule.needs}
    assert world.refresh(source).renewed == []


def test_the_page_lists_the_rules_as_they_are_declared() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(describe_findings(MODEL))


def test_a_rule_of_an_entity_the_source_does_not_map_does_not_hold_and_its_findings_go(
    world: World, source: str
) -> None:
    world.write(source, "sales", [{"sale_id": "s", "customer_id": "nobody"}])
    world.refresh(source, {"sales", "sale_items", "customers"})
    assert {("G08.sales.customer_id", "s"), ("sales.no_items", "s")} <= world.found(source)
    world.refresh(source, {"sales", "sale_items"})
    assert world.found(source) == {("sales.no_items", "s")}
    world.refresh(source, {"sales"})
    assert world.found(source) == set()


def test_a_refresh_takes_what_it_read_off_the_queue_and_finds_nothing_new_the_next_time(
    world: World, source: str
) -> None:
    pending = "SELECT count(*) FROM meta.pending WHERE consumer = 'findings' AND source_system = :source"
    world.write(source, "sales", [{"sale_id": "s"}])
    assert world.rows(pending, source=source) == [(1,)]
    world.refresh(source, {"sales", "sale_items"})
    assert world.rows(pending, source=source) == [(0,)]
    again = world.refresh(source, {"sales", "sale_items"})
    assert (again.pending, again.renewed, again.found, again.removed) == (0, [], {}, {})


def test_a_changed_declaration_is_computed_in_full(world: World, source: str) -> None:
    world.write(source, "sales", [{"sale_id": "s"}])
    world.refresh(source, {"sales", "sale_items"})
    world.rows(
        "UPDATE silver_meta.finding_rule SET version = 'older' WHERE source_system = :source"
        " AND rule = 'sales.no_items' RETURNING rule",
        source=source,
    )
    world.rows("DELETE FROM silver_meta.finding WHERE source_system = :source RETURNING rule", source=source)
    assert world.refresh(source, {"sales", "sale_items"}).renewed == ["sales.no_items"]
    assert world.found(source) == {("sales.no_items", "s")}


def test_a_shared_address_is_kept_as_a_hash(world: World, source: str) -> None:
    world.write(source, "customers", [{"customer_id": key, "email": "a@b.example"} for key in "kl"])
    world.refresh(source, {"customers"})
    stored = world.rows("SELECT * FROM silver_meta.finding WHERE source_system = :source", source=source)
    assert len(stored) == 2
    assert "a@b" not in repr(stored)


def test_a_rule_that_reads_rows_nobody_tells_it_of_is_refused() -> None:
    sales = MODEL.entity("sales")
    blind = sales.findings[0].model_copy(update={"drivers": ("sales",)})
    entity = sales.model_copy(update={"findings": [blind]})
    model = dataclasses.replace(MODEL, entities={**MODEL.entities, "sales": entity})
    with pytest.raises(ModelError, match="nobody tells"):
        finding_rules(model)


def test_the_counts_name_every_rule_that_holds_and_the_worst_come_first(world: World, source: str) -> None:
    world.write(source, "sales", [{"sale_id": key, "total_amount": ord(key)} for key in "ab"])
    world.refresh(source, {"sales", "transactions"})
    with world.engine.connect() as connection:
        counts = {count.rule: count.count for count in count_findings(connection, source, "sales")}
        worst = worst_findings(connection, source, "sales", of_each_rule=1)
    assert counts == {"sales.paid_differs": 2, "G08.sales.original_sale_id": 0, "G09.sales.sale_number": 0}
    assert [(row.id, str(row.delta)) for row in worst] == [("b", "-98.0000")]


def test_a_line_that_is_referred_to_may_come_and_go(world: World, source: str) -> None:
    returned = {"sale_item_id": "2", "sale_id": "t", "line_type": "return", "original_sale_item_id": "1"}
    missing = ("G08.sale_items.original_sale_item_id", "2")
    world.write(source, "sale_items", [returned])
    for lines, speaks in (([], True), ([{"sale_item_id": "1", "sale_id": "s"}], False), ([], True)):
        world.write(source, "sale_items", lines, DAY + dt.timedelta(days=1))
        world.refresh(source, {"sale_items"})
        assert (missing in world.found(source)) is speaks


def test_rows_that_leave_a_shared_value_together_leave_no_finding_behind(world: World, source: str) -> None:
    for skus, shared in ((["A", "A"], {"p", "q"}), (["B", None], set())):
        rows = [{"product_id": key, "sku": sku} for key, sku in zip("pq", skus, strict=True)]
        world.write(source, "products", rows)
        world.refresh(source, {"products"})
        assert {key for rule, key in world.found(source) if rule == "G09.products.sku"} == shared
