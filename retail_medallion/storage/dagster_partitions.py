"""What a Dagster context asks an IO manager for, and how the IO manager tells what became of each partition.

Plain Dagster runs a reversed range as an empty one, and a partitioned asset without a partition, and records an
unpartitioned materialisation for both. Here they are refused.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import dagster as dg

from retail_medallion.errors import ConfigurationError, DateRangeError

Context: TypeAlias = dg.OutputContext | dg.InputContext


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span of time ``[start, end)``; both ends know their time zone."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True)
class PartitionRecord:
    """One partition (or the whole unpartitioned asset) that is stored for good.

    Attributes:
        partition: The partition key, or None where the asset has no partitions.
        metadata: What to show on its materialisation.
    """

    partition: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def partitions_asked_for(context: Context) -> list[str] | None:
    """List the partition keys a context asks for, in the partitions' own order.

    Returns:
        The keys, or None where the asset has no partitions.

    Raises:
        DateRangeError: The asset has partitions but the run names none, or an empty or reversed range.
    """
    definition = partitions_definition(context)
    if definition is None:
        return None
    if not context.has_asset_partitions:
        raise DateRangeError(
            f"Asset {context.asset_key.to_user_string()} has partitions, but the run names none",
            fix="name one with --partition, or a range with --partition-range FIRST...LAST",
        )
    keys = list(context.asset_partition_keys)
    if not keys:
        raise DateRangeError(
            f"The range of partitions asked for {context.asset_key.to_user_string()} is empty",
            why="its end lies before its start",
            fix="name the earlier partition first: --partition-range FIRST...LAST",
        )
    return keys


def partitions_definition(context: Context) -> dg.PartitionsDefinition[Any] | None:
    """Give the partitions definition of the context's asset, or None where it has none."""
    try:
        return context.asset_partitions_def
    except dg.DagsterInvariantViolationError:
        return None


def time_windows(context: Context, keys: Sequence[str]) -> dict[str, Window] | None:
    """Give each key's span of time, or None where the partitions are not made of time."""
    definition = partitions_definition(context)
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return None
    spans = {key: definition.time_window_for_partition_key(key) for key in keys}
    return {key: Window(span.start, span.end) for key, span in spans.items()}


def merged(windows: Iterable[Window]) -> list[Window]:
    """Join windows that touch, so that a range of days is one span."""
    joined: list[Window] = []
    for window in sorted(windows):
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return joined


def asset_metadata(context: Context) -> Mapping[str, Any]:
    """Give the metadata of the asset that is stored or loaded, as its definition declares it."""
    if isinstance(context, dg.OutputContext):
        return context.definition_metadata or {}
    upstream = context.upstream_output
    declared = (upstream.definition_metadata if upstream is not None else None) or {}
    return {**declared, **(context.definition_metadata or {})}


def recorded(context: dg.OutputContext, records: Iterator[PartitionRecord]) -> Iterator[dg.AssetMaterialization]:
    """Do the work of ``handle_output`` and tell Dagster about each partition as it is committed.

    Dagster itself records one materialisation per partition once the whole output is handled; they get each
    partition's own metadata here. When the work fails half-way, the partitions committed until then are recorded at
    once, so they do not have to be done again.

    Args:
        context: The output's context; ``handle_output`` must itself be a generator:
            ``yield from recorded(context, self._store(...))``.
        records: A generator that commits one partition after the other and yields what it committed.

    Yields:
        Nothing, unless the work fails.
    """
    committed: list[PartitionRecord] = []
    try:
        for record in records:
            committed.append(record)
            context.log.debug("committed %s", record.partition or context.asset_key.to_user_string())
    except Exception:
        if committed and committed[0].partition is not None:
            events = [_materialization(context, record) for record in committed]
            for event in events:
                context.log_event(event)
            # Dagster sends off logged events when something is yielded, and drops what was yielded if an error follows.
            yield events[-1]
        raise
    _attach(context, committed)


def _attach(context: dg.OutputContext, committed: Sequence[PartitionRecord]) -> None:
    if len(committed) == 1:
        context.add_output_metadata(dict(committed[0].metadata))
        return
    execution = None
    with contextlib.suppress(dg.DagsterError, LookupError):
        execution = dg.AssetExecutionContext.get()
    for record in committed:
        if execution is None:
            # Outside a run (a context built by hand) there is no step to attach metadata to.
            context.log_event(_materialization(context, record))
        else:
            execution.add_asset_metadata(
                dict(record.metadata), asset_key=context.asset_key, partition_key=record.partition
            )


def _materialization(context: dg.OutputContext, record: PartitionRecord) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(context.asset_key, partition=record.partition, metadata=dict(record.metadata))


class Handover:
    """Checks what an asset hands over, partition by partition, against what its run is for.

    Args:
        asked: The partition keys of the run.
    """

    def __init__(self, asked: Sequence[str]) -> None:
        self._asked = asked
        self._done: set[tuple[str, str | None]] = set()

    def check(self, partition: str, name: str | None = None) -> None:
        """Refuse a partition (or one of its named datasets) the run is not for, or one handed over before.

        Raises:
            ConfigurationError: As said; nothing of it has been written.
        """
        if partition not in self._asked:
            raise ConfigurationError(
                f"The asset handed over partition {partition}, which the run is not for",
                why=f"the run is for {self._asked[0]} to {self._asked[-1]} ({len(self._asked)} partitions)",
                fix="hand over only the partitions in context.partition_keys",
            )
        if (partition, name) in self._done:
            raise ConfigurationError(
                f"The asset handed over partition {partition} twice", fix="hand over each partition once, whole"
            )
        self._done.add((partition, name))

    def finish(self) -> None:
        """Refuse to end while a partition of the run was not handed over: Dagster would record it as materialised.

        Raises:
            ConfigurationError: As said; the partitions handed over are written.
        """
        missing = [key for key in self._asked if key not in {partition for partition, _ in self._done}]
        if missing:
            raise ConfigurationError(
                f"The asset did not hand over {len(missing)} of {len(self._asked)} partitions, the first {missing[0]}",
                fix="hand over an empty table for a partition without rows",
            )
