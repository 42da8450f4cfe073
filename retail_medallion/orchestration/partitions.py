"""The one partition definition, and the days a run asks for.

What belongs here: constants of time, and which days a run is about. What does not: anything that depends on a source.
"""

import datetime as dt

import dagster as dg

from retail_medallion.config import FIRST_DAY
from retail_medallion.errors import DateRangeError

DAILY = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), timezone="UTC")
"""One UTC day of arrival. All sources share it: Dagster cannot select assets of different definitions together."""

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
"""Tags under which Dagster keeps the day, or the first and last day, of a run."""

RANGE_IN_ONE_RUN = dg.BackfillPolicy.single_run()
"""A range of days is one run of every asset; inside it each committed day is recorded."""


def days_asked_for(context: dg.AssetExecutionContext, first_day: dt.date) -> list[dt.date]:
    """The days a run is about, oldest first.

    Args:
        context: Context of the asset.
        first_day: First partition of the asset's source. Sources share one partition definition, so Dagster knows
            earlier days as well.

    Raises:
        DateRangeError: The run names no partition, a day before the first one, or a reversed range: plain Dagster would
            do nothing, succeed, and record a materialisation of no day at all.
    """
    where = context.asset_key.to_user_string()
    if not context.has_partition_key and not context.has_partition_key_range:
        raise DateRangeError(
            "The run names no day.", where=where, fix="Name one with --partition 2026-06-20, or a --partition-range."
        )
    keys = list(context.partition_keys)
    if not keys:
        raise DateRangeError(
            "The range of days is empty.",
            where=where,
            why="its end lies before its start",
            fix="Name the earlier day first: --partition-range 2026-06-17...2026-06-30",
        )
    days = [dt.date.fromisoformat(key) for key in keys]
    if days[0] < first_day:
        raise DateRangeError(
            f"There is no partition {days[0]}.",
            where=where,
            why=f"the first one of its source is {first_day}, and takes everything recorded before",
            fix=f"Start at {first_day} or later.",
        )
    return days


def days_of_run(context: dg.AssetCheckExecutionContext) -> list[dt.date] | None:
    """The days of the run of a check; None for a run of checks alone, which has none. A check has no partitions."""
    tags = context.run.tags
    first = tags.get(RANGE_START, tags.get(PARTITION))
    last = tags.get(RANGE_END, first)
    if first is None or last is None:
        return None
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [start + dt.timedelta(days=number) for number in range((end - start).days + 1)]
