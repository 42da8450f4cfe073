"""Runs a source's daily job for some days in this process, as `dagster asset materialize` would.

What belongs here: starting a run and following it. What does not: which days (config), what a run does (assets).
"""

import datetime as dt
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from retail_medallion.errors import PermanentError
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.dead_runs import process_tags, release_dead_runs
from retail_medallion.orchestration.pools import ensure_pools

Progress = Callable[[str, float], None]
"""Told of each finished step: its asset and its seconds."""

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


class RunFailedError(PermanentError):
    """A run ended with a failed step; the step's own error says why."""


@dataclass(frozen=True)
class FinishedRun:
    """A run that succeeded."""

    run_id: str
    seconds: float


def equivalent_command(source: str, days: Sequence[dt.date], selection: str | None = None) -> str:
    """The plain Dagster command that does the same."""
    partitions = f"--partition {days[0]}" if len(days) == 1 else f"--partition-range {days[0]}...{days[-1]}"
    selected = selection or f'key:"{source}/*"'
    return f"dagster asset materialize -m retail_medallion.definitions --select '{selected}' {partitions}"


def silver_selection(source: str, entities: Sequence[str], *, gold: bool) -> str:
    """Some Silver assets of a source, and its Gold assets if wanted, in Dagster's selection syntax."""
    selected = [f'key:"{source}/{keys.SILVER}/{entity}"' for entity in entities]
    return " or ".join([*selected, *([f'key:"{source}/{keys.GOLD}/*"'] if gold else [])])


def consecutive(
    wanted: Mapping[dt.date, frozenset[str]],
) -> list[tuple[list[dt.date], frozenset[str]]]:
    """Cut days into ranges without gaps that want the same, oldest first: each can be one run."""
    parts: list[tuple[list[dt.date], frozenset[str]]] = []
    for day in sorted(wanted):
        if parts and parts[-1][0][-1] + dt.timedelta(days=1) == day and parts[-1][1] == wanted[day]:
            parts[-1][0].append(day)
        else:
            parts.append(([day], wanted[day]))
    return parts


def materialise(
    definitions: dg.Definitions,
    source: str,
    days: Sequence[dt.date],
    *,
    instance: dg.DagsterInstance,
    progress: Progress | None = None,
    selection: str | None = None,
) -> FinishedRun:
    """Run the daily job of a source for consecutive days, as one run.

    Args:
        definitions: The code location.
        source: Code of the source.
        days: The days, oldest first, without gaps.
        instance: Where the run is written down.
        progress: Told of each finished step.
        selection: The assets to run, in Dagster's selection syntax; all of the source where None.

    Raises:
        RunFailedError: A step failed. Days that were committed before stay.
    """
    job = definitions.resolve_job_def(keys.daily_job(source))
    run_id = str(uuid.uuid4())
    started = dt.datetime.now(dt.UTC)
    tags = {_RANGE_START: days[0].isoformat(), _RANGE_END: days[-1].isoformat()} if len(days) > 1 else {}
    release_dead_runs(instance)
    ensure_pools(instance, keys.pools([source]))
    with _followed(instance, run_id, progress):
        result = job.execute_in_process(
            instance=instance,
            partition_key=days[0].isoformat() if len(days) == 1 else None,
            asset_selection=_selected(definitions, selection),
            tags={**tags, **process_tags(run_id)},
            run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
            raise_on_error=False,
            run_id=run_id,
        )
    seconds = (dt.datetime.now(dt.UTC) - started).total_seconds()
    if not result.success:
        raise RunFailedError(
            f"The run of {source} for {days[0]} to {days[-1]} failed.",
            why=_causes([event for event in result.all_events if event.is_step_failure]),
            fix=f"Mend the cause and run it again: {equivalent_command(source, days, selection)}",
        )
    return FinishedRun(result.run_id, seconds)


def _selected(definitions: dg.Definitions, selection: str | None) -> list[dg.AssetKey] | None:
    if selection is None:
        return None
    return sorted(dg.AssetSelection.from_string(selection).resolve(definitions.resolve_asset_graph()))


def _causes(failures: Sequence[dg.DagsterEvent]) -> str:
    """Each cause once, with the assets it stopped."""
    stopped: dict[str, list[str]] = defaultdict(list)
    for event in failures:
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        message = error.message.strip() if error is not None else "no reason given"
        stopped[message].append((event.step_key or "").replace("__", "/"))
    return "; ".join(f"{', '.join(sorted(assets))}: {message}" for message, assets in stopped.items())


@contextmanager
def _followed(instance: dg.DagsterInstance, run_id: str, progress: Progress | None) -> Iterator[None]:
    if progress is None:
        yield
        return
    over = threading.Event()
    told: set[str] = set()

    def tell() -> None:
        for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_SUCCESS):
            if event.step_key and event.step_key not in told and event.dagster_event is not None:
                told.add(event.step_key)
                progress(event.step_key.replace("__", "/"), event.dagster_event.step_success_data.duration_ms / 1000)

    def follow() -> None:
        while not over.wait(1.0):
            tell()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tell()
