"""What an observation of a compared block leaves for the next: the hash of every row, by key.

A state lies beside the days of its entity, under `_state/`, and is named by the object of its day. That object commits
it: a state no object names is of a run that did not come to its end, and is removed later. A state is a help and no
record: where it is lost, damaged or of other columns, the next observation writes every row again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from retail_medallion.bronze.block import DELETED, ExtractBlock
from retail_medallion.bronze.drift import FINGERPRINT, fingerprint
from retail_medallion.bronze.observed import days_kept, was_observed
from retail_medallion.bronze.ordered import Key, group_end, windows
from retail_medallion.bronze.progress import Log
from retail_medallion.bronze.row_hash import HASH_TYPE, HASH_VERSION
from retail_medallion.errors import AccessDeniedError, ObjectVerificationError, SchemaDriftError
from retail_medallion.storage.parquet_file import LocalParquet, workspace, write_file
from retail_medallion.storage.parquet_store import IDENTITY_KEY, ObjectInfo, ParquetObject, ParquetStore
from retail_medallion.storage.schema_evolution import evolve, widens

ROW_HASH = "_row_hash"
"""Column of a state: hash of the row as it was seen; NULL where nobody knows it any more."""

STATE = "state"
"""Entry of a day's object: name of the state the observation left."""
COMPARED_WITH = "compared_with"
"""Entry of a day's object: the day it was compared with; empty for a first observation."""

_DIGEST_CHARACTERS = 32
_DAYS = "days"


@dataclass(frozen=True)
class Before:
    """What is known of a table from the days before.

    Attributes:
        reader: Starts reading the keys with `ROW_HASH`, in order.
        rows: How many there are.
        day: The day observed last; None where none was.
        days: The days whose objects together hold the rows, in order.
    """

    reader: Callable[[], pa.RecordBatchReader]
    rows: int = 0
    day: date | None = None
    days: tuple[str, ...] = ()


@dataclass
class KeptStates:
    """The states of one block.

    Attributes:
        store: Where they are.
        block: The block.
        key_of: Gives the key of a day's object.
        log: Where it is told what is lost.
    """

    store: ParquetStore
    block: ExtractBlock
    key_of: Callable[[date], str]
    log: Log

    def place(self, name: str) -> str:
        """Key of a state. No reader of the days' folders meets it, nor takes it for a partition."""
        head = self.key_of(date.min).rpartition(date.min.isoformat())[0]
        folder, slash, _ = head.rpartition("/")
        return f"{folder}{slash}_state/{self.block.name}/{name}"

    @contextmanager
    def before(self, day: date, schema: pa.Schema) -> Iterator[Before]:
        """What the days before say of the table.

        Args:
            day: The day to be observed.
            schema: Columns of the source as they are now.

        Raises:
            SchemaDriftError: The key has become one of another kind, so that nothing can be told of the former ones.
        """
        kept = [other for other in days_kept(self.store, self.key_of, day) if other < day]
        with ExitStack() as stack:
            last = self._last_observed(kept)
            if last is None:
                yield Before(self._keys_schema(schema).empty_table().to_reader)
                return
            state = self._state_of(stack, last[1], schema)
            if state is not None:
                days = tuple(json.loads(state.metadata[_DAYS]))
                missing = sorted({*days} - {other.isoformat() for other in kept})
                if not missing:
                    yield self._from_state(state, last[0], days, schema)
                    return
                self._tell(f"the objects of {', '.join(missing)}, with rows of theirs, are gone")
            else:
                self._tell(f"the state of {last[0]} is not there")
            yield self._from_objects(stack, kept, last[0], schema)

    def keep(self, rows: pa.RecordBatchReader, day: date, before: Before, schema: pa.Schema) -> dict[str, str]:
        """Put the state of an observation in its place.

        Args:
            rows: Keys and `ROW_HASH`, in order.
            day: The day observed.
            before: What it is compared with.
            schema: Columns of the source.

        Returns:
            Entries by which the day's object names the state.
        """
        days = json.dumps([*before.days, day.isoformat()])
        metadata = {
            IDENTITY_KEY: hashlib.sha256(f"{HASH_VERSION} {fingerprint(schema)} {days}".encode()).hexdigest(),
            FINGERPRINT: fingerprint(schema),
            "hash": HASH_VERSION,
            _DAYS: days,
        }
        with workspace() as folder:
            written = write_file(rows, folder / "state.parquet", metadata=metadata)
            name = f"{day}-{written.digest[:_DIGEST_CHARACTERS]}.parquet"
            self.store.write(self.place(name), LocalParquet(written.path).reader(), metadata=metadata)
        with_day = before.day.isoformat() if before.day else ""
        return {STATE: name, COMPARED_WITH: with_day}

    def remove_unnamed(self, day: date) -> None:
        """Remove states that no observation needs: all but those of the day itself and of the one before it."""
        names = set()
        kept = days_kept(self.store, self.key_of, day)
        existing = self.store.stat(self.key_of(day)) if day in kept else None
        last = self._last_observed([other for other in kept if other < day])
        for info in (existing, last[1] if last else None):
            names.add(info.metadata.get(STATE, "") if info is not None else "")
        try:
            for key in list(self.store.list_keys(self.place(""))):
                if key not in {self.place(name) for name in names if name}:
                    self.store.remove(key)
        except AccessDeniedError as error:
            self.log.info("states no longer needed stay block=%s: %s", self.block.name, error.what)

    @cached_property
    def _holding(self) -> frozenset[str]:
        """Days that the newest observation builds on."""
        kept = days_kept(self.store, self.key_of, date.min)
        last = self._last_observed(kept)
        name = last[1].metadata.get(STATE) if last else None
        info = self.store.stat(self.place(name)) if name else None
        if info is None:
            return frozenset()
        try:
            with self.store.open(info) as state:
                return frozenset(json.loads(state.metadata.get(_DAYS, "[]")))
        except ObjectVerificationError:
            return frozenset()

    def is_built_on(self, day: date) -> bool:
        """Tell whether a later observation counts on what the object of a day holds."""
        return day.isoformat() in self._holding

    def _last_observed(self, days: Sequence[date]) -> tuple[date, ObjectInfo] | None:
        for day in reversed(days):
            info = self.store.stat(self.key_of(day))
            if info is not None and was_observed(info):
                return day, info
        return None

    def _tell(self, why: str) -> None:
        self.log.info("every row is written again block=%s: %s", self.block.name, why)

    def _state_of(self, stack: ExitStack, info: ObjectInfo, schema: pa.Schema) -> ParquetObject | None:
        name = info.metadata.get(STATE)
        found = self.store.stat(self.place(name)) if name else None
        if found is None:
            return None
        try:
            state = stack.enter_context(self.store.open(found))
        except ObjectVerificationError:
            return None
        names = [name for name in state.schema.names if name != ROW_HASH]
        if names != list(self.block.key) or state.metadata.get("hash") != HASH_VERSION:
            return None
        self._require_same_keys(state.schema, schema)
        return state

    def _keys_schema(self, schema: pa.Schema) -> pa.Schema:
        return pa.schema([*(schema.field(name) for name in self.block.key), pa.field(ROW_HASH, HASH_TYPE)])

    def _from_state(self, state: ParquetObject, day: date, days: tuple[str, ...], schema: pa.Schema) -> Before:
        wanted = self._keys_schema(schema)
        if state.metadata[FINGERPRINT] == fingerprint(schema):
            return Before(lambda: evolve(state.reader(), wanted), state.rows, day, days)
        # Other columns: whoever reads a new one needs it of every row.
        self._tell("the columns are no longer those of the observation before")
        return Before(lambda: evolve(state.reader(list(self.block.key)), wanted), state.rows, day, days)

    def _from_objects(self, stack: ExitStack, kept: Sequence[date], last: date, schema: pa.Schema) -> Before:
        """The keys that the objects of the days before add up to; what their rows held is not asked."""
        keys = pa.schema([schema.field(name) for name in self.block.key])
        folder, number, days = stack.enter_context(workspace()), 0, []
        live = _written(keys.empty_table().to_reader(), folder / "0.parquet")
        for day in kept:
            info = self.store.stat(self.key_of(day))
            if info is None or not info.is_ours or not was_observed(info):
                continue
            days.append(day.isoformat())
            if not info.rows:
                continue
            number += 1
            with self.store.open(info) as opened:
                self._require_same_keys(opened.schema, schema)
                merged = _applied(live.reader(), _change(opened, keys), keys)
                live = _written(merged, folder / f"{number}.parquet")
        wanted = self._keys_schema(schema)
        return Before(lambda: evolve(live.reader(), wanted), live.rows, last, tuple(days))

    def _require_same_keys(self, old: pa.Schema, new: pa.Schema) -> None:
        for name in self.block.key:
            position = old.get_field_index(name)
            found = None if position < 0 else old.field(position).type
            if found is None or not widens(found, new.field(name).type):
                raise SchemaDriftError(
                    f"The key column {name!r} is not what it was when the block was observed before.",
                    where=f"block {self.block.name}",
                    why=f"expected {found or 'no such column'}, found {new.field(name).type}: nobody can tell which "
                    "of the former rows are gone",
                    fix="Cast it to its former type in the extract's `query`. For another key, give the block another "
                    "name: it then starts anew.",
                )


def _change(opened: ParquetObject, keys: pa.Schema) -> pa.RecordBatchReader:
    """Keys of a day's object in order, each with whether it is gone."""
    flags = [DELETED] if DELETED in opened.schema.names else []
    wanted = keys.append(pa.field(DELETED, pa.bool_()))
    reader = evolve(opened.reader([*keys.names, *flags]), wanted)
    if opened.info.metadata.get("mode") != "documents":
        return reader
    # These are ordered by their document.
    return reader.read_all().sort_by([(name, "ascending") for name in keys.names]).to_reader()


def _applied(live: pa.RecordBatchReader, change: pa.RecordBatchReader, keys: pa.Schema) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for window in windows(live, change, keys.names):
            gone = window.new.column(DELETED).to_pylist()
            said: dict[Key, int | None] = {}
            position = 0
            while position < len(window.new_keys):
                end = group_end(window.new_keys, position)
                all_gone = all(gone[position:end])
                said[window.new_keys[position]] = None if all_gone else len(window.old_keys) + position
                position = end
            places: dict[Key, int | None] = {key: place for place, key in enumerate(window.old_keys)}
            places |= said
            taken = [places[key] for key in sorted(places) if places[key] is not None]
            both = pa.concat_tables([window.old, window.new.select(keys.names)])
            yield from both.take(pa.array(taken, pa.int64())).cast(keys).to_batches()

    return pa.RecordBatchReader.from_batches(keys, batches())


def _written(reader: pa.RecordBatchReader, path: Path) -> LocalParquet:
    write_file(reader, path, metadata={})
    return LocalParquet(path)
