"""Brings an existing Gold table to the shape that is declared now.

A table people read has grants, views and comments of theirs on it, so it is altered and never dropped. What can be done
while its rows stay readable is done; everything else is refused, and `rebuild` does it when somebody asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import errors, sql

from retail_medallion.errors import SchemaDriftError
from retail_medallion.gold import shape
from retail_medallion.gold.definition import Column, GoldTable

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

REBUILD = "retail-medallion rebuild-gold"
"""The command that makes changes which are refused otherwise."""

_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_NAMES_IN_FULL = {"timestamptz": "timestamp with time zone"}

_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

_PARTS = """
SELECT conname FROM pg_constraint WHERE conrelid = %(table)s::regclass
UNION SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = %(table)s::regclass
"""


@dataclass(frozen=True)
class Difference:
    """How a table differs from its declaration.

    Attributes:
        added: Declared columns it lacks.
        retyped: Columns whose type or emptiness is declared otherwise, with both as they are now.
        extra: Columns that are not declared.
        new_parts: Constraints and indexes it lacks.
        other_parts: Names of constraints and indexes that are declared otherwise, or no longer.
        other_partitions: Whether it is divided by another column.
    """

    added: Sequence[Column]
    retyped: Sequence[tuple[Column, str, bool]]
    extra: Sequence[str]
    new_parts: Sequence[shape.Part]
    other_parts: Sequence[str]
    other_partitions: bool


def difference(cursor: Cursor, table: GoldTable, written: Mapping[str, str] | None) -> Difference:
    """Compare the table with its declaration.

    Args:
        cursor: Cursor of the caller's transaction.
        table: An existing table.
        written: `shape.written` of the declaration it was made by; None where it was not recorded yet: what has the
            declared name then counts as declared.
    """
    cursor.execute(_COLUMNS, (f"gold.{table.name}",))
    stored = {name: (kind, nullable) for name, kind, nullable in cursor.fetchall()}
    declared = {column.name: column for column in shape.columns(table)}
    now = shape.written(cursor, table)
    before = dict(_found_by_name(cursor, table, now) if written is None else written)
    return Difference(
        added=[column for name, column in declared.items() if name not in stored],
        retyped=[
            (declared[name], kind, nullable)
            for name, (kind, nullable) in stored.items()
            if name in declared and (full_type(declared[name]), declared[name].nullable) != (kind, nullable)
        ],
        extra=[name for name in stored if name not in declared],
        new_parts=[part for part in shape.parts(table) if part.name not in before],
        other_parts=[n for n, text in before.items() if n != shape.PARTITIONED_BY and now.get(n) != text],
        other_partitions=before[shape.PARTITIONED_BY] != now[shape.PARTITIONED_BY],
    )


def reshape(cursor: Cursor, table: GoldTable, written: Mapping[str, str] | None) -> None:
    """Alter the table to its declaration, where nothing is lost and the rows that are there can stay.

    That is: a new column that may be empty, a numeric column with more digits before the point, a new index, a new
    constraint that the rows meet.

    Raises:
        SchemaDriftError: Anything else is declared otherwise. Names the table and what differs.
    """
    found = difference(cursor, table, written)
    refused = [f"new column {c.name}, which may not be empty" for c in found.added if not c.nullable]
    refused += [
        f"column {c.name} is {_in_words(kind, nullable)}, declared {_in_words(c.type, c.nullable)}"
        for c, kind, nullable in found.retyped
        if nullable != c.nullable or not _is_wider(c, kind)
    ]
    refused += [f"column {name} is not declared" for name in found.extra]
    refused += [f"{name} is declared otherwise, or no longer" for name in found.other_parts]
    if found.other_partitions:
        refused.append("partitioned by another column")
    if refused:
        raise SchemaDriftError(
            f"The declaration of gold.{table.name} changed in a way that its rows cannot follow.",
            where=f"gold.{table.name}",
            why="; ".join(refused),
            fix=f"{REBUILD} empties the Gold tables, alters them and fills them again, in one transaction that keeps"
            " grants and views. Columns that are not declared are dropped.",
        )
    run(cursor, table, [*column_changes(table, found), *[part.add(table) for part in found.new_parts]])


def column_changes(table: GoldTable, found: Difference) -> list[sql.Composed]:
    """The statements that add and alter columns."""
    alter = sql.SQL("ALTER TABLE {} ").format(shape.identifier(table))
    statements = [alter + sql.SQL("ADD COLUMN {}").format(shape.column_definition(c)) for c in found.added]
    for column, kind, nullable in found.retyped:
        of = alter + sql.SQL("ALTER COLUMN {} ").format(sql.Identifier(column.name))
        if kind != full_type(column):
            # Only a table without rows is given another kind of column: the cast has to exist, not to succeed.
            change = "TYPE {kind}" if _is_wider(column, kind) else "TYPE {kind} USING {name}::text::{kind}"
            statements.append(of + sql.SQL(change).format(name=sql.Identifier(column.name), kind=sql.SQL(column.type)))
        if nullable != column.nullable:
            statements.append(of + sql.SQL("DROP NOT NULL" if column.nullable else "SET NOT NULL"))
    return statements


def run(cursor: Cursor, table: GoldTable, statements: Sequence[sql.Composable]) -> None:
    """Execute changes of the table.

    Raises:
        SchemaDriftError: A view hangs on what changes, or the rows do not meet a new constraint.
    """
    for statement in statements:
        try:
            cursor.execute(statement)
        except (errors.FeatureNotSupported, errors.DependentObjectsStillExist) as error:
            raise _failed(
                table, error, details=True, fix="Drop what depends on it, run again, create it again."
            ) from None
        except psycopg2.IntegrityError as error:
            # The detail would quote a row.
            raise _failed(table, error, details=False, fix=f"{REBUILD} computes the rows anew.") from None


def full_type(column: Column) -> str:
    """The declared type as the catalogue writes it."""
    return _NAMES_IN_FULL.get(column.type, column.type)


def _found_by_name(cursor: Cursor, table: GoldTable, now: Mapping[str, str]) -> dict[str, str]:
    cursor.execute(_PARTS, {"table": f"gold.{table.name}"})
    existing = {name for (name,) in cursor.fetchall()}
    return {name: text for name, text in now.items() if name == shape.PARTITIONED_BY or name in existing}


def _is_wider(column: Column, kind: str) -> bool:
    """Whether every value stays what it is, to the letter: the same scale, more digits before the point."""
    old, new = _NUMERIC.fullmatch(kind), _NUMERIC.fullmatch(column.type)
    return old is not None and new is not None and old[2] == new[2] and int(new[1]) > int(old[1])


def _in_words(kind: str, nullable: bool) -> str:  # noqa: FBT001 two halves of one type
    return kind if nullable else f"{kind} not null"


def _failed(table: GoldTable, error: psycopg2.Error, *, details: bool, fix: str) -> SchemaDriftError:
    said = [error.diag.message_primary, error.diag.message_detail if details else None]
    return SchemaDriftError(
        f"gold.{table.name} cannot be brought to its declaration; nothing was changed.",
        where=f"gold.{table.name}",
        why=": ".join(text for text in said if text),
        fix=fix,
    )
