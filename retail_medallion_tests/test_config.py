from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_medallion.config import FIRST_DAY, accepted_shrinks, database_settings, resolve_days
from retail_medallion.errors import ConfigurationError, DateRangeError

TODAY = dt.date(2026, 7, 1)
NOTHING: dict[str, str] = {}


def days(*arguments: str | None, **variables: str) -> list[str]:
    return [day.isoformat() for day in resolve_days(*arguments, environment=variables, today=TODAY)]


def test_without_anything_the_day_is_yesterday() -> None:
    assert days() == ["2026-06-30"]


def test_a_start_date_alone_is_one_day() -> None:
    assert days(START_DATE="2026-06-20") == ["2026-06-20"]


def test_a_range_includes_both_of_its_days() -> None:
    assert days(START_DATE="2026-06-28", END_DATE="2026-06-30") == ["2026-06-28", "2026-06-29", "2026-06-30"]


def test_an_offset_counts_back_from_today() -> None:
    assert days(DAY_OFFSET="3") == ["2026-06-28"]


def test_arguments_win_over_all_variables_together() -> None:
    assert days("2026-06-20", DAY_OFFSET="3", END_DATE="2026-06-25") == ["2026-06-20"]


def test_an_empty_variable_counts_as_not_set() -> None:
    assert days(START_DATE="", END_DATE="", DAY_OFFSET="") == ["2026-06-30"]


@pytest.mark.parametrize(
    "variables",
    [
        {"START_DATE": "2026-06-30", "END_DATE": "2026-06-28"},
        {"END_DATE": "2026-06-28"},
        {"START_DATE": "2026-06-28", "DAY_OFFSET": "1"},
        {"START_DATE": "28.06.2026"},
        {"START_DATE": "20260628"},
        {"START_DATE": "2026-02-30"},
        {"START_DATE": "2026-07-01"},
        {"START_DATE": "2030-01-01"},
        {"START_DATE": "2023-12-31"},
        {"DAY_OFFSET": "0"},
        {"DAY_OFFSET": "-1"},
        {"DAY_OFFSET": "1.5"},
        {"DAY_OFFSET": "yesterday"},
    ],
)
def test_a_wrong_range_is_refused_with_the_allowed_forms(variables: dict[str, str]) -> None:
    with pytest.raises(DateRangeError) as refused:
        days(**variables)
    assert refused.value.fix


@given(first=st.integers(0, 800), length=st.integers(1, 100))
def test_a_range_is_every_day_once_and_in_order(first: int, length: int) -> None:
    start = FIRST_DAY + dt.timedelta(days=first)
    found = resolve_days(
        start.isoformat(), (start + dt.timedelta(days=length - 1)).isoformat(), environment=NOTHING, today=TODAY
    )
    assert found == [start + dt.timedelta(days=n) for n in range(length)]


def test_the_variables_of_a_named_source_win_one_by_one() -> None:
    settings = database_settings(
        "NORTHWIND_",
        "",
        environment={"DB_HOST": "a", "DB_NAME": "b", "DB_USER": "c", "DB_PASSWORD": "secret", "NORTHWIND_DB_HOST": "n"},
    )
    assert (settings.host, settings.database, settings.user, settings.port) == ("n", "b", "c", 5432)


def test_entities_whose_shrunken_table_is_believed_are_named_with_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accepted_shrinks() == frozenset()
    monkeypatch.setenv("RETAIL_ACCEPT_SHRINK", " demo/products, demo/stores,")
    assert accepted_shrinks() == {"demo/products", "demo/stores"}
    monkeypatch.setenv("RETAIL_ACCEPT_SHRINK", "products")
    with pytest.raises(ConfigurationError, match="'products' is no entity of a source"):
        accepted_shrinks()


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="NORTHWIND_DB_HOST or DB_HOST"):
        database_settings("NORTHWIND_", "", environment={})


def test_a_password_shows_in_no_repr_and_no_error() -> None:
    variables = {"DB_HOST": "h", "DB_NAME": "n", "DB_USER": "u", "DB_PASSWORD": "canary-7391", "DB_PORT": "x"}
    with pytest.raises(ConfigurationError) as refused:
        database_settings("", environment=variables)
    assert "canary" not in str(refused.value)
    assert "canary" not in repr(database_settings("", environment={**variables, "DB_PORT": "1"}))
