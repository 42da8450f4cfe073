"""Writes a partition of a Gold table: brings it up to date with all that Silver has recorded for a source.

A Gold row is a function of the current Silver of its source. A write recomputes every row that depends on a pending
key and, where the day was reflected before, on a key the day's Silver partition mentions. It reads no clock and no
sequence into a stored column. So whatever order days are written in, however often, and whoever else writes meanwhile:
once a write has started after the last change of Silver, the table is the function of Silver that its SQL says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.errors import ConfigurationError
from retail_medallion.gold import horizon, pending
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.fragments import cursor_of, of_source
from retail_medallion.gold.months import ensure_months
from retail_medallion.gold.refresh import Changes, Refresh
from retail_medallion.gold.registry import TABLES, table, writing_lock, written_with
from retail_medallion.storage.partitioned import ALL_OF_IT, PartitionReport

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it


class GoldWriter:
    """The partition writer of one Gold table of one source.

    Args:
        name: Name of the Gold table.
        source_system: Code of the source.
    """

    def __init__(self, name: str, source_system: str) -> None:
        self._table = table(name)
        self._source = source_system

    def locks(self, partition: str) -> Sequence[str]:  # noqa: ARG002 every day of a table shares its locks
        """The locks of this table and of every table whose rows it may write, of this source only."""
        return [writing_lock(name, self._source) for name in written_with(self._table.name)]

    def write(self, connection: sa.Connection, partition: str) -> PartitionReport:
        """Bring the table up to date.

        Args:
            connection: Connection in a READ COMMITTED transaction that holds the locks and has read nothing yet.
            partition: The day, as YYYY-MM-DD; `ALL_OF_IT` for a table that is computed as a whole.

        Raises:
            ConfigurationError: The source was never registered in Silver.
        """
        return self._bring_up_to_date(connection, None if partition == ALL_OF_IT else dt.date.fromisoformat(partition))

    def recompute(self, connection: sa.Connection) -> PartitionReport:
        """Compute every row of the source anew, for no day; otherwise as `write`."""
        with cursor_of(connection) as cursor:
            pending.mark_everything(cursor, self._table.name, self._source)
        return self._bring_up_to_date(connection, None)

    def _bring_up_to_date(self, connection: sa.Connection, day: dt.date | None) -> PartitionReport:
        with cursor_of(connection) as cursor:
            self._require_source(cursor)
            if self._is_up_to_date(cursor, day):
                return self._report(cursor, day, Changes())
            refresh = Refresh(cursor, self._source)
            refresh.parameters["reached"] = horizon.reached(cursor, self._table, self._source)
            taken, everything = pending.take(cursor, self._table, self._source, day)
            moved = self._horizon_moved(refresh)
            whole = everything or self._table.always
            scope = refresh.open_scope(self._table, self._scope_ids(whole=whole, moved=moved))
            wanted = refresh.count("SELECT count(*) FROM {scope}", scope=scope)
            whole = whole or (self._table.is_whole and wanted > 0)
            if wanted or whole:
                self._make_months(cursor, refresh, scope)
                self._lock_tables(cursor)
                self._ensure_source(cursor, refresh)
                if self._table.name == "dim_source":
                    self._tell_of_new_settings(cursor)
                written, removed = refresh.refresh(self._table, whole=whole)
                refresh.changes.written += written
                refresh.changes.removed += removed
                refresh.release()
            waiting = pending.settle(cursor, self._table, self._source, scope) if taken else 0
            if moved:
                horizon.remember(cursor, self._table, self._source, refresh.parameters["horizon"])
            return self._report(cursor, day, refresh.changes, taken=taken, wanted=wanted, waiting=waiting)

    def _is_up_to_date(self, cursor: Cursor, day: dt.date | None) -> bool:
        """Whether there is nothing to do, said by two small queries: most tables of most days."""
        if self._table.always:
            return False
        if self._table.horizon is not None:
            known = horizon.reached(cursor, self._table, self._source)
            if horizon.data_horizon(cursor, self._source) != known:
                return False
        return pending.nothing_wanted(cursor, self._table, self._source, day)

    def _horizon_moved(self, refresh: Refresh) -> bool:
        return self._table.horizon is not None and refresh.parameters["horizon"] != refresh.parameters["reached"]

    def _report(
        self,
        cursor: Cursor,
        day: dt.date | None,
        changes: Changes,
        *,
        taken: int = 0,
        wanted: int = 0,
        waiting: int = 0,
    ) -> PartitionReport:
        rows, size = self._rows_of(cursor, day)
        skipped = not (changes.written or changes.removed or changes.inferred or changes.released)
        return PartitionReport(
            rows=rows,
            metadata={
                "pending_keys": taken,
                "recomputed": wanted,
                "written": changes.written,
                "removed": changes.removed,
                "inferred_members": changes.inferred,
                "released_members": changes.released,
                "waiting_for_parent": waiting,
            },
            skipped=skipped,
            bytes=None if skipped else size,
        )

    def _require_source(self, cursor: Cursor) -> None:
        cursor.execute("SELECT FROM silver_meta.source WHERE source_system = %s", (self._source,))
        if cursor.fetchone() is None:
            raise ConfigurationError(
                f"The source {self._source!r} is not registered in the warehouse.",
                where=f"{self._source}/gold/{self._table.name}",
                why="Silver registers a source when its first partition is written.",
                fix=f"Materialise the Silver assets of {self._source} first.",
            )

    def _scope_ids(self, *, whole: bool, moved: bool) -> sql.Composable:
        if whole:
            return sql.SQL(self._table.all_ids)
        ids = sql.SQL(self._table.expand or "SELECT id FROM {wanted}").format(wanted=pending.WANTED)
        if moved and self._table.horizon is not None:
            return sql.SQL("SELECT id FROM ({}) wanted UNION SELECT id FROM ({}) moved").format(
                ids, sql.SQL(self._table.horizon)
            )
        return ids

    def _make_months(self, cursor: Cursor, refresh: Refresh, scope: sql.Identifier) -> None:
        if self._table.months is None:
            return
        refresh.run(self._table.months, scope=scope)
        ensure_months(cursor, self._table, [row[0] for row in cursor.fetchall()])

    def _lock_tables(self, cursor: Cursor) -> None:
        """Take the table locks of all coming writes at once, in one order, so that no two transactions deadlock."""
        for name in sorted({*written_with(self._table.name), "dim_source"}):
            cursor.execute(sql.SQL("LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE").format(sql.Identifier("gold", name)))

    def _ensure_source(self, cursor: Cursor, refresh: Refresh) -> None:
        source: GoldTable = TABLES["dim_source"]
        if "source_key" not in self._table.column_names or self._table is source:
            return
        cursor.execute("SELECT FROM gold.dim_source WHERE source_system = %s", (self._source,))
        if cursor.fetchone() is None:
            refresh.open_scope(source, sql.SQL(source.all_ids))
            refresh.refresh(source, whole=False)

    def _tell_of_new_settings(self, cursor: Cursor) -> None:
        """Tenant and time zone of a source go into rows of other tables: a change makes all of them pending."""
        cursor.execute(
            "SELECT FROM silver_meta.source s JOIN gold.dim_source d USING (source_system)"
            " WHERE s.source_system = %s AND (s.tenant, s.timezone) IS DISTINCT FROM (d.tenant, d.timezone)",
            (self._source,),
        )
        if cursor.fetchone() is not None:
            for other in TABLES.values():
                if other.consumes:
                    pending.mark_everything(cursor, other.name, self._source)

    def _rows_of(self, cursor: Cursor, day: dt.date | None) -> tuple[int, int]:
        """Rows of the source that came from the day, and their bytes; all of its rows where there is no day."""
        column = self._table.day_of_row
        of_day: sql.Composable = sql.SQL("true")
        if column is not None and day is not None:
            of_day = sql.SQL("t.{} = %(day)s").format(sql.Identifier(column))
        cursor.execute(
            sql.SQL("SELECT count(*), coalesce(sum(pg_column_size(t.*)), 0) FROM {} t WHERE {} AND {}").format(
                sql.Identifier("gold", self._table.name), of_source(self._table), of_day
            ),
            {"source": self._source, "day": day},
        )
        rows, size = cursor.fetchone() or (0, 0)
        return int(rows), int(size)
