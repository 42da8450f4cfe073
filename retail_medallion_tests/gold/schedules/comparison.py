"""Compares all that Gold holds of a source with what its Silver says."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from psycopg2 import sql

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.fragments import cursor_of, names, of_source
from retail_medallion.gold.recompute import compare
from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.oracle import ORACLES, Expected, Row, Silver


def compare_all(connection: sa.Connection, silver: Silver, tables: Collection[str], *, recompute: bool) -> None:
    """Every table equals its oracle, nothing is pending but what waits, and a recomputation finds nothing to mend.

    Args:
        connection: To the warehouse.
        silver: What Silver holds of the source.
        tables: The tables that were followed.
        recompute: Whether to recompute.

    Raises:
        AssertionError: With every difference, a line each.
    """
    expected = Expected(silver)
    found: list[str] = []
    with connection.begin():
        for table in TABLES.values():
            if table.has_source and table.name in tables:
                assert table.name in ORACLES, f"nobody says what {table.name} must hold: give it an oracle"
                wanted = expected.rows(table.name, table.primary_key)
                found += differences(table.name, stored(connection, table, silver.source), wanted)
        waits, is_pending = expected.waiting(), pending(connection, silver.source, tables)
        found += [f"pending though done: {each}" for each in sorted(is_pending - waits)]
        found += [f"forgotten, not pending: {each}" for each in sorted(waits - is_pending)]
        recomputed = compare(connection, silver.source) if recompute else {}
        found += [
            f"{name} differs from its recomputation: {each}"
            for name, each in recomputed.items()
            if each and name in tables
        ]
    assert not found, "\n".join(found)


def differences(table: str, got: dict[Any, Row], wanted: dict[Any, Row]) -> list[str]:
    """One line for each row or column that is not as wanted."""
    found = [f"{table} lacks {wanted[key]}" for key in wanted.keys() - got.keys()]
    found += [f"{table} should not have {got[key]}" for key in got.keys() - wanted.keys()]
    for key in wanted.keys() & got.keys():
        if got[key] != wanted[key]:
            columns = sorted(wanted[key].keys() ^ got[key].keys())
            found += [f"{table}.{column} is known to one side only" for column in columns]
            found += [
                f"{table} {key}: {column} is {got[key][column]!r}, should be {value!r}"
                for column, value in wanted[key].items()
                if column in got[key] and got[key][column] != value
            ]
    return found


def stored(connection: sa.Connection, table: GoldTable, source: str) -> dict[Any, Row]:
    """The rows of a Gold table that belong to a source, by primary key, without their hash."""
    with cursor_of(connection) as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM {} t WHERE {}").format(
                names(table.column_names), sql.Identifier("gold", table.name), of_source(table)
            ),
            {"source": source},
        )
        rows = [dict(zip(table.column_names, row, strict=True)) for row in cursor.fetchall()]
    return {tuple(row[column] for column in table.primary_key): row for row in rows}


def pending(connection: sa.Connection, source: str, tables: Collection[str]) -> set[tuple[str, str, str]]:
    """What those tables have not taken up."""
    with cursor_of(connection) as cursor:
        cursor.execute("SELECT consumer, role, id FROM meta.pending WHERE source_system = %s", (source,))
        return {found for found in cursor.fetchall() if found[0] in tables}


_FOREIGN_KEYS = """
SELECT child.relname, a.attname, parent.relname
FROM pg_constraint c
JOIN pg_class child ON child.oid = c.conrelid AND NOT child.relispartition
JOIN pg_class parent ON parent.oid = c.confrelid
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND c.connamespace = 'gold'::regnamespace AND NOT c.condeferrable AND c.convalidated
  AND c.conparentid = 0
"""


def foreign_keys(engine: sa.Engine) -> set[tuple[str, str, str]]:
    """(table, column, table it refers to) of each foreign key of Gold that no transaction can put off."""
    with engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute(_FOREIGN_KEYS)
        return set(cursor.fetchall())
