"""Follows schedules of writes to Silver and runs of Gold; what is there at the end is a function of current Silver."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from retail_medallion.gold import pending
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.registry import TABLES
from retail_medallion.gold.writer import GoldWriter
from retail_medallion.silver.schema import ensure_month
from retail_medallion.storage.partitioned import ALL_OF_IT
from retail_medallion_tests.gold.oracle import Silver
from retail_medallion_tests.gold.schedules.comparison import compare_all
from retail_medallion_tests.gold.schedules.shop import IDS, QUIET, WRITTEN_ON
from retail_medallion_tests.gold.schedules.steps import THEMES, Deliver, Run, Step, schedules
from retail_medallion_tests.gold.schedules.writes import Writes
from retail_medallion_tests.gold.warehouse import MODEL, Warehouse

__all__ = ["THEMES", "follow", "try_schedules"]

_numbers = count()

FOLLOWED = [name for name in TABLES if name != "dim_fiscal_calendar"]
"""The calendar of a source is 27,000 rows which no change of Silver touches: it has a test of its own."""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name"


def run_tables(connection: sa.Connection, source: str, tables: Sequence[str], day: dt.date) -> None:
    """Materialise tables one after the other, each in its own transaction that holds its locks first."""
    for name in tables:
        writer = GoldWriter(name, source)
        partition = ALL_OF_IT if TABLES[name].is_whole else day.isoformat()
        with connection.begin():
            with cursor_of(connection) as cursor:
                cursor.execute(_LOCK, (sorted(writer.locks(partition)),))
            writer.write(connection, partition)


@contextmanager
def just_after_taking(happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen when a Gold table has just read what is pending for it; afterwards, if none reads."""
    take, is_done = pending.take, False

    def take_and_let_happen(cursor: Any, table: GoldTable, source: str, day: dt.date | None) -> tuple[int, bool]:
        nonlocal is_done
        taken = take(cursor, table, source, day)
        if not is_done:
            is_done = True
            happens()
        return taken

    pending.take = take_and_let_happen
    try:
        yield
    finally:
        pending.take = take
    if not is_done:
        happens()


def follow(warehouse: Warehouse, timezone: str, schedule: Sequence[Step], *, recompute: bool = True) -> None:
    """Follow a schedule on a new source, run every table once more, and compare all that Gold holds of it.

    Args:
        warehouse: The database, which many sources share.
        timezone: Of the source.
        schedule: What happens.
        recompute: Whether to compare with the recomputation too.
    """
    silver = Silver(f"followed{next(_numbers)}", timezone)
    warehouse.add_source(silver.source, timezone)
    with warehouse.engine.connect() as connection, warehouse.engine.connect() as writing:
        writes = Writes(silver, cursor_of(writing))
        for step in schedule:
            match step:
                case Run(tables, day, meanwhile):
                    with just_after_taking(partial(writes.write, meanwhile.day, meanwhile.told) if meanwhile else int):
                        run_tables(connection, silver.source, tables, day)
                case Deliver(day, entities):
                    writes.deliver(day, entities)
                case _:
                    writes.write(step.day, step.told)
        # A day that was never reflected: what this run finds was pending, not mentioned by the day.
        run_tables(connection, silver.source, FOLLOWED, QUIET + dt.timedelta(days=1))
        compare_all(connection, silver, FOLLOWED, recompute=recompute)


def try_schedules(theme: str, warehouse: Warehouse, examples: int) -> None:
    """Try so many schedules of a theme; the smallest that fails is shown as code."""
    with warehouse.engine.begin() as connection:
        for entity in IDS:
            for day in WRITTEN_ON:
                ensure_month(connection, MODEL.entity(entity), day)

    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
        schedule=schedules(theme),
        # The oracle says what has to be there; that the recomputation says the same need not be asked each time.
        recompute=st.sampled_from([False] * 5 + [True]),
    )
    def any_order(timezone: str, schedule: list[Step], *, recompute: bool) -> None:
        follow(warehouse, timezone, schedule, recompute=recompute)

    any_order()
