"""Questions to the demo database."""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg2
from psycopg2 import sql

from retail_medallion.demo.tables import TABLES


def ask(
    connection: psycopg2.extensions.connection, query: str | sql.Composable, *values: object
) -> list[tuple[Any, ...]]:
    """All rows of the answer; the transaction is over afterwards."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        rows = cursor.fetchall()
    connection.rollback()
    return rows


def of_table(query: str, table: str) -> sql.Composed:
    """The query with the table's name where it says `{}`."""
    return sql.SQL(query).format(sql.Identifier("shop", table))


def digests(connection: psycopg2.extensions.connection) -> dict[str, str]:
    """A digest of every table of the demo, whatever the order of its rows."""
    found = {}
    for table in TABLES:
        content = hashlib.sha256()
        for (row,) in sorted(ask(connection, of_table("SELECT t::text FROM {} t", table))):
            content.update(row.encode())
        found[table] = content.hexdigest()
    return found
