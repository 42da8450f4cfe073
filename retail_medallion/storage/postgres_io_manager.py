"""Dagster assets as rows of PostgreSQL tables: replaced partition by partition, typed, atomic, streaming.

Usable in any Dagster project; ``docs/postgres_io_manager.md`` shows how.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from pydantic import Field, PrivateAttr

from retail_medallion.errors import ConfigurationError
from retail_medallion.storage.dagster_partitions import (
    Handover,
    PartitionRecord,
    asset_metadata,
    partitions_asked_for,
    recorded,
    time_windows,
)
from retail_medallion.storage.partitioned import PartitionData, PartitionedOutput, PartitionWriter
from retail_medallion.storage.postgres.catalogue import TableColumn
from retail_medallion.storage.postgres.session import ConnectionSettings
from retail_medallion.storage.postgres.store import Stored, TableStore
from retail_medallion.storage.postgres.target import Extent, TableTarget
from retail_medallion.storage.postgres.transactions import LOCK_TIMEOUT_SECONDS
from retail_medallion.storage.tabular import annotated_form, as_reader, convert, is_tabular

_FORMS: tuple[type, ...] = (pa.RecordBatchReader, pa.Table, pd.DataFrame, sa.Select, sa.Selectable)


class PostgresIOManager(dg.ConfigurableIOManager):
    """Stores what assets return in PostgreSQL tables, and gives it to the assets that depend on them.

    An asset returns one of

    * ``pyarrow.RecordBatchReader``, ``pyarrow.Table`` or ``pandas.DataFrame``: the rows of the run's partition, or of
      its whole range, replaced in one transaction;
    * :class:`~retail_medallion.storage.partitioned.PartitionedOutput`: partitions one by one, a transaction each, so a
      range that fails half-way keeps what was committed;
    * a SQLAlchemy selectable: the same replace, by INSERT .. SELECT inside PostgreSQL;
    * a :class:`~retail_medallion.storage.partitioned.PartitionWriter`: its own write, one transaction a day.

    An input annotated with ``RecordBatchReader``, ``Table``, ``DataFrame`` or ``sqlalchemy.Select`` gets the rows of
    the partitions it maps to; without an annotation, a ``RecordBatchReader``.

    The table is ``postgres/table`` of the asset's metadata, else the last two parts of its key. A partitioned asset
    names its ``postgres/partition_column`` (or ``partition_expr``); assets that share a table tell their rows by
    ``postgres/slice``; ``dagster/column_schema`` declares the columns, else the first data does.
    """

    host: str = Field(description="Host name or address of the server.")
    port: int = Field(default=5432, description="TCP port.")
    database: str = Field(description="Name of the database.")
    user: str = Field(description="Role to log in as.")
    password: str | None = Field(default=None, repr=False, description="Password; give it as dagster.EnvVar.")
    sslmode: str | None = Field(default=None, description="As libpq knows it, e.g. verify-full.")
    application_name: str = Field(default="dagster", description="Shown in pg_stat_activity.")
    lock_timeout_seconds: float = Field(
        default=LOCK_TIMEOUT_SECONDS, description="How long another writer of the same partition is waited for."
    )

    _store: TableStore | None = PrivateAttr(default=None)

    @property
    def store(self) -> TableStore:
        """The same reads and replaces without Dagster around them."""
        if self._store is None:
            self._store = TableStore(
                ConnectionSettings(
                    host=self.host,
                    port=self.port,
                    database=self.database,
                    user=self.user,
                    password=self.password,
                    application_name=self.application_name,
                    sslmode=self.sslmode,
                ),
                self.lock_timeout_seconds,
            )
        return self._store

    def handle_output(  # type: ignore[override]
        self, context: dg.OutputContext, obj: object
    ) -> Iterator[dg.AssetMaterialization]:
        """Replace the partitions of the run by what the asset returned.

        Raises:
            DateRangeError: The run names no partition of a partitioned asset, or an empty or reversed range.
            ConfigurationError: The asset returned something this IO manager does not know.
            DataContractError: Rows outside the partitions, or that break types or constraints; SchemaDriftError where
                columns differ. The table is left as it was.
            TransientError: The server went away or a lock was not granted.
        """
        # A generator, because Dagster then records what was committed before an error.
        yield from recorded(context, self._stored(context, obj))

    def load_input(self, context: dg.InputContext) -> Any:
        """Give the rows of the partitions asked for (or of the whole table) in the form the input is annotated with.

        Raises:
            DateRangeError: As for outputs.
            SourceSchemaError: The table or its partition column does not exist.
            ConfigurationError: The annotation is none of the forms this IO manager gives.
        """
        keys = partitions_asked_for(context)
        target = _target(context, partitioned=keys is not None)
        extent = _extent(context, keys)
        wanted = _wanted_form(context.dagster_type.typing_type)
        if issubclass(wanted, sa.Selectable):
            return self.store.select(target, extent)
        return convert(self.store.read(target, extent), wanted)

    def _stored(self, context: dg.OutputContext, obj: object) -> Iterator[PartitionRecord]:
        keys = partitions_asked_for(context)
        target = _target(context, partitioned=keys is not None)
        extent = _extent(context, keys)
        if isinstance(obj, PartitionedOutput):
            yield from self._one_by_one(target, extent, obj)
        elif is_tabular(obj):
            once = isinstance(obj, pa.RecordBatchReader)
            stored = self.store.replace(target, extent, lambda: as_reader(obj), repeatable=not once)
            yield from self._records(target, stored)
        elif isinstance(obj, sa.SelectBase | sa.FromClause):
            yield from self._records(target, self.store.replace_by_query(target, extent, obj))
        elif isinstance(obj, PartitionWriter):
            yield from self._written(target, [None] if keys is None else keys, obj)
        else:
            raise ConfigurationError(
                f"{type(obj).__name__} cannot be stored in PostgreSQL",
                where=f"asset {context.asset_key.to_user_string()}",
                fix="return a RecordBatchReader, Table, DataFrame, SQLAlchemy selectable, PartitionedOutput or "
                "PartitionWriter; an empty one for no rows",
            )

    def _one_by_one(self, target: TableTarget, extent: Extent, output: PartitionedOutput) -> Iterator[PartitionRecord]:
        handover = Handover(_some(extent.keys, output))
        for part in output:
            handover.check(part.partition)
            _refuse_names(part)
            stored = self.store.replace(
                target, extent.only(part.partition), part.reader, repeatable=callable(part.data)
            )
            yield from self._records(target, stored, part.metadata)
        handover.finish()

    def _written(
        self, target: TableTarget, keys: Sequence[str | None], writer: PartitionWriter
    ) -> Iterator[PartitionRecord]:
        columns: Sequence[TableColumn] | None = None
        for key in keys:
            report, seconds = self.store.write(target, key, writer)
            # After the first write, because a writer may create its table.
            columns = columns or self.store.columns(target.table)
            told = self._metadata(target, seconds, columns)
            told["dagster/row_count" if key is None else "dagster/partition_row_count"] = report.rows
            if report.bytes is not None:
                told["bytes"] = report.bytes
            if report.skipped:
                told["skipped"] = True
            yield PartitionRecord(key, {**told, **report.metadata})

    def _records(
        self, target: TableTarget, stored: Stored, more: Mapping[str, str] | None = None
    ) -> Iterator[PartitionRecord]:
        for key, rows in stored.rows.items():
            told = {**self._metadata(target, stored.seconds_of(key), stored.columns), **(more or {})}
            told["bytes"] = stored.bytes[key]
            told["dagster/row_count" if key is None else "dagster/partition_row_count"] = rows
            yield PartitionRecord(key, told)

    def _metadata(self, target: TableTarget, seconds: float, columns: Sequence[TableColumn] | None) -> dict[str, Any]:
        told: dict[str, Any] = {
            "dagster/table_name": f"{self.database}.{target.table}",
            "seconds": round(seconds, 3),
        }
        if columns is not None:
            told["dagster/column_schema"] = dg.TableSchema(
                [
                    dg.TableColumn(
                        column.name,
                        column.type.text,
                        constraints=dg.TableColumnConstraints(nullable=not column.not_null),
                    )
                    for column in columns
                ]
            )
        return told


def _target(context: dg.OutputContext | dg.InputContext, *, partitioned: bool) -> TableTarget:
    return TableTarget.of_asset(context.asset_key.path, asset_metadata(context), partitioned=partitioned)


def _extent(context: dg.OutputContext | dg.InputContext, keys: list[str] | None) -> Extent:
    return Extent() if keys is None else Extent(keys, time_windows(context, keys))


def _wanted_form(annotation: Any) -> type:
    if annotation in {None, Any, object}:
        return _FORMS[0]
    form = annotated_form(annotation, _FORMS)
    if form is None:
        raise ConfigurationError(
            f"Rows of PostgreSQL cannot be given as {annotation}",
            fix="annotate the input as RecordBatchReader, pyarrow.Table, DataFrame or sqlalchemy.Select",
        )
    return form


def _some(keys: Sequence[str] | None, obj: object) -> Sequence[str]:
    if keys is None:
        raise ConfigurationError(
            f"An asset without partitions returned a {type(obj).__name__}",
            fix="return one table or query, or give the asset partitions",
        )
    return keys


def _refuse_names(part: PartitionData) -> None:
    if part.name is not None:
        raise ConfigurationError(
            f"Partition {part.partition} has a dataset named {part.name!r}; a table holds one dataset",
            fix="leave the name out, or use one asset per dataset",
        )
