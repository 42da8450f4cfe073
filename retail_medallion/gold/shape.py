"""What the declaration of a Gold table means in the database: its columns, and its constraints and indexes by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.gold.definition import Column, GoldTable
from retail_medallion.gold.fragments import names
from retail_medallion.gold.registry import TABLES

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

ROW_HASH = Column("row_hash", "uuid", "hash of all other columns; a row is written only where it differs")
"""The column every Gold table has beside the declared ones."""

PARTITIONED_BY = "partitioned by"
"""Name under which `written` has the column a table is partitioned by."""


@dataclass(frozen=True)
class Part:
    """A constraint or an index of a table.

    Attributes:
        name: Its name in the database.
        definition: What follows the name where a constraint is added, or the table where an index is made.
        is_index: Whether it is an index of its own.
        is_reference: Whether it is a foreign key, which needs the table it refers to.
    """

    name: str
    definition: sql.Composable
    is_index: bool = False
    is_reference: bool = False

    def add(self, table: GoldTable) -> sql.Composed:
        """The statement that makes it."""
        if self.is_index:
            return sql.SQL("CREATE INDEX {} ON {} {}").format(
                sql.Identifier(self.name), identifier(table), self.definition
            )
        return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
            identifier(table), sql.Identifier(self.name), self.definition
        )

    def drop(self, table: GoldTable) -> sql.Composed:
        """The statement that removes it, if it is there."""
        if self.is_index:
            return sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier("gold", self.name))
        return sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(
            identifier(table), sql.Identifier(self.name)
        )


def identifier(table: GoldTable) -> sql.Identifier:
    """The table in the database."""
    return sql.Identifier("gold", table.name)


def columns(table: GoldTable) -> tuple[Column, ...]:
    """All stored columns."""
    return (*table.columns, ROW_HASH)


def column_definition(column: Column) -> sql.Composed:
    """Name, type and whether it may be empty."""
    return sql.SQL("{} {}{}").format(
        sql.Identifier(column.name), sql.SQL(column.type), sql.SQL("" if column.nullable else " NOT NULL")
    )


def parts(table: GoldTable) -> list[Part]:
    """Constraints and indexes, what others need first."""
    found = [_part(table, "pk", sql.SQL("PRIMARY KEY ({})").format(names(table.primary_key)))]
    found += [
        _part(table, f"unique_{number}", sql.SQL("UNIQUE ({})").format(names(unique)))
        for number, unique in enumerate(table.unique)
    ]
    found += [_part(table, c.name, sql.SQL("CHECK ({})").format(sql.SQL(c.condition))) for c in table.checks]
    found += [_part(table, e.name, sql.SQL("EXCLUDE {}").format(sql.SQL(e.definition))) for e in table.excludes]
    return [*found, *_indexes(table), *[_foreign_key(table, c) for c in table.columns if c.references]]


def written(cursor: Cursor, table: GoldTable) -> dict[str, str]:
    """Name to definition of what cannot be read back from the catalogue as it was declared."""
    texts = {part.name: part.definition.as_string(cursor) for part in parts(table)}
    return {**texts, PARTITIONED_BY: table.partition_column or ""}


def create(cursor: Cursor, table: GoldTable) -> None:
    """Create the table, empty."""
    storage: sql.Composable = sql.SQL(" WITH (fillfactor = 90)")
    if table.partition_column:
        storage = sql.SQL(" PARTITION BY RANGE ({})").format(sql.Identifier(table.partition_column))
    declared = sql.SQL(", ").join([column_definition(column) for column in columns(table)])
    cursor.execute(sql.SQL("CREATE TABLE {} ({}){}").format(identifier(table), declared, storage))
    for part in parts(table):
        cursor.execute(part.add(table))


def comment(cursor: Cursor, table: GoldTable) -> None:
    """Say in the database what the table and its columns mean."""
    text = f"{table.grain[0].upper()}{table.grain[1:]}."
    cursor.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(identifier(table), sql.Literal(text)))
    for column in columns(table):
        cursor.execute(
            sql.SQL("COMMENT ON COLUMN {} IS {}").format(
                sql.Identifier("gold", table.name, column.name), sql.Literal(column.meaning)
            )
        )


def _part(
    table: GoldTable,
    suffix: str,
    definition: sql.Composable,
    *,
    is_index: bool = False,
    is_reference: bool = False,
) -> Part:
    return Part(f"{table.name}_{suffix}"[:63], definition, is_index, is_reference)


def _foreign_key(table: GoldTable, column: Column) -> Part:
    references = str(column.references)
    to = table if references == table.name else TABLES[references]
    action = ""
    if table.name in to.cascades:
        action = " ON DELETE CASCADE"
    elif table.name in to.loosens and column.nullable:
        action = " ON DELETE SET NULL"
    definition = sql.SQL("FOREIGN KEY ({}) REFERENCES {} ({}){}").format(
        sql.Identifier(column.name),
        sql.Identifier("gold", references),
        sql.Identifier(to.primary_key[0]),
        sql.SQL(action),
    )
    return _part(table, f"{column.name}_fk", definition, is_reference=True)


def _indexes(table: GoldTable) -> list[Part]:
    wanted = [*table.indexes]
    # Deleting an inferred member asks every table that may refer to it: each such column leads an index.
    led = {leading[0] for leading, _ in wanted} | {table.primary_key[0]}
    wanted += [((column,), ()) for column in table.dimension_references if column not in led]
    found = [
        _part(
            table,
            "by_" + "_".join(leading),
            sql.SQL("({}){}").format(
                names(leading), sql.SQL(" INCLUDE ({})").format(names(included)) if included else sql.SQL("")
            ),
            is_index=True,
        )
        for leading, included in wanted
    ]
    return found + [
        _part(table, f"brin_{column}", sql.SQL("USING brin ({})").format(sql.Identifier(column)), is_index=True)
        for column in table.brin
    ]
