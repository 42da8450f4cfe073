"""The JSON Schema of mapping files says what the grammar says."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from retail_medallion.errors import MappingError
from retail_medallion.mapping import Block, ColumnMapping, Complete, Explode, Extract, Source, read_mapping
from retail_medallion.mapping.json_schema import json_schema
from retail_medallion.mapping.yaml_text import read_yaml
from retail_medallion_tests.mapping.bronze import FILES, MODEL
from retail_medallion_tests.mapping.hostile import files

SCHEMA = json_schema(MODEL)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SOURCES = Path(str(resources.files("retail_medallion") / "sources"))


def as_an_editor_reads(text: str) -> Any:
    """Plain data; decimals are numbers to an editor."""
    return json.loads(
        json.dumps(read_yaml(text.encode(), "x.yml").data, default=lambda v: float(v) if isinstance(v, Decimal) else v)
    )


def problems(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(as_an_editor_reads(text))]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", sorted([*SOURCES.glob("*.yml"), *FILES.glob("*.yml")]), ids=lambda path: path.name)
def test_sound_files_are_sound_to_the_schema(path: Path) -> None:
    assert problems(path.read_text()) == []


def test_the_examples_of_the_documentation_are_sound_to_the_schema() -> None:
    page = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text()
    for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        if text.startswith("mapping: v1"):
            assert problems(text) == []


def grammar_refuses(text: str) -> bool:
    try:
        read_mapping(text.encode())
    except MappingError:
        return True
    return False


def test_what_the_schema_underlines_the_reader_or_the_check_refuses_and_most_of_it_the_other_way_round() -> None:
    from retail_medallion.mapping import check_mapping

    assert problems(files.SOUND) == []
    refused = underlined = 0
    for old, new, _, _ in files.CHANGES:
        text = files.SOUND.replace(old, new, 1)
        try:
            told = problems(text)
        except MappingError:
            continue
        wrong = grammar_refuses(text)
        if not wrong:
            wrong = any(p.severity == "error" for p in check_mapping(read_mapping(text.encode()), MODEL))
        assert wrong
        refused += 1
        underlined += bool(told)
    assert underlined / refused > 0.6


@pytest.mark.parametrize("part", [Source, Extract, Explode, Complete, ColumnMapping, Block])
def test_every_setting_of_the_grammar_is_in_the_schema(part: type) -> None:
    text = json.dumps(SCHEMA)
    for name, field in part.model_fields.items():  # type: ignore[attr-defined]
        if (part, name) != (Block, "entity"):
            assert f'"{field.alias or name}": ' in text, name


def test_every_entity_and_column_has_its_meaning() -> None:
    entities = SCHEMA["properties"]["entities"]["properties"]
    for name, entity in MODEL.entities.items():
        block = entities[name]["items"]["properties"]
        assert entities[name]["description"] == entity.description
        for column in entity:
            if column.name != entity.key:
                assert column.meaning in block["columns"]["properties"][column.name]["description"]
    status = entities["sales"]["items"]["properties"]["columns"]["properties"]["status"]
    settings = SCHEMA["$defs"][status["$ref"].rpartition("/")[2]]
    assert "completed" in settings["anyOf"][1]["properties"]["const"]["enum"]
