"""Control totals: sums of all decimal columns, exact, counted once by the source and once by us."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Context, Decimal

import psycopg2
import psycopg2.extensions
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import sql

from retail_medallion.bronze.query import ExtractPlan
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.bronze.windows import Window
from retail_medallion.errors import BalanceError
from retail_medallion.storage.postgres.failures import translated

# Enough digits for the sum of any number of rows of the widest decimal; Python's default would round.
_EXACT = Context(prec=200)
_WIDEST_DECIMAL = 76
# Arrow adds up decimals of 128 bits as 38 digits: enough for a thousand million values of so many digits.
_SUMMED_AS_IT_IS = 38 - 9


@dataclass(frozen=True)
class SourceCount:
    """What the source itself says about the rows of a window.

    Attributes:
        rows: Its `count(*)`.
        totals: Its sum of each decimal column; None where there is no value to sum.
    """

    rows: int
    totals: Mapping[str, Decimal | None]


class ControlTotals:
    """Rows and sums of a stream, added up batch by batch.

    Args:
        schema: The stream's schema; its decimal columns are summed.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self.sums: dict[str, Decimal | None] = {field.name: None for field in schema if pa.types.is_decimal(field.type)}

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch."""
        self.rows += batch.num_rows
        for name, so_far in self.sums.items():
            column = batch.column(name)
            if column.type.precision > _SUMMED_AS_IT_IS:
                column = column.cast(pa.decimal256(_WIDEST_DECIMAL, column.type.scale))
            value = pc.sum(column).as_py()
            if value is not None:
                self.sums[name] = value if so_far is None else _EXACT.add(so_far, value)

    def as_json(self) -> str:
        """Write the sums as JSON, each as exact text."""
        return totals_as_json(self.sums)

    def require_equal(self, source: SourceCount, *, where: str) -> None:
        """Compare with what the source counted in the same snapshot.

        Raises:
            BalanceError: Rows or a sum differ.
        """
        if self.rows != source.rows:
            raise BalanceError(
                "The extract does not have the rows that the source counts.",
                where=where,
                why=f"expected {source.rows} rows, found {self.rows}",
                fix="Check that the query gives the same rows each time it is asked (no random, no clock).",
            )
        for name, total in source.totals.items():
            if total != self.sums[name]:
                raise BalanceError(
                    f"The extract's sum of {name!r} is not the source's.",
                    where=where,
                    why=f"expected {total}, found {self.sums[name]}",
                    fix="Check that the query gives the same rows each time it is asked (no random, no clock).",
                )


def totals_as_json(sums: Mapping[str, Decimal | None]) -> str:
    """Write sums as JSON, each as exact text, null where nothing was summed."""
    texts = {name: None if total is None else format(total, "f") for name, total in sums.items()}
    return json.dumps(texts, ensure_ascii=True)


@contextmanager
def counting(
    snapshot: SourceSnapshot, plan: ExtractPlan, window: Window | None, *, where: str
) -> Iterator[Future[SourceCount]]:
    """Let the source count and sum a window in a session of its own, while its rows are read in another.

    Both sessions see the same snapshot. Left by an error, what is still counting is cancelled; else it is waited for,
    and its own error is raised while the session is still on loan, so that a failed one is never lent again.
    """
    with snapshot.worker() as connection, ThreadPoolExecutor(1, "source-count") as thread:
        counted = thread.submit(count_in_source, connection, plan, window, where=where)
        try:
            yield counted
        except BaseException:
            with suppress(psycopg2.Error):
                connection.cancel()
            raise
        counted.result()


def count_in_source(
    connection: psycopg2.extensions.connection, plan: ExtractPlan, window: Window | None, *, where: str
) -> SourceCount:
    """Let the source count and sum the rows of a window, by a query of its own."""
    names = [column.name for column in plan.columns if pa.types.is_decimal(column.field.type)]
    terms = [sql.SQL("count(*)"), *(sql.SQL("sum({})").format(sql.Identifier(name)) for name in names)]
    statement = sql.Composed(
        [
            sql.SQL("SELECT "),
            sql.SQL(", ").join(terms),
            sql.SQL(" FROM ("),
            plan.select(window, ordered=False),
            sql.SQL("\n) AS counted"),
        ]
    )
    with translated(where), connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() or (0,)
    return SourceCount(int(row[0]), dict(zip(names, row[1:], strict=False)))
