"""Gives back what killed runs hold: a slot of a pool is otherwise theirs until the daemon notices, a day later.

What belongs here: runs that a command of ours started in its own process. What does not: runs of the daemon, which
monitors them itself.
"""

import os
import socket

import dagster as dg

from retail_medallion.embedded.processes import ProcessIdentity

_TAG = "retail_medallion/process"
_UNFINISHED = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def process_tags() -> dict[str, str]:
    """Tags by which a later command can tell whether the process of a run still lives."""
    identity = ProcessIdentity.of(os.getpid())
    return {} if identity is None else {_TAG: f"{socket.gethostname()}|{identity.pid}|{identity.started}"}


def release_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs of this machine as failed whose process is gone, and free their slots of pools.

    Returns:
        Ids of these runs.
    """
    released: list[str] = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED)):
        if not _is_dead(run.tags.get(_TAG, "")):
            continue
        instance.report_run_failed(run, "The process of the run was killed.")
        storage = instance.event_log_storage
        if storage.supports_global_concurrency_limits:
            storage.free_concurrency_slots_for_run(run.run_id)
        released.append(run.run_id)
    return released


def _is_dead(mark: str) -> bool:
    host, _, process = mark.partition("|")
    pid, _, started = process.partition("|")
    return host == socket.gethostname() and pid.isdecimal() and not ProcessIdentity(int(pid), started).is_alive()
