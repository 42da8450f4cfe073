"""From a guarded expression to the one DuckDB evaluates: JSON as JSON, and no number loses a digit on the way.

Three things in DuckDB change numbers without a word: a cast rounds to the scale of its type, numbers in JSON go
through DOUBLE, and a float cast to a decimal shows its binary noise. Here a cast that would change the value fails
instead, JSON is read from a text whose long numbers are in quotes, and floats go through their shortest text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pyarrow as pa
from sqlglot import exp

from retail_medallion.mapping.bronze_frame import BronzeColumns, Describer, Frame, exact_json_column
from retail_medallion.mapping.guard import Guarded
from retail_medallion.mapping.type_gate import family

_TEXT = "VARCHAR"
_DEFAULT_DECIMAL = (18, 3)
_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INT", "BIGINT", "INT128", "UTINYINT", "USMALLINT", "UINT", "UBIGINT"})
_JSON_FUNCTIONS = frozenset({"json_extract", "json_extract_string", "json_value", "tr"})
_TRUSTED_DIGITS = {True: "%.7g", False: "%.15g"}
_LARGE_EXPONENT = r"(?:1[6-9]|[2-9][0-9])"


def typed(guarded: Guarded, frame: Frame, *, whole: bool = True) -> exp.Expr:
    """The tree with JSON columns as JSON, read exactly, and floats cast to a decimal through their shortest text.

    A float that prints as 9.8 becomes 9.8 in that way; a direct cast of a real 1024.06 would give 1024.0601.

    Args:
        guarded: The expression.
        frame: What it is evaluated over; learns which columns are read as exact JSON.
        whole: A JSON column that is all of the expression is passed on as it was written.
    """
    tree = guarded.tree.copy()
    columns = frame.columns
    as_it_is = tree.unnest() if whole else None
    for root in list(_json_roots(tree, columns)):
        inner = root.unnest()
        if inner is as_it_is or isinstance(inner, exp.JSONExtract | exp.Bracket) or _is_cast_to(inner, "JSON"):
            continue
        if not isinstance(inner, exp.Column):
            text = exp.cast(inner.copy(), _TEXT, dialect="duckdb")
            inner.replace(exp.Anonymous(this="exact_json", expressions=[text]))
        elif inner.name in columns.names:
            frame.exact.add(inner.name)
            inner.set("this", exp.to_identifier(exact_json_column(inner.name), quoted=True))
    for column in list(tree.find_all(exp.Column)):
        if column.name in columns.json:
            if column is not as_it_is:
                frame.exact.add(column.name)
                column.set("this", exp.to_identifier(exact_json_column(column.name), quoted=True))
            tree = _put(tree, column, exp.cast(column.copy(), "JSON", dialect="duckdb"))
        elif column.name in columns.floats and _is_cast_to(_around(column), "DECIMAL"):
            tree = _put(tree, column, exp.cast(column.copy(), _TEXT, dialect="duckdb"))
    return tree


def _put(tree: exp.Expr, old: exp.Expr, new: exp.Expr) -> exp.Expr:
    if old is tree:
        return new
    old.replace(new)
    return tree


def _around(node: exp.Expr) -> exp.Expr | None:
    around = node.parent
    while isinstance(around, exp.Paren):
        around = around.parent
    return around


def _is_cast_to(node: exp.Expr | None, *types: Any) -> bool:
    return isinstance(node, exp.Cast) and node.to.is_type(*types)


def _json_roots(tree: exp.Expr, columns: BronzeColumns) -> Iterator[exp.Expr]:
    """What is read as JSON: the left side of paths, arguments of JSON functions, what is cast to JSON."""
    for node in tree.walk():
        if isinstance(node, exp.JSONExtract | exp.JSONExtractScalar):
            yield node.this
        elif isinstance(node, exp.Anonymous) and node.name.lower() in _JSON_FUNCTIONS:
            yield node.expressions[0]
        elif _is_cast_to(node, "JSON") and not (isinstance(node.this, exp.Column) and node.this.name in columns.json):
            yield node.this


def checked(tree: exp.Expr, frame: Frame, describer: Describer) -> str:
    """SQL of a typed tree in which a cast to a number fails where it would change the number.

    What was not narrower before needs no check; floats that are no column are left to the cast.
    """
    tree = tree.copy()
    casts = [node for node in tree.find_all(exp.Cast) if _target(node.to) is not None]
    if not casts:
        return tree.sql("duckdb")
    found = describer.types_of([cast.this.sql("duckdb") for cast in casts], frame)
    for cast, kind in zip(casts, found, strict=True):
        target = _target(cast.to)
        if target is not None and (text := _exact_text(cast.this, kind, target, frame.columns)) is not None:
            cast.set("this", text)
    return tree.sql("duckdb")


def _target(kind: exp.DataType) -> tuple[int, int] | None:
    """Precision and scale of an exact numeric type."""
    if kind.is_type(exp.DataType.Type.DECIMAL):
        parameters = [int(parameter.name) for parameter in kind.expressions]
        return (parameters[0], parameters[1] if parameters[1:] else 0) if parameters else _DEFAULT_DECIMAL
    name = kind.this.value if isinstance(kind.this, exp.DataType.Type) else ""
    return (38, 0) if name in _INTEGERS else None


def _exact_text(
    operand: exp.Expr, kind: str | None, target: tuple[int, int], columns: BronzeColumns
) -> exp.Expr | None:
    """The operand as text the cast reads without loss, empty where there is none. None where nothing can be lost."""
    pattern = _lossless(target[1])
    column = operand.unnest()
    if _is_cast_to(column, *exp.DataType.TEXT_TYPES):
        column = column.this.unnest()
    if isinstance(column, exp.Column) and column.name in columns.floats:
        single = pa.types.is_float32(columns.schema.field(column.name).type)
        printed = exp.Anonymous(
            this="printf",
            expressions=[exp.Literal.string(_TRUSTED_DIGITS[single]), exp.cast(column.copy(), "DOUBLE")],
        )
        whole = _extract(exp.cast(column.copy(), _TEXT), pattern)
        # What a computation left in the last digits, such as 0.30000000000000004, is no digit anybody wrote.
        return exp.func("coalesce", exp.func("nullif", whole, exp.Literal.string("")), _extract(printed, pattern))
    known = family(kind) if kind is not None else "TEXT"
    if known == "JSON":
        # sqlglot writes a path the way its own tree holds it.
        path = exp.JSONPath(expressions=[exp.JSONPathRoot()])
        return _extract(exp.JSONExtractScalar(this=exp.paren(operand.copy()), expression=path), pattern)
    if known == "DECIMAL" and kind is not None and _scale(kind) <= target[1]:
        return None
    if known not in {"TEXT", "DECIMAL"}:
        return None
    return _extract(operand.copy() if known == "TEXT" and kind else exp.cast(operand.copy(), _TEXT), pattern)


def _scale(kind: str) -> int:
    return int(kind.rstrip(")").rpartition(",")[2])


def _extract(text: exp.Expr, pattern: str) -> exp.Expr:
    return exp.Anonymous(this="regexp_extract", expressions=[text, exp.Literal.string(pattern)])


@cache
def _lossless(scale: int) -> str:
    """Regular expression of the numbers that need no more than `scale` decimals."""
    fraction = rf"(?:\.[0-9]{{0,{scale}}}0*)?" if scale else r"(?:\.0*)?"
    bare = rf"|\.[0-9]{{1,{scale}}}0*" if scale else r"|\.0+"
    forms = [
        rf"(?:[0-9]+{fraction}{bare})(?:[eE]\+?[0-9]+)?",
        rf"[0-9]+(?:\.[0-9]{{0,16}})?[eE]\+?{_LARGE_EXPONENT}",
        r"0+(?:\.0*)?[eE]-[0-9]+",
        *(rf"[0-9]+(?:\.[0-9]{{0,{scale - digits}}}0*)?[eE]-0*{digits}" for digits in range(1, scale + 1)),
    ]
    return rf"^\s*[+-]?(?:{'|'.join(forms)})\s*$"
