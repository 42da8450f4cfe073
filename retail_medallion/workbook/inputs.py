"""What a workbook is made from: mappings with their text, the model, and what a real run can tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from retail_medallion.errors import MappingError
from retail_medallion.mapping import Block, Edge, column_lineage
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel
from retail_medallion.workbook.rows import MapRow, map_rows

MASKED = "***"
"""What stands in place of a value of personal data."""


@dataclass(frozen=True)
class SourceColumn:
    """One column of an extract, as Bronze holds it.

    Attributes:
        name: Its name.
        postgres_type: Its type in the source.
        parquet_type: Its type in Bronze.
    """

    name: str
    postgres_type: str
    parquet_type: str


@dataclass(frozen=True)
class BlockFacts:
    """What the newest Bronze object of a block tells.

    Attributes:
        columns: Its columns by name.
        day: The day it is of.
        rows: Its rows.
        dataset: Its key in the bucket.
    """

    columns: Mapping[str, SourceColumn]
    day: dt.date
    rows: int
    dataset: str


@dataclass(frozen=True)
class Facts:
    """What only a real run can tell of one source. Empty where nothing was reachable.

    Attributes:
        examples: Map id to an example of the source's values and of the value in Silver; personal data masked.
        blocks: (entity, block) to what Bronze holds.
        code_values: (code map, source value) to the rows of the newest load that have it.
        first_day: First partition loaded.
        last_day: Last partition loaded.
        rows: Entity to its rows in Silver, deleted ones not counted.
    """

    examples: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    blocks: Mapping[tuple[str, str], BlockFacts] = field(default_factory=dict)
    code_values: Mapping[tuple[str, str], int] = field(default_factory=dict)
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One setting of one row of a mapping that a commit changed.

    Attributes:
        day: Day of the commit.
        author: Its author.
        commit: Its short hash.
        map_id: The row.
        setting: What was changed.
        old: Value before.
        new: Value after.
        reason: Subject of the commit.
    """

    day: dt.date
    author: str
    commit: str
    map_id: str
    setting: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True)
class Inputs:
    """Everything the workbook shows.

    Attributes:
        mappings: Source code to mapping, in alphabetical order.
        model: The canonical model.
        facts: Source code to what a run told; sources may be missing.
        changes: Changes of the mapping files, newest first.
        commit: Short hash of the last commit that changed one of the mapping files; empty outside of git.
    """

    mappings: Mapping[str, SourceMapping]
    model: CanonicalModel
    facts: Mapping[str, Facts] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    commit: str = ""

    def facts_of(self, source: str) -> Facts:
        """What a run told of a source."""
        return self.facts.get(source, Facts())

    def block_facts(self, source: str, block: Block) -> BlockFacts | None:
        """What Bronze holds of a block."""
        return self.facts_of(source).blocks.get((block.entity, block.name))

    @cached_property
    def rows(self) -> Mapping[str, tuple[MapRow, ...]]:
        """Entity of the model to the rows of its sheet."""
        return {
            entity: tuple(row for mapping in self.mappings.values() for row in map_rows(mapping, entity, self.model))
            for entity in self.model.entities
        }

    @cached_property
    def edges(self) -> Mapping[tuple[str, str, str], tuple[Edge, ...]]:
        """(source, entity, block) to its edges of lineage; none where an expression is not allowed."""
        found = {}
        for code, mapping in self.mappings.items():
            for block in mapping.blocks:
                try:
                    found[code, block.entity, block.name] = column_lineage(mapping, block)
                except MappingError:
                    found[code, block.entity, block.name] = ()
        return found

    def origins(self, row: MapRow) -> tuple[str, ...]:
        """Columns of the extract that a row's value is made of."""
        edges = self.edges[row.source, row.block.entity, row.block.name]
        return tuple(edge.source for edge in edges if edge.kind == "DIRECT" and edge.target == row.column)
