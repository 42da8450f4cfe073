"""Jobs: what a person launches for a source as a whole.

What belongs here: one line per job. What does not: when it runs (schedules and sensors).
"""

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from retail_medallion.orchestration import keys
from retail_medallion.orchestration.shared_snapshot import shared_snapshot_executor

_TWO_AT_A_TIME = {
    "max_concurrent": 2,
    "start_method": {"forkserver": {"preload_modules": ["retail_medallion.definitions"]}},
}


def daily_jobs(entities: Mapping[str, Collection[str]]) -> list[Any]:
    """For each source one job in a single process, and one that gives each step a process, for days with long steps.

    Args:
        entities: Entities with a Bronze asset, by source.
    """
    parallel = parallel_executor(entities)
    jobs: list[Any] = []
    for source in entities:
        selection = dg.AssetSelection.key_prefixes([source])
        jobs.append(
            dg.define_asset_job(
                keys.daily_job(source),
                selection,
                description=f"One day, or a range, of {source} through Bronze, Silver and Gold.",
                executor_def=dg.in_process_executor,
            )
        )
        jobs.append(
            dg.define_asset_job(
                f"{keys.daily_job(source)}_parallel",
                selection,
                description=f"The same with a process per step, two at a time: for days of {source} with long steps.",
                executor_def=parallel,
            )
        )
    return jobs


def parallel_executor(entities: Mapping[str, Collection[str]]) -> dg.ExecutorDefinition:
    """A process per step, two at a time, all of which read each source as of one instant."""
    return shared_snapshot_executor(entities).configured(_TWO_AT_A_TIME)
