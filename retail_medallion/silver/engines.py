"""The DuckDB instances that clean partitions, kept for the next day where a day has few rows.

With few rows it is planning that takes the time, so the plans of the statements are kept too. DuckDB plans a prepared
statement again each time if it reads a table or takes a parameter; these get rows and day from Python functions.
"""

# ruff: noqa: S608 - this module writes SQL: names are quoted, queries come from the compiler

from __future__ import annotations

import atexit
import datetime as dt
import os
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from duckdb import sqltypes
from duckdb.func import ARROW, SPECIAL

from retail_medallion.mapping import new_duckdb
from retail_medallion.model import Entity
from retail_medallion.silver import contest
from retail_medallion.silver.bronze_rows import NumberedRows
from retail_medallion.silver.staged_rows import staged_columns
from retail_medallion.silver.standardisers import register_functions
from retail_medallion.silver.standardisers.base import quoted
from retail_medallion.storage.temporary import temporary_folder

FEW_ROWS = 1_000
"""Up to this many rows of a Bronze object are handed over at once; more are streamed."""

# As many as a source has entities; each holds some 15 MB.
_KEPT = 16


@dataclass(frozen=True)
class EngineLimits:
    """What one partition may use.

    Attributes:
        memory: Memory limit of DuckDB, in its own writing.
        threads: Threads of one query.
        spill_to: Folder for what does not fit; the system's temporary folder where None.
    """

    memory: str = "1GB"
    threads: int = 2
    spill_to: Path | None = None


class Engine:
    """One DuckDB instance with the tables of a partition: `staged`, `rivals` and `contest`.

    Args:
        entity: What is cleaned.
        limits: Memory, threads and spill folder.

    Attributes:
        connection: Where to ask for what is in the tables.
        day: The partition; to be set before anything is staged.
    """

    def __init__(self, entity: Entity, limits: EngineLimits) -> None:
        self.day = dt.date.min
        self._handed_over: pa.ListArray | None = None
        self._prepared: dict[Hashable, str] = {}
        self._contest = contest.steps(entity)
        with ExitStack() as stack:
            spill = stack.enter_context(temporary_folder(limits.spill_to))
            self.connection = new_duckdb(limits.memory, limits.threads, spill)
            stack.callback(self.connection.close)
            register_functions(self.connection)
            self._function("partition_day", self._days, sqltypes.BIGINT, "DATE")
            self._function("partition_end", self._ends, sqltypes.BIGINT, "TIMESTAMPTZ")
            columns = ", ".join(f"{quoted(name)} {type_}" for name, type_ in staged_columns(entity).items())
            # All tables are made here: after a new one no plan would be valid any more.
            self.connection.execute(f"CREATE TABLE staged ({columns})")
            for table, rows in self._contest.items():
                self.connection.execute(f"CREATE TABLE {table} AS {rows} WITH NO DATA")
            self._resources = stack.pop_all()

    def run(self, query: str, relation: str, numbered: NumberedRows, *, into: str | None = None) -> list[Any]:
        """Run a query over one pass of a Bronze object.

        Args:
            query: The query.
            relation: Name under which it reads the Bronze rows.
            numbered: The rows.
            into: Table that takes the outcome.

        Returns:
            The outcome; where a table takes it, the number of its rows.
        """
        insert = f"INSERT INTO {into} " if into else ""
        run = self._run_prepared if numbered.recorded <= FEW_ROWS else self._run_streaming
        return run(insert, query, relation, numbered)

    def settle(self) -> None:
        """Settle which row of each key wins the day, once all rows are staged."""
        for table, rows in self._contest.items():
            ((found,),) = self.connection.execute(f"INSERT INTO {table} {rows}").fetchall()
            if not found:
                break

    def clear(self) -> None:
        """Empty the tables for the next partition."""
        for table in ("staged", *self._contest):
            self.connection.execute(f"TRUNCATE {table}")

    def close(self) -> None:
        """Give back memory and disk space."""
        self._resources.close()

    def _run_streaming(self, insert: str, query: str, relation: str, numbered: NumberedRows) -> list[Any]:
        self.connection.register(relation, numbered.reader())
        try:
            return self.connection.execute(f"{insert}{query}").fetchall()
        finally:
            self.connection.unregister(relation)

    def _run_prepared(self, insert: str, query: str, relation: str, numbered: NumberedRows) -> list[Any]:
        rows = numbered.as_list()
        wanted = insert, query, relation, rows.type
        if wanted not in self._prepared:
            self._prepared[wanted] = self._prepare(insert, query, relation, rows)
        self._handed_over = rows
        try:
            return self.connection.execute(f"EXECUTE {self._prepared[wanted]}").fetchall()
        finally:
            self._handed_over = None

    def _prepare(self, insert: str, query: str, relation: str, rows: pa.ListArray) -> str:
        number = len(self._prepared)
        self.connection.register("described", pa.table({"rows": rows.slice(0, 0)}))
        ((_, type_, *_),) = self.connection.execute("DESCRIBE described").fetchall()
        self.connection.unregister("described")
        self._function(f"handed_over_{number}", lambda _: self._handed_over, sqltypes.INTEGER, type_)
        handed_over = f"SELECT given.* FROM (SELECT unnest(handed_over_{number}(0)) AS given)"
        self.connection.execute(
            f"PREPARE statement_{number} AS {insert}WITH {relation} AS ({handed_over}) SELECT * FROM ({query})"
        )
        return f"statement_{number}"

    def _function(self, name: str, function: Callable[[Any], Any], argument: Any, outcome: Any) -> None:
        """Register a function that gives something else each time, so that no plan takes it for a constant."""
        self.connection.create_function(
            name, function, [argument], outcome, type=ARROW, null_handling=SPECIAL, side_effects=True
        )

    def _days(self, rows: pa.ChunkedArray) -> pa.Array:
        return pa.repeat(pa.scalar(self.day, pa.date32()), len(rows))

    def _ends(self, rows: pa.ChunkedArray) -> pa.Array:
        end = dt.datetime.combine(self.day + dt.timedelta(days=2), dt.time(), tzinfo=dt.UTC)
        return pa.repeat(pa.scalar(end, pa.timestamp("us", "UTC")), len(rows))


_waiting: list[tuple[Hashable, Engine]] = []
_lock = threading.Lock()


@contextmanager
def engine(shape: Hashable, entity: Entity, limits: EngineLimits, *, keep: bool) -> Iterator[Engine]:
    """An engine nobody else uses, with empty tables.

    Args:
        shape: What its statements depend on; only the next partition of the same shape gets it again.
        entity: What is cleaned.
        limits: Memory, threads and spill folder.
        keep: Keep it for the next partition. One that did not come to its end is never kept.
    """
    if not keep:
        # Many rows need the memory that engines for few rows hold.
        close_all()
    used = (_take((shape, limits)) if keep else None) or Engine(entity, limits)
    try:
        yield used
        if keep:
            used.clear()
    except BaseException:
        used.close()
        raise
    if keep:
        _put((shape, limits), used)
    else:
        used.close()


def _take(shape: Hashable) -> Engine | None:
    with _lock:
        for place, (found, _) in enumerate(_waiting):
            if found == shape:
                return _waiting.pop(place)[1]
    return None


def _put(shape: Hashable, used: Engine) -> None:
    with _lock:
        _waiting.append((shape, used))
        too_many = [_waiting.pop(0)[1] for _ in range(len(_waiting) - _KEPT)]
    for longest_unused in too_many:
        longest_unused.close()


def close_all() -> None:
    """Close the engines that wait for their next partition."""
    with _lock:
        waiting = _waiting.copy()
        _waiting.clear()
    for _, unused in waiting:
        unused.close()


_inherited: list[list[tuple[Hashable, Engine]]] = []


def _forget() -> None:
    """In a forked process the threads of the engines are missing: they can neither be used nor closed there."""
    global _lock, _waiting  # The lock may have been held by another thread at that moment.
    _inherited.append(_waiting)
    _waiting, _lock = [], threading.Lock()


atexit.register(close_all)
os.register_at_fork(after_in_child=_forget)
