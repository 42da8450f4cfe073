"""One HTML page with the figures of all sources: it needs no network and no other file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from retail_medallion.report import pictures
from retail_medallion.report.figures import DAYS, Figures


@dataclass(frozen=True)
class Tile:
    """A figure of the last seven days, and how it compares with the seven before."""

    name: str
    value: str
    compared: str


@dataclass(frozen=True)
class Column:
    """A column of a table on the page."""

    name: str
    is_number: bool


@dataclass(frozen=True)
class Table:
    """A table on the page; cells are text."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class SourceReport:
    """What the page says about one source."""

    source: str
    last: str
    currency: str
    tiles: Sequence[Tile]
    pictures: Sequence[Markup]
    tables: Sequence[Table]


def page(sources: Sequence[Figures]) -> str:
    """The page of some sources as HTML."""
    return render([source_report(figures) for figures in sources])


def render(reports: Sequence[SourceReport]) -> str:
    """The page as HTML; whatever stands in the reports is text on it."""
    environment = Environment(loader=PackageLoader("retail_medallion.report", "."), autoescape=True, trim_blocks=True)
    return environment.get_template("page.html.j2").render(sources=reports)


def source_report(figures: Figures) -> SourceReport:
    """Read and draw what the page says about a source; what has no rows is left out."""
    named = {
        f"Places, last {DAYS} days": figures.places(),
        "Customers by segment": figures.segments(),
        f"Deliveries, last {DAYS} days": figures.service(),
        f"Payments against sales, last {DAYS} days": figures.payments(),
        "Data quality": figures.quality(),
    }
    return SourceReport(
        source=figures.source,
        last=figures.last.isoformat(),
        currency=figures.currency,
        tiles=_tiles(figures.weeks()),
        pictures=_pictures(figures),
        tables=[_table(title, frame) for title, frame in named.items() if not frame.empty],
    )


def _pictures(figures: Figures) -> list[Markup]:
    drawn = []
    sales, funnel, cover = figures.sales(), figures.funnel(), figures.cover()
    if not sales.empty:
        drawn.append(pictures.sales_by_day(sales, figures.currency))
    if funnel["carts"].iloc[0]:
        drawn.append(pictures.cart_funnel(funnel))
    if not cover.empty:
        drawn.append(pictures.stock_cover(cover))
    # The XML declaration has no place inside a page; matplotlib escapes the texts it draws.
    return [Markup(text[text.index("<svg") :]) for text in (pictures.rendered(f, "svg").decode() for f in drawn)]  # noqa: S704


def _tiles(weeks: pd.DataFrame) -> list[Tile]:
    by_week = weeks.set_index("weeks_ago")
    if 0 not in by_week.index:
        return []
    tiles = []
    for column, name in (
        ("net_revenue", "Net revenue, last 7 days"),
        ("sales", "Sales"),
        ("average_basket", "Average basket"),
        ("returns", "Returns"),
    ):
        now = by_week.at[0, column]
        before = by_week.at[1, column] if 1 in by_week.index else None
        tiles.append(Tile(name, _text(now), _compared(now, before)))
    return tiles


def _compared(now: Any, before: Any) -> str:
    if before is None or pd.isna(before) or pd.isna(now) or not before:
        return "nothing to compare with"
    change = (Decimal(str(now)) - Decimal(str(before))) / Decimal(str(before))
    return f"{change:+.1%} on the week before"


def _table(title: str, frame: pd.DataFrame) -> Table:
    columns = [
        Column(str(name).replace("_", " "), all(isinstance(v, int | float | Decimal) for v in frame[name].dropna()))
        for name in frame.columns
    ]
    return Table(title, columns, [[_text(value) for value in row] for row in frame.itertuples(index=False)])


def _text(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, Decimal) and value.as_tuple().exponent != 0:
        return f"{value:,.2f}"
    return f"{int(value):,}" if isinstance(value, int | float | Decimal) else str(value)
