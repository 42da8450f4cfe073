from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.bronze.windows import window_of
from retail_medallion.errors import DateRangeError
from retail_medallion_tests.bronze.harness import FIRST, Source, changed, day

ZONES = sorted(available_timezones())


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    wall=st.datetimes(min_value=datetime(2025, 3, 2), max_value=datetime(2026, 3, 2)),  # noqa: DTZ001
    fold=st.sampled_from([0, 1]),
    edge=st.sampled_from(["as drawn", "midnight", "last microsecond"]),
)
def test_every_instant_is_in_exactly_one_day_whatever_zone_it_was_written_in(zone, wall, fold, edge) -> None:
    instant = wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    if edge == "midnight":
        instant = midnight
    elif edge == "last microsecond":
        instant = midnight + timedelta(days=1, microseconds=-1)
    windows = [window_of(day(number), FIRST) for number in range(400)]
    holding = [
        window.day for window in windows if (window.start is None or instant >= window.start) and instant < window.end
    ]
    assert holding == [max(instant.date(), FIRST)]


def test_rows_at_the_edges_of_a_day_are_in_exactly_one_partition(source: Source) -> None:
    source.execute(
        "INSERT INTO thing SELECT row_number() OVER (), 'edge', 1, at FROM unnest(ARRAY["
        "'2025-03-02 00:00:00+00', '2025-03-02 23:59:59.999999+00', '2025-03-03 00:00:00+00',"
        "'2025-03-02 19:00:00-05', '2025-03-03 05:29:59.999999+05:30']::timestamptz[]) AS at"
    )
    source.run(0, 1, 2)
    assert [source.ids(number) for number in range(3)] == [[], [1, 2, 5], [3, 4]]


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    instants=st.lists(
        st.datetimes(
            min_value=datetime(2025, 2, 20),  # noqa: DTZ001
            max_value=datetime(2025, 3, 5, 23, 59, 59, 999999),  # noqa: DTZ001
            timezones=st.sampled_from(ZONES).map(ZoneInfo),
        ),
        max_size=30,
    ).filter(lambda drawn: all(instant.astimezone(UTC) < datetime(2025, 3, 6, tzinfo=UTC) for instant in drawn))
)
def test_the_counts_of_all_days_sum_to_the_whole_table(source: Source, instants) -> None:
    source.execute("TRUNCATE thing")
    for number, instant in enumerate(instants):
        source.execute("INSERT INTO thing VALUES (%s, 'x', 1, %s)", (number, instant.astimezone(UTC)))
    block = changed(name=f"things_{abs(hash(tuple(instants)))}"[:60])
    infos = source.run(0, 1, 2, 3, 4, block=block)
    assert sum(info.rows for info in infos) == len(instants)


def test_the_first_partition_takes_what_came_before_and_rows_without_a_watermark(source: Source) -> None:
    source.execute(
        "INSERT INTO thing VALUES (1, 'old', 1, '1999-01-01'), (2, 'unknown', 1, NULL), (3, 'first', 1, '2025-03-01'),"
        " (4, 'older than time', 1, '-infinity'), (5, 'second', 1, '2025-03-02')"
    )
    source.run(0, 1)
    assert (source.ids(0), source.ids(1)) == ([1, 2, 3, 4], [5])


@pytest.mark.parametrize("column_type", ["timestamptz", "timestamp", "date"])
def test_a_watermark_may_be_a_date_or_a_naive_timestamp_and_counts_as_utc(source: Source, column_type: str) -> None:
    source.execute(f"ALTER TABLE thing ALTER updated_at TYPE {column_type}")
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02'), (2, 'b', 1, '2025-03-03')")
    source.run(0, 1, 2)
    assert [source.ids(number) for number in range(3)] == [[], [1], [2]]


def test_a_day_before_the_first_partition_is_refused(source: Source) -> None:
    with pytest.raises(DateRangeError, match="There is no partition 2025-02-28"):
        source.run(-1, 0)
