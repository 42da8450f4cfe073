"""Creates the tables and views of Silver in a warehouse database, and the month partitions of its version tables."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it
from sqlalchemy.schema import CreateSchema

from retail_medallion.mapping import Mapping
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.silver import tables, views
from retail_medallion.silver.findings.schema import ensure_findings
from retail_medallion.storage.postgres.session import raw_connection

_SCHEMA_LOCK = "retail_medallion.schema"


def take_schema_lock(connection: sa.Connection) -> None:
    """Let one session at a time create tables; held until the transaction ends."""
    connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))").bindparams(name=_SCHEMA_LOCK)
    )


def ensure_schema(connection: sa.Connection, model: CanonicalModel) -> None:
    """Create the schemas and tables of Silver that do not exist yet, and bring its views up to date.

    No table that exists is changed, but for indexes that findings look rows up by. Runs in the caller's transaction.
    """
    take_schema_lock(connection)
    for schema in tables.SCHEMAS:
        connection.execute(CreateSchema(schema, if_not_exists=True))
    tables.metadata.create_all(connection)
    tables.model_metadata(model).create_all(connection)
    ensure_findings(connection, model)
    views.replace_views(connection, views.outdated_views(connection, model))


def register_source(connection: sa.Connection, mapping: Mapping, first_partition: dt.date) -> None:
    """Write down the settings of a source that every reader of the warehouse may need."""
    values = {
        "source_system": mapping.source.code,
        "tenant": mapping.source.tenant,
        "name": mapping.source.code,
        "timezone": mapping.source.timezone,
        "currency": mapping.source.currency,
        "country": mapping.source.country,
        "language": mapping.source.language,
        "first_partition": first_partition,
        "mapping_version": mapping.version,
        "fiscal_first_month": mapping.source.fiscal_calendar.first_month,
        "fiscal_pattern": mapping.source.fiscal_calendar.pattern,
        "shows_personal_data": mapping.source.personal_data == "shown",
    }
    insert = sa.dialects.postgresql.insert(tables.source).values(values)
    changed = sa.tuple_(*(tables.source.c[name] for name in values)).is_distinct_from(
        sa.tuple_(*(insert.excluded[name] for name in values))
    )
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["source_system"],
            set_={name: insert.excluded[name] for name in values if name != "source_system"},
            where=changed,
        )
    )


def month_name(entity: Entity, day: dt.date) -> str:
    """Name of the month partition of `silver_versions.<entity>` that holds `day`."""
    return f"{entity.entity}_{day:%Y_%m}"


def ensure_month(connection: sa.Connection, entity: Entity, day: dt.date) -> None:
    """Create the month partition of `silver_versions.<entity>` that holds `day`.

    A table is made first and attached after, because ATTACH lets readers and writers of the other months go on while
    CREATE TABLE .. PARTITION OF would lock them out.
    """
    first = day.replace(day=1)
    following = (first + dt.timedelta(days=31)).replace(day=1)
    name = month_name(entity, day)
    with raw_connection(connection).cursor() as cursor:
        if _exists(cursor, name):
            return
        parent, child = sql.Identifier("silver_versions", entity.entity), sql.Identifier("silver_versions", name)
        cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE").format(parent))
        if _exists(cursor, name):
            return
        cursor.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(child, parent)
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                parent, child, sql.Literal(first), sql.Literal(following)
            )
        )


def _exists(cursor: Cursor, name: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"silver_versions.{name}",))
    row = cursor.fetchone()
    return row is not None and bool(row[0])
