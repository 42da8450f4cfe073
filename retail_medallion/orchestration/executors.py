"""The executors of this platform: Dagster's own, with what a run needs before its first step.

What belongs here: what the process of a run does once, at the beginning and at the end. What does not: steps (assets).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg

from retail_medallion import config
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.dead_runs import mark_process
from retail_medallion.orchestration.pools import ensure_pools
from retail_medallion.orchestration.shared_snapshot import tell_of_snapshot
from retail_medallion.orchestration.storage_connections import keep_connections
from retail_medallion.storage.postgres.session import connect

_TWO_AT_A_TIME = {
    "max_concurrent": 2,
    "start_method": {"forkserver": {"preload_modules": ["retail_medallion.definitions"]}},
}


def one_process(pools: Collection[str]) -> dg.ExecutorDefinition:
    """All steps in the process of the run.

    Args:
        pools: Pools that steps may ask for.
    """
    return _around(dg.in_process_executor, "one_process", [], lambda steps: _RunExecutor(steps, pools))


def process_per_step(entities: Mapping[str, Collection[str]], pools: Collection[str]) -> dg.ExecutorDefinition:
    """A process per step, two at a time, all of which read each source as of one instant.

    Args:
        entities: Entities with a Bronze asset, by source.
        pools: Pools that steps may ask for.
    """
    extracts = {keys.step(source, keys.BRONZE, name): source for source, names in entities.items() for name in names}
    needs = list(dg.multiple_process_executor_requirements())
    made = _around(
        dg.multiprocess_executor,
        "process_per_step",
        needs,
        lambda steps: _SharedSnapshotExecutor(steps, pools, extracts),
    )
    configured: dg.ExecutorDefinition = made.configured(_TWO_AT_A_TIME)
    return configured


def _around(
    inner: dg.ExecutorDefinition, name: str, requirements: list[Any], make: Callable[[dg.Executor], dg.Executor]
) -> dg.ExecutorDefinition:
    def create(init_context: dg.InitExecutorContext) -> dg.Executor:
        creation = inner.executor_creation_fn
        if creation is None:
            raise dg.DagsterInvariantViolationError(f"{inner.name} cannot be made.")
        return make(creation(init_context))

    return dg.ExecutorDefinition(
        name=name,
        config_schema=inner.config_schema,  # type: ignore[arg-type] # a schema made before is one too
        requirements=requirements,
        executor_creation_fn=create,
    )


class _RunExecutor(dg.Executor):
    """Writes down which process the run lives in, makes its pools, keeps connections; another executor runs the steps.

    Args:
        steps: The executor that runs the steps.
        pools: Pools that they may ask for.
    """

    def __init__(self, steps: dg.Executor, pools: Collection[str]) -> None:
        self._steps = steps
        self._pools = pools

    @property
    def retries(self) -> Any:
        return self._steps.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._steps.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        keep_connections(plan_context.instance)
        mark_process(plan_context.instance, plan_context.run_id)
        ensure_pools(plan_context.instance, self._pools)
        yield from self._steps.execute(plan_context, execution_plan)


class _SharedSnapshotExecutor(_RunExecutor):
    """Holds the snapshots of the sources besides, until the last step that reads them is over.

    Args:
        steps: The executor that starts the processes.
        pools: Pools that the steps may ask for.
        extracts: The source that a step reads, by the step's key.
    """

    def __init__(self, steps: dg.Executor, pools: Collection[str], extracts: Mapping[str, str]) -> None:
        super().__init__(steps, pools)
        self._extracts = extracts

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        waiting: dict[str, set[str]] = defaultdict(set)
        for step in execution_plan.step_keys_to_execute:
            if step in self._extracts:
                waiting[self._extracts[step]].add(step)
        held: dict[str, SourceSnapshot] = {}
        try:
            for source in waiting:
                database = config.source_database(source)
                held[source] = SourceSnapshot(partial(connect, database), source=source)
                held[source].__enter__()
                tell_of_snapshot(plan_context.instance, plan_context.run_id, source, held[source].exported)
            for event in super().execute(plan_context, execution_plan):
                yield event
                source = self._extracts.get(event.step_key or "", "")
                if source in held and (event.is_step_success or event.is_step_failure or event.is_step_skipped):
                    waiting[source].discard(event.step_key or "")
                    if not waiting[source]:
                        # An open snapshot keeps the source from cleaning up.
                        held.pop(source).close()
        finally:
            for snapshot in held.values():
                snapshot.close()
