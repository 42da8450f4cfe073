"""Every example of the page on mapping files, loaded, checked, compiled and run."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from retail_medallion.mapping import check_mapping, compile_block, read_mapping
from retail_medallion_tests.mapping.bronze import MODEL, TYPES, bronze, products, run

PAGE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text()
EXAMPLES = re.findall(r"```sql\n(.*?)```(.*?)```yaml\n(.*?)```", PAGE, re.DOTALL)
EXPRESSIONS = re.findall(r"^\| `([^|]+)` \| `(\w+)` \| `([^|]+)` \| [^|]+ \|$", PAGE, re.MULTILINE)


def columns(lines: str) -> dict[str, str]:
    kinds = "|".join(re.escape(kind) for kind in TYPES)
    return {name.strip('"'): kind for name, kind in re.findall(rf'("\w+"|\w+) ({kinds})', lines)}


def table_of(block: str, lines: str, between: str) -> pa.Table:
    return bronze(columns(between if f"sales/{block}" in between else lines))


@pytest.mark.parametrize(("lines", "between", "text"), EXAMPLES)
def test_an_example_file_compiles_without_a_problem(lines: str, between: str, text: str) -> None:
    mapping = read_mapping(text.encode(), "docs/mapping.md")
    assert check_mapping(mapping, MODEL) == []
    for block in mapping.blocks:
        table = table_of(block.name, lines, between)
        seen = bronze(columns(between)).schema if block.complete and block.complete.seen else None
        assert run(compile_block(mapping, block, MODEL, table.schema, seen), table) == []


@pytest.mark.parametrize(("extract", "column", "expression"), EXPRESSIONS)
def test_an_example_expression_compiles(extract: str, column: str, expression: str) -> None:
    mapping = products('{product_name: "id"}')
    block = mapping.blocks[0]
    mapped = block.columns["product_name"].model_copy(update={"expr": expression})
    block = block.model_copy(update={"columns": {column: mapped}})
    table = bronze({"id": "bigint", **columns(extract)})
    assert run(compile_block(mapping, block, MODEL, table.schema), table) == []


def test_the_page_has_the_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```yaml") == 5
    assert len(EXPRESSIONS) == 12


def test_every_setting_of_the_grammar_is_on_the_page() -> None:
    from retail_medallion.mapping import Block, ColumnMapping, Complete, Explode, Extract, Source

    for part in (Source, Extract, Explode, Complete, ColumnMapping, Block):
        for name, field in part.model_fields.items():
            assert re.search(rf"\b{field.alias or name}\b", PAGE), f"{part.__name__}.{name}"
