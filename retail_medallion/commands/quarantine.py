"""`retail-medallion quarantine`: which rows were refused and why, and their days once more.

What belongs here: arguments and printing. What does not: finding the rows (silver), running days (orchestration).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

import click
import sqlalchemy as sa
from rich.table import Table

from retail_medallion import config
from retail_medallion.commands.shared import console, plain_errors, use_embedded_servers
from retail_medallion.errors import ConfigurationError
from retail_medallion.silver.refused import (
    Filter,
    RefusedRow,
    count_refusals,
    count_rows,
    days_with_refusals,
    refused_rows,
)

P = ParamSpec("P")


def _filters(command: Callable[P, None]) -> Callable[P, None]:
    for option in (
        click.option("--rule", help="A rule, such as G01 or sales.header_equation."),
        click.option("--to", "last", help="Last day of a range, included."),
        click.option("--from", "first", help="First day of a range."),
        click.option("--day", help="One day: 2026-06-17."),
        click.option("--entity", help="Canonical entity, such as sales."),
        click.option("--source", help="Code of the source."),
    ):
        command = option(command)
    return command


def _filter(day: str | None, first: str | None, last: str | None, **more: Any) -> Filter:
    if day is not None and (first is not None or last is not None):
        raise ConfigurationError("One day and a range contradict each other.", fix="Give --day, or --from and --to.")
    begin, end = (day, day) if day is not None else (first, last)
    return Filter(
        first=config.parse_day(begin, where="--day or --from") if begin else None,
        last=config.parse_day(end, where="--day or --to") if end else None,
        **more,
    )


def _warehouse() -> sa.Connection:
    from retail_medallion.storage.postgres.session import engine

    use_embedded_servers()
    return engine(config.warehouse_database()).connect()


@click.group()
def quarantine() -> None:
    """See which rows were refused and why, and take their days through Silver again."""


@quarantine.command("list")
@_filters
@plain_errors
def list_refusals(day: str | None, first: str | None, last: str | None, **more: str | None) -> None:
    """Count the rejected rows by day and reason."""
    wanted = _filter(day, first, last, **more)
    with _warehouse() as connection:
        found = count_refusals(connection, wanted)
    if not found:
        console.print("No rejected rows.")
        return
    table = Table(title="Rejected rows")
    for heading in ("source", "entity", "day", "rule"):
        table.add_column(heading, no_wrap=True)
    table.add_column("reason", overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("one of them", overflow="fold")
    for kind in found:
        cells = (kind.source, kind.entity, str(kind.day), kind.rule, kind.reason, f"{kind.rows:,}", kind.key or "")
        table.add_row(*map(_plain, cells))
    console.print(table)


@quarantine.command()
@_filters
@click.option("--key", help="Key of the row in the source.")
@click.option("--block", help="Block of the mapping.")
@click.option("--row", "bronze_row", type=int, help="Position in the Bronze object, from 0.")
@plain_errors
def show(day: str | None, first: str | None, last: str | None, **more: Any) -> None:
    """Show one rejected row, the newest that fits: every reason, raw and mapped values, its Bronze object."""
    wanted = _filter(day, first, last, **more)
    with _warehouse() as connection:
        found = refused_rows(connection, wanted, limit=2)
    if not found:
        raise ConfigurationError(
            "There is no such rejected row.", fix="`retail-medallion quarantine list` shows which there are."
        )
    _print_row(found[0])
    if len(found) > 1:
        console.print("More rows fit: name --day, --key, --block or --row to see another.")


def _print_row(row: RefusedRow) -> None:
    key = "without a key" if row.key is None else f"key {row.key}"
    console.print(f"{row.source} {row.entity}, {row.day}, {key}", markup=False, style="bold")
    part = f", part {row.mapped_row} of it" if row.mapped_row else ""
    console.print(
        f"  Bronze object {row.bronze_object or 'unknown'}, row {row.bronze_row} (from 0){part}, block {row.block}",
        markup=False,
    )
    for rule, reason, value in row.reasons:
        given = "" if value is None else f": {value}"
        console.print(f"  {rule:<6} {reason}{given}", markup=False)
    sides = Table.grid(padding=(0, 2))
    sides.add_row(_values("in the source", row.raw), _values("as mapped, before cleaning", row.mapped))
    console.print(sides, soft_wrap=False)


def _values(title: str, values: Mapping[str, Any]) -> Table:
    table = Table("column", title=title)
    table.add_column("value", overflow="fold", max_width=34)
    for name, value in values.items():
        shown = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        table.add_row(_plain(name), _plain(shown))
    return table


def _plain(text: str) -> str:
    """Text that is not read as markup."""
    from rich.markup import escape

    return escape(text)


@quarantine.command()
@_filters
@click.option("--gold", is_flag=True, help="Let the Gold tables of the source follow at once.")
@plain_errors
def replay(day: str | None, first: str | None, last: str | None, *, gold: bool, **more: str | None) -> None:
    """Materialise the days with rejected rows again from Bronze, without touching the source."""
    wanted = _filter(day, first, last, **more)
    with _warehouse() as connection:
        found = days_with_refusals(connection, wanted)
    if not found:
        console.print("No rejected rows.")
        return
    from retail_medallion.orchestration import launch
    from retail_medallion.orchestration.session import Session

    with Session.open(sorted(found)) as session:
        for source, days in found.items():
            for part, entities in launch.consecutive(days):
                selection = launch.silver_selection(source, sorted(entities), gold=gold)
                by_hand = launch.equivalent_command(source, part, selection)
                console.print(f"{source}: {_days(part)}\n  the same by hand: {by_hand}", markup=False)
                finished = session.materialise(source, part, selection=selection)
                session.summary(source, finished).print(console)
    with _warehouse() as connection:
        console.print(f"{count_rows(connection, wanted):,} rejected rows are left.")


def _days(days: list[dt.date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"
