"""Replacing and reading the rows of a target, each replace one transaction: readers see the old rows or the new."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from retail_medallion.errors import ConfigurationError, DataContractError
from retail_medallion.storage.partitioned import ALL_OF_IT, PartitionReport, PartitionWriter
from retail_medallion.storage.postgres.catalogue import TableColumn, TableName, existing_columns, table_columns
from retail_medallion.storage.postgres.copy_in import copy_into
from retail_medallion.storage.postgres.copy_out import QueryStream
from retail_medallion.storage.postgres.ddl import (
    DeclaredColumn,
    create_if_missing,
    data_drift,
    declared_by_arrow,
    declared_drift,
    refuse_drift,
)
from retail_medallion.storage.postgres.failures import translated
from retail_medallion.storage.postgres.guard import PartitionGuard
from retail_medallion.storage.postgres.session import ConnectionSettings, connect, engine, raw_connection
from retail_medallion.storage.postgres.target import Extent, TableTarget, reflected, rows_of
from retail_medallion.storage.postgres.transactions import LOCK_TIMEOUT_SECONDS, in_transaction
from retail_medallion.storage.postgres.types import describe_query

_DIALECT: sa.Dialect = postgresql.psycopg2.dialect()  # type: ignore[no-untyped-call]
_STAGE = "_incoming_rows"
# A result has at most 1664 columns.
_COUNTS_AT_ONCE = 500


@dataclass(frozen=True)
class Stored:
    """What one committed transaction stored.

    Attributes:
        rows: Rows by partition key, or under None for an asset without partitions.
        bytes: Bytes by the same: of Arrow data, or as PostgreSQL holds rows where they never left it.
        seconds: From the first lock to the commit.
        columns: The table's columns as they are now.
    """

    rows: Mapping[str | None, int]
    bytes: Mapping[str | None, int]
    seconds: float
    columns: Sequence[TableColumn]

    def seconds_of(self, key: str | None) -> float:
        """Give a partition's share of the seconds, by its bytes: partitions of one transaction have no time apart."""
        total = sum(self.bytes.values())
        return self.seconds * (self.bytes[key] / total if total else 1 / len(self.bytes))


class TableStore:
    """Reads and replaces the rows of targets in one database.

    Args:
        settings: Where the database is.
        lock_timeout_seconds: How long a lock is waited for.
    """

    def __init__(self, settings: ConnectionSettings, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> None:
        self.settings = settings
        self.engine = engine(settings)
        self._lock_timeout_seconds = lock_timeout_seconds

    def replace(
        self, target: TableTarget, extent: Extent, make: Callable[[], pa.RecordBatchReader], *, repeatable: bool
    ) -> Stored:
        """Replace an extent's rows by a stream's, by COPY; the table is created if it is missing.

        Args:
            target: The table and slice.
            extent: The partitions replaced; rows outside are refused.
            make: Makes the stream; called again for a repetition.
            repeatable: Whether ``make`` can be called more than once. If not, a deadlock or a lost connection after the
                first row was read is raised instead of tried again.

        Raises:
            SchemaDriftError: Declaration, data and table differ; names every column.
            DataContractError: A row belongs elsewhere or breaks the table's types or constraints.
            TransientError: A lock was not granted, or the server went away.
        """
        reader = make()
        self._create(target, lambda: declared_by_arrow(reader.schema))
        state = _Attempt(reader, PartitionGuard(target, extent))
        started = time.monotonic()

        def work(connection: sa.Connection) -> list[TableColumn]:
            source = state.begin(make, lambda: PartitionGuard(target, extent))
            raw = raw_connection(connection)
            columns = existing_columns(raw, target.table)
            self._refuse_drift(connection, target, extent, columns, data_drift(source.schema, columns))
            passing = state.guard.passing(source)
            table = _as_clause(target.table, columns)
            connection.execute(sa.delete(table).where(*rows_of(table, target, extent, columns)))
            copy_into(raw, target.table, passing)
            return columns

        columns = self._transaction(target, extent, work, lambda: repeatable or not state.guard.used)
        return Stored(state.guard.rows, state.guard.bytes, time.monotonic() - started, columns)

    def replace_by_query(self, target: TableTarget, extent: Extent, query: sa.SelectBase | sa.FromClause) -> Stored:
        """Replace an extent's rows by a query's, which run inside PostgreSQL; the table is created if it is missing.

        The query's columns are matched by name and become the table's types as in any INSERT. The query may read the
        rows it replaces: they are deleted after it ran.

        Raises:
            SchemaDriftError: The query's columns and the table's differ.
            DataContractError: A row belongs elsewhere or breaks the table's types or constraints.
            TransientError: A lock was not granted, or the server went away.
        """
        select = query if isinstance(query, sa.SelectBase) else sa.select(query)
        names = [column.name for column in select.exported_columns]
        self._create(target, lambda: self._declared_by(select))
        started = time.monotonic()

        def work(connection: sa.Connection) -> tuple[list[TableColumn], dict[str | None, tuple[int, int]]]:
            columns = existing_columns(raw_connection(connection), target.table)
            self._refuse_drift(connection, target, extent, columns, _name_drift(names, columns))
            table = _as_clause(target.table, columns)
            stage = _stage(connection, table, names)
            connection.execute(sa.insert(stage).from_select(names, select))
            counts = _counts(connection, stage, target, extent, columns)
            connection.execute(sa.delete(table).where(*rows_of(table, target, extent, columns)))
            connection.execute(sa.insert(table).from_select(names, sa.select(stage)))
            return columns, counts

        columns, counts = self._transaction(target, extent, work, lambda: True)
        rows, sizes = ({key: counted[i] for key, counted in counts.items()} for i in (0, 1))
        return Stored(rows, sizes, time.monotonic() - started, columns)

    def write(self, target: TableTarget, key: str | None, writer: PartitionWriter) -> tuple[PartitionReport, float]:
        """Let a writer write one partition in a transaction of its own; gives its report and the seconds it took."""
        started = time.monotonic()
        partition = ALL_OF_IT if key is None else key
        report = in_transaction(
            self.engine,
            writer.locks(partition),
            lambda connection: writer.write(connection, partition),
            where=f"table {target.table}, {Extent() if key is None else Extent([key])}",
            lock_timeout_seconds=self._lock_timeout_seconds,
        )
        return report, time.monotonic() - started

    def select(self, target: TableTarget, extent: Extent) -> sa.Select[Any]:
        """Make the query that reads an extent's rows; nothing is run but a look at the catalogue."""
        with self.engine.connect() as connection:
            columns = existing_columns(raw_connection(connection), target.table)
            table = reflected(connection, target.table)
        return sa.select(table).where(*rows_of(table, target, extent, columns))

    def read(self, target: TableTarget, extent: Extent) -> pa.RecordBatchReader:
        """Stream an extent's rows from one READ ONLY snapshot; the connection closes when the stream ends."""
        text, parameters = _compiled(self.select(target, extent))
        connection = connect(self.settings)
        try:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            stream = QueryStream(connection, text, None, parameters)
        except BaseException:
            connection.close()
            raise

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                yield from stream.batches()
            finally:
                stream.close()
                connection.close()

        return pa.RecordBatchReader.from_batches(stream.schema, batches())

    def columns(self, table: TableName) -> list[TableColumn] | None:
        """List a table's columns, or None where there is no such table."""
        with self.engine.connect() as connection:
            return table_columns(raw_connection(connection), table)

    def _create(self, target: TableTarget, by_data: Callable[[], Sequence[DeclaredColumn]]) -> None:
        with translated(f"creating table {target.table}"), self.engine.connect() as connection:
            raw = raw_connection(connection)
            if table_columns(raw, target.table) is None:
                create_if_missing(raw, target.table, by_data() if target.declared is None else target.declared)
                raw.commit()

    def _declared_by(self, select: sa.SelectBase) -> list[DeclaredColumn]:
        text, parameters = _compiled(select)
        with self.engine.connect() as connection:
            described = describe_query(raw_connection(connection), text, parameters)
        return [DeclaredColumn(column.name, column.postgres_type) for column in described]

    def _refuse_drift(
        self,
        connection: sa.Connection,
        target: TableTarget,
        extent: Extent,
        columns: Sequence[TableColumn],
        differences: list[str],
    ) -> None:
        if target.declared is not None:
            differences = declared_drift(raw_connection(connection), target.declared, columns) + differences
        refuse_drift(differences, target.table, str(extent))

    def _transaction(
        self, target: TableTarget, extent: Extent, work: Callable[[sa.Connection], Any], may_repeat: Callable[[], bool]
    ) -> Any:
        keys: Sequence[str | None] = [None] if extent.keys is None else extent.keys
        return in_transaction(
            self.engine,
            [target.lock(key) for key in keys],
            work,
            where=f"table {target.table}, {extent}",
            may_repeat=may_repeat,
            lock_timeout_seconds=self._lock_timeout_seconds,
        )


class _Attempt:
    """The stream and the guard of the current try; the first try uses the stream whose schema made the table."""

    def __init__(self, reader: pa.RecordBatchReader, guard: PartitionGuard) -> None:
        self._reader: pa.RecordBatchReader | None = reader
        self.guard = guard

    def begin(
        self, make: Callable[[], pa.RecordBatchReader], guard: Callable[[], PartitionGuard]
    ) -> pa.RecordBatchReader:
        if self._reader is None or self.guard.used:
            self._reader = make()
        self.guard = guard()
        return self._reader


def _as_clause(table: TableName, columns: Sequence[TableColumn]) -> sa.TableClause:
    return sa.table(table.name, *(sa.column(column.name) for column in columns), schema=table.schema)


def _stage(connection: sa.Connection, table: sa.TableClause, names: Sequence[str]) -> sa.TableClause:
    """Make an empty temporary table of the target's types, gone at the end of the transaction."""
    stage = sa.table(_STAGE, *(sa.column(name) for name in names), schema="pg_temp")
    preparer = connection.dialect.identifier_preparer
    wanted, _ = _compiled(sa.select(*(table.c[name] for name in names)))
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {preparer.quote(_STAGE)} ON COMMIT DROP AS {wanted.replace('%', '%%')} WITH NO DATA"
    )
    return stage


def _counts(
    connection: sa.Connection,
    stage: sa.TableClause,
    target: TableTarget,
    extent: Extent,
    columns: Sequence[TableColumn],
) -> dict[str | None, tuple[int, int]]:
    """Count the staged rows of each partition, and their bytes, and refuse rows of none."""
    total = connection.scalar(sa.select(sa.func.count()).select_from(stage)) or 0
    keys: Sequence[str | None] = [None] if extent.keys is None else extent.keys
    extents = [extent if key is None else extent.only(key) for key in keys]
    filters = [sa.and_(sa.true(), *rows_of(stage, target, one, columns)) for one in extents]
    size = sa.func.sum(sa.func.pg_column_size(sa.literal_column(f"{_STAGE}.*")))
    counted: list[int] = []
    sizes: list[int] = []
    for first in range(0, len(filters), _COUNTS_AT_ONCE):
        some = filters[first : first + _COUNTS_AT_ONCE]
        terms: list[sa.ColumnElement[Any]] = [sa.func.count().filter(one) for one in some]
        terms += [sa.func.coalesce(size.filter(one), 0) for one in some]
        found = connection.execute(sa.select(*terms).select_from(stage)).one()
        counted += found[: len(some)]
        sizes += found[len(some) :]
    if sum(counted) != total:
        raise DataContractError(
            f"{total - sum(counted)} rows of the query do not belong to what is being replaced",
            where=f"table {target.table}, {extent}",
            why=f"their {target.partition_column or ', '.join(target.slice)} has another value",
            fix="restrict the query to the partitions the run is for; the table was left as it was",
        )
    return dict(zip(keys, zip(counted, map(int, sizes), strict=True), strict=True))


def _name_drift(names: Sequence[str], columns: Sequence[TableColumn]) -> list[str]:
    known = {column.name: column for column in columns}
    told = [f"column {name!r}: the query has it, the table does not" for name in names if name not in known]
    told += [
        f"column {name!r}: the query gives it, the table computes it"
        for name in names
        if name in known and known[name].generated
    ]
    return told + [
        f"column {column.name!r}: the table has it ({column.type.text}), the query does not"
        for column in columns
        if column.name not in names and not column.generated and not column.has_default
    ]


def _compiled(select: sa.SelectBase) -> tuple[str, dict[str, Any]]:
    """Compile a query for the driver, with its values apart."""
    try:
        compiled = select.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    except sa.exc.SQLAlchemyError as error:
        raise ConfigurationError(
            "The query cannot be written as PostgreSQL", why=type(error).__name__, fix="see SQLAlchemy's documentation"
        ) from error
    parameters = dict(compiled.construct_params())
    # Without parameters the driver leaves the statement alone, doubled percent signs and all.
    return (str(compiled) if parameters else str(compiled).replace("%%", "%")), parameters
