"""Temporary tables of a transaction that writes Gold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it


def make_empty(cursor: Cursor, name: sql.Identifier, definition: sql.Composable) -> None:
    """Make an empty temporary table that lasts as long as the transaction.

    One that is there already is emptied. Dropped and made again it would hold further locks until the transaction ends,
    and a rebuild of many sources would run out of them.

    Args:
        cursor: Cursor of the transaction.
        name: Its name in `pg_temp`.
        definition: Its columns, in brackets.
    """
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} {} ON COMMIT DROP").format(
            sql.Identifier(name.strings[-1]), definition
        )
    )
    cursor.execute(sql.SQL("TRUNCATE {}").format(name))
