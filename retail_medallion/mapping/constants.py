"""Constants of expressions that can never be read, such as DATE 'yesterday'."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
from sqlglot import exp

from retail_medallion.mapping.engine import parser


def unreadable_constants(tree: exp.Expr) -> Iterator[str]:
    """Casts of a text written in the expression to a type it is no value of; TRY_CAST says that this is expected."""
    for cast in tree.find_all(exp.Cast):
        value = cast.this.unnest()
        if isinstance(cast, exp.TryCast) or not isinstance(value, exp.Literal) or cast.find_ancestor(exp.Interval):
            continue
        kind = cast.to.sql(dialect="duckdb")
        query = f"SELECT TRY_CAST({value.sql(dialect='duckdb')} AS {kind}) IS NULL"
        try:
            ((is_unreadable,),) = parser().execute(query).fetchall()
        except duckdb.Error:
            is_unreadable = True
        if is_unreadable:
            yield cast.sql(dialect="duckdb")
