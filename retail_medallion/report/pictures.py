"""Draws figures. What is drawn is rounded to pixels anyway, so amounts become floats here, and nowhere else."""

from __future__ import annotations

import io
from typing import Literal

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COVERS = (
    "none left",
    "under 1 week",
    "1 to 2 weeks",
    "2 to 4 weeks",
    "4 to 8 weeks",
    "over 8 weeks",
    "not sold",
)
"""How long stock lasts, as `figures` words it, in order."""

_COLOURS = ("#0f4c81", "#3d7ea6", "#7fb7be", "#d3a625", "#c8553d", "#6b4e71", "#b8b8b8")
_STEPS = {"carts": "carts", "with_items": "with items", "checkout_started": "checkout begun", "converted": "bought"}


def sales_by_day(sales: pd.DataFrame, currency: str) -> Figure:
    """Bars of net revenue per day, one colour per category.

    Args:
        sales: sale_date, category, net_revenue.
        currency: Of the amounts.
    """
    figure, axes = _canvas(f"Net revenue by day and category, {currency}")
    table = sales.assign(net_revenue=sales["net_revenue"].astype(float)).pivot_table(
        index="sale_date", columns="category", values="net_revenue", aggfunc="sum", fill_value=0.0
    )
    ordered = table.sum().sort_values(ascending=False).index
    foot = pd.Series(0.0, index=table.index)
    for number, category in enumerate(ordered):
        colour = _COLOURS[number % len(_COLOURS)]
        axes.bar(range(len(table)), table[category], bottom=foot, label=str(category), color=colour, width=0.8)
        foot = foot + table[category]
    step = max(1, len(table) // 8)
    axes.set_xticks(range(0, len(table), step), [f"{day:%d %b}" for day in table.index[::step]])
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return figure


def cart_funnel(funnel: pd.DataFrame) -> Figure:
    """Bars that shorten from cart to purchase, each with its share of all carts.

    Args:
        funnel: One row: carts, with_items, checkout_started, converted.
    """
    figure, axes = _canvas("From cart to purchase")
    counts = [int(funnel[name].iloc[0]) for name in _STEPS]
    places = range(len(counts) - 1, -1, -1)
    axes.barh(list(places), counts, color=_COLOURS[: len(counts)], height=0.7)
    axes.set_yticks(list(places), list(_STEPS.values()))
    for place, count in zip(places, counts, strict=True):
        share = f" ({count / counts[0]:.0%})" if counts[0] else ""
        axes.annotate(f" {count:,}{share}", (count, place), va="center", fontsize=9)
    axes.set_xlim(0, max(*counts, 1) * 1.2)
    return figure


def stock_cover(cover: pd.DataFrame) -> Figure:
    """Bars of how many products at a location last how long, one colour per ABC class.

    Args:
        cover: abc_class, cover (one of `COVERS`), places.
    """
    figure, axes = _canvas("How long the stock lasts, products at a location")
    table = cover.pivot_table(index="cover", columns="abc_class", values="places", aggfunc="sum", fill_value=0)
    table = table.reindex(list(COVERS), fill_value=0)
    foot = pd.Series(0, index=table.index)
    for number, abc_class in enumerate(table.columns):
        axes.bar(range(len(table)), table[abc_class], bottom=foot, label=f"class {abc_class}", color=_COLOURS[number])
        foot = foot + table[abc_class]
    axes.set_xticks(range(len(table)), ["\n".join(name.rsplit(" ", 1)) for name in table.index], fontsize=8)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return figure


def rendered(figure: Figure, form: Literal["png", "svg"]) -> bytes:
    """The picture as a file; the same bytes for the same figures."""
    target = io.BytesIO()
    # Without a date and with fixed names of its parts a file depends on what it shows alone.
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "retail_medallion", "svg.fonttype": "none"}):
        figure.savefig(target, format=form, dpi=90, metadata=metadata)
    return target.getvalue()


def _canvas(title: str) -> tuple[Figure, Axes]:
    # Not through pyplot, which keeps every figure of a process and asks for a screen.
    figure = Figure(figsize=(8.6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, length=0)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes
