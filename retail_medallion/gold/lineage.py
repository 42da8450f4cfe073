"""Which Silver and Gold columns a stored Gold column comes from, read off the table's SQL."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, build_scope

from retail_medallion.errors import ModelError
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.registry import table as gold_table

_LAYERS = ("silver", "silver_meta", "gold")


@cache
def column_lineage(name: str) -> dict[str, frozenset[str]]:
    """Stored column to the columns its value is computed from, as `schema.table.column`.

    Columns that only decide which rows there are (join and filter conditions) are not among them.

    Raises:
        ModelError: There is no such table, or its SQL cannot be read.
    """
    table = gold_table(name)
    text = re.sub(r"%\(\w+\)s", "'parameter'", table.select.replace("{scope}", "given_scope"))
    try:
        scope = build_scope(sqlglot.parse_one(text, dialect="postgres"))
    except SqlglotError as error:
        raise ModelError("The SQL of a Gold table cannot be read.", where=f"gold.{name}", why=str(error)) from error
    if scope is None:
        raise ModelError("The SQL of a Gold table is not a query.", where=f"gold.{name}")
    return {column: frozenset(_origins(scope, column, frozenset())) for column in _outputs(table)}


def _outputs(table: GoldTable) -> tuple[str, ...]:
    known_by_the_writer = {"is_inferred"}
    return tuple(name for name in table.column_names if name not in known_by_the_writer)


def _origins(scope: Scope, column: str, visited: frozenset[tuple[int, str]]) -> set[str]:
    if (id(scope), column) in visited:
        return set()
    visited |= {(id(scope), column)}
    if scope.set_operation_scopes:
        position = _selects(scope.set_operation_scopes[0], column)
        return {o for branch in scope.set_operation_scopes for o in _branch(branch, column, position, visited)}
    return _branch(scope, column, _selects(scope, column), visited)


def _selects(scope: Scope, column: str) -> int | None:
    """Position of the column in the query's list, None if a star brings it."""
    if scope.set_operation_scopes:
        return _selects(scope.set_operation_scopes[0], column)
    outputs = [select.alias_or_name for select in _query(scope).selects]
    return outputs.index(column) if column in outputs else None


def _branch(scope: Scope, column: str, position: int | None, visited: frozenset[tuple[int, str]]) -> set[str]:
    if scope.set_operation_scopes:
        return {o for branch in scope.set_operation_scopes for o in _branch(branch, column, position, visited)}
    selects = _query(scope).selects
    if position is not None:
        return _origins_of(scope, selects[position], visited)
    stars = [select for select in selects if select.is_star]
    return {
        o for s in stars for o in _from_source(scope, s.table if isinstance(s, exp.Column) else "", column, visited)
    }


def _query(scope: Scope) -> exp.Query:
    return cast("exp.Query", scope.expression)


def _origins_of(scope: Scope, select: Any, visited: frozenset[tuple[int, str]]) -> set[str]:
    found: set[str] = set()
    for reference in select.find_all(exp.Column):
        if not isinstance(reference.this, exp.Star):
            found |= _from_source(scope, reference.table, reference.name, visited)
    return found


def _from_source(scope: Scope, alias: str, column: str, visited: frozenset[tuple[int, str]]) -> set[str]:
    if not alias and len(scope.selected_sources) == 1:
        alias = next(iter(scope.selected_sources))
    source = scope.sources.get(alias)
    if isinstance(source, exp.Table):
        return {f"{source.db}.{source.name}.{column}"} if source.db in _LAYERS else set()
    return _origins(source, column, visited) if source is not None else set()
