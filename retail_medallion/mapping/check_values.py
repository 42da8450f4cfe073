"""Constants and defaults held against what their columns take, and rows that would point at themselves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation

from retail_medallion.errors import MappingError
from retail_medallion.mapping.grammar import Block, Constant, Mapping
from retail_medallion.mapping.guard import guard
from retail_medallion.mapping.settings import country_code, currency_code, language_code, time_zone
from retail_medallion.model.canonical import TECHNICAL_COLUMNS, Column, Entity

_NUMBERS = frozenset({"money", "quantity", "points", "rate", "decimal", "rating"})
_TIMES = frozenset({"timestamp", "planned_timestamp"})
_DAYS = frozenset({"date", "birth_date", "business_date", "planned_date"})
_WORDS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"})
_CODES: dict[str, Callable[[object], str]] = {
    "currency": currency_code,
    "country": country_code,
    "language": language_code,
    "time_zone": time_zone,
}


def wrong_constants(mapping: Mapping, block: Block, entity: Entity) -> Iterator[tuple[str, str]]:
    """Place and sentence of every `const` and `default` that no row could have."""
    for name, column in block.columns.items():
        if column.code is not None:
            continue
        for setting, value in (("const", column.const), ("default", column.default)):
            if value is None:
                continue
            reason = _reason(value, entity.columns.get(name), TECHNICAL_COLUMNS.get(name))
            if reason is not None:
                yield (
                    mapping.where_block(block, "columns", name, setting),
                    f"{str(value)!r} cannot be the value of {name!r}: {reason}.",
                )


def _reason(value: Constant, column: Column | None, technical: str | None) -> str | None:
    kind = column.standardise if column is not None else technical
    if kind in _NUMBERS or kind == "integer":
        return _number(value, column, whole=kind == "integer")
    if kind == "boolean":
        return None if isinstance(value, bool) or str(value).lower() in _WORDS else "it is neither true nor false"
    if kind in _TIMES or kind in _DAYS or kind == "timestamptz":
        return _time(value)
    if kind in _CODES:
        try:
            _CODES[kind](value)
        except ValueError as error:
            return str(error)
    return None


def _number(value: Constant, column: Column | None, *, whole: bool) -> str | None:
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        return "it is no number"
    if whole and number != number.to_integral_value():
        return "it is no whole number"
    if column is not None and column.minimum is not None and number < column.minimum:
        return f"it is below {column.minimum}"
    if column is not None and column.maximum is not None and number > column.maximum:
        return f"it is above {column.maximum}"
    return None


def _time(value: Constant) -> str | None:
    try:
        dt.datetime.fromisoformat(str(value))
    except ValueError:
        return "it is neither a day nor a point in time, such as 2026-06-17 or 2026-06-17T08:00:00+00:00"
    return None


def own_parents(mapping: Mapping, block: Block, entity: Entity) -> Iterator[tuple[str, str]]:
    """Place and sentence of every column that would make each row its own parent."""
    line = block.explode.alias if block.explode else None
    try:
        key = guard(block.key_expression, where="", line=line).sql.lower()
    except MappingError:
        return
    for name, column in block.columns.items():
        target = entity.columns.get(name)
        if target is None or column.expr is None or not (target.not_self or target.references == entity.entity):
            continue
        try:
            same = guard(column.expr, where="", line=line).sql.lower() == key
        except MappingError:
            continue
        if same:
            yield (
                mapping.where_block(block, "columns", name),
                f"{name!r} is the row's own key, so that every row of {entity.entity} would be its own parent.",
            )


def circles(mapping: Mapping) -> Iterator[tuple[str, str]]:
    """Place and sentence of every block whose documents are named by one that it names documents for itself."""
    by_name = {f"{block.entity}/{block.name}": block for block in mapping.blocks}
    seen_by = {name: block.complete.seen for name, block in by_name.items() if block.complete and block.complete.seen}
    for name in seen_by:
        path = [name]
        while (following := seen_by.get(path[-1])) is not None and following not in path:
            path.append(following)
        if following == name and len(path) > 1:
            yield (
                mapping.where_block(by_name[name], "complete", "seen"),
                f"`seen` goes in a circle: {' -> '.join([*path, name])}. One of them has to name its documents itself.",
            )
