"""Pictures of a mart in the metadata of its materialisation.

What belongs here: which mart shows what, and how a picture gets into Dagster. What does not: drawing (report).
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg
import sqlalchemy as sa

from retail_medallion.gold.writer import GoldWriter
from retail_medallion.storage.partitioned import PartitionReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from retail_medallion.report.figures import Figures


def _sales(figures: "Figures") -> "Figure | None":
    from retail_medallion.report import pictures

    sales = figures.sales()
    return None if sales.empty else pictures.sales_by_day(sales, figures.currency)


def _funnel(figures: "Figures") -> "Figure | None":
    from retail_medallion.report import pictures

    funnel = figures.funnel()
    return pictures.cart_funnel(funnel) if funnel["carts"].iloc[0] else None


def _cover(figures: "Figures") -> "Figure | None":
    from retail_medallion.report import pictures

    cover = figures.cover()
    return None if cover.empty else pictures.stock_cover(cover)


DRAWN: Mapping[str, Callable[["Figures"], "Figure | None"]] = {
    "mart_daily_sales": _sales,
    "mart_cart_funnel": _funnel,
    "mart_inventory_health": _cover,
}
"""Mart to what it shows."""


class PicturedWriter:
    """Writes a mart and, after the last partition of a run that changed it, draws it.

    Args:
        writer: Writes the mart.
        table: Its name, one of `DRAWN`.
        source: Code of the source.
        last: The last partition of the run.
    """

    def __init__(self, writer: GoldWriter, table: str, source: str, last: str) -> None:
        self._writer = writer
        self._table = table
        self._source = source
        self._last = last
        self._changed = False

    def locks(self, partition: str) -> Sequence[str]:
        """Those of the mart."""
        return self._writer.locks(partition)

    def write(self, connection: sa.Connection, partition: str) -> PartitionReport:
        """Bring the mart up to date; see :class:`GoldWriter`."""
        report = self._writer.write(connection, partition)
        # The first day of a range takes up what all of them brought. Drawing once too often does no harm.
        self._changed = self._changed or not report.skipped
        if not self._changed or partition != self._last:
            return report
        return replace(report, metadata={**report.metadata, **self._picture(connection)})

    def _picture(self, connection: sa.Connection) -> Mapping[str, dg.MetadataValue]:
        # Drawing takes a second to load and no other asset needs it.
        from retail_medallion.report.figures import Figures
        from retail_medallion.report.pictures import rendered

        figures = Figures.of(connection, self._source)
        drawn = None if figures is None else DRAWN[self._table](figures)
        if drawn is None:
            return {}
        data = base64.b64encode(rendered(drawn, "png")).decode()
        return {"picture": dg.MetadataValue.md(f"![{self._table}](data:image/png;base64,{data})")}
