"""The rows of the mapping sheets: one per target column, block and source, and what people may change in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from retail_medallion.mapping import Block, ColumnMapping
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel, Column
from retail_medallion.model.canonical import TECHNICAL_COLUMNS

EXPRESSION, CONSTANT, CODE, DEFAULT = "expression", "constant", "code map", "default"
OWNER, STATUS, NOTES = "owner", "status", "notes"
EDITABLE = (EXPRESSION, CONSTANT, CODE, DEFAULT, OWNER, STATUS, NOTES)
"""Titles of the columns people may change."""

SETTINGS: Mapping[str, str] = {
    EXPRESSION: "expr",
    CONSTANT: "const",
    CODE: "code",
    DEFAULT: "default",
    OWNER: "owner",
    STATUS: "status",
    NOTES: "note",
}
"""Title of an editable column to the setting of the mapping file."""

TYPED = frozenset({CONSTANT, DEFAULT})
"""Columns whose text may be a number, true or false as well."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})|-?(0|[1-9][0-9]*)\.[0-9]+")
_WORDS: Mapping[str, bool] = {"true": True, "false": False}


@dataclass(frozen=True)
class MapRow:
    """One testable commitment: where one target column of one block comes from.

    Attributes:
        source: Code of the source.
        block: The block.
        column: Name of the target column.
        target: What the canonical model says about it; None for technical columns and unknown ones.
        mapped: Its mapping; None where there is none, and for the key.
    """

    source: str
    block: Block
    column: str
    target: Column | None
    mapped: ColumnMapping | None

    @property
    def map_id(self) -> str:
        """`source/entity/block/column`."""
        return f"{self.source}/{self.block.entity}/{self.block.name}/{self.column}"

    @property
    def is_key(self) -> bool:
        """Whether the target is the entity's key, which has an expression and nothing else."""
        return self.column == self.block.key_column

    @property
    def is_mapped(self) -> bool:
        """Whether anything is fetched for it."""
        return self.is_key or self.mapped is not None

    @property
    def type(self) -> str:
        """PostgreSQL type of the target column."""
        return self.target.type if self.target else TECHNICAL_COLUMNS.get(self.column, "")

    @property
    def meaning(self) -> str:
        """What the target column holds, in words."""
        return self.target.meaning if self.target else _TECHNICAL_MEANINGS.get(self.column, "")

    def cells(self) -> dict[str, str]:
        """What the editable cells of the row show, by title."""
        if self.is_key:
            return {**dict.fromkeys(EDITABLE, ""), EXPRESSION: self.block.key_expression}
        if self.mapped is None:
            return dict.fromkeys(EDITABLE, "")
        return {title: shown(getattr(self.mapped, setting), title) for title, setting in SETTINGS.items()}


_TECHNICAL_MEANINGS = {
    "is_deleted": "the source says the row is deleted",
    "deleted_at": "when the source deleted it",
    "source_created_at": "when the source made the row",
    "source_updated_at": "when the source last changed the row",
    "extras": "further attributes worth keeping, as JSON",
}


def map_rows(mapping: SourceMapping, entity: str, model: CanonicalModel) -> Iterator[MapRow]:
    """The rows of one source in the sheet of an entity: those of a block stand together, in the order of the model."""
    targets = model.entities[entity].columns
    for block in mapping.entities.get(entity, ()):
        names = [block.key_column]
        if not block.only_keys:
            names += [name for name in (*targets, *TECHNICAL_COLUMNS, *block.columns) if name not in names]
        for name in dict.fromkeys(names):
            yield MapRow(mapping.source.code, block, name, targets.get(name), block.columns.get(name))


def shown(value: object, title: str) -> str:
    """A setting as a cell shows it. Text that would be read as something else is put in quotes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    text = str(value)
    if title in TYPED and (text in _WORDS or not text or text[0] == '"' or _NUMBER.fullmatch(text)):
        return f'"{text}"'
    return text


def entered(text: str, title: str) -> str | int | Decimal | bool | None:
    """What a cell's text stands for: the reverse of `shown`; an empty cell is None."""
    if not text:
        return None
    if title not in TYPED:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        return Decimal(text) if "." in text else int(text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text
