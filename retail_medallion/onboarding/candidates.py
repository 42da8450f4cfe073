"""Which table could be which entity, and which column which canonical column, with how sure and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.model.canonical import TECHNICAL_COLUMNS, Column
from retail_medallion.onboarding.inspect import Inspected
from retail_medallion.onboarding.vocabulary import COLUMNS, TABLES, words

LIKELY = 0.5
"""From this confidence on a table is drafted; below it is an open point."""

WORTH_NAMING = 0.35

_NAME_COUNTS, _COLUMNS_COUNT = 0.7, 0.3
_EMPTY_COUNTS = 0.75
_PARENTS = {"sale_items": "sales", "cart_items": "shopping_carts", "transactions": "sales", "sale_fulfilments": "sales"}
_PARENT_COUNTS = 0.15

_FAMILIES: dict[str, tuple[str, ...]] = {
    "number": ("numeric", "integer", "bigint", "smallint", "real", "double precision", "money"),
    "time": ("timestamp", "date"),
    "truth": ("boolean", "smallint", "integer", "char", "text"),
}
_NUMBERS = frozenset({"money", "quantity", "points", "rate", "decimal", "rating", "integer"})
_TIMES = frozenset({"timestamp", "planned_timestamp", "date", "birth_date", "business_date", "planned_date"})


@dataclass(frozen=True)
class TableCandidate:
    """A table that could be an entity.

    Attributes:
        entity: The entity.
        table: The table.
        confidence: 0 to 1.
        reason: Why, in words.
    """

    entity: str
    table: Inspected
    confidence: float
    reason: str


@dataclass(frozen=True)
class ColumnCandidate:
    """A column that could be a canonical column.

    Attributes:
        column: The canonical column.
        source: The column of the table.
        confidence: 0 to 1.
        reason: Why, in words.
    """

    column: str
    source: str
    confidence: float
    reason: str


def table_candidates(tables: Iterable[Inspected], model: CanonicalModel) -> list[TableCandidate]:
    """All candidates worth naming, the surest first."""
    tables = list(tables)
    first = {
        entity: max(((_named(table, entity)[0], table.name) for table in tables), default=(0.0, ""))[1]
        for entity in model.entities
    }
    found = []
    for table in tables:
        for name, entity in model.entities.items():
            named, reason = _named(table, name)
            if not named:
                continue
            matched = [c for c in column_candidates(table, entity, {}).values() if c.column in _telling(entity)]
            share = len(matched) / max(1, len(_telling(entity)))
            confidence = named * _NAME_COUNTS + share * _COLUMNS_COUNT
            reason += f"; {len(matched)} of {len(_telling(entity))} telling columns"
            parent = first.get(_PARENTS.get(name, ""))
            if parent and parent in table.references.values():
                confidence += _PARENT_COUNTS
                reason += f"; points at {parent}"
            if table.table.rows == 0:
                confidence *= _EMPTY_COUNTS
                reason += "; empty"
            if confidence >= WORTH_NAMING:
                found.append(TableCandidate(name, table, min(confidence, 0.99), reason))
    return sorted(found, key=lambda c: (-c.confidence, c.entity, c.table.name))


def _named(table: Inspected, entity: str) -> tuple[float, str]:
    """How well the name of a table fits an entity, 0 to 1."""
    parts = words(table.table.name)
    best, reason = 0.0, ""
    for place, phrase in enumerate(TABLES.get(entity, ())):
        wanted = tuple(phrase.split())
        later = 0.02 * place
        if parts == wanted or parts == wanted * 2:
            score, how = 1.0 - later, f"is called {phrase!r}"
        elif parts[-len(wanted) :] == wanted:
            score, how = 0.85 - later - 0.1 * (len(parts) - len(wanted) - 1), f"its name ends in {phrase!r}"
        elif "".join(parts).endswith("".join(wanted)) and len(wanted) > 1:
            score, how = 0.75 - later, f"its name ends in {phrase!r}"
        else:
            continue
        if score > best:
            best, reason = score, how
    return best, reason


def _telling(entity: Entity) -> set[str]:
    """Columns whose presence says that it is this entity: what is required, references, and what is named after it."""
    return {c.name for c in entity if c.name != entity.key and (c.required or c.references) and c.default is None}


def column_candidates(table: Inspected, entity: Entity, tables: Mapping[str, str]) -> dict[str, ColumnCandidate]:
    """The best candidate of each canonical column.

    Args:
        table: The table.
        entity: The entity it is.
        tables: Entity to the table that was chosen for it, for references.
    """
    found: dict[str, ColumnCandidate] = {}
    for column in entity:
        if column.name == entity.key or column.of:
            continue
        candidate = _reference(table, column, tables) or _by_name(table, entity, column.name, column)
        if candidate is not None and candidate.confidence >= LIKELY:
            found[column.name] = candidate
    for name in TECHNICAL_COLUMNS:
        candidate = _by_name(table, entity, name, None) if name != "extras" else None
        if candidate is not None and candidate.confidence >= LIKELY:
            found[name] = candidate
    return found


def _reference(table: Inspected, column: Column, tables: Mapping[str, str]) -> ColumnCandidate | None:
    target = tables.get(column.references or "")
    pointing = [name for name, other in table.references.items() if target is not None and other == target]
    if column.not_self or column.standardise == "reference_list" or not pointing:
        return None
    wanted = set(words(column.name)) - {"id"}
    pointing.sort(key=lambda name: -len(wanted & set(words(name))))
    return ColumnCandidate(column.name, pointing[0], 0.95, f"a foreign key to {target}")


def _by_name(table: Inspected, entity: Entity, name: str, column: Column | None) -> ColumnCandidate | None:
    own = set(words(entity.entity)) | set(words(table.table.name))
    by_words = {words(source): source for source in table.types}
    phrases = [" ".join(words(name)), *COLUMNS.get(name, ())]
    for place, phrase in enumerate(phrases):
        wanted = words(phrase)
        source, sure = by_words.get(wanted), 0.9 - 0.04 * min(place, 8)
        if source is None:
            longer = [
                s
                for parts, s in by_words.items()
                if parts[-len(wanted) :] == wanted and set(parts[: -len(wanted)]) <= own
            ]
            source, sure = (longer[0], sure - 0.1) if longer else (None, 0.0)
        if source is not None and _fits(table.types[source], name, column):
            how = "the same name" if place == 0 else f"a usual word for it ({phrase!r})"
            return ColumnCandidate(name, source, round(sure, 2), how)
    return None


def _fits(kind: str, name: str, column: Column | None) -> bool:
    standardiser = column.standardise if column is not None else ("timestamp" if name.endswith("_at") else "boolean")
    if standardiser in _NUMBERS:
        return kind.startswith(_FAMILIES["number"])
    if standardiser in _TIMES:
        return kind.startswith(_FAMILIES["time"])
    if standardiser == "boolean":
        return kind.startswith(_FAMILIES["truth"])
    return kind != "bytea"
