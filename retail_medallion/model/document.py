"""The canonical model in Markdown, for people."""

from __future__ import annotations

from retail_medallion.model.canonical import CanonicalModel, Column, Entity


def describe_entities(model: CanonicalModel) -> str:
    """All entities: what one row is, and a table of its columns."""
    return "\n".join(describe_entity(entity, model) for entity in model.entities.values())


def describe_entity(entity: Entity, model: CanonicalModel) -> str:
    """One entity: what one row is, its columns with type, meaning and rules, and the rules of the row."""
    lines = [f"### {entity.entity}", "", entity.description, "", "| Column | Type | Cleaned as | Meaning |"]
    lines += ["|---|---|---|---|"]
    lines += [_column(column, entity, model) for column in entity]
    rules = [(r.id, {"reject": "rejected", "warn": "flagged"}[r.severity], r.message) for r in entity.rules]
    rules += [(f.id, "a finding", f.message) for f in entity.findings]
    if rules:
        lines += ["", "| Rule | The row is | Fires when |", "|---|---|---|"]
        lines += [f"| `{entity.entity}.{id_}` | {outcome} | {_cell(message)} |" for id_, outcome, message in rules]
    return "\n".join([*lines, ""])


def _column(column: Column, entity: Entity, model: CanonicalModel) -> str:
    notes = ["key"] if column.name == entity.key else []
    notes += [] if column.required else ["may be empty"]
    notes += [f"-> `{column.references}`"] if column.references else []
    notes += [f"one of {', '.join(model.codes[column.codes])}, unknown"] if column.codes else []
    notes += ["personal data"] if column.pii else []
    meaning = "; ".join([_cell(column.meaning), *notes])
    return f"| {column.name} | {column.type} | {column.standardise} | {meaning} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
