from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from markupsafe import Markup

from retail_medallion.report import pictures
from retail_medallion.report.page import Column, SourceReport, Table, Tile, _compared, _text, render

DAY = dt.date(2026, 6, 20)
SALES = pd.DataFrame(
    {
        "sale_date": [DAY, DAY, DAY + dt.timedelta(days=1)],
        "category": ["Tools & <more>", "Food", "Food"],
        "net_revenue": [Decimal("10.50"), Decimal(-3), Decimal("7.25")],
    }
)
FUNNEL = pd.DataFrame({"carts": [40], "with_items": [30], "checkout_started": [20], "converted": [10]})
COVER = pd.DataFrame({"abc_class": ["A", "C"], "cover": ["under 1 week", "not sold"], "places": [3, 9]})

DRAWN = {
    "sales": lambda: pictures.sales_by_day(SALES, "EUR"),
    "funnel": lambda: pictures.cart_funnel(FUNNEL),
    "cover": lambda: pictures.stock_cover(COVER),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_a_whole_file_and_the_same_for_the_same_figures(name: str) -> None:
    drawn = [pictures.rendered(DRAWN[name](), "svg") for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].rstrip().endswith(b"</svg>")
    png = pictures.rendered(DRAWN[name](), "png")
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000, "it is kept with each materialisation"


def test_a_picture_says_what_it_shows() -> None:
    assert "40" in pictures.rendered(DRAWN["funnel"](), "svg").decode()
    assert "25%" in pictures.rendered(DRAWN["funnel"](), "svg").decode()
    text = pictures.rendered(DRAWN["sales"](), "svg").decode()
    assert "EUR" in text
    assert "20 Jun" in text
    assert "Tools &amp; &lt;more&gt;" in text


def test_a_funnel_without_carts_is_no_error() -> None:
    empty = FUNNEL * 0
    assert pictures.rendered(pictures.cart_funnel(empty), "png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1234.5"), "1,234.50"),
        (1234, "1,234"),
        (None, ""),
        (float("nan"), ""),
        (7.0, "7"),
        ("Store <1>", "Store <1>"),
        (Decimal(1234), "1,234"),
    ],
)
def test_a_cell_shows_money_with_cents_and_counts_without(value: Any, shown: str) -> None:
    assert _text(value) == shown


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (Decimal(110), Decimal(100), "+10.0% on the week before"),
        (90, 120, "-25.0% on the week before"),
        (5, None, "nothing to compare with"),
        (5, 0, "nothing to compare with"),
    ],
)
def test_a_figure_is_compared_with_the_week_before(now: Any, before: Any, said: str) -> None:
    assert _compared(now, before) == said


def test_what_a_source_calls_its_places_cannot_become_part_of_the_page() -> None:
    table = Table("Places", [Column("place", is_number=False)], [["<script>alert(1)</script>"]])
    source = SourceReport("demo", "2026-06-20", "EUR", [Tile("Sales", "1", "<b>")], [Markup("<svg></svg>")], [table])
    page = render([source])
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<svg></svg>" in page
