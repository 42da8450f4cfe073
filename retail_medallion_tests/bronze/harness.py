"""A source, a store and a run of an extract, as the tests of this folder need them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.bronze.extract import extract
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.storage.parquet_store import KeptObject, ObjectInfo, ParquetStore
from retail_medallion.storage.partitioned import PartitionData
from retail_medallion_tests.servers import FreshDatabase

FIRST = date(2025, 3, 1)
LOG = logging.getLogger("retail_medallion_tests.bronze")


def day(number: int) -> date:
    """The partition `number` days after the first one."""
    return FIRST + timedelta(days=number)


def key_of(block: str) -> Any:
    return lambda when: f"lake/bronze/shop/thing/insertion_date={when.isoformat()}/{block}.parquet"


def execute(database: FreshDatabase, statement: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    connection = database.connect()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def store_partition(store: ParquetStore, key: str, part: PartitionData) -> ObjectInfo:
    """What the IO manager does with one partition."""
    if isinstance(part.data, KeptObject):
        return part.data.info
    return store.write(key, part.reader(), metadata=part.metadata, replaces=part.replaces)


@dataclass
class Source:
    """A source database and the store its extracts go to."""

    database: FreshDatabase
    store: ParquetStore
    block: ExtractBlock
    metadata: dict[str, str] = field(default_factory=dict)
    reads: Callable[[], Collection[str]] | None = None

    def execute(self, statement: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        return execute(self.database, statement, parameters)

    def run(self, *numbers: int, block: ExtractBlock | None = None) -> list[ObjectInfo]:
        chosen = replace(block or self.block, reads=self.reads)
        days = [day(number) for number in numbers]
        with SourceSnapshot(self.database.connect) as snapshot:
            keys = key_of(chosen.name)
            parts = extract(
                snapshot,
                self.store,
                chosen,
                key_of=keys,
                days=days,
                first_day=FIRST,
                metadata=self.metadata,
                log=LOG,
            )
            return [store_partition(self.store, keys(date.fromisoformat(part.partition)), part) for part in parts]

    def rows(self, number: int, block: ExtractBlock | None = None) -> list[dict[str, Any]]:
        info = self.store.stat(key_of((block or self.block).name)(day(number)))
        assert info is not None
        with self.store.open(info) as opened:
            return opened.reader().read_all().to_pylist()

    def ids(self, number: int, block: ExtractBlock | None = None) -> list[Any]:
        chosen = block or self.block
        with self.store.open(self.info(number, chosen)) as opened:
            return opened.reader([chosen.key[0]]).read_all().column(0).to_pylist()

    def info(self, number: int, block: ExtractBlock | None = None) -> ObjectInfo:
        info = self.store.stat(key_of((block or self.block).name)(day(number)))
        assert info is not None
        return info


def changed(**more: Any) -> ExtractBlock:
    given: dict[str, Any] = {
        "name": "things",
        "mode": Mode.CHANGED,
        "key": ("id",),
        "table": "thing",
        "watermark": "updated_at",
    }
    return ExtractBlock(**(given | more))
