"""Creates what findings need in a warehouse database, and tells the Silver writer what they want to hear of."""

from __future__ import annotations

import sqlalchemy as sa

from retail_medallion.model import CanonicalModel
from retail_medallion.silver.findings.registry import consumed
from retail_medallion.silver.findings.relations import minor_unit_function
from retail_medallion.silver.tables import current_table
from retail_medallion.storage.postgres.session import raw_connection

CONSUMER = "findings"
"""Name under which the pending queue keeps what findings want to hear of."""


def ensure_findings(connection: sa.Connection, model: CanonicalModel) -> None:
    """Create indexes and the function of minor units where they are missing, and register for changes.

    Needs the tables of Silver, and the caller's lock on the schema. Rules that are new or changed are computed in full
    by the next refresh of each source.
    """
    with raw_connection(connection).cursor() as cursor:
        function = minor_unit_function()
        cursor.execute("SELECT obj_description(to_regprocedure('silver_meta.minor_unit(text)'), 'pg_proc')")
        row = cursor.fetchone()
        if row is None or row[0] != function:
            cursor.execute(function)
            cursor.execute("COMMENT ON FUNCTION silver_meta.minor_unit(text) IS %s", (function,))
        wanted = consumed(model)
        cursor.execute("SELECT entity, role FROM meta.consumer WHERE consumer = %s", (CONSUMER,))
        if set(cursor.fetchall()) == wanted:
            return
        # A write that began before this commits may not know the new roles: wait for it, so that its change is in
        # Silver when new rules are computed.
        cursor.execute("LOCK TABLE meta.consumer IN ACCESS EXCLUSIVE MODE")
        cursor.execute("DELETE FROM meta.consumer WHERE consumer = %s", (CONSUMER,))
        cursor.executemany(
            "INSERT INTO meta.consumer (consumer, entity, role) VALUES (%s, %s, %s)",
            [(CONSUMER, entity, role) for entity, role in sorted(wanted)],
        )
    for entity in model.entities.values():
        for index in current_table(entity).indexes:
            index.create(connection, checkfirst=True)
