"""`retail-medallion demo`: make the demo retailers, take their last days through all layers, show what came of it."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever psycopg2 calls it

from retail_medallion import config
from retail_medallion.demo.documents import DOCUMENTS
from retail_medallion.demo.generator import DEFAULT_END, RECENT_DAYS, create_demo_database
from retail_medallion.demo.journal import JOURNAL
from retail_medallion.demo.retailer import FIRST_DAY, Retailer, apply_changes, create_database
from retail_medallion.errors import RetailMedallionError
from retail_medallion.storage.postgres.failures import translated
from retail_medallion.storage.postgres.session import connection_to

if TYPE_CHECKING:
    from rich.console import Console

    from retail_medallion.orchestration.session import Session

SOURCE = "demo"
SMALL = {retailer.code: retailer for retailer in (JOURNAL, DOCUMENTS)}
SMALL_DAYS = (FIRST_DAY, FIRST_DAY + dt.timedelta(days=1))
"""The days shown of the small retailers; on the second one their databases have changed."""


def recent_days() -> list[dt.date]:
    """The last days of the demo's history; the first of them is the source's first partition."""
    return [DEFAULT_END - dt.timedelta(days=n) for n in reversed(range(RECENT_DAYS))]


def show(console: Console, *, scale: float, days: int, sources: Sequence[str]) -> None:
    """Run the demo from beginning to end, printing as it goes. A retailer that fails does not stop the others.

    Args:
        console: Where to print.
        scale: Size of `demo`; 1 is about 300,000 rows.
        days: Days of its history before and including the last one.
        sources: Retailers to show.

    Raises:
        SystemExit: A retailer failed, or its layers do not agree.
    """
    began = time.monotonic()
    from retail_medallion.orchestration import launch
    from retail_medallion.orchestration.session import Session

    wrong = []
    with Session.open(sources) as session:
        for source in sources:
            try:
                if source == SOURCE:
                    _show_large(console, session, scale, days)
                else:
                    _show_small(console, session, SMALL[source])
                reconciliation = session.reconcile(source)
                reconciliation.print(console)
                holds = reconciliation.holds
            except RetailMedallionError as error:
                console.print(str(error), style="red", markup=False)
                holds = False
            wrong += [] if holds else [source]
    console.print(f"\nDone in {time.monotonic() - began:.0f} s. What to open next:")
    last = launch.equivalent_command(sources[0], recent_days()[-1:])
    for line in (
        "make dev                    the UI on http://127.0.0.1:3000: Lineage shows the three layers",
        "retail-medallion status     where PostgreSQL and S3 are; look into the schemas silver and gold",
        "retail-medallion down       stop the servers; the data stays",
        "source .retail_medallion/environment.sh, then plain Dagster, for example:",
        f"  {last}",
    ):
        console.print(f"  {line}", markup=False)
    if wrong:
        console.print(f"Not as it should be: {', '.join(wrong)}", style="red", markup=False)
        raise SystemExit(1)


def _show_large(console: Console, session: Session, scale: float, days: int) -> None:
    """All days of `demo` as one run, step by step."""
    from retail_medallion.orchestration import launch

    _make_database(console, scale, days)
    wanted = recent_days()
    console.print(f"\n[bold]{SOURCE}: {wanted[0]} to {wanted[-1]} through Bronze, Silver and Gold, as one run[/bold]")
    console.print(f"  the same by hand: {launch.equivalent_command(SOURCE, wanted)}", markup=False)
    run = session.materialise(
        SOURCE,
        wanted,
        progress=lambda asset, seconds: console.print(f"  {asset:<45} {seconds:7.1f} s", markup=False),
    )
    session.summary(SOURCE, run).print(console)


def _make_database(console: Console, scale: float, days: int) -> None:
    console.print(f"The demo retailer's database: {days} days of history up to {DEFAULT_END} ..")
    began = time.monotonic()
    with _database(SOURCE) as connection:
        made = create_demo_database(connection, scale=scale, days=days)
    seconds = f"made in {time.monotonic() - began:.1f} s" if made.created else "there already"
    console.print(f"  {sum(made.rows.values()):,} rows in {len(made.rows)} tables, {seconds}")


def _show_small(console: Console, session: Session, retailer: Retailer) -> None:
    """A small retailer, day by day, as a daily job would see it."""
    console.print(f"\n[bold]{retailer.code}: {retailer.title}[/bold]")
    with _database(retailer.code) as connection:
        made = create_database(connection, retailer)
        told = "" if made.created else f", there already, up to {made.until}"
        console.print(f"  {sum(made.rows.values()):,} rows in {len(made.rows)} tables{told}")
        for day in SMALL_DAYS:
            if day > made.until:
                changed = apply_changes(connection, retailer, day).values()
                came, other, gone = (
                    sum(getattr(table, name) for table in changed) for name in ("inserted", "updated", "deleted")
                )
                console.print(f"  another day happens: {came} rows come, {other} change, {gone} go")
            # Gold shows what is true now, so it is made once, when both days are there.
            _show_day(console, session, retailer.code, day, gold=day == SMALL_DAYS[-1])


@contextmanager
def _database(source: str) -> Iterator[Connection]:
    """The retailer's database; what goes wrong there is one of our errors."""
    with translated(f"the database of {source}"), connection_to(config.source_database(source)) as connection:
        yield connection


def _show_day(console: Console, session: Session, source: str, day: dt.date, *, gold: bool) -> None:
    below = f'key:"{source}/bronze/*" or key:"{source}/silver/*"'
    run = session.materialise(source, [day], selection=None if gold else below)
    rows: Counter[str] = Counter()
    rejected = 0
    for (layer, _), asset in session.summary(source, run).assets.items():
        rows[layer] += asset.rows
        rejected += asset.rejected
    told = f"Bronze {rows['bronze']:,} rows, Silver {rows['silver']:,} and {rejected} rejected"
    told += f", Gold {rows['gold']:,}" if gold else ""
    console.print(f"  {day} in {run.seconds:.1f} s: {told}")
