"""Which table columns a column of a PostgreSQL query is computed from, read off the query's text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, build_scope


@dataclass(frozen=True, order=True)
class TableColumn:
    """A column of a table.

    Attributes:
        schema: The schema the query names; empty where it names none.
        table: The table.
        column: The column.
    """

    schema: str
    table: str
    column: str

    @property
    def table_name(self) -> str:
        """The table as the query writes it."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    def __str__(self) -> str:
        return f"{self.table_name}.{self.column}"


def tables_of(query: str) -> frozenset[str]:
    """The tables a query reads, as it writes their names.

    Raises:
        ValueError: The text is not one query PostgreSQL could run, as far as can be told by reading it.
    """
    scope = _scope_of(query)
    return frozenset(
        f"{source.db}.{source.name}" if source.db else source.name
        for inner in scope.traverse()
        for source in inner.sources.values()
        if isinstance(source, exp.Table)
    )


def origins_of(query: str, columns: Iterable[str]) -> dict[str, frozenset[TableColumn]]:
    """Each output column with the table columns its value is computed from.

    Columns that only decide which rows there are (join and filter conditions) are not among them.

    Args:
        query: A SELECT.
        columns: Names of its output columns; those a star brings can be named too.

    Raises:
        ValueError: As `tables_of`.
    """
    scope = _scope_of(query)
    return {column: frozenset(_origins(scope, column, frozenset())) for column in columns}


def _scope_of(query: str) -> Scope:
    try:
        scope = build_scope(sqlglot.parse_one(query, dialect="postgres"))
    except SqlglotError as error:
        raise ValueError(str(error)) from error
    if scope is None:
        raise ValueError("it is not a query")
    return scope


def _origins(scope: Scope, column: str, visited: frozenset[tuple[int, str]]) -> set[TableColumn]:
    if (id(scope), column) in visited:
        return set()
    visited |= {(id(scope), column)}
    if isinstance(scope.expression, exp.Lateral):
        # A query that sees the tables before it, or the arguments of a function that gives rows.
        inner = scope.subquery_scopes
        return _origins(inner[0], column, visited) if inner else _origins_of(scope, scope.expression, visited)
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


def _branch(scope: Scope, column: str, position: int | None, visited: frozenset[tuple[int, str]]) -> set[TableColumn]:
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


def _origins_of(scope: Scope, select: Any, visited: frozenset[tuple[int, str]]) -> set[TableColumn]:
    found: set[TableColumn] = set()
    for reference in select.find_all(exp.Column):
        if not isinstance(reference.this, exp.Star):
            found |= _from_source(scope, reference.table, reference.name, visited)
    return found


def _from_source(scope: Scope, alias: str, column: str, visited: frozenset[tuple[int, str]]) -> set[TableColumn]:
    if not alias and len(scope.selected_sources) == 1:
        alias = next(iter(scope.selected_sources))
    source = scope.sources.get(alias)
    if isinstance(source, exp.Table):
        return {TableColumn(source.db, source.name, column)}
    return _origins(source, column, visited) if source is not None else set()
