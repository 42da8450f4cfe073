"""What an asset may hand an IO manager besides one table: partitions one by one, or a write inside the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from retail_medallion.storage.tabular import Tabular, as_reader

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

    from retail_medallion.storage.parquet_store import ObjectInfo

ALL_OF_IT = "*"
"""What a writer is given as the partition of an asset that has none."""


@dataclass(frozen=True)
class PartitionData:
    """One dataset of one partition.

    Attributes:
        partition: The partition key.
        data: The table, or a function that makes it when its turn comes, so that a range never waits in memory.
        name: Which of the partition's datasets this is, where it has several; None means the default one.
        metadata: Short texts kept with the stored object.
        replaces: What the writer read before it made ``data`` (None: nothing was there). The write is refused when
            somebody wrote in the meantime. ``...`` means: whatever is there when the write begins. Object stores only.
    """

    partition: str
    data: Tabular | Callable[[], Tabular]
    name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    replaces: ObjectInfo | EllipsisType | None = ...

    def reader(self) -> pa.RecordBatchReader:
        """Make the data now, as a stream that can be read once."""
        return as_reader(self.data() if callable(self.data) else self.data)


class PartitionedOutput:
    """The partitions of a run, one after the other; consumed once, in the order given.

    Args:
        partitions: An iterable of :class:`PartitionData`; a generator keeps one partition in memory at a time.
        names: The datasets that every partition has, where it has several: so it is known when one is complete.
    """

    def __init__(self, partitions: Iterable[PartitionData], *, names: Sequence[str] | None = None) -> None:
        self._partitions = iter(partitions)
        self.names = frozenset(names) if names else None

    def __iter__(self) -> Iterator[PartitionData]:
        return self._partitions


@dataclass(frozen=True)
class PartitionReport:
    """What a :class:`PartitionWriter` did for one partition.

    Attributes:
        rows: Rows the partition now holds.
        metadata: Anything Dagster accepts as metadata values, shown on the partition's materialisation.
        skipped: True when the partition already held exactly this and nothing was written.
        bytes: Size of these rows as PostgreSQL holds them (``pg_column_size``); None where it was not looked at.
    """

    rows: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    skipped: bool = False
    bytes: int | None = None


@runtime_checkable
class PartitionWriter(Protocol):
    """A write that happens inside the database, in transactions the PostgreSQL IO manager owns.

    The IO manager opens one transaction per partition, takes the locks in sorted order before anything is read, calls
    :meth:`write` and commits. After a deadlock, a serialisation failure or a lost connection it calls :meth:`write`
    again in a new transaction, so a writer keeps no state from one call to the next. An asset without partitions is
    written once, as the partition `ALL_OF_IT`.
    """

    def locks(self, partition: str) -> Sequence[str]:
        """Name the advisory transaction locks this partition's write needs."""
        ...

    def write(self, connection: sa.Connection, partition: str) -> PartitionReport:
        """Write one partition on ``connection``; never commit or roll back there."""
        ...
