"""Pieces of SQL that the statements of Gold are put together from."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from psycopg2 import sql

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.registry import referencing

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

_FACT_OF_SOURCE = "t.source_key = gold.member_key('sources', %(source)s, %(source)s)"
_MEMBER_OF_SOURCE = "t.source_system = %(source)s"


def cursor_of(connection: sa.Connection) -> Cursor:
    """A psycopg2 cursor in the connection's transaction."""
    return cast("Cursor", connection.connection.cursor())


def temporary(kind: str, table: GoldTable) -> sql.Identifier:
    """Name of the temporary table of that kind: `scope`, `staged` or `gone`."""
    return sql.Identifier("pg_temp", f"gold_{kind}_{table.name}")


def names(columns: tuple[str, ...] | list[str], alias: str | None = None) -> sql.Composed:
    """Quoted column names, separated by commas."""
    return sql.SQL(", ").join([sql.Identifier(alias, c) if alias else sql.Identifier(c) for c in columns])


def of_source(table: GoldTable) -> sql.SQL:
    """Condition that a row `t` of the table belongs to the source `%(source)s`."""
    if not table.has_source:
        return sql.SQL("true")
    return sql.SQL(_MEMBER_OF_SOURCE if "source_system" in table.column_names else _FACT_OF_SOURCE)


def same_key(table: GoldTable) -> sql.Composed:
    """Condition that the rows `t` and `s` have the same primary key."""
    return sql.SQL(" AND ").join([sql.SQL("t.{0} = s.{0}").format(sql.Identifier(c)) for c in table.primary_key])


def placeholder_values(table: GoldTable, *, source: sql.Composable, fixed: bool = False) -> sql.Composed:
    """Expressions over `id`, `key` and `label` that give a member nothing is known about.

    Args:
        table: The dimension.
        source: Its source, as SQL.
        fixed: One of the fixed members, which belong to no source and are not inferred.
    """
    tenant = (
        sql.SQL("''")
        if fixed
        else sql.SQL("(SELECT tenant FROM silver_meta.source WHERE source_system = {})").format(source)
    )
    own: dict[str, sql.Composable] = {
        table.primary_key[0]: sql.SQL("m.key"),
        "source_system": source,
        str(table.id_column): sql.SQL("m.id"),
        "tenant": tenant,
        "is_inferred": sql.SQL("false" if fixed else "true"),
    }
    values: list[sql.Composable] = []
    for column in table.columns:
        if column.name in own:
            value = own[column.name]
        elif column.references:
            value = sql.SQL("'00000000-0000-0000-0000-000000000000'")
        else:
            value = sql.SQL(column.inferred or "NULL")
        values.append(sql.SQL("CAST({} AS {}) AS {}").format(value, sql.SQL(column.type), sql.Identifier(column.name)))
    return sql.SQL(", ").join(values)


def is_used(dimension: str, key: sql.Composable) -> sql.Composable:
    """Condition that some row of Gold refers to a member of the dimension by that key."""
    uses: list[sql.Composable] = [
        sql.SQL("EXISTS (SELECT FROM {} u WHERE u.{} = {})").format(
            sql.Identifier("gold", user.name), sql.Identifier(column), key
        )
        for user, column in referencing(dimension)
    ]
    return sql.SQL(" OR ").join(uses) if uses else sql.SQL("false")
