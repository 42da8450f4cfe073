"""The financial calendar, counted once more in plain Python."""

from __future__ import annotations

import datetime as dt

import pytest
from psycopg2 import sql

from retail_medallion.gold.fragments import cursor_of
from retail_medallion_tests.gold.warehouse import Warehouse

FIRST, LAST = dt.date(1990, 1, 1), dt.date(2060, 12, 31)
ONE_DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
Day = tuple[int, int, int, int, dt.date]


def nearest_monday(day: dt.date) -> dt.date:
    around = (day + dt.timedelta(days=n) for n in range(-3, 4))
    return next(other for other in around if other.isoweekday() == 1)


def by_months(first_month: int) -> dict[dt.date, Day]:
    """(year, quarter, period, week, first day of the year) of every day, counting from month to month."""
    found: dict[dt.date, Day] = {}
    start = day = dt.date(FIRST.year - 1, first_month, 1)
    year, period = start.year, 1
    while day <= LAST:
        found[day] = (year, (period + 2) // 3, period, (day - start).days // 7 + 1, start)
        day += ONE_DAY
        if day.day == 1:
            period += 1
            if period == 13:
                year, period, start = year + 1, 1, day
    return found


def by_weeks(first_month: int, pattern: str) -> dict[dt.date, Day]:
    """The same, dealing out the weeks of each year to its periods."""
    found: dict[dt.date, Day] = {}
    for year in range(FIRST.year - 1, LAST.year + 2):
        start = nearest_monday(dt.date(year, first_month, 1))
        weeks = [int(part) for part in pattern.split("-")] * 4
        rest = (nearest_monday(dt.date(year + 1, first_month, 1)) - start) // WEEK - 52
        assert rest in {0, 1}
        weeks[-1] += rest
        day = start
        for period, length in enumerate(weeks, start=1):
            for _ in range(length * 7):
                found[day] = (year, (period + 2) // 3, period, (day - start).days // 7 + 1, start)
                day += ONE_DAY
    return found


@pytest.mark.parametrize(
    ("first_month", "pattern"),
    [(1, "calendar"), (4, "calendar"), (1, "4-4-5"), (2, "4-5-4"), (10, "5-4-4"), (12, "4-4-5")],
)
def test_every_day_stands_where_counting_puts_it(
    warehouse: Warehouse, source: str, first_month: int, pattern: str
) -> None:
    warehouse.execute(
        "UPDATE silver_meta.source SET fiscal_first_month = %s, fiscal_pattern = %s WHERE source_system = %s",
        (first_month, pattern, source),
    )
    warehouse.run("dim_source", source)
    warehouse.run("dim_fiscal_calendar", source)
    expected = by_months(first_month) if pattern == "calendar" else by_weeks(first_month, pattern)
    names = ("fiscal_year", "fiscal_quarter", "fiscal_period", "fiscal_week", "fiscal_year_start")
    stored = {
        row["date_key"]: tuple(row[name] for name in names) for row in warehouse.rows("dim_fiscal_calendar", source)
    }
    assert stored == {day: values for day, values in expected.items() if FIRST <= day <= LAST}
    assert (max(values[3] for values in stored.values())) == 53


def test_a_year_of_53_weeks_gives_its_last_week_to_the_last_period() -> None:
    days = by_weeks(2, "4-5-4")
    assert days[dt.date(2019, 2, 3)] == (2018, 4, 12, 53, dt.date(2018, 1, 29))
    assert days[dt.date(2019, 2, 4)] == (2019, 1, 1, 1, dt.date(2019, 2, 4))


def test_the_calendar_is_told_of_its_settings_and_of_nothing_else(warehouse: Warehouse, source: str) -> None:
    def changed(column: str, value: object) -> bool:
        statement = sql.SQL("UPDATE silver_meta.source SET {} = %s WHERE source_system = %s")
        with warehouse.engine.begin() as connection, cursor_of(connection) as cursor:
            cursor.execute(statement.format(sql.Identifier(column)), (value, source))
        warehouse.run("dim_source", source)
        told = any(consumer == "dim_fiscal_calendar" for consumer, _, _ in warehouse.pending(source))
        warehouse.run("dim_fiscal_calendar", source)
        return told

    assert changed("name", "first")
    assert not changed("name", "second")
    assert not changed("shows_personal_data", True)
    assert changed("fiscal_first_month", 7)
    assert changed("fiscal_pattern", "4-4-5")
    assert not changed("fiscal_pattern", "4-4-5")
