"""CHECK constraints, compared as conditions: PostgreSQL prints them in other words than they were written in."""

from __future__ import annotations

from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError


def same_check(one: str, other: str) -> bool:
    """Whether two conditions are the same but for casts, brackets, and lists written as arrays.

    What PostgreSQL rewrites more than that (BETWEEN) counts as another condition.
    """
    try:
        first, second = (_form(sqlglot.parse_one(condition, dialect="postgres")) for condition in (one, other))
    except SqlglotError:
        return one == other
    return bool(first == second)


def _form(node: Any) -> Any:
    """The tree as tuples; without its brackets, because its shape still says what belongs together."""
    if isinstance(node, list):
        return tuple(_form(item) for item in node)
    if not isinstance(node, exp.Expression):
        return node
    node = _bare(node)
    if isinstance(node, exp.Identifier):
        return node.name
    compared = node.args.get("expression")
    if isinstance(node, exp.EQ) and isinstance(compared, exp.Any):
        node = _in_array(node, compared.this)
    elif isinstance(node, exp.NEQ) and isinstance(compared, exp.Anonymous) and compared.name.upper() == "ALL":
        node = exp.Not(this=_in_array(node, compared.expressions[0]))
    return (type(node).__name__, *((name, _form(part)) for name, part in sorted(node.args.items()) if part))


def _bare(node: exp.Expression) -> exp.Expression:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return node


def _in_array(comparison: exp.Expression, listed: exp.Expression) -> exp.Expression:
    array = _bare(listed)
    return exp.In(this=comparison.this, expressions=array.expressions) if isinstance(array, exp.Array) else comparison
