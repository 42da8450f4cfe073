"""Which source columns a canonical column comes from, read off the mapping file alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from retail_medallion.mapping.grammar import Block, Mapping
from retail_medallion.mapping.guard import Guarded, guard


@dataclass(frozen=True)
class Edge:
    """One dependency of a canonical column, in OpenLineage's words.

    Attributes:
        target: Canonical column, or `*` where the edge is about which rows there are.
        source: Column of the extract.
        kind: DIRECT where the value is made of it, INDIRECT where it decides about rows.
        transformation: IDENTITY for a bare column without code map, default or null values; TRANSFORMATION for any
            other value; FILTER for `where` and `explode`.
    """

    target: str
    source: str
    kind: Literal["DIRECT", "INDIRECT"]
    transformation: Literal["IDENTITY", "TRANSFORMATION", "FILTER"]


def column_lineage(mapping: Mapping, block: Block) -> tuple[Edge, ...]:
    """Edges of a block, sorted. Elements of an exploded array lead to the columns the array is made of.

    Raises:
        MappingError: An expression is not allowed.
    """
    return tuple(sorted(set(_edges(mapping, block)), key=lambda edge: (edge.target, edge.source, edge.kind)))


def _edges(mapping: Mapping, block: Block) -> Iterator[Edge]:
    line = block.explode.alias if block.explode else None
    array: frozenset[str] = frozenset()
    if block.explode is not None:
        where = mapping.where_block(block, "explode", "from")
        array = guard(block.explode.expression, where=where).columns
        yield from (Edge("*", source, "INDIRECT", "FILTER") for source in array)
    if block.where is not None:
        condition = guard(block.where, where=mapping.where_block(block, "where"))
        yield from (Edge("*", source, "INDIRECT", "FILTER") for source in condition.columns)
    key = guard(block.key_expression, where=mapping.where_block(block, "key"), line=line)
    yield from _direct(block.key_column, key, array, plain=True)
    for name, column in block.columns.items():
        if column.expr is not None:
            value = guard(column.expr, where=mapping.where_block(block, "columns", name), line=line)
            plain = column.code is None and column.default is None and not column.null_values
            yield from _direct(name, value, array, plain=plain)


def _direct(target: str, value: Guarded, array: frozenset[str], *, plain: bool) -> Iterator[Edge]:
    sources = value.columns | (array if value.line_parts else frozenset())
    identity = plain and value.bare_column is not None
    for source in sources:
        yield Edge(target, source, "DIRECT", "IDENTITY" if identity else "TRANSFORMATION")
