"""`retail-medallion workbook`: mapping files as a workbook for people, and their changes back.

What belongs here: arguments and printing. What does not: sheets, the file format, merging (workbook).
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psycopg2

from retail_medallion import config
from retail_medallion.commands.shared import console, plain_errors
from retail_medallion.errors import RetailMedallionError

if TYPE_CHECKING:
    from retail_medallion.model import CanonicalModel
    from retail_medallion.workbook.importing import Import
    from retail_medallion.workbook.inputs import Facts

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def workbook() -> None:
    """Show mapping files as a workbook, and take people's changes back into them."""


@workbook.command()
@click.option("--source", "sources", multiple=True, help="Source to show; all that have a mapping file by default.")
@click.option("--output", type=_FILE, default=Path("mapping.xlsx"), show_default=True, help="The workbook to write.")
@click.option("--without-examples", is_flag=True, help="Ask neither Bronze nor the warehouse.")
@plain_errors
def export(sources: tuple[str, ...], output: Path, *, without_examples: bool) -> None:
    """Write the mapping files as a workbook.

    Needs no database. Where variables name Bronze and the warehouse, it shows types, values and examples from them.
    """
    from retail_medallion.workbook.exporting import export as make
    from retail_medallion.workbook.exporting import gather

    files = _files(sources)
    inputs = gather(files, _model(), {} if without_examples else _facts(files))
    output.write_bytes(make(inputs))
    console.print(f"{output}: {', '.join(inputs.mappings)}", markup=False)


@workbook.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only tell what would change in the files.")
@plain_errors
def import_(file: Path, *, dry_run: bool) -> None:
    """Take the changes of a workbook back into the mapping files: all of them, or none."""
    from retail_medallion.workbook.importing import write

    result = _plan(file)
    for edit in result.edits:
        click.echo(f"{edit.cell}: {edit.key.replace(chr(31), '/')}: {edit.title}: {edit.old!r} -> {edit.new!r}")
    _stop_at_remarks(result)
    for warning in result.warnings:
        click.echo(f"{warning} (warning)")
    for path, content in result.after.items():
        for line in _difference(path, result.before[path], content) if dry_run else ():
            click.echo(line)
    if not dry_run:
        write(result)
    done = ", ".join(str(path) for path in result.after) or "nothing"
    click.echo(f"{'Would change' if dry_run else 'Changed'}: {done} ({len(result.edits)} cells)")


@workbook.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@plain_errors
def check(file: Path | None) -> None:
    """Check that a workbook could be taken back as it is, without a change. Writes nothing.

    Without a file, one is made from the mapping files, twice, and taken back: for continuous integration.
    """
    if file is not None:
        result = _plan(file)
    else:
        from retail_medallion.workbook.checking import made_twice

        result = made_twice(_files(()), _model())
    for edit in result.edits:
        click.echo(f"{edit.cell}: differs from the mapping file: {edit.new!r}, there {edit.old!r}")
    _stop_at_remarks(result)
    if result.edits:
        sys.exit(1)
    click.echo("ok: the workbook says what the mapping files say")


def _plan(file: Path) -> Import:
    from retail_medallion.workbook.exporting import gather
    from retail_medallion.workbook.importing import plan
    from retail_medallion.workbook.read import MAXIMUM_BYTES

    with file.open("rb") as stream:
        content = stream.read(MAXIMUM_BYTES + 1)
    return plan(content, gather(_files(()), _model(), with_history=False))


def _stop_at_remarks(result: Import) -> None:
    for remark in result.remarks:
        click.echo(str(remark), err=True)
    if result.remarks:
        click.echo(f"{len(result.remarks)} remarks: nothing was written.", err=True)
        sys.exit(1)


def _difference(path: Path, before: bytes, after: bytes) -> Iterator[str]:
    old, new = (content.decode("utf-8-sig").splitlines() for content in (before, after))
    return difflib.unified_diff(old, new, f"{path.name} now", f"{path.name} afterwards", lineterm="", n=1)


def _facts(files: list[Path]) -> dict[str, Facts]:
    """What real runs told, of the sources that had one; a server that cannot be reached is said and left out."""
    from retail_medallion.mapping import load_source
    from retail_medallion.storage.postgres.session import connection_to
    from retail_medallion.workbook.inputs import Facts
    from retail_medallion.workbook.run_facts import run_facts, with_warehouse

    def tell(what: str) -> None:
        click.echo(f"left empty: {what}", err=True)

    found: dict[str, Facts] = {}
    mappings = [load_source(file) for file in files]
    if os.environ.get("S3_BUCKET_NAME"):
        from retail_medallion.orchestration.io_managers import bronze_store

        prefix = os.environ.get("S3_PREFIX", "").strip("/")
        for mapping in mappings:
            try:
                found[mapping.source.code] = run_facts(mapping, _model(), bronze_store(), prefix, tell)
            except RetailMedallionError as error:
                tell(f"examples of {mapping.source.code}: {error.what}")
    if os.environ.get("WAREHOUSE_DB_HOST"):
        try:
            with connection_to(config.warehouse_database()) as connection:
                for mapping in mappings:
                    code = mapping.source.code
                    found[code] = with_warehouse(found.get(code, Facts()), code, connection)
        except (RetailMedallionError, psycopg2.Error) as error:
            tell(f"figures of the warehouse ({type(error).__name__})")
    return found


def _files(sources: tuple[str, ...]) -> list[Path]:
    from retail_medallion.mapping import mapping_files

    return list(mapping_files(config.sources_directory(), sources or config.chosen_sources()).values())


def _model() -> CanonicalModel:
    from retail_medallion.model import load_model

    return load_model()
