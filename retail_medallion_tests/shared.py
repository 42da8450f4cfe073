"""What the workers of one test session make only once: whoever asks first makes it, the others wait for it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.servers import (
    FreshDatabase,
    create_database,
    drop_database,
    session_home,
)


def once(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` gave to the first of this session's processes that asked for that name.

    Args:
        name: What it is.
        make: Makes it and says, in JSON's types, where it is. It has to last until the session ends.
    """
    folder = session_home() / "shared"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_text(json.dumps(make()))
        return json.loads(made.read_text())


def database_once(
    server: EmbeddedPostgres, name: str, fill: Callable[[FreshDatabase], None], *, template: str = "template1"
) -> FreshDatabase:
    """A database that all workers share, filled once; none of them may change it."""

    def make() -> dict[str, Any]:
        database = create_database(server, prefix=f"shared_{name}", template=template)
        fill(database)
        return {"database": database.name}

    made = once(name, make)["database"]
    return FreshDatabase(made, server.dsn(made))


def drop_shared_databases(server: EmbeddedPostgres) -> None:
    """Drop them all, on a server that outlives the session."""
    for made in (session_home() / "shared").glob("*.json"):
        if "database" in (told := json.loads(made.read_text())):
            drop_database(server, told["database"])


def write_down(instance: dg.DagsterInstance, file: Path) -> None:
    """Write the runs of an instance and their events to a file, for `read_into`."""
    lines: list[str] = []
    for run in instance.get_runs():
        lines.append(dg.serialize_value(run))
        lines += [dg.serialize_value(entry) for entry in instance.all_logs(run.run_id)]
    file.write_text("\n".join(lines))


def read_into(instance: dg.DagsterInstance, file: Path) -> None:
    """Have another instance know what was written down."""
    for line in file.read_text().split("\n"):
        value: Any = dg.deserialize_value(line)
        if isinstance(value, dg.DagsterRun):
            instance.run_storage.add_run(value._replace(job_snapshot_id=None, execution_plan_snapshot_id=None))
        else:
            instance.event_log_storage.store_event(value)
