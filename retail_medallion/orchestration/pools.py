"""Makes the pools of a run before its steps ask for them.

What belongs here: that they exist. What does not: their names (keys), their size (dagster.yaml).
"""

from collections.abc import Iterable

import dagster as dg


def ensure_pools(instance: dg.DagsterInstance, pools: Iterable[str]) -> None:
    """Give each pool its default limit, unless it has one.

    Dagster does so itself when a step first asks, but of two runs that do it at once on PostgreSQL one fails with an
    aborted transaction. Here the loser finds what the winner made.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    for pool in sorted(set(pools) - set(storage.get_concurrency_keys())):
        try:
            storage.initialize_concurrency_limit_to_default(pool)
        except Exception:
            if pool not in storage.get_concurrency_keys():
                raise
