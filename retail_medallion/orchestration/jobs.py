"""Jobs: what a person launches for a source as a whole.

What belongs here: one line per job. What does not: when it runs (schedules and sensors).
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from retail_medallion.orchestration import keys

_PARALLEL = dg.multiprocess_executor.configured(
    {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": ["retail_medallion.definitions"]}}}
)


def daily_jobs(sources: Iterable[str]) -> list[Any]:
    """For each source one job in a single process, and one that gives each step a process, for days with long steps.

    With a process per step every Bronze asset reads its own snapshot of the source.
    """
    jobs: list[Any] = []
    for source in sources:
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
                executor_def=_PARALLEL,
            )
        )
    return jobs
