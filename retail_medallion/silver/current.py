"""Recomputes the current state of some keys from their versions, and tells whoever wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

    from retail_medallion.silver.statements import EntityStatements

_LOOKED_UP_ONE_BY_ONE = 5_000
"""Up to so many keys are looked up by index. Left alone, the planner reads all months of a long history for a few
hundred keys, because it cannot tell how few versions each of them has."""
_LOOK_UP = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
_JOIN_AGAIN = "SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT"


MANY = 5_000
"""From so many changes on it may be better to say that everything changed."""


def renew_current(cursor: Cursor, statements: EntityStatements, parameters: Mapping[str, Any]) -> int:
    """Recompute the rows of the keys in `pg_temp.affected`, and put what changed into the pending queue.

    Keys in `pg_temp.revised` are told as well, under the role that asks for their states over time.

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
    cursor.execute("SELECT count(*) FROM pg_temp.affected")
    few = _number(cursor) <= _LOOKED_UP_ONE_BY_ONE
    if few:
        cursor.execute(_LOOK_UP)
    cursor.execute(statements.insert_current, parameters)
    if few:
        cursor.execute(_JOIN_AGAIN)
    cursor.execute(statements.remember_changes, parameters)
    cursor.execute("SELECT count(*) FROM pg_temp.changed")
    changed = _number(cursor)
    cursor.execute("SELECT count(*) FROM pg_temp.revised")
    if changed or _number(cursor):
        in_bulk = _is_most(cursor, statements, parameters, changed)
        cursor.execute(statements.insert_pending, {**parameters, "in_bulk": in_bulk})
    return changed


def _is_most(cursor: Cursor, statements: EntityStatements, parameters: Mapping[str, Any], changed: int) -> bool:
    """Whether a consumer does better to look at all rows of the entity than at so many by their keys."""
    if changed <= MANY:
        return False
    cursor.execute(statements.count_current, parameters)
    return changed * 2 > _number(cursor)


def _number(cursor: Cursor) -> int:
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])
