"""How the process of a run tells the processes of its steps of the snapshot it holds: by tags of the run.

What belongs here: what is told, and to whom. What does not: who holds it (executors), how it is read (bronze).
"""

import datetime as dt
import json

import dagster as dg

from retail_medallion.bronze.snapshot import ExportedSnapshot

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


def tell_of_snapshot(instance: dg.DagsterInstance, run_id: str, source: str, snapshot: ExportedSnapshot) -> None:
    """Write down the snapshot that this process holds for the steps of a run."""
    told = {
        "run": run_id,
        "id": snapshot.snapshot_id,
        "taken_at": snapshot.taken_at.isoformat(),
        "server_version": snapshot.server_version,
    }
    instance.add_run_tags(run_id, {_TAG + source: json.dumps(told)})
