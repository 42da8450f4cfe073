"""From mapping files to the bytes of a workbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from retail_medallion.mapping import load_source
from retail_medallion.model import CanonicalModel
from retail_medallion.workbook.contents.book import sheets_of
from retail_medallion.workbook.history import changes, last_commit
from retail_medallion.workbook.inputs import Facts, Inputs
from retail_medallion.workbook.write import write_workbook


def gather(
    files: Sequence[Path],
    model: CanonicalModel,
    facts: Mapping[str, Facts] | None = None,
    *,
    with_history: bool = True,
) -> Inputs:
    """Read the mapping files and their history.

    Args:
        files: The mapping files.
        model: The canonical model.
        facts: Source code to what a run told.
        with_history: Whether git is asked.

    Raises:
        MappingError: A file breaks the grammar, or does not have the name of its source.
    """
    mappings = {mapping.source.code: mapping for mapping in (load_source(file) for file in sorted(files))}
    paths = {code: mapping.path for code, mapping in mappings.items()}
    return Inputs(
        mappings,
        model,
        facts or {},
        changes(paths) if with_history else (),
        last_commit(list(paths.values())) if with_history else "",
    )


def export(inputs: Inputs) -> bytes:
    """The workbook; the same inputs give the same bytes."""
    return write_workbook(sheets_of(inputs))
