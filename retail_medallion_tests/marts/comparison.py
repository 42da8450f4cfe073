"""Holds a mart against its second computation, row by row and column by column."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import psycopg2.extras
from psycopg2 import sql
from psycopg2.extensions import connection

from retail_medallion_tests.marts.frames import Retailer, Row, records

MOST_SHOWN = 10
_NOT_COMPARED = {"row_hash"}
_KEY = """
SELECT a.attname FROM pg_constraint c
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
WHERE c.conrelid = %s::regclass AND c.contype = 'p'
"""


@dataclass(frozen=True)
class Books:
    """A retailer and the warehouse that holds its marts.

    Attributes:
        retailer: What its own tables say.
        warehouse: Connection to the warehouse.
    """

    retailer: Retailer
    warehouse: connection

    def marts(self) -> set[str]:
        """Names of all marts of Gold."""
        with self.warehouse, self.warehouse.cursor() as cursor:
            cursor.execute(r"SELECT tablename FROM pg_tables WHERE schemaname = 'gold' AND tablename LIKE 'mart\_%'")
            return {name for (name,) in cursor.fetchall()}

    def assert_same(self, mart: str, wanted: pd.DataFrame) -> int:
        """Compare a mart with what it has to hold; the number of its rows.

        Raises:
            AssertionError: They differ; it shows the first rows that do.
        """
        columns, key, stored = self.stored(mart)
        if len(wanted):
            assert set(wanted.columns) == columns, mart
        return assert_equal(mart, key, records(wanted), stored)

    def stored(self, mart: str) -> tuple[set[str], list[str], list[Row]]:
        """Columns, key and rows of a mart, of the retailer alone."""
        with self.warehouse, self.warehouse.cursor() as cursor:
            psycopg2.extras.register_uuid(conn_or_curs=cursor)
            cursor.execute("SET LOCAL TimeZone = 'UTC'")
            cursor.execute(_KEY, (f"gold.{mart}",))
            key = sorted(name for (name,) in cursor.fetchall())
            rows = sql.SQL("SELECT * FROM {} WHERE source_key = %s").format(sql.Identifier("gold", mart))
            cursor.execute(rows, (self.retailer.source_key,))
            names = [column.name for column in cursor.description or ()]
            stored = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return set(names) - _NOT_COMPARED, key, stored


def assert_equal(name: str, key: list[str], wanted: list[Row], stored: list[Row]) -> int:
    """Compare the columns of the wanted rows with those stored; the number of rows.

    Raises:
        AssertionError: They differ; it shows the first rows that do.
    """
    differences = _differences(_by_key(wanted, key), _by_key(stored, key))
    if differences:
        shown = "\n".join(differences[:MOST_SHOWN])
        raise AssertionError(f"{name}: {len(differences)} of {len(stored)} rows differ\n{shown}")
    return len(stored)


def _by_key(rows: Iterable[Row], key: list[str]) -> dict[tuple[Any, ...], Row]:
    made: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        place = tuple(row[name] for name in key)
        assert place not in made, f"twice: {_words(place)}"
        made[place] = row
    return dict(sorted(made.items(), key=lambda item: tuple(map(str, item[0]))))


def _differences(wanted: Mapping[tuple[Any, ...], Row], stored: Mapping[tuple[Any, ...], Row]) -> list[str]:
    found = []
    for key in sorted(wanted.keys() | stored.keys(), key=lambda key: tuple(map(str, key))):
        if key not in stored:
            found.append(f"  {_words(key)} is missing: {_row(wanted[key])}")
        elif key not in wanted:
            found.append(f"  {_words(key)} is too many: {_row(stored[key])}")
        else:
            columns = [name for name in wanted[key] if not _equal(wanted[key][name], stored[key][name])]
            if columns:
                told = ", ".join(f"{name} {stored[key][name]} instead of {wanted[key][name]}" for name in columns)
                found.append(f"  {_words(key)}: {told}")
    return found


def _equal(wanted: object, stored: object) -> bool:
    if isinstance(wanted, float) and not math.isnan(wanted):
        raise TypeError("No float may come into a comparison: it is not exact.")
    return wanted == stored


def _words(key: tuple[Any, ...]) -> str:
    return " ".join(map(str, key))


def _row(row: Row) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())
