"""Extraction: the days of one block, each as a stream for the object that holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial

import pyarrow as pa

from retail_medallion.bronze.block import DELETED, EXTRACTED_AT, ExtractBlock, Mode
from retail_medallion.bronze.comparison import Comparison
from retail_medallion.bronze.drift import FINGERPRINT, Drift, drift_since, explained, fingerprint
from retail_medallion.bronze.evolution import check_evolution
from retail_medallion.bronze.merge import merge
from retail_medallion.bronze.observed import later_day_observed, was_observed
from retail_medallion.bronze.progress import Log, Progress
from retail_medallion.bronze.query import ExtractPlan, plan_extract
from retail_medallion.bronze.renames import values_compared
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.bronze.state import COMPARED_WITH, STATE, KeptStates
from retail_medallion.bronze.totals import ControlTotals, counting, totals_as_json
from retail_medallion.bronze.windows import Window, window_of
from retail_medallion.errors import DataContractError, DateRangeError, SourceSchemaError
from retail_medallion.storage.parquet_file import LocalParquet, workspace, write_file
from retail_medallion.storage.parquet_store import IDENTITY_KEY, KeptObject, ObjectInfo, ParquetStore
from retail_medallion.storage.partitioned import PartitionData, PartitionedOutput
from retail_medallion.storage.postgres.copy_out import open_query
from retail_medallion.storage.schema_evolution import evolve

EXTRACTED_AT_FIELD = pa.field(EXTRACTED_AT, pa.timestamp("us", "UTC"))
_DELETED_FIELD = pa.field(DELETED, pa.bool_())


def _schema(plan: ExtractPlan) -> pa.Schema:
    return pa.schema([*(column.field for column in plan.columns), EXTRACTED_AT_FIELD])


@dataclass(frozen=True)
class _Extract:
    """One block, read from one snapshot, kept in one store."""

    snapshot: SourceSnapshot
    store: ParquetStore
    plan: ExtractPlan
    metadata: Mapping[str, str]
    log: Log
    first: date
    drift: Drift
    states: KeptStates

    @property
    def block(self) -> ExtractBlock:
        return self.plan.block

    @cached_property
    def source_schema(self) -> pa.Schema:
        return _schema(self.plan)

    @cached_property
    def schema(self) -> pa.Schema:
        compared = self.block.mode is Mode.COMPARED
        return self.source_schema.append(_DELETED_FIELD) if compared else self.source_schema

    def partition(
        self, day: date, data: pa.Table | KeptObject | Callable[[], pa.RecordBatchReader], **more: object
    ) -> PartitionData:
        return PartitionData(partition=day.isoformat(), data=data, name=self.block.name, **more)  # type: ignore[arg-type]

    def entries(self, day: date, window: Window | None, *, observed: bool) -> dict[str, str]:
        """What the object tells of itself; what is known only after the last row is added while streaming."""
        mode, seen, covered = self.block.mode.value, str(observed).lower(), str(window or "")
        return {
            IDENTITY_KEY: f"mode={mode} observed={seen} window={covered}",
            "mode": mode,
            "observed": seen,
            FINGERPRINT: fingerprint(self.source_schema),
            **(self.drift.entries() if day == self.first else {}),
            **self.metadata,
            "window": covered,
            "snapshot_taken_at": self.snapshot.taken_at.isoformat(),
            "server_version": self.snapshot.server_version,
        }

    def fresh(self, window: Window | None, label: str, entries: dict[str, str]) -> pa.RecordBatchReader:
        """Stream a window from the source, compared at the end with what the source itself counts there."""
        schema = self.source_schema
        extracted_at = pa.scalar(self.snapshot.taken_at, EXTRACTED_AT_FIELD.type)

        def batches() -> Iterator[pa.RecordBatch]:
            totals = ControlTotals(schema)
            with (
                self.snapshot.worker() as connection,
                counting(self.snapshot, self.plan, window, where=label) as counted,
                Progress(self.log, label, total=lambda: counted.result().rows if counted.done() else None) as progress,
                open_query(connection, self.plan.select(window)) as reader,
            ):
                for batch in reader:
                    totals.update(batch)
                    progress.advance(batch.num_rows, batch.nbytes)
                    stamp = pa.repeat(extracted_at, batch.num_rows)
                    yield pa.RecordBatch.from_arrays([*batch.columns, stamp], schema=schema)
            source = counted.result()
            totals.require_equal(source, where=label)
            entries["source_rows"] = str(source.rows)
            entries["source_totals"] = totals_as_json(source.totals)
            entries["control_totals"] = totals.as_json()

        return pa.RecordBatchReader.from_batches(schema, batches())

    def merged(
        self, existing: ObjectInfo, window: Window | None, label: str, entries: dict[str, str]
    ) -> pa.RecordBatchReader:
        """Stream what is seen of a window now, merged with what was seen of it before."""
        stack = ExitStack()
        with ExitStack() as on_error:
            on_error.push(stack)
            path = stack.enter_context(workspace()) / "extract.parquet"
            fresh = self.fresh(window, label, entries)
            written = write_file(fresh, path, metadata={}, volatile=self.store.volatile)
            reader = LocalParquet(path).reader()
            if written.digest != existing.digest:
                before = stack.enter_context(self.store.open(existing))
                check_evolution(before.schema, self.schema, where=f"{label}, {existing.key}")
                reader = merge(evolve(before.reader(), self.schema), reader, self.block)
            on_error.pop_all()

        def batches() -> Iterator[pa.RecordBatch]:
            totals = ControlTotals(self.schema)
            with stack:
                for batch in reader:
                    totals.update(batch)
                    yield batch
            entries["control_totals"] = totals.as_json()

        return pa.RecordBatchReader.from_batches(self.schema, batches())

    def windowed(self, day: date, window: Window, key: str) -> PartitionData:
        """Make one day of a block whose rows tell when they were recorded."""
        label = f"block={self.block.name} day={day}"
        entries = self.entries(day, window, observed=True)
        existing = self.store.stat(key)

        def data() -> pa.RecordBatchReader:
            if existing is None:
                return self.fresh(window, label, entries)
            return self.merged(existing, window, label, entries)

        return self.partition(day, data, metadata=entries, replaces=existing)

    def observation(self, day: date, key: str) -> PartitionData:
        """Make the day under which the whole table, as it is now, is kept."""
        entries = self.entries(day, None, observed=True)
        existing = self.store.stat(key)

        def data() -> pa.RecordBatchReader:
            return self.fresh(None, f"block={self.block.name} day={day}", entries)

        return self.partition(day, data, metadata=entries, replaces=existing)

    def compared(self, day: date, key: str) -> PartitionData:
        """Make the day under which is kept what differs from the observation before."""
        label = f"block={self.block.name} day={day}"
        # They come first among what S3 carries with an object, which is not much.
        entries = {STATE: "", COMPARED_WITH: "", **self.entries(day, None, observed=True)}
        existing = self.store.stat(key)
        self.states.remove_unnamed(day)
        comparison = Comparison(self.block, self.states, self.schema, self.snapshot.taken_at, f"{label}, {key}")

        def data() -> pa.RecordBatchReader:
            return comparison.rows(self.fresh(None, label, entries), day, entries)

        return self.partition(day, data, metadata=entries, replaces=existing)

    def not_observed(self, day: date, key: str) -> PartitionData:
        """Make a day of which nothing can be known any more, unless it was observed in its time."""
        existing = self.store.stat(key)
        if existing is not None and was_observed(existing):
            self.log.info("kept block=%s day=%s rows=%d: observed before", self.block.name, day, existing.rows)
            return self.partition(day, KeptObject(self.store, existing), metadata=existing.metadata, replaces=existing)
        if existing is None and self.block.mode is Mode.COMPARED and self.states.is_built_on(day):
            raise DataContractError(
                "The day's object is lost, and later ones hold only what differs from it.",
                where=f"block={self.block.name} day={day}, {key}",
                fix="Run the newest day again: it then writes every row, whatever earlier days held. "
                "After that this day can be run as well.",
            )
        self.log.info("not observed block=%s day=%s", self.block.name, day)
        entries = self.entries(day, None, observed=False)
        return self.partition(day, self.schema.empty_table(), metadata=entries, replaces=existing)


def extract(
    snapshot: SourceSnapshot,
    store: ParquetStore,
    block: ExtractBlock,
    *,
    key_of: Callable[[date], str],
    days: Sequence[date],
    first_day: date,
    metadata: Mapping[str, str],
    log: Log,
) -> Iterator[PartitionData]:
    """Extract the days of one block, one after the other.

    What was extracted of a day before is merged with what the source holds now, so that nothing once seen is lost; a
    day of which nothing changed leaves its object as it is.

    Args:
        snapshot: The open snapshot of the source that all extracts of a run share.
        store: Where the objects are; what is there is merged with.
        block: What to extract.
        key_of: Gives the object's key from the day.
        days: The days wanted, in any order; extracted in order.
        first_day: The first partition there is; it takes everything recorded before it, and rows without watermark.
        metadata: Further entries for the objects (mapping version and the like).
        log: Where progress is told.

    Yields:
        One `PartitionData` per day whose `data` is made when it is asked for. Its `replaces` is the object it was
        merged with. Entries known only after the last row are added to its `metadata` while it is streamed.

    Raises:
        DateRangeError: A day lies before the first partition.
        SourceSchemaError: The extract does not fit the source's catalogue.
        SchemaDriftError: The source lost a column or changed its type since the day was extracted before, or one that
            is read since the nearest earlier day.
        BalanceError: The rows read are not those that the source counts.
        DataContractError: Too many rows of a compared table are gone, or a day's object that others build on is lost.
    """
    wanted = sorted(set(days))
    if not wanted:
        return
    if wanted[0] < first_day:
        raise DateRangeError(
            f"There is no partition {wanted[0]}.", where=f"block {block.name}", why=f"The first one is {first_day}."
        )
    plan, drift = _planned(snapshot, store, block, key_of, wanted[0], log)
    states = KeptStates(store, block, key_of, log)
    run = _Extract(snapshot, store, plan, metadata, log, wanted[0], drift, states)
    if block.mode.is_windowed:
        for day in wanted:
            yield run.windowed(day, window_of(day, first_day), key_of(day))
        return
    # Today's state says nothing about a day that has passed, once a later one was observed.
    newest = wanted[-1]
    observable = not later_day_observed(store, key_of, newest)
    for day in wanted:
        if observable and day == newest:
            yield run.compared(day, key_of(day)) if block.mode is Mode.COMPARED else run.observation(day, key_of(day))
        else:
            yield run.not_observed(day, key_of(day))


def _planned(
    snapshot: SourceSnapshot,
    store: ParquetStore,
    block: ExtractBlock,
    key_of: Callable[[date], str],
    day: date,
    log: Log,
) -> tuple[ExtractPlan, Drift]:
    """Check a block against its source, and its source against the days before."""
    where = f"block={block.name} day={day}, {key_of(day)}"
    drift = Drift()

    def look(found: ExtractPlan) -> None:
        nonlocal drift
        drift = drift_since(store, key_of, day, _schema(found), partial(values_compared, connection, found))
        if told := drift.entries():
            log.info("other columns block=%s day=%s than on %s: %s", block.name, day, drift.since, told)
            if block.reads is not None:
                drift.require_readable(block.reads(), where)

    try:
        with snapshot.worker() as connection:
            plan = plan_extract(connection, block, look=look)
    except SourceSchemaError as error:
        raise explained(error, store, key_of, day, where) from None
    return plan, drift


def extract_all(
    snapshot: SourceSnapshot,
    store: ParquetStore,
    blocks: Sequence[ExtractBlock],
    *,
    key_of: Callable[[date, str], str],
    days: Sequence[date],
    first_day: date,
    metadata: Mapping[str, str],
    log: Log,
) -> PartitionedOutput:
    """Extract the days of all blocks of one entity, all blocks of a day before the next day.

    Args:
        snapshot: As for `extract`.
        store: As for `extract`.
        blocks: The blocks; their names differ.
        key_of: Gives the object's key from the day and the name of the block.
        days: As for `extract`.
        first_day: As for `extract`.
        metadata: As for `extract`.
        log: As for `extract`.
    """

    def of_block(block: ExtractBlock) -> Iterator[PartitionData]:
        return extract(
            snapshot,
            store,
            block,
            key_of=lambda day: key_of(day, block.name),
            days=days,
            first_day=first_day,
            metadata=metadata,
            log=log,
        )

    def parts() -> Iterator[PartitionData]:
        for same_day in zip(*(of_block(block) for block in blocks), strict=True):
            yield from same_day

    return PartitionedOutput(parts(), names=[block.name for block in blocks])
