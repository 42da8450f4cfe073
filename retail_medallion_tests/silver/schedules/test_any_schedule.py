"""Any schedule of changes, extractions and loads leaves exactly what the definitions say, against an oracle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from retail_medallion.silver import current
from retail_medallion_tests.servers import fresh_database_on
from retail_medallion_tests.silver.schedules.oracle import ENTITIES, Oracle, Order
from retail_medallion_tests.silver.schedules.platform import Platform, crash_after, instant
from retail_medallion_tests.silver.schedules.shop import DAYS, SCHEMA, shop_mappings, shop_model

EXAMPLES_VARIABLE = "RETAIL_SCHEDULES"
"""How many schedules the slow test tries; 500 where it is not set."""

_STEPS = 14

_ids = st.integers(1, 3)
_days = st.sampled_from(DAYS)
_entities = st.sampled_from(ENTITIES)
_spans = st.sampled_from([list(DAYS[first : first + length]) for length in (1, 1, 2, 3) for first in range(len(DAYS))])
_crashes = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 30))
_amounts = st.sampled_from([None, "-1.00", "0.00", "2.50", "7.10"]).map(lambda v: None if v is None else Decimal(v))
_units = st.sampled_from([None, "-1.000", "0.000", "1.500", "2.000"]).map(lambda v: None if v is None else Decimal(v))


class Schedule(RuleBasedStateMachine):
    """The shop lives, and is extracted and loaded, in any order; whatever is loaded is compared at once."""

    platform: Platform

    @initialize(many=st.sampled_from([0, 2, 5_000]))
    def begin(self, many: int) -> None:
        """Start anew; so many changes at once are told as everything."""
        self.platform.reset()
        current.MANY = many
        self.oracle = Oracle()
        self.variant = 0
        self.stamp = 0
        self.event = 0

    def _touch(self, key: int, day: date | None) -> None:
        self.stamp += 1
        order = self.oracle.shop.orders[key]
        order.day, order.stamp = day, -1 if day is None else self.stamp
        touched = None if day is None else instant(day, self.stamp)
        self.platform.change("UPDATE orders SET touched_at = %s WHERE id = %s", touched, key)

    @rule(
        key=_ids,
        order=st.one_of(st.none(), st.tuples(st.sampled_from([None, "", "i", " x "]), _amounts, st.booleans())),
        day=_days,
    )
    def change_an_order(self, key: int, order: tuple[str | None, Decimal | None, bool] | None, day: date) -> None:
        """An order is new, changed, moves to another day, is voided, or is deleted."""
        if order is None:
            self.oracle.shop.orders.pop(key, None)
            self.platform.change("DELETE FROM orders WHERE id = %s", key)
            return
        note, amount, voided = order
        self.oracle.shop.orders[key] = Order(note, amount, voided, day, 0)
        self.platform.change(
            "INSERT INTO orders VALUES (%s, %s, %s, CASE WHEN %s THEN now() END)"
            " ON CONFLICT (id) DO UPDATE SET note = excluded.note, amount = excluded.amount,"
            " voided_at = excluded.voided_at",
            key,
            note,
            amount,
            voided,
        )
        self._touch(key, day)

    @rule()
    def lose_the_watermark_of_an_order(self) -> None:
        # Of one only: between two rows without a time the newer one cannot be told.
        if 1 in self.oracle.shop.orders:
            self._touch(1, None)

    @rule(line=_ids, change=st.one_of(st.none(), st.tuples(_ids, _units)), day=_days)
    def change_a_line(self, line: int, change: tuple[int, Decimal | None] | None, day: date) -> None:
        """A line is new, changed, moves to another order, or is deleted; the orders concerned are touched."""
        lines = self.oracle.shop.lines
        owners = {lines.pop(line)[0]} if line in lines else set()
        if change is None:
            self.platform.change("DELETE FROM lines WHERE id = %s", line)
        else:
            lines[line] = change
            owners.add(change[0])
            self.platform.change(
                "INSERT INTO lines VALUES (%s, %s, %s)"
                " ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, units = excluded.units",
                line,
                *change,
            )
        for owner in sorted(owners & self.oracle.shop.orders.keys()):
            self._touch(owner, day)

    @rule(key=_ids, label=st.sampled_from(["gone", "a", " b ", "", None]))
    def change_a_thing(self, key: int, label: str | None) -> None:
        if label == "gone":
            self.oracle.shop.things.pop(key, None)
            self.platform.change("DELETE FROM things WHERE id = %s", key)
            return
        self.oracle.shop.things[key] = label
        self.platform.change(
            "INSERT INTO things VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET label = excluded.label", key, label
        )

    @rule(key=_ids, label=st.sampled_from(["gone", "a", " b ", None]), day=_days)
    def change_a_member(self, key: int, label: str | None, day: date) -> None:
        if label == "gone":
            self.oracle.shop.members.pop(key, None)
            self.platform.change("DELETE FROM members WHERE id = %s", key)
            return
        self.stamp += 1
        self.oracle.shop.members[key] = (label, day)
        self.platform.change(
            "INSERT INTO members VALUES (%s, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET label = excluded.label, touched_at = excluded.touched_at",
            key,
            label,
            instant(day, self.stamp),
        )

    @rule(key=_ids, label=st.sampled_from(["gone", "a", " b ", "", None]))
    def change_a_shelf(self, key: int, label: str | None) -> None:
        if label == "gone":
            self.oracle.shop.shelves.pop(key, None)
            self.platform.change("DELETE FROM shelves WHERE id = %s", key)
            return
        self.oracle.shop.shelves[key] = label
        self.platform.change(
            "INSERT INTO shelves VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET label = excluded.label", key, label
        )

    @rule(order=st.one_of(st.none(), _ids), points=st.sampled_from(["-1.00", "2.50"]), day=_days)
    def write_an_event(self, order: int | None, points: str, day: date) -> None:
        self.event += 1
        self.oracle.shop.events[self.event] = (order, Decimal(points), day)
        self.platform.change(
            "INSERT INTO events VALUES (%s, %s, %s, %s)", self.event, order, points, instant(day, self.event)
        )

    @rule()
    def look_for_findings(self) -> None:
        assert self.platform.findings() == self.oracle.findings()

    @rule()
    def change_the_mapping(self) -> None:
        self.variant = 1 - self.variant

    @rule(entity=_entities, days=_spans)
    def extract(self, entity: str, days: list[date]) -> None:
        self.platform.extract(entity, days, self.variant)
        self.oracle.extract(entity, days)

    @rule(entity=_entities, days=_spans, crash=_crashes)
    def load(self, entity: str, days: list[date], crash: int | None) -> None:
        """Load the days that were extracted; a crash undoes the day it hits, and a plain repeat mends it."""
        for day in days:
            if (entity, day) not in self.oracle.bronze:
                continue
            if crash is not None:
                with crash_after(crash):
                    self.platform.load(entity, day, self.variant)
            self.platform.load(entity, day, self.variant)
            self.oracle.load(entity, day, self.variant)
        self.compare(entity)

    @rule(entity=_entities, days=_spans, crash=_crashes)
    def take(self, entity: str, days: list[date], crash: int | None) -> None:
        """Both, as a run does."""
        self.extract(entity, days)
        self.load(entity, days, crash)

    def compare(self, entity: str) -> None:
        assert self.platform.versions(entity) == self.oracle.versions(entity)
        assert self.platform.current(entity) == self.oracle.current(entity)
        assert self.platform.rejected(entity) == self.oracle.rejected(entity)
        cells = {day: cell.counts for (name, day), cell in self.oracle.silver.items() if name == entity}
        assert self.platform.counts(entity) == cells

    def teardown(self) -> None:
        assert self.platform.findings() == self.oracle.findings()
        for entity in ENTITIES:
            assert self.platform.differing_from_recompute(entity) == 0


@pytest.fixture(scope="module")
def schedules(postgres_server: Any, s3_client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    many = current.MANY
    folder = tmp_path_factory.mktemp("shop")
    bucket = "schedules-" + os.urandom(6).hex()
    s3_client.create_bucket(Bucket=bucket)
    with fresh_database_on(postgres_server) as source, fresh_database_on(postgres_server) as warehouse:
        connection = source.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(SCHEMA)
        connection.close()
        platform = Platform(source, warehouse, s3_client, bucket, shop_model(folder / "model"), shop_mappings(folder))
        yield type("Schedules", (Schedule,), {"platform": platform})
        platform.close()
        current.MANY = many


def _try(machine: Any, examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=_STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_few_schedules_leave_what_the_definitions_say(schedules: Any) -> None:
    _try(schedules, 25)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_any_schedule_leaves_what_the_definitions_say(schedules: Any) -> None:
    _try(schedules, int(os.environ.get(EXAMPLES_VARIABLE, "500")))
