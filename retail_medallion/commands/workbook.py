"""`retail-medallion workbook`: mapping files as a workbook for people, and their changes back.

What belongs here: arguments and printing. What does not: sheets, the file format, merging (workbook).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retail_medallion import config
from retail_medallion.commands.shared import console, plain_errors

if TYPE_CHECKING:
    from retail_medallion.model import CanonicalModel

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def workbook() -> None:
    """Show mapping files as a workbook, and take people's changes back into them."""


@workbook.command()
@click.option("--source", "sources", multiple=True, help="Source to show; all that have a mapping file by default.")
@click.option("--output", type=_FILE, default=Path("mapping.xlsx"), show_default=True, help="The workbook to write.")
@plain_errors
def export(sources: tuple[str, ...], output: Path) -> None:
    """Write the mapping files as a workbook. Needs no database."""
    from retail_medallion.workbook.exporting import export as make
    from retail_medallion.workbook.exporting import gather

    inputs = gather(_files(sources), _model())
    output.write_bytes(make(inputs))
    console.print(f"{output}: {', '.join(inputs.mappings)}", markup=False)


def _files(sources: tuple[str, ...]) -> list[Path]:
    from retail_medallion.mapping import mapping_files

    return list(mapping_files(config.sources_directory(), sources or config.chosen_sources()).values())


def _model() -> CanonicalModel:
    from retail_medallion.model import load_model

    return load_model()
