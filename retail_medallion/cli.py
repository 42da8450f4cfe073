"""The `retail-medallion` command: servers, runs, reconciliation, the demo.

What belongs here: arguments, and what is printed. What does not: anything that could not be done without it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, ParamSpec

import click

from retail_medallion import config
from retail_medallion.commands import mapping_draft, mapping_views  # noqa: F401 - they add themselves to the group
from retail_medallion.commands.erasure import erase
from retail_medallion.commands.foreground import stand_in
from retail_medallion.commands.mapping import mapping
from retail_medallion.commands.quarantine import quarantine
from retail_medallion.commands.report import report
from retail_medallion.commands.shared import console
from retail_medallion.commands.shared import plain_errors as _plain_errors
from retail_medallion.commands.shared import print_error as _print_error
from retail_medallion.commands.shared import use_embedded_servers as _use_embedded_servers
from retail_medallion.commands.upkeep import doctor, migrate
from retail_medallion.commands.workbook import workbook
from retail_medallion.demo import SOURCES
from retail_medallion.errors import RetailMedallionError

P = ParamSpec("P")


@click.group()
def main() -> None:
    """Retail data through Bronze, Silver and Gold, one day at a time."""
    config.read_dotenv()


main.add_command(erase)
main.add_command(mapping)
main.add_command(quarantine)
main.add_command(report)
main.add_command(doctor)
main.add_command(migrate)
main.add_command(workbook)


def _day_options(command: Callable[P, None]) -> Callable[P, None]:
    for option in (
        click.option("--offset", help="Today (UTC) minus this many days; 1 is yesterday, the default."),
        click.option("--end", help="Last day of a range, included."),
        click.option("--start", help="The day, or the first day of a range: 2026-06-17."),
    ):
        command = option(command)
    return command


@main.command()
@_plain_errors
def up() -> None:
    """Start the embedded PostgreSQL and S3, where no variables name others."""
    from retail_medallion import embedded

    os.environ.update(embedded.environment(embedded.up()))
    _print_status()
    if os.environ.get("DAGSTER_PG_HOST"):
        _release_dead_runs()


def _release_dead_runs() -> None:
    """End the runs whose process was killed: what they hold is otherwise theirs for a day."""
    import dagster as dg

    from retail_medallion.orchestration.dead_runs import release_dead_runs

    with dg.DagsterInstance.get() as instance:
        for run_id in release_dead_runs(instance):
            console.print(f"Run {run_id} had been killed: it is marked as failed and its slots of pools are free.")


@main.command()
@_plain_errors
def down() -> None:
    """Stop the embedded servers; their data stays."""
    from retail_medallion import embedded

    embedded.down()
    _print_status()


@main.command()
@_plain_errors
def status() -> None:
    """Show what runs, and where."""
    _print_status()


def _print_status() -> None:
    from retail_medallion import embedded

    for server in embedded.status():
        process = "" if server.process is None else f" (process {server.process})"
        console.print(f"{server.title:<11}{server.state:<15}{server.address}{process}", markup=False)
        console.print(f"{'':<11}{server.detail}", markup=False)


@main.command()
@click.option("--source", "sources", multiple=True, help="Source to run; all that are loaded by default.")
@_day_options
@click.option(
    "--accept-shrink",
    "shrunken",
    multiple=True,
    metavar="SOURCE/ENTITY",
    help="Believe that a table read as a whole lost many of its rows, in this run.",
)
@click.option(
    "--accept-drift",
    "drifted",
    multiple=True,
    metavar="SOURCE/ENTITY",
    help="Take up an entity although its columns changed in the source, in this run.",
)
@_plain_errors
def run(
    sources: tuple[str, ...],
    start: str | None,
    end: str | None,
    offset: str | None,
    shrunken: tuple[str, ...],
    drifted: tuple[str, ...],
) -> None:
    """Materialise a day, or a range, of all layers as one run per source."""
    for variable, named in (("RETAIL_ACCEPT_SHRINK", shrunken), ("RETAIL_ACCEPT_DRIFT", drifted)):
        if named:
            os.environ[variable] = ",".join(named)
    config.accepted_shrinks()
    config.accepted_drifts()
    _run(sources, start, end, offset, chunk=None)


@main.command()
@click.option("--source", "sources", multiple=True, help="Source to run; all that are loaded by default.")
@click.option("--start", required=True, help="First day: 2026-06-17.")
@click.option("--end", required=True, help="Last day, included.")
@click.option("--chunk", type=click.IntRange(min=1), default=30, show_default=True, help="Days of one run.")
@_plain_errors
def backfill(sources: tuple[str, ...], start: str, end: str, chunk: int) -> None:
    """Materialise a long range as several runs, oldest days first."""
    _run(sources, start, end, None, chunk=chunk)


def _run(
    sources: tuple[str, ...], start: str | None, end: str | None, offset: str | None, *, chunk: int | None
) -> None:
    days = config.resolve_days(start, end, offset)
    _use_embedded_servers()
    wanted = _sources_with_database(sources)
    from retail_medallion.orchestration import launch
    from retail_medallion.orchestration.session import Session

    failed = False
    with Session.open(wanted) as session:
        for source in session.mappings:
            # A source that is down or full of bad rows never keeps the others from their day.
            try:
                for part in session.chunks(source, days, chunk):
                    by_hand = launch.equivalent_command(source, part)
                    console.print(f"{source}: {_days(part)}\n  the same by hand: {by_hand}", markup=False)
                    finished = session.materialise(source, part, progress=_print_step)
                    console.print(f"{source}: {_days(part)} done in {finished.seconds:.1f} s (run {finished.run_id})")
                    session.summary(source, finished).print(console)
            except RetailMedallionError as error:
                _print_error(error)
                failed = True
    if failed:
        sys.exit(1)


def _sources_with_database(named: tuple[str, ...]) -> list[str]:
    """The sources to run. One that was named has to have a database; of all others those without are left out."""
    from retail_medallion.orchestration.sources import chosen_mappings, without_database

    chosen = list(chosen_mappings(named))
    missing = without_database(chosen)
    if missing and (named or len(missing) == len(chosen)):
        raise next(iter(missing.values()))
    for source, error in missing.items():
        console.print(f"{source}: left out. {error.what}", markup=False)
    return [source for source in chosen if source not in missing]


def _days(days: list[Any]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"


def _print_step(asset: str, seconds: float) -> None:
    console.print(f"  {asset:<45} {seconds:7.1f} s")


@main.command()
@click.option("--source", "sources", multiple=True, help="Source to compare; all that are loaded by default.")
@_plain_errors
def reconcile(sources: tuple[str, ...]) -> None:
    """Compare source, Bronze, Silver and Gold: rows, and money to the cent. Exits with 1 where they differ."""
    _use_embedded_servers()
    from retail_medallion.orchestration.session import Session

    with Session.open(sources) as session:
        reports = [session.reconcile(source) for source in session.mappings]
    for reconciled in reports:
        reconciled.print(console)
    if not all(reconciled.holds for reconciled in reports):
        sys.exit(1)


@main.command("rebuild-gold")
@_plain_errors
def rebuild_gold() -> None:
    """Empty the Gold tables, alter them to what is declared and fill them from Silver. Grants and views stay.

    Readers of Gold and loads of Silver wait while it runs, so run it when neither is in a hurry.
    """
    _use_embedded_servers()
    from retail_medallion.gold.rebuild import rebuild
    from retail_medallion.storage.postgres.session import engine
    from retail_medallion.storage.postgres.transactions import in_transaction

    done = in_transaction(engine(config.warehouse_database()), [], rebuild, where="gold")
    for table, rows in done.rows.items():
        console.print(f"  {table:<45} {rows:>9} rows")
    for name in done.dropped:
        console.print(f"  dropped gold.{name}, which is not declared", markup=False)


@main.command()
@click.option(
    "--scale",
    type=click.FloatRange(min=0.001),
    default=1.0,
    show_default=True,
    help="Size of `demo`; 1 is about 300,000 rows.",
)
@click.option("--days", type=click.IntRange(min=15), default=90, show_default=True, help="Days of its history.")
@click.option(
    "--source", "sources", multiple=True, type=click.Choice(SOURCES), help="Retailer to show; all by default."
)
@_plain_errors
def demo(scale: float, days: int, sources: tuple[str, ...]) -> None:
    """Make the demo retailers' databases and take their last days through all layers."""
    _use_embedded_servers()
    from retail_medallion.demo.show import show

    limited = [source for source in SOURCES if source in (config.chosen_sources() or SOURCES)]
    show(console, scale=scale, days=days, sources=sources or limited or SOURCES)


@main.command()
@click.option("--port", default=3000, show_default=True, help="Port of the UI on 127.0.0.1.")
@_plain_errors
def dev(port: int) -> None:
    """Run Dagster's UI and daemon on this machine, with the embedded servers."""
    _use_embedded_servers()
    _release_dead_runs()
    if folder := config.sources_directory():
        os.environ["RETAIL_SOURCES_DIR"] = str(folder.absolute())
    dagster = shutil.which("dagster", path=str(Path(sys.executable).parent)) or "dagster"
    workspace = str(resources.files("retail_medallion.embedded").joinpath("workspace.yaml"))
    command = [dagster, "dev", "-w", workspace, "-h", "127.0.0.1", "-p", str(port)]
    console.print(f"Dagster's UI will be on http://127.0.0.1:{port}")
    # Dagster warns of a dagster.yaml in the folder it starts in, such as the template, unless that folder is its home.
    sys.exit(stand_in(command, folder=Path(os.environ["DAGSTER_HOME"])))
