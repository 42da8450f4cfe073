"""What a demo database was made of, kept in the comment of its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever psycopg2 calls it

from retail_medallion.errors import ConfigurationError


def remembered(connection: Connection, schema: str) -> dict[str, Any] | None:
    """What the comment of the schema says; None where there is no such schema.

    Raises:
        ConfigurationError: The schema exists and was not made here.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", (schema,))
        found = cursor.fetchone()
    if found is None:
        return None
    try:
        note = json.loads(found[0] or "")
    except ValueError:
        note = None
    if not isinstance(note, dict) or "retail_medallion_demo" not in note:
        raise ConfigurationError(
            f"There is a schema {schema} that the demo did not make.",
            where=f"database {connection.info.dbname}",
            fix="Give the demo a database of its own (DEMO_DB_NAME and the like), or drop the schema yourself.",
        )
    return note


def remember(connection: Connection, note: Mapping[str, object], schema: str) -> None:
    """Write what the data was made of into the comment of the schema."""
    with connection.cursor() as cursor:
        comment = sql.SQL("COMMENT ON SCHEMA {} IS %s").format(sql.Identifier(schema))
        cursor.execute(comment, (json.dumps(note, sort_keys=True),))
