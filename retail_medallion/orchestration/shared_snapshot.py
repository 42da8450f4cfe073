"""The executor of the parallel jobs: a process per step, and one snapshot of each source for all of them.

What belongs here: who takes the snapshot, who is told of it, when it is let go. What does not: how it is read (bronze).
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg

from retail_medallion import config
from retail_medallion.bronze.snapshot import ExportedSnapshot, SourceSnapshot
from retail_medallion.orchestration import keys
from retail_medallion.storage.postgres.session import connect

_TAG = "retail_medallion/snapshot_"


def snapshot_held_by_run(instance: dg.DagsterInstance, run_id: str, source: str) -> ExportedSnapshot | None:
    """The snapshot that the run's own process holds for the processes of its steps; None where there is none.

    It is looked for in the tags of the run as they are now: a process of a step is started with those of the beginning.
    """
    run = instance.get_run_by_id(run_id)
    told = json.loads(run.tags.get(_TAG + source, "{}")) if run is not None else {}
    # A run that repeats another one inherits its tags.
    if told.get("run") != run_id:
        return None
    return ExportedSnapshot(told["id"], dt.datetime.fromisoformat(told["taken_at"]), told["server_version"])


def shared_snapshot_executor(entities: Mapping[str, Collection[str]]) -> dg.ExecutorDefinition:
    """Dagster's executor with a process per step, all of which read each source as of one instant.

    Args:
        entities: Entities with a Bronze asset, by source.
    """
    extracts = {keys.step(source, keys.BRONZE, name): source for source, names in entities.items() for name in names}

    def shared_snapshot(init_context: dg.InitExecutorContext) -> dg.Executor:
        create = dg.multiprocess_executor.executor_creation_fn
        if create is None:
            raise dg.DagsterInvariantViolationError("Dagster's multiprocess executor cannot be made.")
        return _SharedSnapshotExecutor(create(init_context), extracts)

    return dg.ExecutorDefinition(
        name="shared_snapshot",
        config_schema=dg.multiprocess_executor.config_schema,  # type: ignore[arg-type] # a schema made before is one too
        requirements=dg.multiple_process_executor_requirements(),
        executor_creation_fn=shared_snapshot,
    )


class _SharedSnapshotExecutor(dg.Executor):
    """Holds the snapshots while another executor runs the steps.

    Args:
        steps: The executor that starts the processes.
        extracts: The source that a step reads, by the step's key.
    """

    def __init__(self, steps: dg.Executor, extracts: Mapping[str, str]) -> None:
        self._steps = steps
        self._extracts = extracts

    @property
    def retries(self) -> Any:
        return self._steps.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._steps.step_dependency_config

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
                _tell(plan_context.instance, plan_context.run_id, source, held[source].exported)
            for event in self._steps.execute(plan_context, execution_plan):
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


def _tell(instance: dg.DagsterInstance, run_id: str, source: str, snapshot: ExportedSnapshot) -> None:
    told = {
        "run": run_id,
        "id": snapshot.snapshot_id,
        "taken_at": snapshot.taken_at.isoformat(),
        "server_version": snapshot.server_version,
    }
    instance.add_run_tags(run_id, {_TAG + source: json.dumps(told)})
