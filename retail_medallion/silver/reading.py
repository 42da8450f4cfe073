"""Reading an entity of Silver with exact types: as it is, as it was after some day, or with all its versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from psycopg2 import sql

from retail_medallion.errors import ConfigurationError
from retail_medallion.model import Entity
from retail_medallion.silver import statements
from retail_medallion.silver.views import HISTORY_SUFFIX, history_columns
from retail_medallion.storage.postgres.copy_out import open_query
from retail_medallion.storage.tabular import convert

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection  # noqa: N812 a class, whatever psycopg2 calls it
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

_SOURCES = "SELECT DISTINCT source_system FROM silver_meta.partition_state WHERE entity = %s ORDER BY 1"


@dataclass(frozen=True)
class EntityRows:
    """Rows of an entity, fetched anew by each call: one statement, so one moment of the warehouse.

    Attributes:
        entity: The entity.
        connect: Opens a connection to the warehouse; each call opens one and closes it.
        source: Code of the only source wanted; None stands for all.
        as_of: The state after this day, from the partitions up to it; None stands for all partitions.
        history: All versions with their periods instead of one row per key.
        columns: Columns wanted, in this order; None stands for all.
    """

    entity: Entity
    connect: Callable[[], Connection]
    source: str | None = None
    as_of: dt.date | None = None
    history: bool = False
    columns: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be read before a connection is opened.

        Raises:
            ConfigurationError: A column does not exist, none is wanted, or a history as of a day is.
        """
        if self.history and self.as_of is not None:
            raise ConfigurationError(
                "A history has every day in it; it cannot be read as of one.",
                fix="Leave out as_of, and keep the versions with valid_from <= day < valid_to.",
            )
        unknown = sorted(set(self.columns or ()) - set(self.all_columns))
        if unknown or (self.columns is not None and not self.columns):
            raise ConfigurationError(
                f"{self.entity.entity} has no column {unknown[0]!r}." if unknown else "No column is wanted.",
                fix=f"Use some of: {', '.join(self.all_columns)}",
            )

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Columns there are, in the order of the model."""
        return history_columns(self.entity) if self.history else statements.current_columns(self.entity)

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream of record batches in bounded memory.

        The connection is closed when the stream ends, or is dropped.
        """
        with ExitStack() as stack:
            connection = stack.enter_context(closing(self.connect()))
            with connection.cursor() as cursor:
                query = self._query(cursor)
            stream = stack.enter_context(open_query(connection, query, columns=self.columns or self.all_columns))
            kept = stack.pop_all()

        def batches() -> Iterator[pa.RecordBatch]:
            with kept:
                yield from stream

        return pa.RecordBatchReader.from_batches(stream.schema, batches())

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return convert(self.reader(), pa.Table)

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a DataFrame with Arrow-backed types: decimals stay decimals, integers with gaps integers."""
        import pandas as pd

        return convert(self.reader(), pd.DataFrame)

    def _query(self, cursor: Cursor) -> sql.Composable:
        if self.as_of is not None:
            return self._state_after(cursor, self.as_of)
        table = f"{self.entity.entity}{HISTORY_SUFFIX}" if self.history else self.entity.entity
        query = sql.SQL("SELECT * FROM {}").format(sql.Identifier("silver", table))
        if self.source is None:
            return query
        return sql.SQL("{} WHERE source_system = {}").format(query, sql.Literal(self.source))

    def _state_after(self, cursor: Cursor, day: dt.date) -> sql.Composable:
        if self.source is None:
            cursor.execute(_SOURCES, (self.entity.entity,))
            sources = [row[0] for row in cursor.fetchall()] or [""]
        else:
            sources = [self.source]
        statement = statements.for_entity(self.entity).current_as_of
        states = [
            cursor.mogrify(statement, {"source": source, "entity": self.entity.entity, "day": day}).decode()
            for source in sources
        ]
        return sql.SQL(" UNION ALL ").join([sql.SQL(state) for state in states])
