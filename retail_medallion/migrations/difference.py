"""What a warehouse has other than the canonical model says, one line per table, column, index and view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from retail_medallion.migrations import books
from retail_medallion.migrations.checks import same_check
from retail_medallion.model import CanonicalModel
from retail_medallion.silver import tables, views

Apply = Callable[[Operations], None]

# Tables beside those of the model mean that an entity was taken out; elsewhere they belong to somebody else.
_ENTITY_SCHEMAS = ("silver", "silver_versions")

_MONTHS = sa.text(
    "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relispartition AND n.nspname = ANY(:schemas)"
)


@dataclass(frozen=True)
class Difference:
    """One thing a warehouse has other than the model says.

    Attributes:
        place: Table, column, index or view.
        what: What is different, in words.
        stops_runs: A run would fail on it, or write something wrong.
        apply: Brings it about without losing anything; None where that takes a revision written by hand.
    """

    place: str
    what: str
    stops_runs: bool
    apply: Apply | None = field(default=None, repr=False, compare=False)

    @property
    def is_additive(self) -> bool:
        """Whether `migrate` may apply it."""
        return self.apply is not None

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def compare(connection: sa.Connection, model: CanonicalModel) -> list[Difference]:
    """Everything of Silver that is other than the model says, in an order in which it can be applied.

    Gold is not looked at: its tables are derived and change their shape by themselves.
    """
    metadata = books.expected(model)
    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": _only_ours(connection, metadata),
            "include_object": _all_but_foreign_indexes,
            "compare_type": True,
            **books.VERSION_OPTIONS,
        },
    )
    found = list(_differences(connection, _flat(compare_metadata(context, metadata))))
    found += _other_keys(connection, metadata)
    found += _other_checks(connection, metadata)
    found += [_outdated(connection, view) for view in views.outdated_views(connection, model)]
    return found


def _only_ours(connection: sa.Connection, metadata: sa.MetaData) -> Callable[..., bool]:
    months = set(connection.execute(_MONTHS, {"schemas": list(tables.SCHEMAS)}).scalars())

    def include_name(name: str | None, kind: str, parents: dict[str, Any]) -> bool:
        if kind == "schema":
            return name in tables.SCHEMAS
        if kind == "table":
            full_name = f"{parents['schema_name']}.{name}"
            return full_name in metadata.tables or (
                parents["schema_name"] in _ENTITY_SCHEMAS and full_name not in months
            )
        return True

    return include_name


def _all_but_foreign_indexes(_: object, __: str, kind: str, reflected: bool, wanted: object) -> bool:  # noqa: FBT001 Alembic's
    # Gold adds indexes of its own to Silver, and so may whoever runs the warehouse.
    return not (kind == "index" and reflected and wanted is None)


def _flat(differences: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    for difference in differences:
        yield from difference if isinstance(difference, list) else [difference]


def _differences(connection: sa.Connection, found: Iterator[tuple[Any, ...]]) -> Iterator[Difference]:
    for kind, *rest in found:
        if kind == "add_table":
            yield _missing_table(rest[0])
        elif kind == "remove_table":
            yield Difference(str(rest[0]), "is not in the model; it keeps its rows", stops_runs=False)
        elif kind == "add_column":
            yield _missing_column(connection, *rest)
        elif kind == "remove_column":
            schema, table, column = rest
            yield Difference(f"{schema}.{table}.{column.name}", "is not in the model", stops_runs=True)
        elif kind.startswith("modify_"):
            yield _other_column(connection, kind, *rest)
        elif kind in {"add_index", "remove_index"}:
            yield _other_index(kind, rest[0])
        elif kind in {"add_table_comment", "remove_table_comment"}:
            yield _other_table_comment(rest[0])
        else:
            name = getattr(rest[0], "name", None) or "a constraint"
            yield Difference(f"{rest[0].table}.{name}", kind.replace("_", " "), stops_runs=True)


def _missing_table(table: sa.Table) -> Difference:
    return Difference(
        str(table), "the table is missing", stops_runs=True, apply=lambda o: table.create(o.get_bind(), checkfirst=True)
    )


def _missing_column(connection: sa.Connection, schema: str, table: str, column: sa.Column[Any]) -> Difference:
    place, kind = f"{schema}.{table}.{column.name}", str(column.type).lower()
    new = column._copy()  # noqa: SLF001 a column belongs to one table; SQLAlchemy has no public way to copy it

    def add(operations: Operations) -> None:
        operations.add_column(table, new, schema=schema)

    if not column.nullable and column.server_default is None and _has(connection, schema, table):
        what = f"the column is missing ({kind}); it is required, and the table has rows"
        return Difference(place, what, stops_runs=True)
    return Difference(place, f"the column is missing ({kind})", stops_runs=True, apply=add)


def _other_column(
    connection: sa.Connection, kind: str, schema: str, table: str, column: str, known: Any, was: Any, wanted: Any
) -> Difference:
    place = f"{schema}.{table}.{column}"
    if kind == "modify_comment":

        def describe(operations: Operations) -> None:
            operations.alter_column(table, column, schema=schema, comment=wanted, existing_type=known["existing_type"])

        return Difference(place, "another description", stops_runs=False, apply=describe)
    if kind == "modify_nullable":

        def tighten_or_loosen(operations: Operations) -> None:
            operations.alter_column(table, column, schema=schema, nullable=wanted)

        if wanted:
            return Difference(place, "may be empty now", stops_runs=True, apply=tighten_or_loosen)
        if _has(connection, schema, table, empty=column):
            return Difference(place, "is required now, and has rows without a value", stops_runs=True)
        return Difference(place, "is required now", stops_runs=True, apply=tighten_or_loosen)
    if kind == "modify_type":
        return Difference(place, f"the type is {str(was).lower()} and has to be {str(wanted).lower()}", stops_runs=True)
    return Difference(place, kind.replace("_", " "), stops_runs=True)


def _other_index(kind: str, index: sa.Index) -> Difference:
    place = f"{index.table}.{index.name}" if index.table is not None else str(index.name)
    if kind == "add_index":
        return Difference(
            place, "the index is missing", stops_runs=False, apply=lambda o: index.create(o.get_bind(), checkfirst=True)
        )
    return Difference(place, "the index is another", stops_runs=False, apply=lambda o: index.drop(o.get_bind()))


def _other_table_comment(table: sa.Table) -> Difference:
    def describe(operations: Operations) -> None:
        operations.create_table_comment(table.name, table.comment, schema=table.schema)

    return Difference(str(table), "another description", stops_runs=False, apply=describe)


def _outdated(connection: sa.Connection, view: views.View) -> Difference:
    return Difference(
        view.full_name,
        "the view is missing or older than the model",
        stops_runs=False,
        apply=lambda _: views.replace_views(connection, [view]),
    )


def _other_keys(connection: sa.Connection, metadata: sa.MetaData) -> Iterator[Difference]:
    """Alembic does not compare primary keys."""
    inspector = sa.inspect(connection)
    for schema in tables.SCHEMAS:
        for (_, name), key in inspector.get_multi_pk_constraint(schema=schema).items():
            table = metadata.tables.get(f"{schema}.{name}")
            if table is None or key is None:
                continue
            was, wanted = list(key["constrained_columns"]), [column.name for column in table.primary_key.columns]
            if was != wanted:
                what = f"the key is {', '.join(was) or 'missing'} and has to be {', '.join(wanted)}"
                yield Difference(str(table), what, stops_runs=True)


def _other_checks(connection: sa.Connection, metadata: sa.MetaData) -> Iterator[Difference]:
    """Alembic does not compare CHECK constraints."""
    inspector = sa.inspect(connection)
    for schema in tables.SCHEMAS:
        for (_, name), found in inspector.get_multi_check_constraints(schema=schema).items():
            table = metadata.tables.get(f"{schema}.{name}")
            if table is None:
                continue
            kept = {str(check["name"]): check["sqltext"] for check in found}
            wanted = {str(c.name): str(c.sqltext) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            for check in sorted(wanted):
                if check not in kept:
                    yield _missing_check(connection, table, check, wanted[check])
                elif not same_check(kept[check], wanted[check]):
                    what = f"the check is {kept[check]} and has to be {wanted[check]}"
                    yield Difference(f"{table}.{check}", what, stops_runs=True)
            for check in sorted(set(kept) - set(wanted)):
                yield Difference(f"{table}.{check}", "the check is not in the model", stops_runs=False)


def _missing_check(connection: sa.Connection, table: sa.Table, name: str, condition: str) -> Difference:
    place, what = f"{table}.{name}", f"the check is missing ({condition})"
    present = {column["name"] for column in sa.inspect(connection).get_columns(table.name, schema=table.schema)}
    # Where it speaks of a column that is still to be added, PostgreSQL looks at the rows when it is made.
    if present >= set(table.columns.keys()):
        broken = sa.select(sa.literal(1)).select_from(table).where(sa.text(f"NOT ({condition})"))
        if connection.scalar(sa.select(broken.exists())):
            return Difference(place, f"{what}, and rows break it", stops_runs=True)

    def add(operations: Operations) -> None:
        operations.create_check_constraint(name, table.name, condition, schema=table.schema)

    return Difference(place, what, stops_runs=True, apply=add)


def _has(connection: sa.Connection, schema: str, table: str, *, empty: str | None = None) -> bool:
    """Whether a table has rows, or rows without a value in a column."""
    found = sa.table(table, *([sa.column(empty)] if empty else []), schema=schema)
    rows = sa.select(sa.literal(1)).select_from(found)
    if empty:
        rows = rows.where(found.c[empty].is_(None))
    return bool(connection.scalar(sa.select(rows.exists())))
