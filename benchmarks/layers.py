"""Bronze and Silver of a few entities of the demo retailer, without Dagster around them."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

from benchmarks.stopwatch import Stopwatch
from retail_medallion import config
from retail_medallion.bronze.extract import extract
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.gold.schema import ensure_schema as ensure_gold
from retail_medallion.mapping import load_mappings
from retail_medallion.model import load_model
from retail_medallion.orchestration.bronze import extract_block
from retail_medallion.orchestration.io_managers import bronze_store
from retail_medallion.silver.partition import silver_partition
from retail_medallion.silver.schema import ensure_schema, register_source
from retail_medallion.silver.writer import SilverPartition, SilverWriter
from retail_medallion.storage.object_keys import ObjectKeys
from retail_medallion.storage.postgres.catalogue import TableName
from retail_medallion.storage.postgres.session import connect, connection_to
from retail_medallion.storage.postgres.store import TableStore
from retail_medallion.storage.postgres.target import TableTarget

SOURCE_SYSTEM = "demo"


class Layers:
    """The databases and the bucket are those that the variables of this process name.

    Args:
        prefix: Prefix of the Bronze objects.
        first_day: The first partition; it takes everything recorded before it.
        entities: The entities handled.
    """

    def __init__(self, prefix: str, first_day: dt.date, entities: Sequence[str]) -> None:
        self.model = load_model()
        shipped = load_mappings(only=[SOURCE_SYSTEM])[SOURCE_SYSTEM]
        source = shipped.source.model_copy(update={"first_day": first_day})
        self.mapping = shipped.model_copy(update={"source": source})
        self.bronze = bronze_store()
        self._entities = entities
        self._keys = {name: ObjectKeys(prefix, ["bronze", SOURCE_SYSTEM, name]) for name in entities}

    def extract(self, days: Sequence[dt.date]) -> int:
        """Make the Bronze of all days; gives its rows."""
        rows = 0
        with SourceSnapshot(lambda: connect(config.source_database(SOURCE_SYSTEM))) as snapshot:
            for name in self._entities:
                for block in self.mapping.entities[name]:

                    def key_of(day: dt.date, entity: str = name, block_name: str = block.name) -> str:
                        return str(self._keys[entity].key(day.isoformat(), block_name))

                    for part in extract(
                        snapshot,
                        self.bronze,
                        extract_block(block),
                        key_of=key_of,
                        days=days,
                        first_day=self.mapping.source.first_day,
                        metadata={},
                        log=logging.getLogger(__name__),
                    ):
                        key = key_of(dt.date.fromisoformat(part.partition))
                        info = self.bronze.write(key, part.reader(), metadata=part.metadata, replaces=part.replaces)
                        rows += info.rows
        return rows

    def prepare_warehouse(self) -> None:
        """Make the tables of Silver and Gold, so that Gold wants to know of changes."""
        with warehouse().engine.begin() as connection:
            ensure_schema(connection, self.model)
            register_source(connection, self.mapping, self.mapping.source.first_day)
            ensure_gold(connection)

    def write(
        self,
        store: TableStore,
        name: str,
        day: dt.date,
        version: str,
        *,
        watch: Stopwatch | None = None,
    ) -> int:
        """Write one Silver partition from its Bronze; gives the rows accepted.

        Args:
            store: The warehouse.
            name: The entity.
            day: The partition.
            version: Stands for the mapping's version; a day that holds exactly this already would be skipped.
            watch: Told what takes how long.
        """
        entity = self.model.entity(name)

        def find(other: str, block: str, when: dt.date) -> Any:
            return self.bronze.stat(self._keys[other].key(when.isoformat(), block))

        def open_partition(when: dt.date) -> SilverPartition:
            opening = watch.open_object if watch else self.bronze.open
            cell = silver_partition(self.mapping, self.model, entity, when, find=find, open_object=opening)
            return watch.watch(cell) if watch else cell

        writer = SilverWriter(
            entity,
            SOURCE_SYSTEM,
            mapping_version=version,
            model_version=self.model.version,
            open_partition=open_partition,
            run_id="bench",
        )
        report, _ = store.write(TableTarget(TableName(name, "silver")), day.isoformat(), writer)
        if report.skipped:
            raise RuntimeError(f"{name} of {day} was skipped: nothing was measured")
        return int(report.rows)


def warehouse() -> TableStore:
    """The warehouse this process is pointed at."""
    return TableStore(config.warehouse_database())


def make_demo_source(scale: float, days: int, clients: int | None = None) -> None:
    """Make the demo retailer's database, with so many clients instead of its own where a number is given."""
    from retail_medallion.demo.clients import clients as write_clients
    from retail_medallion.demo.faults import Planter
    from retail_medallion.demo.generator import DEFAULT_END, DEFAULT_SEED, create_demo_database
    from retail_medallion.demo.tables import Rows
    from retail_medallion.demo.world import Spell

    with connection_to(config.source_database(SOURCE_SYSTEM)) as connection:
        create_demo_database(connection, scale=scale, days=days)
        if clients is None:
            return
        end = dt.datetime.combine(DEFAULT_END + dt.timedelta(days=1), dt.time(), dt.UTC)
        with connection, connection.cursor() as cursor, Rows() as rows:
            planter = Planter(DEFAULT_END, dense=True)
            write_clients(rows, planter, Spell(end - dt.timedelta(days=days), end), DEFAULT_SEED, clients)
            cursor.execute("TRUNCATE shop.clients CASCADE")
            rows.load(connection)
