"""Jobs: what a person launches for a source as a whole.

What belongs here: one line per job. What does not: when it runs (schedules and sensors).
"""

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from retail_medallion.orchestration import keys
from retail_medallion.orchestration.executors import one_process, process_per_step


def daily_jobs(entities: Mapping[str, Collection[str]]) -> list[Any]:
    """For each source one job in a single process, and one that gives each step a process, for days with long steps.

    Args:
        entities: Entities with a Bronze asset, by source.
    """
    single, parallel = one_process(keys.pools(entities)), process_per_step(entities, keys.pools(entities))
    jobs: list[Any] = []
    for source in entities:
        selection = dg.AssetSelection.key_prefixes([source])
        jobs.append(
            dg.define_asset_job(
                keys.daily_job(source),
                selection,
                description=f"One day, or a range, of {source} through Bronze, Silver and Gold.",
                executor_def=single,
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
