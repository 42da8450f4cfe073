"""The shop on real servers: a source in PostgreSQL, Bronze on S3, Silver in PostgreSQL, and faults at will."""

# ruff: noqa: S608 - the names in these statements are those of the shop's own model

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import sqlalchemy as sa
from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

from retail_medallion.bronze.extract import extract_all
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.mapping import Mapping
from retail_medallion.model import CanonicalModel
from retail_medallion.orchestration.bronze import extract_block
from retail_medallion.silver.findings.refresh import refresh_findings
from retail_medallion.silver.partition import silver_partition
from retail_medallion.silver.recompute import differing_rows
from retail_medallion.silver.schema import ensure_schema, register_source
from retail_medallion.silver.tables import metadata
from retail_medallion.silver.writer import SilverWriter
from retail_medallion.storage.parquet_store import KeptObject, ObjectInfo, ParquetStore
from retail_medallion_tests.servers import FreshDatabase
from retail_medallion_tests.silver.schedules.oracle import ENTITIES, Version
from retail_medallion_tests.silver.schedules.shop import FIRST, SOURCE

_LOG = logging.getLogger("retail_medallion_tests.schedules")


class CrashError(RuntimeError):
    """What stands for the end of a process in the middle of a statement's transaction."""


class _FaultyCursor(Cursor):
    remaining: int | None = None

    @classmethod
    def _count(cls) -> None:
        if cls.remaining is not None:
            cls.remaining -= 1
            if cls.remaining < 0:
                raise CrashError

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        self._count()
        return super().execute(*args, **kwargs)

    def copy_expert(self, *args: Any, **kwargs: Any) -> Any:
        self._count()
        return super().copy_expert(*args, **kwargs)


@contextmanager
def crash_after(statements: int) -> Iterator[None]:
    """Let the warehouse's connection fail after so many statements, if it comes to that many."""
    _FaultyCursor.remaining = statements
    try:
        yield
    except CrashError:
        pass
    finally:
        _FaultyCursor.remaining = None


class Platform:
    """The real thing, reset for each schedule.

    Args:
        source: The database of the shop.
        warehouse: The database of Silver.
        client: Client of S3.
        bucket: Bucket of Bronze.
        model: The shop's model.
        mappings: Its two mappings.
    """

    def __init__(
        self,
        source: FreshDatabase,
        warehouse: FreshDatabase,
        client: Any,
        bucket: str,
        model: CanonicalModel,
        mappings: Sequence[Mapping],
    ) -> None:
        self.model = model
        self.mappings = mappings
        self._source = source
        self._store = ParquetStore(client, bucket)
        self._prefix = ""
        self._shop = source.connect()
        self._shop.autocommit = True
        self._engine = sa.create_engine(
            warehouse.url, poolclass=sa.pool.StaticPool, connect_args={"cursor_factory": _FaultyCursor}
        )
        with self._engine.begin() as connection:
            ensure_schema(connection, model)
            register_source(connection, mappings[0], FIRST)
            # From now on the rules are known, so that only what changes is looked at again.
            refresh_findings(connection, SOURCE, model, ENTITIES)
        self._tables = [
            *(f"{schema}.{entity}" for schema in ("silver", "silver_versions") for entity in ENTITIES),
            *(
                str(table)
                for table in metadata.sorted_tables
                if table.name not in {"source", "consumer", "finding_rule"}
            ),
        ]

    def close(self) -> None:
        self._shop.close()
        self._engine.dispose()

    def reset(self) -> None:
        """Empty everything. Deleting a few rows is far quicker than truncating many tables."""
        self._prefix = uuid.uuid4().hex
        self.change(
            "DELETE FROM orders; DELETE FROM lines; DELETE FROM things; DELETE FROM members; DELETE FROM shelves; "
            "DELETE FROM events"
        )
        with self._engine.begin() as connection:
            connection.exec_driver_sql(";".join(f"DELETE FROM {table}" for table in reversed(self._tables)))

    def change(self, statement: str, *parameters: Any) -> None:
        """Change the source."""
        with self._shop.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def _key(self, entity: str, block: str, day: date) -> str:
        return f"{self._prefix}/bronze/{SOURCE}/{entity}/insertion_date={day.isoformat()}/{block}.parquet"

    def extract(self, entity: str, days: Sequence[date], variant: int) -> None:
        """What the Bronze asset and its IO manager do."""
        blocks = [extract_block(block) for block in self.mappings[variant].entities[entity]]
        with SourceSnapshot(self._source.connect) as snapshot:
            parts = extract_all(
                snapshot,
                self._store,
                blocks,
                key_of=lambda day, block: self._key(entity, block, day),
                days=days,
                first_day=FIRST,
                metadata={},
                log=_LOG,
            )
            for part in parts:
                if not isinstance(part.data, KeptObject):
                    key = self._key(entity, part.name or "", date.fromisoformat(part.partition))
                    self._store.write(key, part.reader(), metadata=part.metadata, replaces=part.replaces)

    def load(self, entity: str, day: date, variant: int) -> None:
        """What the Silver asset and its IO manager do for one partition."""

        def find(name: str, block: str, when: date) -> ObjectInfo:
            info = self._store.stat(self._key(name, block, when))
            assert info is not None
            return info

        mapping = self.mappings[variant]
        described = self.model.entity(entity)
        writer = SilverWriter(
            described,
            SOURCE,
            mapping_version=mapping.version,
            model_version=self.model.version,
            open_partition=lambda when: silver_partition(
                mapping, self.model, described, when, find=find, open_object=self._store.open
            ),
            run_id="schedule",
        )
        with self._engine.begin() as connection:
            writer.write(connection, day.isoformat())

    def _rows(self, query: str, **parameters: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), parameters)]

    def _business(self, entity: str) -> list[str]:
        described = self.model.entity(entity)
        return [name for name in described.columns if name != described.key]

    def versions(self, entity: str) -> dict[tuple[str, date], Version]:
        key, names = self.model.entity(entity).key, self._business(entity)
        found = self._rows(
            f"SELECT {key}, partition_date, op, is_deleted, dq_flags, {', '.join(names)} FROM silver_versions.{entity}"
        )
        return {
            (id_, day): Version(tuple(values), bool(deleted), tuple(flags), op == "U")
            for id_, day, op, deleted, flags, *values in found
        }

    def current(self, entity: str) -> dict[str, tuple[tuple[Any, ...], bool, date, date]]:
        key, names = self.model.entity(entity).key, self._business(entity)
        found = self._rows(
            f"SELECT {key}, is_deleted, winner_partition, effective_partition, {', '.join(names)} FROM silver.{entity}"
        )
        return {id_: (tuple(values), deleted, winner, day) for id_, deleted, winner, day, *values in found}

    def rejected(self, entity: str) -> dict[tuple[str, date], frozenset[str]]:
        found = self._rows(
            "SELECT source_key, partition_date, reasons FROM silver_quarantine.rejected_row WHERE entity = :entity",
            entity=entity,
        )
        return {(id_, day): frozenset(one["rule"] for one in reasons) for id_, day, reasons in found}

    def counts(self, entity: str) -> dict[date, tuple[int, ...]]:
        found = self._rows(
            "SELECT partition_date, rows_read, filtered, accepted, rejected, superseded"
            " FROM silver_meta.partition_state WHERE entity = :entity",
            entity=entity,
        )
        return {day: tuple(numbers) for day, *numbers in found}

    def findings(self) -> set[tuple[str, str, str]]:
        """(entity, key, column) of all findings, brought up to date first."""
        with self._engine.begin() as connection:
            refresh_findings(connection, SOURCE, self.model, ENTITIES)
        found = self._rows(
            "SELECT f.entity, f.id, r.column_name FROM silver_meta.finding f"
            " JOIN silver_meta.finding_rule r USING (source_system, rule)"
        )
        return {(entity, key, column) for entity, key, column in found}

    def differing_from_recompute(self, entity: str) -> int:
        with self._engine.connect() as connection:
            return differing_rows(connection, SOURCE, self.model.entity(entity))


def instant(day: date, stamp: int) -> dt.datetime:
    """A moment of the day, later for a greater stamp."""
    return dt.datetime.combine(day, dt.time(12), dt.UTC) + dt.timedelta(microseconds=stamp)
