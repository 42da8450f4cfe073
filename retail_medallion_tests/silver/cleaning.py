"""Runs one standardiser over values, the way `transform` does, without the rest."""

# ruff: noqa: S608 - test SQL over literals

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb

from retail_medallion.mapping import new_duckdb
from retail_medallion.model import Column
from retail_medallion.silver.standardisers import Fetched, RowSettings, register_functions, standardise
from retail_medallion.silver.standardisers.base import PARTITION_DAY, PARTITION_END, literal, quoted
from retail_medallion.silver.standardisers.standards import ROW_COUNTRY

DAY = dt.date(2026, 6, 20)
END = dt.datetime(2026, 6, 22, tzinfo=dt.UTC)
SETTINGS = RowSettings(
    source="shop",
    timezone="Europe/Berlin",
    country="DE",
    currency="EUR",
    language="de",
    tenant="acme",
)
_TYPES = {
    "money": "numeric(18,4)",
    "quantity": "numeric(18,3)",
    "points": "numeric(18,2)",
    "rate": "numeric(9,6)",
    "rating": "numeric(3,2)",
}


def engine() -> duckdb.DuckDBPyConnection:
    connection = new_duckdb("500MB", threads=1)
    register_functions(connection)
    return connection


def clean(
    connection: duckdb.DuckDBPyConnection,
    standardiser: str,
    values: Sequence[str | None],
    *,
    type_: str = "VARCHAR",
    country: str = "DE",
    settings: RowSettings = SETTINGS,
    timezone: str | None = None,
    codes: Sequence[str] = (),
    null_values: Sequence[str] = (),
    absolute: bool = False,
    column_type: str | None = None,
    rating_scale: tuple[Decimal, Decimal] = (Decimal(1), Decimal(5)),
) -> list[tuple[Any, set[str]]]:
    """Canonical value and fired rules of each value; values are given as text and cast to `type_` first."""
    column = Column(
        name="x",
        type=column_type or _TYPES.get(standardiser, "numeric(9,6)" if standardiser == "decimal" else "text"),
        standardise=standardiser,
        meaning="x",
        absolute=absolute,
    )
    fetched = Fetched(
        column,
        quoted("m:x"),
        type_,
        settings,
        codes=codes,
        timezone=timezone,
        null_values=null_values,
        rating_scale=rating_scale,
    )
    cleaning = standardise(fetched)
    rows = ", ".join(f"({i}, {literal(value)})" for i, value in enumerate(values))
    given = f'CAST(x AS {type_}) AS "m:x", {literal(country)} AS {ROW_COUNTRY}'
    day = f"{literal(DAY)} AS {PARTITION_DAY}, {literal(END)} AS {PARTITION_END}"
    sql = f"SELECT i, {given}, {day} FROM (VALUES {rows}) v(i, x)"
    for step in cleaning.steps:
        added = ", ".join(expression + " AS " + quoted(f"{name}:x") for name, expression in step.items())
        sql = f"SELECT *, {added} FROM ({sql})"
    fired = "".join(f", CASE WHEN {check.when} THEN {literal(check.rule)} END" for check in cleaning.checks)
    found = connection.execute(f'SELECT "v:x"{fired} FROM ({sql}) ORDER BY i').fetchall()
    return [(row[0], {rule for rule in row[1:] if rule}) for row in found]
