"""Every example of the page on mapping files, loaded, checked, compiled and run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import click
import pyarrow as pa
import pytest

from retail_medallion.mapping import check_mapping, compile_block, read_mapping
from retail_medallion.mapping.source_sql import one_query
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
    assert len(EXAMPLES) == PAGE.count("```yaml") == 6
    assert len(EXPRESSIONS) == 12


REFUSED = re.findall(r"^\| `((?:select|with) [^|]+)` \| [^|]+ \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("query", REFUSED)
def test_source_sql_the_page_calls_refused_is(query: str) -> None:
    with pytest.raises(ValueError, match=r"has|calls|reads"):
        one_query(query)


def test_each_setting_of_the_grammar_is_used_in_an_example_and_each_mode_too() -> None:
    from retail_medallion.mapping import Block, CodeMap, ColumnMapping, Complete, Explode, Extract, Source
    from retail_medallion.mapping.grammar import Mode

    mappings = [read_mapping(text.encode()) for _, _, text in EXAMPLES]
    blocks = [block for mapping in mappings for block in mapping.blocks]
    parts = [*blocks, *(mapping.source for mapping in mappings), *(block.extract for block in blocks)]
    parts += [code for mapping in mappings for code in mapping.codes.values()]
    parts += [block.complete for block in blocks if block.complete] + [b.explode for b in blocks if b.explode]
    parts += [column for block in blocks for column in block.columns.values()]
    used = {(type(part), name) for part in parts for name in part.model_fields_set}
    for kind in (Source, Extract, Explode, Complete, ColumnMapping, Block, CodeMap):
        assert {name for name in kind.model_fields if (kind, name) not in used} <= {"seen"}, kind
    assert {block.extract.mode for block in blocks} == set(get_args(Mode))


def test_every_setting_of_the_grammar_is_on_the_page() -> None:
    from retail_medallion.mapping import Block, ColumnMapping, Complete, Explode, Extract, Source

    for part in (Source, Extract, Explode, Complete, ColumnMapping, Block):
        for name, field in part.model_fields.items():
            assert re.search(rf"\b{field.alias or name}\b", PAGE), f"{part.__name__}.{name}"


TOOLS = (Path(__file__).parents[2] / "docs" / "mapping_tools.md").read_text()
COMMANDS = re.findall(r"^retail-medallion mapping (\w+)(.*)$", TOOLS, re.MULTILINE)


@pytest.mark.parametrize(("name", "arguments"), COMMANDS)
def test_the_commands_of_the_page_on_tools_are_understood(
    name: str, arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "northwind.yml").write_text("mapping: v1\n")
    from retail_medallion.cli import main

    group = main.commands["mapping"]
    assert isinstance(group, click.Group)
    with group.commands[name].make_context(name, arguments.split()) as context:
        assert context.params


def test_the_page_on_tools_has_every_command() -> None:
    from retail_medallion.cli import main

    group = main.commands["mapping"]
    assert isinstance(group, click.Group)
    assert {name for name, _ in COMMANDS} == set(group.commands)
