"""Mapping files: grammar, guard, compiler to SQL, and column lineage."""

from retail_medallion.mapping.grammar import Block, CodeMap, ColumnMapping, Complete, Explode, Extract, Mapping, Source
from retail_medallion.mapping.reader import load_mapping, load_mappings, read_mapping

__all__ = [
    "Block",
    "CodeMap",
    "ColumnMapping",
    "Complete",
    "Explode",
    "Extract",
    "Mapping",
    "Source",
    "load_mapping",
    "load_mappings",
    "read_mapping",
]
