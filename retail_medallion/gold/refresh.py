"""Recomputes the rows of one scope of a Gold table and changes only what differs.

One instance lives for one transaction of one source. Its steps for a table: compute the rows of the scope from current
Silver into a temporary table; find stored rows of the scope that are not among them; make sure that every dimension
member the new rows refer to exists; delete, insert and update; tell the Gold tables that read this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.fragments import (
    is_used,
    names,
    of_source,
    placeholder_values,
    same_key,
    temporary,
)
from retail_medallion.gold.horizon import data_horizon
from retail_medallion.gold.keys import NOT_APPLICABLE
from retail_medallion.gold.news import tell
from retail_medallion.gold.pending import mark_everything
from retail_medallion.gold.registry import TABLES
from retail_medallion.gold.temporary_tables import make_empty

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it


_RELEASED = sql.Identifier("pg_temp", "gold_released")

_TOLD_ONE_BY_ONE = 1000
"""Changed rows of a recomputed source up to which its readers are told of each."""


@dataclass
class Changes:
    """What one transaction changed.

    Attributes:
        written: Rows inserted or updated.
        removed: Rows deleted.
        inferred: Dimension members written because a row refers to them.
        released: Inferred members deleted because nothing refers to them any more.
    """

    written: int = 0
    removed: int = 0
    inferred: int = 0
    released: int = 0


class Refresh:
    """The recomputation of one transaction.

    Args:
        cursor: Cursor of the transaction; its locks are already held.
        source: Code of the source.

    Attributes:
        parameters: Of every statement: the source and the data horizon, read once, so that all statements of the
            transaction judge by the same one; and the horizon the table was last written at.
        changes: What was changed so far.
    """

    def __init__(self, cursor: Cursor, source: str) -> None:
        self._cursor = cursor
        self.parameters: dict[str, Any] = {"source": source, "horizon": data_horizon(cursor, source), "reached": None}
        self.changes = Changes()
        # Text of rows goes into their hash: it may not depend on the session's settings. Compiling a statement would
        # take longer than running it: most scopes are small, and the planner cannot know how small.
        cursor.execute(
            "SET LOCAL TIME ZONE 'UTC'; SET LOCAL datestyle TO 'ISO, YMD'; SET LOCAL intervalstyle TO 'iso_8601';"
            " SET LOCAL jit TO off"
        )
        make_empty(cursor, _RELEASED, sql.SQL("(dimension text, key uuid)"))

    def run(self, template: str, **parts: sql.Composable) -> int:
        """Execute a statement; the number of rows it touched."""
        self._cursor.execute(sql.SQL(template).format(**parts), self.parameters)
        return self._cursor.rowcount

    def count(self, template: str, **parts: sql.Composable) -> int:
        """Execute a query that gives one number."""
        self.run(template, **parts)
        row = self._cursor.fetchone()
        return 0 if row is None else int(row[0])

    def open_scope(
        self, table: GoldTable, ids: sql.Composable | None = None, *, forced: bool = False
    ) -> sql.Identifier:
        """Make the table's scope from a query of ids; a forced id of a dimension gets a member even if unknown."""
        scope = temporary("scope", table)
        make_empty(self._cursor, scope, sql.SQL("(id text PRIMARY KEY, forced boolean NOT NULL)"))
        if ids is not None:
            self.run(
                "INSERT INTO {scope} SELECT DISTINCT id, {forced} FROM ({ids}) ids WHERE id IS NOT NULL",
                scope=scope,
                forced=sql.Literal(forced),
                ids=ids,
            )
            self.run("ANALYZE {scope}", scope=scope)
        return scope

    def refresh(self, table: GoldTable, *, whole: bool) -> tuple[int, int]:
        """Bring the rows of the table's scope up to date.

        Args:
            table: The table; its scope is open.
            whole: The scope is everything the source has: stored rows outside of it are removed too.

        Returns:
            Rows inserted or updated, and rows removed.
        """
        self.stage(table, whole=whole)
        staged, gone = temporary("staged", table), temporary("gone", table)
        stored = self._read_stored(table, whole=whole)
        matches = same_key(table)
        make_empty(self._cursor, gone, sql.SQL("(LIKE {})").format(sql.Identifier("gold", table.name)))
        removed = self.run(
            "INSERT INTO {gone} SELECT t.* FROM {stored} t"
            " WHERE {of_source} AND NOT EXISTS (SELECT FROM {staged} s WHERE {same_key})",
            gone=gone,
            stored=stored,
            of_source=of_source(table),
            staged=staged,
            same_key=matches,
        )
        self.run(
            "DELETE FROM {staged} s USING {stored} t WHERE {same_key} AND t.row_hash = s.row_hash",
            staged=staged,
            stored=stored,
            same_key=matches,
        )
        changed = removed + self.count("SELECT count(*) FROM {staged}", staged=staged)
        if not changed:
            return 0, 0
        self._ensure_members(table)
        replaced = sql.SQL(
            "SELECT t.* FROM {stored} t JOIN {staged} s ON {same_key} UNION ALL SELECT * FROM {gone}"
        ).format(stored=stored, staged=staged, same_key=matches, gone=gone)
        self._remember_released(table, replaced)
        if whole and changed > _TOLD_ONE_BY_ONE:
            for consumer in sorted({told.consumer for told in table.notifies}):
                mark_everything(self._cursor, consumer, self.parameters["source"])
        else:
            tell(self.run, table, replaced, staged)
        if removed:
            self._remove(table, gone)
        return self._upsert(table), removed

    def stage(self, table: GoldTable, *, whole: bool) -> None:
        """Compute the scope's rows, with their hash, into the temporary table `staged`.

        A dimension that refers to itself may need members its scope does not have: they join the scope until none is
        missing, because the foreign key is checked at the end of one INSERT.
        """
        own = [column for column, to in table.dimension_references.items() if to == table.name]
        staged, scope = temporary("staged", table), temporary("scope", table)
        while True:
            self._compute(table)
            if table.has_members:
                self._stage_placeholders(table, own, whole=whole)
            if not own:
                return
            missing = 0
            for column in own:
                missing += self.run(
                    "INSERT INTO {scope} AS present SELECT DISTINCT s.{id}, true FROM {staged} s"
                    " WHERE s.{id} IS NOT NULL"
                    " AND NOT EXISTS (SELECT FROM {staged} o WHERE o.{key} = s.{column})"
                    " AND NOT EXISTS (SELECT FROM {target} t WHERE t.{key} = s.{column})"
                    " ON CONFLICT (id) DO UPDATE SET forced = true WHERE NOT present.forced",
                    scope=scope,
                    staged=staged,
                    id=sql.Identifier(f"{column}_of"),
                    column=sql.Identifier(column),
                    key=sql.Identifier(table.primary_key[0]),
                    target=sql.Identifier("gold", table.name),
                )
            if not missing:
                return

    def release(self) -> None:
        """Delete inferred members that lost their last reference in this transaction."""
        self.run("SELECT DISTINCT dimension FROM pg_temp.gold_released ORDER BY 1")
        for (dimension,) in self._cursor.fetchall():
            key = sql.Identifier(TABLES[dimension].primary_key[0])
            self.changes.released += self.run(
                "DELETE FROM {target} d WHERE d.is_inferred"
                " AND d.{key} IN (SELECT r.key FROM pg_temp.gold_released r WHERE r.dimension = {dimension})"
                " AND NOT ({used})",
                target=sql.Identifier("gold", dimension),
                key=key,
                dimension=sql.Literal(dimension),
                used=is_used(dimension, sql.SQL("d.{}").format(key)),
            )

    def _compute(self, table: GoldTable) -> None:
        staged = temporary("staged", table)
        behind = [sql.Identifier("q", f"{column}_of") for column in table.inferring]
        typed = [
            sql.SQL("CAST(q.{0} AS {1}) AS {0}").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in table.columns
        ]
        stored = [sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in table.columns]
        keys = [sql.SQL("{} text").format(sql.Identifier(f"{column}_of")) for column in table.inferring]
        declared = sql.SQL(", ").join([*stored, *keys, sql.SQL("row_hash uuid")])
        make_empty(self._cursor, staged, sql.SQL("({})").format(declared))
        self.run(
            "INSERT INTO {staged} SELECT r.*, md5(ROW({hashed})::text)::uuid AS row_hash FROM ("
            "SELECT {columns} FROM ({select}) q) r",
            staged=staged,
            hashed=names(table.column_names, "r"),
            columns=sql.SQL(", ").join([*typed, *behind]),
            select=sql.SQL(table.select).format(scope=temporary("scope", table)),
        )
        self.run("ANALYZE {staged}", staged=staged)

    def _stage_placeholders(self, table: GoldTable, own: list[str], *, whole: bool) -> None:
        """Stage a placeholder for every member that Silver does not know and something refers to."""
        staged, key = temporary("staged", table), sql.Identifier(table.primary_key[0])
        used = [is_used(table.name, sql.SQL("t.{}").format(key))]
        used += [
            sql.SQL("EXISTS (SELECT FROM {} o WHERE o.{} = t.{})").format(staged, sql.Identifier(column), key)
            for column in own
        ]
        unknown = sql.SQL(
            "SELECT scope.id FROM {scope} scope WHERE scope.forced"
            " UNION SELECT t.{id} FROM {target} t WHERE {belongs} AND ({used})"
        ).format(
            scope=temporary("scope", table),
            id=sql.Identifier(str(table.id_column)),
            target=sql.Identifier("gold", table.name),
            belongs=self._belongs(table, whole=whole),
            used=sql.SQL(" OR ").join(used),
        )
        columns = names(table.column_names)
        self.run(
            "INSERT INTO {staged} ({columns}, row_hash)"
            " SELECT {columns}, md5(ROW({columns})::text)::uuid FROM ("
            " SELECT {values}"
            " FROM (SELECT u.id, {value} AS key, '(unknown ' || u.id || ')' AS label FROM ({unknown}) u) m"
            " WHERE NOT EXISTS (SELECT FROM {staged} s WHERE s.{key} = m.key)) placeholders",
            staged=staged,
            columns=columns,
            values=placeholder_values(table, source=sql.SQL("%(source)s")),
            value=sql.SQL(table.scope_value),
            unknown=unknown,
            key=key,
        )

    def _read_stored(self, table: GoldTable, *, whole: bool) -> sql.Identifier:
        """The rows that are stored of the scope.

        A row under the key of a staged one is among them: where a row left one scope id for another, both are wanted.
        Part of a table is copied, so that the statements that look at it are planned for a small table: planning one
        over all the months of a large one takes longer than running it. Looked up as an array, a scope costs each month
        one pass over an index.
        """
        target, stored = sql.Identifier("gold", table.name), temporary("stored", table)
        if whole:
            return target
        make_empty(self._cursor, stored, sql.SQL("(LIKE {})").format(target))
        query = (
            sql.SQL(table.stored).format(scope=temporary("scope", table))
            if table.stored is not None
            else sql.SQL(
                "SELECT t.* FROM {target} t WHERE {of_source} AND t.{column} = ANY (ARRAY(SELECT {value} FROM {scope}))"
            ).format(
                target=target,
                of_source=of_source(table),
                column=sql.Identifier(table.scope_column),
                value=sql.SQL(table.scope_value),
                scope=temporary("scope", table),
            )
        )
        rows = self.run("INSERT INTO {stored} {query}", stored=stored, query=query)
        if rows:
            self.run("ANALYZE {stored}", stored=stored)
        return stored

    def _belongs(self, table: GoldTable, *, whole: bool) -> sql.Composable:
        if whole:
            return of_source(table)
        return sql.SQL("{source} AND t.{column} IN (SELECT {value} FROM {scope})").format(
            source=of_source(table),
            column=sql.Identifier(table.scope_column),
            value=sql.SQL(table.scope_value),
            scope=temporary("scope", table),
        )

    def _ensure_members(self, table: GoldTable) -> None:
        """Give every member the staged rows refer to a row: what Silver knows about it, else a placeholder.

        The key is the same either way, so when the real row comes it fills the member and no fact is touched.
        """
        for column, dimension in table.inferring.items():
            if dimension == table.name:
                continue
            member = TABLES[dimension]
            missing = sql.SQL(
                "SELECT s.{id} AS id FROM {staged} s WHERE s.{id} IS NOT NULL"
                " AND NOT EXISTS (SELECT FROM {target} d WHERE d.{key} = s.{column})"
            ).format(
                id=sql.Identifier(f"{column}_of"),
                staged=temporary("staged", table),
                target=sql.Identifier("gold", dimension),
                key=sql.Identifier(member.primary_key[0]),
                column=sql.Identifier(column),
            )
            scope = self.open_scope(member, missing, forced=True)
            if self.count("SELECT count(*) FROM {scope}", scope=scope):
                self.changes.inferred += self.refresh(member, whole=False)[0]

    def _remember_released(self, table: GoldTable, replaced: sql.Composable) -> None:
        for column, dimension in table.dimension_references.items():
            self.run(
                "INSERT INTO pg_temp.gold_released SELECT DISTINCT {dimension}, r.{column} FROM ({replaced}) r",
                dimension=sql.Literal(dimension),
                column=sql.Identifier(column),
                replaced=replaced,
            )

    def _remove(self, table: GoldTable, gone: sql.Identifier) -> None:
        key = sql.Identifier(table.primary_key[0])
        for name in table.cascades:
            child = TABLES[name]
            # The foreign key would delete the children too, but nobody would hear of it.
            orphans = sql.SQL("SELECT t.* FROM {child} t WHERE t.{key} IN (SELECT g.{key} FROM {gone} g)").format(
                child=sql.Identifier("gold", name), key=key, gone=gone
            )
            self._remember_released(child, orphans)
            tell(self.run, child, orphans, None)
            self.changes.removed += self.run(
                "DELETE FROM {child} t WHERE t.{key} IN (SELECT g.{key} FROM {gone} g)",
                child=sql.Identifier("gold", name),
                key=key,
                gone=gone,
            )
        for name in table.loosens:
            # The foreign key would empty the reference and leave the hash of the row as it was: when the parent comes
            # back, the row would pass for unchanged.
            self.run(
                "UPDATE {child} t SET {key} = NULL, row_hash = {never} WHERE t.{key} IN (SELECT g.{key} FROM {gone} g)",
                child=sql.Identifier("gold", name),
                key=key,
                never=sql.Literal(str(NOT_APPLICABLE)),
                gone=gone,
            )
        self.run(
            "DELETE FROM {target} t USING {gone} s WHERE {same_key}",
            target=sql.Identifier("gold", table.name),
            gone=gone,
            same_key=same_key(table),
        )

    def _upsert(self, table: GoldTable) -> int:
        stored = [*table.column_names, "row_hash"]
        updated = [c for c in stored if c not in table.primary_key]
        return self.run(
            "INSERT INTO {target} ({stored}) SELECT {stored} FROM {staged} ORDER BY {key}"
            " ON CONFLICT ({key}) DO UPDATE SET {updates}",
            target=sql.Identifier("gold", table.name),
            stored=names(stored),
            staged=temporary("staged", table),
            key=names(table.primary_key),
            updates=sql.SQL(", ").join([sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in updated]),
        )
