"""What an expression of a mapping file may be: one scalar over the columns of its own row, and nothing else.

Two parsers have to agree. sqlglot's tree is checked node by node against what the allowed functions and operators are
made of, and written out again; what is written out is parsed by DuckDB itself and checked a second time. Only text that
passed both is ever put into a statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from textwrap import shorten
from typing import Any

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from retail_medallion.errors import MappingError
from retail_medallion.mapping.constants import unreadable_constants
from retail_medallion.mapping.engine import parser
from retail_medallion.mapping.functions import CALLS, OPERATORS, TYPES, function_names
from retail_medallion.mapping.growth import MAXIMUM_GROWTH, MAXIMUM_PADDING, growth, paddings
from retail_medallion.mapping.settings import did_you_mean, is_text

MAXIMUM_LENGTH = 10_000
MAXIMUM_DEPTH = 200
MAXIMUM_NESTING = 20
"""Brackets and CASEs inside of each other. sqlglot's parser takes about 25 Python frames for each; a limit of our own
makes the answer the same however deep the caller stands already."""

_SHOWN = 80

_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}

_REASONS: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.Query, "a subquery: an expression sees only its own row; join in the extract's `query`"),
    (exp.Exists, "a subquery: an expression sees only its own row; join in the extract's `query`"),
    (exp.Window, "a window function: an expression sees only its own row; compute it in the extract's `query`"),
    (exp.AggFunc, "an aggregate: an expression sees only its own row; compute it in the extract's `query`"),
    (exp.Star, "`*`: name the columns"),
    (exp.Columns, "COLUMNS(...): name the columns"),
    (exp.Placeholder, "a parameter: write the value"),
    (exp.Parameter, "a parameter: write the value"),
    (exp.PositionalColumn, "a column by its position: name the column"),
    (exp.Alias, "a column alias: the target column gives the name; is an operator or a comma missing?"),
    *(
        (kind, "a statement: only an expression may stand here")
        for kind in (exp.DDL, exp.DML, exp.Command, exp.Drop, exp.Pragma, exp.Set, exp.Attach, exp.Copy, exp.Use)
    ),
)


@dataclass(frozen=True)
class Guarded:
    """An expression that passed the guard.

    Attributes:
        tree: Its sqlglot tree; columns are quoted, spelt as in Bronze and qualified by `relation`.
        columns: Bronze columns it reads.
        line_parts: Which of `value` and `pos` of the exploded array it reads.
    """

    tree: exp.Expr
    columns: frozenset[str]
    line_parts: frozenset[str]

    @property
    def sql(self) -> str:
        """The expression as DuckDB text."""
        return self.tree.sql(dialect="duckdb", comments=False)

    @property
    def bare_column(self) -> str | None:
        """The column, where the expression is nothing but one."""
        tree = self.tree.unnest()
        return tree.name if isinstance(tree, exp.Column) and not self.line_parts else None


def guard(
    text: str, *, where: str, columns: tuple[str, ...] | None = None, relation: str = "bronze", line: str | None = None
) -> Guarded:
    """Parse an expression and let it pass only if it is harmless and its columns exist.

    Args:
        text: The expression.
        where: Its place in the mapping file, for errors.
        columns: Columns of the Bronze object; not checked where None.
        relation: Name the columns are qualified by.
        line: Name of the exploded array, where the block has one.

    Raises:
        MappingError: It does not parse, is not one scalar expression, uses what is not allowed, or names a column that
            is not there.
    """
    if len(text) > MAXIMUM_LENGTH or "\x00" in text or not is_text(text):
        what = "The expression is too long, or holds a NUL character or half of one."
        raise MappingError(what, where=where)
    try:
        if _nesting(text) > MAXIMUM_NESTING:
            raise _too_deep(where)
        statements = sqlglot.parse(text, read="duckdb")
    except SqlglotError as error:
        first = str(error).splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")
        raise MappingError(f"The expression {_shown(text)} does not parse.", where=where, why=first) from None
    except RecursionError:
        raise _too_deep(where) from None
    if len(statements) != 1 or statements[0] is None:
        raise MappingError(
            f"{_shown(text)} is not one expression.", where=where, why="a semicolon, or nothing but spaces"
        )
    tree = _arrows_are_json(statements[0], text, where)
    _check_tree(tree, text, where)
    _check_growth(tree, text, where)
    for constant in unreadable_constants(tree):
        raise _refused(text, where, f"the constant {constant}, which cannot be read", "No row would have a value.")
    names, parts = _qualify(tree, text, where, columns, relation, line)
    guarded = Guarded(tree, frozenset(names), frozenset(parts))
    _check_with_duckdb(guarded.sql, text, where)
    return guarded


def _nesting(text: str) -> int:
    deepest = level = 0
    for token in Dialect.get_or_raise("duckdb").tokenize(text):
        level += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        deepest = max(deepest, level)
    return deepest


def _too_deep(where: str) -> MappingError:
    return MappingError("The expression is nested too deeply.", where=where, fix="Compute it in `query`.")


def _shown(text: str) -> str:
    return repr(shorten(text, _SHOWN, placeholder=" ..."))


def _refused(text: str, where: str, reason: str, fix: str | None = None) -> MappingError:
    return MappingError(f"The expression {_shown(text)} is not allowed.", where=where, why=f"it has {reason}", fix=fix)


def _arrows_are_json(tree: exp.Expr, text: str, where: str) -> exp.Expr:
    """Undo sqlglot's reading of `f(doc -> '$.x')` as a lambda; refuse real lambda arrows, as DuckDB does."""
    if not tree.find(exp.Lambda):
        return tree
    words = sum(token.text.lower() == "lambda" for token in Dialect.get_or_raise("duckdb").tokenize(text))
    for node in list(tree.find_all(exp.Lambda)):
        body, names = node.this, node.expressions
        if isinstance(body, exp.Literal) and len(names) == 1 and isinstance(names[0], exp.Identifier):
            path = Dialect.get_or_raise("duckdb").to_json_path(body.copy())
            extract = exp.JSONExtract(this=exp.Column(this=names[0].copy()), expression=path, only_json_types=False)
            tree = extract if node is tree else (node.replace(extract), tree)[1]
        else:
            words -= 1
    if words < 0:
        raise _refused(text, where, "a lambda arrow", "Write `lambda x: ...`.")
    return tree


def _check_tree(tree: exp.Expr, text: str, where: str) -> None:
    """Refuse every node that no allowed function or operator is made of."""
    allowed = _allowed_nodes()
    for node in _nodes(tree):
        if node.depth > MAXIMUM_DEPTH:
            raise _refused(text, where, "too many levels", "Compute it in the extract's `query`.")
        for kind, reason in _REASONS:
            if isinstance(node, kind):
                raise _refused(text, where, reason)
        if isinstance(node, exp.Dot):
            raise _refused(text, where, "a function called through a dot, or a schema before a function")
        if isinstance(node, exp.Anonymous) and node.name.lower() not in function_names():
            near = did_you_mean(node.name, function_names())
            raise _refused(text, where, f"the function {node.name!r}, which is not on the list.{near}")
        if type(node) not in allowed:
            name = node.sql_name().lower() if isinstance(node, exp.Func) else type(node).__name__
            raise _refused(text, where, f"{name!r}, which is not on the list of functions and operators")
        if isinstance(node, exp.DataType) and _type_name(node) not in TYPES:
            raise _refused(
                text, where, f"the type {node.sql(dialect='duckdb')!r}", f"Allowed: {', '.join(sorted(TYPES))}"
            )
        if isinstance(node, exp.JSONExtract) and not isinstance(node.expression, exp.JSONPath | exp.Literal):
            raise _refused(text, where, "a lambda arrow, or a JSON path that is no text", "Write `lambda x: ...`.")


def _check_growth(tree: exp.Expr, text: str, where: str) -> None:
    for width in paddings(tree):
        shown = width.sql(dialect="duckdb")
        raise _refused(text, where, f"the width {shown}", f"Write a whole number up to {MAXIMUM_PADDING}.")
    if growth(tree) > MAXIMUM_GROWTH:
        reason = f"functions inside of each other that can make more than {MAXIMUM_GROWTH} times of a value"
        raise _refused(text, where, reason, "Compute it in the extract's `query`.")


def _nodes(tree: exp.Expr) -> Iterator[exp.Expr]:
    for node in tree.walk(bfs=False):
        node.pop_comments()
        yield node


def _type_name(node: exp.DataType) -> str:
    return node.this.value if isinstance(node.this, exp.DataType.Type) else str(node.this)


def _qualify(
    tree: exp.Expr, text: str, where: str, known: tuple[str, ...] | None, relation: str, line: str | None
) -> tuple[set[str], set[str]]:
    names: set[str] = set()
    parts: set[str] = set()
    for column in list(tree.find_all(exp.Column)):
        if not isinstance(column.this, exp.Identifier) or column.args.get("db"):
            raise _refused(text, where, f"the name {column.sql(dialect='duckdb')!r}, which has too many parts")
        if column.table:
            if line is None or column.table != line:
                has = f"the block explodes into {line!r}" if line else "the block has no `explode`"
                raise _refused(text, where, f"a column of {column.table!r}; {has}", "Name the column alone.")
            if column.name not in {"value", "pos"}:
                raise _refused(text, where, f"{line}.{column.name}; there are {line}.value and {line}.pos")
            parts.add(column.name)
            column.set("table", exp.to_identifier(relation, quoted=True))
            column.set("this", exp.to_identifier(f"{line}.{column.name}", quoted=True))
            continue
        name = _spelt_as_in_bronze(column.name, text, where, known)
        names.add(name)
        column.set("this", exp.to_identifier(name, quoted=True))
        column.set("table", exp.to_identifier(relation, quoted=True))
    return names, parts


def _spelt_as_in_bronze(name: str, text: str, where: str, known: tuple[str, ...] | None) -> str:
    if known is None or name in known:
        return name
    same = [candidate for candidate in known if candidate.lower() == name.lower()]
    if same:
        return same[0]
    raise MappingError(
        f"There is no column {name!r} in the extract.{did_you_mean(name, known)}",
        where=where,
        why=f"the expression is {_shown(text)}",
        fix=f"Use one of: {', '.join(known)}",
    )


def _check_with_duckdb(sql: str, text: str, where: str) -> None:
    try:
        found = _duckdb_parts(sql)
    except ValueError as error:
        raise MappingError(f"DuckDB cannot read {_shown(text)}.", where=where, why=str(error)) from None
    allowed = _allowed_parts()
    for part in sorted(found - allowed):
        raise _refused(text, where, f"{part!r}, which is not on the list of functions and operators")


def _duckdb_parts(sql: str) -> set[str]:
    """Kinds of nodes and names of functions DuckDB's parser finds in an expression.

    Raises:
        ValueError: The text is not one expression of one SELECT.
    """
    ((answer_text,),) = parser().execute("SELECT json_serialize_sql(?)", [f"SELECT ({sql}\n)"]).fetchall()
    answer = json.loads(answer_text)
    if answer["error"]:
        raise ValueError(answer["error_message"])
    statements = answer["statements"]
    if len(statements) != 1 or len(statements[0]["node"]["select_list"]) != 1:
        raise ValueError("it is more than one expression")
    node = statements[0]["node"]
    clauses = [key for key in ("where_clause", "having", "qualify", "sample") if node.get(key)]
    clauses += [key for key in ("modifiers", "group_expressions", "group_sets") if node.get(key)]
    if clauses or node["from_table"]["type"] != "EMPTY" or node["cte_map"]["map"]:
        raise ValueError("it is more than an expression")
    return set(_parts(node["select_list"]))


def _parts(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _parts(item)
    elif isinstance(node, dict):
        if "class" in node:
            yield node["type"]
            if node.get("function_name"):
                yield node["function_name"].lower()
            if node.get("catalog") or node.get("schema"):
                yield "a schema"
        for value in node.values():
            yield from _parts(value)


@cache
def _allowed_nodes() -> frozenset[type[exp.Expr]]:
    kinds: set[type[exp.Expr]] = set()
    for text in (*CALLS, *OPERATORS):
        kinds.update(type(node) for node in sqlglot.parse_one(text, read="duckdb").walk())
    return frozenset(kinds)


@cache
def _allowed_parts() -> frozenset[str]:
    parts: set[str] = set()
    for text in (*CALLS, *OPERATORS):
        parts |= _duckdb_parts(sqlglot.parse_one(text, read="duckdb").sql(dialect="duckdb"))
    return frozenset(parts)
