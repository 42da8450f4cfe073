"""Mapping files: grammar, guard, compiler to SQL, and column lineage."""

from retail_medallion.mapping.check import Problem, check_mapping, require_valid
from retail_medallion.mapping.compiler import CompiledBlock, compile_block, gone_keys, tells_what_is_gone
from retail_medallion.mapping.engine import new_duckdb, readable, readable_schema
from retail_medallion.mapping.grammar import Block, CodeMap, ColumnMapping, Complete, Explode, Extract, Mapping, Source
from retail_medallion.mapping.lineage import Edge, column_lineage
from retail_medallion.mapping.macros import register_macros
from retail_medallion.mapping.reader import load_mapping, load_mappings, load_source, mapping_files, read_mapping

__all__ = [
    "Block",
    "CodeMap",
    "ColumnMapping",
    "CompiledBlock",
    "Complete",
    "Edge",
    "Explode",
    "Extract",
    "Mapping",
    "Problem",
    "Source",
    "check_mapping",
    "column_lineage",
    "compile_block",
    "gone_keys",
    "load_mapping",
    "load_mappings",
    "load_source",
    "mapping_files",
    "new_duckdb",
    "read_mapping",
    "readable",
    "readable_schema",
    "register_macros",
    "require_valid",
    "tells_what_is_gone",
]
