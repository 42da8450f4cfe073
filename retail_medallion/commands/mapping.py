"""`retail-medallion mapping`: drafts, checks, coverage and previews of mapping files.

What belongs here: arguments and printing. What does not: finding anything out (mapping, onboarding).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.table import Table

from retail_medallion import config
from retail_medallion.commands.shared import console, plain_errors, use_embedded_servers
from retail_medallion.errors import ConfigurationError, RetailMedallionError
from retail_medallion.mapping import Mapping, Problem, check_mapping, load_mapping
from retail_medallion.model import load_model
from retail_medallion.onboarding.live_check import BlockFacts, LiveCheck, check_live
from retail_medallion.onboarding.source import Source, open_source


@click.group()
def mapping() -> None:
    """Draft, check and look at mapping files."""


@mapping.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--live", is_flag=True, help="Also hold the files against their databases; only codes are read.")
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@plain_errors
def check(files: tuple[Path, ...], *, live: bool, strict: bool) -> None:
    """Check mapping files; all that are found where none is named."""
    from retail_medallion.orchestration.sources import found_files

    wrong = False
    for file in files or found_files():
        try:
            found = load_mapping(file)
        except RetailMedallionError as error:
            click.echo(str(error))
            wrong = True
            continue
        problems = check_mapping(found, load_model())
        looked: LiveCheck | None = None
        if live and not any(problem.severity == "error" for problem in problems):
            looked = _live(found)
            problems = sorted([*problems, *looked.problems], key=_place)
        wrong = _told(found, problems, looked, live=live) or wrong or (strict and bool(problems))
    if wrong:
        sys.exit(1)


def _place(problem: Problem) -> list[int]:
    return [int(part) for part in problem.where.rsplit(":", 2)[1:]]


def _live(found: Mapping) -> LiveCheck:
    with opened(found.source.code) as source:
        return check_live(found, load_model(), source)


@contextmanager
def opened(code: str) -> Iterator[Source]:
    """The database of a source; the embedded servers are started only where no variable names one."""
    try:
        settings = config.source_database(code)
    except ConfigurationError:
        use_embedded_servers()
        settings = config.source_database(code)
    with open_source(settings) as source:
        yield source


def _told(found: Mapping, problems: Sequence[Problem], looked: LiveCheck | None, *, live: bool) -> bool:
    """Print what was found; whether any of it is an error."""
    for problem in problems:
        click.echo(str(problem))
    if looked is not None and looked.facts:
        _print_facts(looked.facts)
    errors = sum(problem.severity == "error" for problem in problems)
    if live and looked is None:
        click.echo(f"{found.path}: the database was not looked at, because the file alone is wrong")
    counted = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    click.echo(f"{found.path}: {'ok' if not problems else counted}")
    return errors > 0


def _print_facts(facts: Sequence[BlockFacts]) -> None:
    table = Table(title="Extracts, as the database describes them")
    for heading in ("block", "columns", "rows, about", "a day is found", "key is kept unique"):
        table.add_column(heading, justify="right" if heading in {"columns", "rows, about"} else "left", no_wrap=True)
    for fact in facts:
        unique = {True: "yes", False: "no", None: "cannot be told of a query"}[fact.key]
        day = fact.watermark or "read whole"
        table.add_row(fact.name, str(fact.columns), f"{fact.rows:,}", day, unique)
    console.print(table)
