"""Recomputes the current state of some keys from their versions, and tells whoever wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

    from retail_medallion.silver.statements import EntityStatements


def renew_current(cursor: Cursor, statements: EntityStatements, parameters: Mapping[str, Any]) -> int:
    """Recompute the rows of the keys in `pg_temp.affected`, and put what changed into the pending queue.

    Args:
        cursor: In a transaction that holds the lock of the entity and source.
        statements: The statements of the entity.
        parameters: `source` and `entity`.

    Returns:
        How many current rows are other than before.
    """
    cursor.execute("ANALYZE pg_temp.affected")
    cursor.execute(statements.remember_before, parameters)
    cursor.execute(statements.delete_current, parameters)
    cursor.execute(statements.insert_current, parameters)
    cursor.execute(statements.remember_changes, parameters)
    cursor.execute("SELECT count(*) FROM pg_temp.changed")
    row = cursor.fetchone()
    changed = 0 if row is None else int(row[0])
    if changed:
        cursor.execute(statements.insert_pending, parameters)
    return changed
