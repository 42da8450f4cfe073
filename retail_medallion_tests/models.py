"""Copies of the canonical model with changes, written as YAML like the model itself."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from retail_medallion.model import CanonicalModel, load_model


def copy_of_model(folder: Path) -> Path:
    """A copy of the files of the shipped model."""
    shipped = Path(str(resources.files("retail_medallion.model")))
    for part in ("entities", "codes"):
        shutil.copytree(shipped / part, folder / part)
    return folder


def edited_model(folder: Path, entity: str, *edits: tuple[str, str]) -> CanonicalModel:
    """The shipped model with texts of an entity's file replaced."""
    file = copy_of_model(folder) / "entities" / f"{entity}.yml"
    text = file.read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)
    return load_model(folder)
