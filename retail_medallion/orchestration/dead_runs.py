"""Gives back what killed runs hold: a slot of a pool is otherwise theirs until the daemon notices, a day later.

What belongs here: runs whose process was on this machine, however they were started. What does not: runs of other
machines; the daemon's monitoring ends those.
"""

import os
import socket

import dagster as dg

from retail_medallion.embedded.processes import ProcessIdentity

_TAG = "retail_medallion/process"
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def process_tags(run_id: str) -> dict[str, str]:
    """Tags by which a later command can tell whether the process of a run, this one, still lives."""
    identity = ProcessIdentity.of(os.getpid())
    return {} if identity is None else {_TAG: f"{run_id}|{socket.gethostname()}|{identity.pid}|{identity.started}"}


def mark_process(instance: dg.DagsterInstance, run_id: str) -> None:
    """Write down that a run lives in this process."""
    if tags := process_tags(run_id):
        instance.add_run_tags(run_id, tags)


def release_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs of this machine as ended whose process is gone, and free their slots of pools.

    Returns:
        Ids of these runs.
    """
    released: list[str] = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED)):
        if not _is_dead(run.run_id, run.tags.get(_TAG, "")):
            continue
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "The process of the run was killed.")
        else:
            instance.report_run_failed(run, "The process of the run was killed.")
        storage = instance.event_log_storage
        if storage.supports_global_concurrency_limits:
            storage.free_concurrency_slots_for_run(run.run_id)
        released.append(run.run_id)
    return released


def _is_dead(run_id: str, mark: str) -> bool:
    # A run that repeats another one inherits its tags, until it writes down its own process.
    marked, _, rest = mark.partition("|")
    host, _, process = rest.partition("|")
    pid, _, started = process.partition("|")
    if marked != run_id or host != socket.gethostname() or not pid.isdecimal():
        return False
    return not ProcessIdentity(int(pid), started).is_alive()
