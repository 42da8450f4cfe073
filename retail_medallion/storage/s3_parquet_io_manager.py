"""A Dagster IO manager that keeps each partition of an asset as Parquet on S3.

Belongs here: what Dagster asks for and is told. Does not belong here: how an object is written and verified
(`parquet_store`), how its key is made (`object_keys`), anything about what the rows mean.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
from dagster_aws.s3 import S3Resource
from pydantic import Field, PrivateAttr

from retail_medallion.errors import ConfigurationError, DataContractError
from retail_medallion.storage.dagster_partitions import (
    Handover,
    PartitionRecord,
    asset_metadata,
    partitions_asked_for,
    recorded,
    time_windows,
)
from retail_medallion.storage.object_keys import DEFAULT_DATASET, ObjectKeys, default_asset_path
from retail_medallion.storage.parquet_dataset import ParquetDataset
from retail_medallion.storage.parquet_file import workspace
from retail_medallion.storage.parquet_store import KeptObject, ObjectInfo, ParquetStore
from retail_medallion.storage.partitioned import PartitionData, PartitionedOutput
from retail_medallion.storage.split import SplitStream
from retail_medallion.storage.tabular import annotated_form, as_reader, convert, is_tabular

PARTITION_COLUMN = "partition_expr"
"""Asset metadata: the column that tells each row's partition; it cuts a range, and rows outside are refused."""

ALLOW_MISSING = "allow_missing_partitions"
"""Asset or input metadata: partitions that were never materialised count as empty when loaded."""

_FORMS = (pa.RecordBatchReader, pa.Table, pd.DataFrame, ParquetDataset)


class S3ParquetIOManager(dg.ConfigurableIOManager):
    """Stores tables as Parquet objects on S3, one per partition and dataset, each written atomically.

    An asset gives a RecordBatchReader, a Table, a DataFrame or a PartitionedOutput. An input is annotated as
    RecordBatchReader (also given without an annotation), Table, DataFrame or ParquetDataset. Runs of one partition, of
    a range, and of assets without partitions all work.
    """

    s3_resource: dg.ResourceDependency[S3Resource]
    bucket: str = Field(description="The bucket; it has to exist.")
    prefix: str = Field(default="", description="Prefix of every key.")
    partition_name: str = Field(default="insertion_date", description="Name before the = in a partition's folder.")
    volatile_columns: list[str] = Field(
        default=["_extracted_at"], description="Columns that do not count when content is compared with what is stored."
    )

    _client: Any = PrivateAttr(default=None)

    def asset_path(self, asset_key: Sequence[str]) -> list[str]:
        """Turn an asset key into the path of its objects; override to lay them out in another way.

        Two asset keys must never give the same path.
        """
        return default_asset_path(asset_key)

    def object_keys(self, asset_key: dg.AssetKey) -> ObjectKeys:
        """Return the keys of an asset's objects."""
        return ObjectKeys(self.prefix, self.asset_path(asset_key.path), partition_name=self.partition_name)

    def store(self, asset_key: dg.AssetKey) -> ParquetStore:
        """Return the store that an asset's objects are in; its errors say how to materialise the asset again."""
        keys = self.object_keys(asset_key)

        def remedy(key: str) -> str:
            partition = keys.partition(key)
            command = f"dagster asset materialize --select 'key:\"{asset_key.to_user_string()}\"'"
            return f"Materialise it again: {command}" + (f" --partition {partition}" if partition else "")

        if self._client is None:
            self._client = self.s3_resource.get_client()
        return ParquetStore(self._client, self.bucket, volatile=self.volatile_columns, remedy=remedy)

    def handle_output(  # type: ignore[override] # Dagster takes a generator here, its annotation does not say so
        self, context: dg.OutputContext, obj: Any
    ) -> Iterator[dg.AssetMaterialization]:
        """Store what an asset returned."""
        yield from recorded(context, self._stored(context, obj))

    def load_input(self, context: dg.InputContext) -> Any:
        """Load what an input is annotated as."""
        annotation = context.dagster_type.typing_type
        unannotated = annotation is None or annotation is Any or annotation is object
        form = pa.RecordBatchReader if unannotated else annotated_form(annotation, _FORMS)
        if form is None:
            raise ConfigurationError(
                f"The input {context.name!r} cannot be given as {annotation}.",
                fix="Annotate it as pyarrow.RecordBatchReader, pyarrow.Table, pandas.DataFrame or ParquetDataset.",
            )
        dataset = ParquetDataset(
            self.store(context.asset_key),
            self.object_keys(context.asset_key),
            partitions_asked_for(context) or [],
            allow_missing=bool(asset_metadata(context).get(ALLOW_MISSING)),
        )
        return dataset if form is ParquetDataset else convert(dataset.reader(), form)

    def _stored(self, context: dg.OutputContext, obj: Any) -> Iterator[PartitionRecord]:
        asked = partitions_asked_for(context)
        if isinstance(obj, PartitionedOutput):
            if asked is None:
                raise ConfigurationError("An asset without partitions cannot hand over a PartitionedOutput.")
            yield from self._each(context, asked, obj)
        elif not is_tabular(obj):
            raise DataContractError(
                f"The asset returned {type(obj).__name__}.",
                where=context.asset_key.to_user_string(),
                fix="Return a pyarrow.RecordBatchReader, pyarrow.Table, pandas.DataFrame or PartitionedOutput.",
            )
        elif asked is None:
            yield self._written(context, None, [PartitionData(partition="", data=obj)])
        elif column := asset_metadata(context).get(PARTITION_COLUMN):
            yield from self._split(context, asked, obj, str(column))
        elif len(asked) == 1:
            yield self._written(context, asked[0], [PartitionData(partition=asked[0], data=obj)])
        else:
            raise ConfigurationError(
                f"One table was returned for {len(asked)} partitions.",
                where=context.asset_key.to_user_string(),
                why="Nothing tells which row belongs to which partition.",
                fix=f"Name the column that does in the asset's metadata {PARTITION_COLUMN!r}, "
                "or return a PartitionedOutput.",
            )

    def _split(self, context: dg.OutputContext, asked: list[str], obj: Any, column: str) -> Iterator[PartitionRecord]:
        with workspace() as directory:
            split = SplitStream(as_reader(obj), column, asked, time_windows(context, asked), directory)
            for partition in asked:
                yield self._written(context, partition, [PartitionData(partition, split.reader(partition))])

    def _each(self, context: dg.OutputContext, asked: list[str], parts: PartitionedOutput) -> Iterator[PartitionRecord]:
        handover = Handover(asked)
        done: set[str] = set()
        for partition, datasets in _by_partition(parts):
            # One record per partition: it is recorded when all of its datasets are stored.
            if partition in done:
                raise ConfigurationError(
                    f"Partition {partition} was handed over twice, with others in between.",
                    fix="Hand over all datasets of a partition before the next partition.",
                )
            done.add(partition)
            yield self._written(context, partition, _checked(handover, datasets))
        handover.finish()

    def _written(
        self, context: dg.OutputContext, partition: str | None, datasets: Iterator[PartitionData] | list[PartitionData]
    ) -> PartitionRecord:
        store, keys = self.store(context.asset_key), self.object_keys(context.asset_key)
        began = time.monotonic()
        stored: dict[str, ObjectInfo] = {}
        written = 0
        schema: pa.Schema | None = None
        for data in datasets:
            name = data.name or DEFAULT_DATASET
            if isinstance(data.data, KeptObject):
                stored[name] = data.data.info
                continue
            reader = data.reader()
            schema = reader.schema if schema is None else schema
            key = keys.key(partition, data.name)
            before = store.stat(key) if data.replaces is ... else data.replaces
            stored[name] = store.write(key, reader, metadata=data.metadata, replaces=before)
            written += stored[name] != before
            context.log.info(
                "stored %s rows=%d bytes=%d changed=%s",
                stored[name].key,
                stored[name].rows,
                stored[name].size,
                stored[name] != before,
            )
        metadata = _shown(self.bucket, partition, stored)
        metadata["objects_written"] = written
        metadata["seconds"] = round(time.monotonic() - began, 3)
        if schema is not None:
            metadata["dagster/column_schema"] = _table_schema(schema)
        return PartitionRecord(partition, metadata)


def _checked(handover: Handover, datasets: Iterator[PartitionData]) -> Iterator[PartitionData]:
    for data in datasets:
        handover.check(data.partition, data.name or DEFAULT_DATASET)
        yield data


def _by_partition(parts: PartitionedOutput) -> Iterator[tuple[str, Iterator[PartitionData]]]:
    """Group neighbours of one partition; where it is known to be complete, the next is not asked for."""
    source = iter(parts)
    waiting: list[PartitionData] = []

    def same(first: PartitionData) -> Iterator[PartitionData]:
        yield first
        seen: set[str | None] = {first.name}
        while None not in seen and not (parts.names is not None and seen >= parts.names):
            following = next(source, None)
            if following is None or following.partition != first.partition:
                waiting.extend([following] if following else [])
                break
            seen.add(following.name)
            yield following
        if parts.names is not None and not seen >= parts.names:
            lacking = ", ".join(sorted(parts.names - seen))
            raise ConfigurationError(
                f"Partition {first.partition} was handed over without {lacking}.",
                fix="Hand over all datasets of a partition, one without rows as a table without rows.",
            )

    while True:
        first = waiting.pop() if waiting else next(source, None)
        if first is None:
            return
        yield first.partition, same(first)


def _shown(bucket: str, partition: str | None, stored: dict[str, ObjectInfo]) -> dict[str, Any]:
    rows = sum(info.rows for info in stored.values())
    metadata: dict[str, Any] = {
        "dagster/row_count" if partition is None else "dagster/partition_row_count": rows,
        "bytes": sum(info.size for info in stored.values()),
        "objects": dg.MetadataValue.json(
            {
                name: {
                    "key": info.key,
                    "rows": info.rows,
                    "bytes": info.size,
                    "digest": info.digest,
                    "etag": info.etag,
                    "metadata": dict(info.metadata),
                }
                for name, info in stored.items()
            }
        ),
    }
    if len(stored) == 1:
        [info] = stored.values()
        metadata["digest"] = info.digest
        metadata["dagster/uri"] = f"s3://{bucket}/{info.key}"
    return metadata


def _table_schema(schema: pa.Schema) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(name=field.name, type=str(field.type)) for field in schema])
