"""Compares stored Silver with what it has to be: versions with their books, the current state with the versions."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import sqlalchemy as sa
from psycopg2 import sql

from retail_medallion.model import Entity
from retail_medallion.silver import statements
from retail_medallion.storage.postgres.session import raw_connection

_VERSION_TOTALS = "SELECT count(*){totals} FROM {versions} WHERE source_system = %(source)s"

# Columns by name: a column that was added to a table stands last there, wherever the model has it.
_DIFFERENCES = """
    SELECT count(*) FROM (SELECT {columns} FROM ({recomputed}) recomputed) wanted
    FULL JOIN (SELECT {columns} FROM {current} WHERE source_system = %(source)s) stored ON wanted.{key} = stored.{key}
    WHERE (wanted.{key} IS NULL) OR (stored.{key} IS NULL) OR ROW(wanted.*) IS DISTINCT FROM ROW(stored.*)
"""


def version_totals(
    connection: sa.Connection, source: str, entity: Entity, columns: Iterable[str]
) -> tuple[int, dict[str, Decimal]]:
    """Rows of `silver_versions.<entity>` of a source, and the sum of each of the columns."""
    wanted = list(columns)
    totals = [sql.SQL(", coalesce(sum({}), 0)").format(sql.Identifier(name)) for name in wanted]
    statement = sql.SQL(_VERSION_TOTALS).format(
        totals=sql.SQL("").join(totals), versions=sql.Identifier("silver_versions", entity.entity)
    )
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(statement, {"source": source})
        row = cursor.fetchone() or (0, *(Decimal(0) for _ in wanted))
    return int(row[0]), dict(zip(wanted, (Decimal(value) for value in row[1:]), strict=True))


def differing_rows(connection: sa.Connection, source: str, entity: Entity) -> int:
    """Rows of `silver.<entity>` of a source that are missing, too many, or other than the versions say."""
    statement = sql.SQL(_DIFFERENCES).format(
        recomputed=statements.for_entity(entity).recompute_current,
        columns=sql.SQL(", ").join([sql.Identifier(name) for name in statements.current_columns(entity)]),
        current=sql.Identifier("silver", entity.entity),
        key=sql.Identifier(entity.key),
    )
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(statement, {"source": source, "entity": entity.entity})
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])
