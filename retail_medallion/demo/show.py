"""`retail-medallion demo`: make the demo retailer, take its last days through all layers, and show what came of it."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from retail_medallion import config
from retail_medallion.demo.generator import DEFAULT_END, RECENT_DAYS, create_demo_database
from retail_medallion.storage.postgres.session import connection_to

if TYPE_CHECKING:
    from rich.console import Console

SOURCE = "demo"


def recent_days() -> list[dt.date]:
    """The last days of the demo's history; the first of them is the source's first partition."""
    return [DEFAULT_END - dt.timedelta(days=n) for n in reversed(range(RECENT_DAYS))]


def show(console: Console, *, scale: float, days: int) -> None:
    """Run the demo from beginning to end, printing as it goes.

    Args:
        console: Where to print.
        scale: Size of the demo; 1 is about 300,000 rows.
        days: Days of history before and including the last one.
    """
    began = time.monotonic()
    _make_database(console, scale, days)
    from retail_medallion.orchestration import launch
    from retail_medallion.orchestration.session import Session

    wanted = recent_days()
    with Session.open([SOURCE]) as session:
        console.print(
            f"\n[bold]{SOURCE}: {wanted[0]} to {wanted[-1]} through Bronze, Silver and Gold, as one run[/bold]"
        )
        console.print(f"  the same by hand: {launch.equivalent_command(SOURCE, wanted)}", markup=False)
        run = session.materialise(
            SOURCE,
            wanted,
            progress=lambda asset, seconds: console.print(f"  {asset:<45} {seconds:7.1f} s", markup=False),
        )
        summary = session.summary(SOURCE, run)
        summary.print(console)
        reconciliation = session.reconcile(SOURCE)
    reconciliation.print(console)
    console.print(f"\nDone in {time.monotonic() - began:.0f} s. What to open next:")
    for line in (
        "make dev                    the UI on http://127.0.0.1:3000: Lineage shows the three layers",
        "retail-medallion status     where PostgreSQL and S3 are; look into the schemas silver and gold",
        "retail-medallion down       stop the servers; the data stays",
        "source .retail_medallion/environment.sh, then plain Dagster, for example:",
        f"  {launch.equivalent_command(SOURCE, wanted[-1:])}",
    ):
        console.print(f"  {line}", markup=False)
    if not reconciliation.holds:
        raise SystemExit(1)


def _make_database(console: Console, scale: float, days: int) -> None:
    console.print(f"The demo retailer's database: {days} days of history up to {DEFAULT_END} ..")
    began = time.monotonic()
    with connection_to(config.source_database(SOURCE)) as connection:
        made = create_demo_database(connection, scale=scale, days=days)
    seconds = f"made in {time.monotonic() - began:.1f} s" if made.created else "there already"
    console.print(f"  {sum(made.rows.values()):,} rows in {len(made.rows)} tables, {seconds}")
