"""What a mapping covers of the canonical model: each column mapped, constant, filled by the model, or missing."""

from __future__ import annotations

from typing import Literal

from retail_medallion.mapping import Mapping
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.model.canonical import TECHNICAL_COLUMNS, Column

How = Literal["mapped", "in some blocks", "constant", "default", "missing"]
"""`default`: the model gives a value or computes one. `in some blocks`: other blocks of the entity leave it empty."""


def coverage(mapping: Mapping, model: CanonicalModel) -> dict[str, dict[str, How]]:
    """How each column of each entity the mapping has is covered; the key is always mapped.

    Args:
        mapping: The mapping.
        model: The canonical model.
    """
    return {name: _columns(mapping, model.entities[name]) for name in model.entities if name in mapping.entities}


def _columns(mapping: Mapping, entity: Entity) -> dict[str, How]:
    blocks = [block for block in mapping.entities[entity.entity] if not block.only_keys]
    found: dict[str, How] = {entity.key: "mapped"}
    for name in (*entity.columns, *TECHNICAL_COLUMNS):
        if name == entity.key:
            continue
        mapped = [block.columns[name] for block in blocks if name in block.columns]
        if mapped and len(mapped) < len(blocks):
            found[name] = "in some blocks"
        elif mapped:
            found[name] = "constant" if all(column.const is not None for column in mapped) else "mapped"
        elif (column := entity.columns.get(name)) is not None:
            found[name] = "default" if _is_filled(column) else "missing"
    return found


def _is_filled(column: Column) -> bool:
    return column.default is not None or bool(column.source_default or column.when_missing or column.of)
