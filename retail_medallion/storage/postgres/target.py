"""Which rows of which table an asset's partitions are: its slice, and the windows of its partition column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from retail_medallion.errors import ConfigurationError, SourceSchemaError
from retail_medallion.storage.dagster_partitions import Window, merged
from retail_medallion.storage.postgres.catalogue import TableColumn, TableName
from retail_medallion.storage.postgres.ddl import DeclaredColumn
from retail_medallion.storage.postgres.failures import translated

TABLE = "postgres/table"
PARTITION_COLUMN = "postgres/partition_column"
PARTITION_EXPRESSION = "partition_expr"
SLICE = "postgres/slice"
COLUMN_SCHEMA = "dagster/column_schema"

DEFAULT_SCHEMA = "public"
_TIME_TYPES = ("date", "timestamp", "timestamptz")


@dataclass(frozen=True)
class TableTarget:
    """Where an asset lives.

    Attributes:
        table: The table.
        partition_column: The column that tells a row's partition; None for an asset without partitions.
        slice: Column to value: the asset is only those rows of the table, where several assets share it.
        declared: The columns the asset declares, or None where the data says what they are.
    """

    table: TableName
    partition_column: str | None = None
    slice: Mapping[str, Any] = field(default_factory=dict)
    declared: Sequence[DeclaredColumn] | None = None

    @classmethod
    def of_asset(cls, path: Sequence[str], metadata: Mapping[str, Any], *, partitioned: bool) -> TableTarget:
        """Read an asset's key and metadata.

        Args:
            path: The parts of the asset key; the last names the table, the one before it the schema.
            metadata: The asset's metadata; ``postgres/table``, ``postgres/partition_column`` (or ``partition_expr``),
                ``postgres/slice`` and ``dagster/column_schema`` are looked at.
            partitioned: Whether the asset has partitions.

        Raises:
            ConfigurationError: A partitioned asset names no partition column, or a value is malformed.
        """
        where = f"asset {'/'.join(path)}"
        named = _plain(metadata.get(TABLE))
        default = TableName(path[-1], path[-2] if len(path) > 1 else DEFAULT_SCHEMA)
        column = _plain(metadata.get(PARTITION_COLUMN, metadata.get(PARTITION_EXPRESSION)))
        if partitioned and not column:
            raise ConfigurationError(
                "A partitioned asset has to say which column tells a row's partition",
                where=where,
                fix=f'give the asset metadata={{"{PARTITION_COLUMN}": "<column>"}}',
            )
        rows = _plain(metadata.get(SLICE)) or {}
        if not isinstance(rows, Mapping):
            raise ConfigurationError(f"{SLICE} is no mapping of column to value", where=where)
        return cls(
            TableName.parse(named) if named else default,
            column if partitioned else None,
            dict(rows),
            _declared(_plain(metadata.get(COLUMN_SCHEMA))),
        )

    def lock(self, partition: str | None) -> str:
        """Name the advisory lock of a partition (or of the whole slice): two writers of it wait for one another."""
        parts = [str(self.table), *(f"{name}={value}" for name, value in sorted(self.slice.items()))]
        return "|".join([*parts, "*" if partition is None else partition])


@dataclass(frozen=True)
class Extent:
    """Some partitions of a target, or all of it.

    Attributes:
        keys: The partition keys; None for the whole slice.
        windows: Each key's span of time; None where the partitions are not made of time.
    """

    keys: Sequence[str] | None = None
    windows: Mapping[str, Window] | None = None

    def only(self, key: str) -> Extent:
        """Give the extent of one of the partitions."""
        return Extent([key], None if self.windows is None else {key: self.windows[key]})

    def __str__(self) -> str:
        if self.keys is None:
            return "all of it"
        return f"partition {self.keys[0]}" if len(self.keys) == 1 else f"partitions {self.keys[0]} to {self.keys[-1]}"


def reflected(connection: sa.Connection | sa.Engine, table: TableName) -> sa.Table:
    """Read a table's columns from the catalogue as a SQLAlchemy table.

    Raises:
        SourceSchemaError: There is no such table.
    """
    try:
        with translated(f"table {table}"):
            return sa.Table(table.name, sa.MetaData(), schema=table.schema, autoload_with=connection, resolve_fks=False)
    except sa.exc.NoSuchTableError:
        pass
    raise SourceSchemaError(
        f"There is no table {table}", fix="materialise the asset that makes it first, or correct the name"
    )


def rows_of(table: sa.FromClause, target: TableTarget, extent: Extent, columns: Sequence[TableColumn]) -> list[Any]:
    """Make the conditions that pick a target's rows of an extent out of ``table`` (or out of a stage like it).

    Raises:
        SourceSchemaError: The partition column or a slice column is missing.
    """
    conditions: list[Any] = [column_of(table, name) == value for name, value in target.slice.items()]
    if target.partition_column is None or extent.keys is None:
        return conditions
    column = column_of(table, target.partition_column)
    kind = type_of(columns, target.partition_column)
    if extent.windows is None or kind not in _TIME_TYPES:
        return [*conditions, sa.cast(column, sa.Text).in_(list(extent.keys))]
    spans = [
        sa.and_(column >= bound(window.start, kind), column < bound(window.end, kind))
        for window in merged(extent.windows.values())
    ]
    return [*conditions, sa.or_(*spans)]


def bound(moment: dt.datetime, kind: str) -> sa.ColumnElement[Any]:
    """Make the end of a window comparable with a column of type ``kind``.

    A ``timestamptz`` is compared as a moment; ``timestamp`` and ``date`` as the partitions' own wall clock shows it.

    Raises:
        ConfigurationError: Windows that do not begin at midnight cannot be told apart by a date.
    """
    if kind == "timestamptz":
        return sa.literal(moment, sa.DateTime(timezone=True))
    wall = moment.replace(tzinfo=None)
    if kind == "timestamp":
        return sa.literal(wall, sa.DateTime())
    if wall.time() != dt.time():
        raise ConfigurationError(
            "A date column cannot tell partitions shorter than a day apart", fix="partition by a timestamp column"
        )
    return sa.literal(wall.date(), sa.Date())


def column_of(table: sa.FromClause, name: str) -> sa.ColumnElement[Any]:
    """Give a column of a table by name.

    Raises:
        SourceSchemaError: There is none.
    """
    if name not in table.c:
        raise SourceSchemaError(
            f"Column {name!r} is not in table {table.description}",
            why=f"it has {', '.join(table.c.keys())}",
            fix=f"correct {PARTITION_COLUMN} or {SLICE} in the asset's metadata",
        )
    return table.c[name]


def type_of(columns: Sequence[TableColumn], name: str) -> str:
    """Give the name of a built-in column type (``timestamptz``); an empty text for any other."""
    found = next((column.type for column in columns if column.name == name), None)
    return found.name if found is not None and found.builtin else ""


def _plain(value: Any) -> Any:
    """Unwrap a Dagster metadata value."""
    return getattr(value, "value", value)


def _declared(schema: Any) -> list[DeclaredColumn] | None:
    """Read a Dagster TableSchema: column types are PostgreSQL types."""
    if schema is None:
        return None
    schema = getattr(schema, "schema", schema)
    return [DeclaredColumn(column.name, column.type, not column.constraints.nullable) for column in schema.columns]
