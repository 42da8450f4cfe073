"""Jobs: what a person launches for a source as a whole.

What belongs here: one line per job. What does not: when it runs (schedules and sensors).
"""

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from retail_medallion.orchestration import keys
from retail_medallion.orchestration.executors import one_process, process_per_step


def daily_jobs(
    entities: Mapping[str, Collection[str]], too_dear: Mapping[str, Collection[dg.AssetCheckKey]]
) -> list[Any]:
    """For each source one job in a single process, and one that gives each step a process, for days with long steps.

    Args:
        entities: Entities with a Bronze asset, by source.
        too_dear: Checks that are not for each day, by source.
    """
    single, parallel = one_process(keys.pools(entities)), process_per_step(entities, keys.pools(entities))
    jobs: list[Any] = []
    for source in entities:
        selection = dg.AssetSelection.key_prefixes([source]) - dg.AssetSelection.checks(*too_dear[source])
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


def verify_jobs(entities: Mapping[str, Collection[str]]) -> list[Any]:
    """For each source one job of all its checks, over all days; it writes nothing but findings that are due.

    Args:
        entities: Entities with a Bronze asset, by source.
    """
    single = one_process(keys.pools(entities))
    return [
        dg.define_asset_job(
            keys.verify_job(source),
            dg.AssetSelection.key_prefixes([source]) - dg.AssetSelection.key_prefixes([source]).without_checks(),
            description=f"All checks of {source}, over all days, and all tables compared with a full computation.",
            executor_def=single,
        )
        for source in entities
    ]
