"""The round trip without a change: what is made twice is the same, and taking it back changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from retail_medallion.model import CanonicalModel
from retail_medallion.workbook.exporting import export, gather
from retail_medallion.workbook.importing import Import, plan
from retail_medallion.workbook.merge import Remark


def made_twice(files: Sequence[Path], model: CanonicalModel) -> Import:
    """Make the workbook of mapping files twice and plan to take it back.

    Raises:
        MappingError: A file breaks the grammar.
    """
    first, second = (export(gather(files, model)) for _ in range(2))
    result = plan(first, gather(files, model, with_history=False))
    if first != second:
        result.remarks.append(Remark("workbook", "made twice from the same files, it differs"))
    return result
