"""R8: the layers hold the same money. Sales by day in Silver and in Gold, and Silver's books against Bronze."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from retail_medallion.reconciliation import Comparison, Rows, against_bronze, partition_states
from retail_medallion.storage.postgres.session import raw_connection

if TYPE_CHECKING:
    import sqlalchemy as sa

    from retail_medallion.storage.parquet_store import ParquetStore

_DAYS = """
SELECT coalesce(s.day, g.day), coalesce(s.currency_code, g.currency_code), coalesce(s.sales, 0), coalesce(g.sales, 0),
       coalesce(s.total, 0), coalesce(g.total, 0)
FROM (SELECT business_date AS day, currency_code::text AS currency_code, count(*) AS sales, sum(total_amount) AS total
      FROM silver.sales WHERE source_system = %(source)s AND NOT is_deleted AND NOT is_test GROUP BY 1, 2) s
FULL JOIN (SELECT sale_date AS day, currency_code, count(*) AS sales, sum(total_amount) AS total
           FROM gold.fct_sale WHERE source_key = gold.member_key('sources', %(source)s, %(source)s) GROUP BY 1, 2) g
       ON g.day = s.day AND g.currency_code = s.currency_code
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class SalesDay:
    """The sales of one business date and currency in both layers."""

    day: dt.date
    currency_code: str
    silver_sales: int
    gold_sales: int
    silver_total: Decimal
    gold_total: Decimal

    @property
    def holds(self) -> bool:
        """Whether both layers hold the same, exactly."""
        return (self.silver_sales, self.silver_total) == (self.gold_sales, self.gold_total)


def sales_days(connection: sa.Connection, source: str) -> list[SalesDay]:
    """Every business date of a source, oldest first."""
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(_DAYS, {"source": source})
        return [SalesDay(*row) for row in cursor.fetchall()]


def bronze_comparisons(
    connection: sa.Connection,
    store: ParquetStore,
    source: str,
    entities: Collection[str],
    days: Collection[dt.date] | None,
) -> list[Comparison]:
    """Accepted, quarantined and superseded against what was mapped, and rows read against the Bronze objects.

    Args:
        connection: On the warehouse.
        store: The bucket of Bronze; it is asked once for each object.
        source: Code of the source.
        entities: Silver entities to look at.
        days: Partitions to look at; all of them where None.
    """
    states = partition_states(connection, source, entities, days)
    return against_bronze(store, states, Rows(), defaultdict(Rows))
