"""What an asset finds of another one on S3: a handle on its partitions' objects, and streams over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import pyarrow as pa

from retail_medallion.errors import ConfigurationError
from retail_medallion.storage.object_keys import DEFAULT_DATASET, ObjectKeys
from retail_medallion.storage.parquet_store import ObjectInfo, ParquetObject, ParquetStore
from retail_medallion.storage.schema_evolution import common_schema, evolved_batches


@dataclass(frozen=True)
class ParquetDataset:
    """A typed handle on the objects of some partitions of one asset; nothing is read until it is asked for.

    Attributes:
        store: Where the objects are.
        keys: The asset's object keys.
        partitions: The partitions loaded, in order; empty where the asset has none.
        allow_missing: Whether a partition without any object counts as one without rows.
    """

    store: ParquetStore
    keys: ObjectKeys
    partitions: list[str]
    allow_missing: bool = False

    def objects(self, partition: str | None = None) -> list[ObjectInfo]:
        """List a partition's objects by name, without what others have put beside them.

        Raises:
            ObjectVerificationError: There is none, so the partition was never materialised.
        """
        found = []
        for key in self.store.list_keys(self.keys.folder(partition)):
            if self.keys.dataset(partition, key) is None:
                continue
            info = self.store.stat(key)
            if info is not None and info.is_ours:
                found.append(info)
        if not found and not self.allow_missing:
            raise self.store.missing(self.keys.key(partition, DEFAULT_DATASET))
        return found

    def object(self, partition: str | None = None, name: str | None = None) -> ObjectInfo:
        """Return one object of a partition by its name; without a name, the partition's only one.

        Raises:
            ObjectVerificationError: There is no such object.
        """
        info = self.store.stat(self.keys.key(partition, name))
        if info is None:
            raise self.store.missing(self.keys.key(partition, name))
        return info

    def name(self, info: ObjectInfo) -> str:
        """Return the name of the dataset that an object holds."""
        found = self.keys.dataset(self.keys.partition(info.key), info.key)
        if found is None:
            raise ConfigurationError("The object is none of this dataset's.", where=info.key)
        return found

    def open(self, info: ObjectInfo) -> AbstractContextManager[ParquetObject]:
        """Fetch and verify one object; see `ParquetStore.open`."""
        return self.store.open(info)

    def reader(self, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
        """Stream the rows of all partitions, in order, under the schema they have in common.

        All objects are fetched and verified first, so no row is handed out while another object is damaged.

        Args:
            columns: Names of the columns wanted; None for all.
        """
        stack = ExitStack()
        with ExitStack() as on_error:
            on_error.push(stack)
            wanted: Sequence[str | None] = self.partitions or [None]
            infos = [info for partition in wanted for info in self.objects(partition)]
            opened = [stack.enter_context(self.open(info)) for info in infos]
            schema = common_schema((one.info.key, one.schema) for one in opened)
            if columns is not None:
                schema = pa.schema([schema.field(name) for name in columns])
            on_error.pop_all()

        def batches() -> Iterator[pa.RecordBatch]:
            with stack:
                for one in opened:
                    present = [name for name in schema.names if name in one.schema.names]
                    yield from evolved_batches(one.reader(present), schema)

        return pa.RecordBatchReader.from_batches(schema, batches())
