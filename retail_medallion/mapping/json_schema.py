"""The grammar of mapping files as JSON Schema, for editors that complete and underline while a file is written.

It knows the canonical model: entities, columns with their meaning, canonical values. What no schema can say (whether an
expression is harmless, a column exists, a code map is used) stays with the check.
"""

from __future__ import annotations

from typing import Any, get_args

from retail_medallion.mapping.check import UNKNOWN
from retail_medallion.mapping.grammar import (
    WINDOWED_MODES,
    Block,
    CodeMap,
    ColumnMapping,
    Complete,
    Explode,
    Extract,
    FiscalCalendar,
    Mode,
    RatingScale,
    Source,
)
from retail_medallion.model.canonical import TECHNICAL_COLUMNS, CanonicalModel, Column, Entity

_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"}
_TEXT = {"type": "string", "minLength": 1}
_EXPRESSION = {"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": 10_000}
_CONSTANT = {"type": ["string", "number", "boolean"]}
_COLUMNS_OF_SOURCE = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}


def json_schema(model: CanonicalModel) -> dict[str, Any]:
    """The schema, draft 2020-12.

    Args:
        model: The canonical model, whose names it lists.
    """
    entities = {name: _blocks(entity) for name, entity in model.entities.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mapping of a source to the canonical retail model",
        "type": "object",
        "additionalProperties": False,
        "required": ["mapping", "source", "entities"],
        "properties": {
            "mapping": {"const": "v1"},
            "source": {"$ref": "#/$defs/source"},
            "codes": {"type": "object", "additionalProperties": {"$ref": "#/$defs/code_map"}},
            "entities": {"type": "object", "additionalProperties": False, "properties": entities},
        },
        "$defs": {
            "source": _source(),
            "code_map": {
                "type": "object",
                "description": _first_line(CodeMap),
                "minProperties": 1,
                "properties": {"strict": {"type": ["boolean", "string"]}},
                "additionalProperties": {"type": "string"},
            },
            "extract": _extract(),
            "explode": _object(Explode, {"as": _NAME, "from": _EXPRESSION}, required=["as", "from"]),
            "rating_scale": _rating_scale(),
            _settings_name(None): _settings(None),
            **{_settings_name(name): _settings(codes) for name, codes in model.codes.items()},
        },
    }


def _source() -> dict[str, Any]:
    calendar = {
        "first_month": {"type": "integer", "minimum": 1, "maximum": 12},
        "pattern": {"enum": list(get_args(FiscalCalendar.model_fields["pattern"].annotation))},
    }
    properties: dict[str, Any] = {
        "code": _NAME,
        "tenant": _NAME,
        "owner": {"type": "string", "pattern": r"^([^@\s]+@[^@\s]+|team:[A-Za-z0-9_.-]+)$"},
        "timezone": _TEXT,
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "language": {"type": "string", "pattern": "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"},
        "day_cutoff": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
        "first_day": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "tax_included": {"type": "boolean"},
        "fiscal_calendar": _object(FiscalCalendar, calendar),
        "personal_data": {"enum": list(get_args(Source.model_fields["personal_data"].annotation))},
    }
    return _object(Source, properties, required=[n for n, f in Source.model_fields.items() if f.is_required()])


def _extract() -> dict[str, Any]:
    properties = {
        "table": _TEXT,
        "query": _TEXT,
        "mode": {"enum": list(get_args(Mode))},
        "key": _COLUMNS_OF_SOURCE,
        "watermark": _TEXT,
        "document": _COLUMNS_OF_SOURCE,
    }
    extract = _object(Extract, properties, required=["mode", "key"])
    extract["oneOf"] = [{"required": ["table"]}, {"required": ["query"]}]
    windowed = {"properties": {"mode": {"enum": sorted(WINDOWED_MODES)}}}
    documents = {"properties": {"mode": {"const": "documents"}}}
    extract["allOf"] = [
        {
            "if": windowed,
            "then": {"required": ["watermark"]},
            "else": {"properties": {"watermark": False}},
        },
        {"if": documents, "then": {"required": ["document"]}, "else": {"properties": {"document": False}}},
    ]
    return extract


def _rating_scale() -> dict[str, Any]:
    scale = _object(RatingScale, {"lowest": {"type": "number"}, "highest": {"type": "number"}}, required=["highest"])
    return {"anyOf": [{"type": "number"}, scale]}


def _blocks(entity: Entity) -> dict[str, Any]:
    columns = {column.name: _column(column) for column in entity if column.name != entity.key} | dict.fromkeys(
        TECHNICAL_COLUMNS, _column(None)
    )
    scopes = [column.name for column in entity if column.delete_scope]
    complete = {
        "within": {"enum": ["table", *scopes]},
        "seen": {"type": "string", "pattern": "^[a-z0-9_]+/[a-z0-9_]+$"},
        "value": _EXPRESSION,
    }
    properties = {
        "block": _NAME,
        "extract": {"$ref": "#/$defs/extract"},
        "explode": {"$ref": "#/$defs/explode"},
        "where": _EXPRESSION,
        "tombstone": {"type": "boolean"},
        "key": {
            "type": "object",
            "additionalProperties": False,
            "required": [entity.key],
            "properties": {entity.key: _EXPRESSION | {"description": entity.columns[entity.key].meaning}},
        },
        "complete": _object(Complete, complete, required=["within"]),
        "columns": {"type": "object", "additionalProperties": False, "properties": columns},
    }
    block = _object(Block, properties, required=["block", "extract", "key"])
    return {"type": "array", "minItems": 1, "description": entity.description, "items": block}


def _column(column: Column | None) -> dict[str, Any]:
    """What may stand at a column; the settings themselves are written once for each code list."""
    found = {"$ref": f"#/$defs/{_settings_name(column.codes if column else None)}"}
    if column is None:
        return found
    needed = " (required)" if column.required else ""
    return found | {"description": f"{column.meaning}; {column.type}{needed}"}


def _settings_name(codes: str | None) -> str:
    return "column" if codes is None else f"column_of_{codes}"


def _settings(codes: tuple[str, ...] | None) -> dict[str, Any]:
    values: dict[str, Any] = _CONSTANT if codes is None else {"enum": [*codes, UNKNOWN]}
    properties = {
        "expr": _EXPRESSION,
        "const": values,
        "code": {"type": "string"},
        "default": values,
        "timezone": _TEXT,
        "null_values": {"type": "array", "items": {"type": "string"}},
        "rating_scale": {"$ref": "#/$defs/rating_scale"},
        "note": {"type": "string"},
        "owner": {"type": "string"},
        "status": {"enum": ["draft", "reviewed", "approved"]},
    }
    settings = _object(ColumnMapping, properties)
    settings["oneOf"] = [{"required": ["expr"]}, {"required": ["const"]}]
    return {"anyOf": [_EXPRESSION, settings]}


def _object(part: type, properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    """An object of a class of the grammar, with what its documentation says of each attribute."""
    told = _attributes(part)
    described = {
        name: {**value, "description": told[name]} if name in told and "$ref" not in value else value
        for name, value in properties.items()
    }
    found: dict[str, Any] = {
        "type": "object",
        "description": _first_line(part),
        "additionalProperties": False,
        "properties": described,
    }
    return found | ({"required": required} if required else {})


def _first_line(part: type) -> str:
    return (part.__doc__ or "").strip().splitlines()[0]


def _attributes(part: type) -> dict[str, str]:
    _, _, listed = (part.__doc__ or "").partition("Attributes:")
    found: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        head, colon, rest = line.strip().partition(": ")
        if colon and head.isidentifier() and line.startswith(" " * 8) and not line.startswith(" " * 9):
            name = head
            found[name] = rest
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found
