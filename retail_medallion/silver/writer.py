"""Writes one Silver partition: versions, current state, quarantine, scopes and the news for Gold, in one transaction.

The record is a map from (entity, source, day) to a set of rows, and writing replaces exactly one cell of it. The
current state is a function of that map, recomputed here for the keys the cell said something about before or says
something about now. So two writes of different cells commute and a repeated write changes nothing: days may be
written in any order, any number of times.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

from retail_medallion.errors import BalanceError
from retail_medallion.model import Entity
from retail_medallion.silver import guard, statements
from retail_medallion.silver.cleaning_version import cleaning_version
from retail_medallion.silver.current import renew_current
from retail_medallion.silver.redaction import erased_subjects, redaction_of
from retail_medallion.silver.schema import ensure_month, month_name
from retail_medallion.silver.transform import PartitionCounts, TransformedPartition
from retail_medallion.storage.partitioned import PartitionReport
from retail_medallion.storage.postgres.catalogue import TableName
from retail_medallion.storage.postgres.copy_in import copy_into
from retail_medallion.storage.postgres.session import raw_connection
from retail_medallion.storage.postgres.statistics import analyze_where_grown


@dataclass(frozen=True)
class BronzeObject:
    """The Bronze object a partition is read from, as recorded in the ledger of loads."""

    block: str
    key: str
    etag: str
    digest: str
    rows: int


@dataclass(frozen=True)
class SilverPartition:
    """One cell of Silver, ready to be written.

    Attributes:
        day: The partition.
        mode: Extraction mode of its blocks, joined with `+` where they differ.
        observed: False for a snapshot day nobody looked at the source: no rows, no deletions.
        objects: Bronze objects it is made from, those that only tell its scope included.
        transform: Opens the cleaned rows.
        whole: Blocks that together cover the entity: a key none of them has is gone.
    """

    day: dt.date
    mode: str
    observed: bool
    objects: Sequence[BronzeObject]
    transform: Callable[[], AbstractContextManager[TransformedPartition]]
    whole: frozenset[str] = frozenset()

    def covered(self, counts: PartitionCounts) -> dict[str, int]:
        """Rows of each block that covers, with the others, the entity."""
        return {name: counts.blocks.get(name, 0) for name in sorted(self.whole)}


class SilverWriter:
    """Replaces Silver partitions of one entity of one source; implements `PartitionWriter`.

    Args:
        entity: The canonical entity.
        source_system: Code of the source.
        mapping_version: Version of the source's mapping.
        model_version: Version of the canonical model.
        open_partition: Finds the Bronze of a day.
        run_id: Run that writes.
        accept_shrink: Believe a whole table that lost many of its rows, and say so.
    """

    def __init__(
        self,
        entity: Entity,
        source_system: str,
        *,
        mapping_version: str,
        model_version: str,
        open_partition: Callable[[dt.date], SilverPartition],
        run_id: str,
        accept_shrink: bool = False,
    ) -> None:
        self._entity = entity
        self._source = source_system
        self._mapping_version = mapping_version
        self._model_version = model_version
        self._open_partition = open_partition
        self._run_id = run_id
        self._accept_shrink = accept_shrink
        self._sql = statements.for_entity(entity)
        self._redaction = redaction_of(entity)

    def locks(self, partition: str) -> Sequence[str]:  # noqa: ARG002 every day of an entity shares one lock
        """The one lock of this entity and source: the current state spans all days."""
        return [statements.lock_name(self._entity.entity, self._source)]

    def write(self, connection: sa.Connection, partition: str) -> PartitionReport:
        """Replace the partition.

        Raises:
            DataContractError: Too many rows were rejected, or a whole table shrank too much. Nothing changed.
            BalanceError: Rows or money do not add up. Nothing changed.
        """
        cell = self._open_partition(dt.date.fromisoformat(partition))
        load_id = self._load_id(cell)
        with raw_connection(connection).cursor() as cursor:
            state = self._current_state(cursor, cell.day)
            if state is not None and state["load_id"] == str(load_id):
                return PartitionReport(rows=int(state["accepted"]), metadata=_counts_metadata(state), skipped=True)
            started = time.monotonic()
            ensure_month(connection, self._entity, cell.day)
            with cell.transform() as transformed:
                warning = self._guard(cursor, cell, transformed.counts)
                erased = self._stage(cursor, transformed)
                changed = self._replace(cursor, cell, load_id, erased, transformed)
                counts = transformed.counts
            self._record(cursor, cell, load_id, counts, time.monotonic() - started)
            size = self._check_balance(cursor, cell.day, counts)
        metadata = _counts_metadata(
            {
                name: getattr(counts, name)
                for name in ("rows_read", "filtered", "mapped", "accepted", "rejected", "superseded")
            }
        )
        if counts.warnings:
            metadata["warnings"] = dict(counts.warnings)
        if counts.rejections:
            metadata["rejections"] = dict(counts.rejections)
        if warning is not None:
            metadata["snapshot_warning"] = warning
        return PartitionReport(rows=counts.accepted, metadata={**metadata, "current_rows_changed": changed}, bytes=size)

    def _load_id(self, cell: SilverPartition) -> uuid.UUID:
        content = json.dumps(
            [
                self._source,
                self._entity.entity,
                cell.day.isoformat(),
                sorted([o.block, o.digest, o.rows] for o in cell.objects),
                cell.observed,
                self._mapping_version,
                self._model_version,
                cleaning_version(),
            ]
        )
        return uuid.UUID(bytes=hashlib.sha256(content.encode()).digest()[:16])

    def _parameters(self, day: dt.date) -> dict[str, Any]:
        return {"source": self._source, "entity": self._entity.entity, "day": day}

    def _current_state(self, cursor: Cursor, day: dt.date) -> dict[str, Any] | None:
        cursor.execute(
            "SELECT load_id::text, rows_read, filtered, mapped, accepted, rejected, superseded"
            " FROM silver_meta.partition_state"
            " WHERE source_system = %(source)s AND entity = %(entity)s AND partition_date = %(day)s",
            self._parameters(day),
        )
        row = cursor.fetchone()
        return None if row is None else dict(zip([c.name for c in cursor.description or ()], row, strict=True))

    def _guard(self, cursor: Cursor, cell: SilverPartition, counts: PartitionCounts) -> str | None:
        """Refuse what is not to be believed; a warning about a shrunken table that is taken up, if there is one."""
        where = f"{self._source}/silver/{self._entity.entity}, partition {cell.day}"
        guard.refuse_many_rejections(counts, where)
        parameters, covered = self._parameters(cell.day), cell.covered(counts)
        accepted = guard.refuse_shrunken_table(cursor, parameters, covered, where, accept=self._accept_shrink)
        return accepted or guard.shrunken_afterwards(cursor, parameters, covered)

    def _stage(self, cursor: Cursor, transformed: TransformedPartition) -> list[str]:
        """Fill the temporary tables; the subjects whose personal data is not to be kept."""
        cursor.execute(self._sql.create_stages)
        copy_into(cursor.connection, "pg_temp.accepted", transformed.accepted())
        copy_into(cursor.connection, "pg_temp.rejected", transformed.rejected())
        cursor.execute("INSERT INTO pg_temp.scope SELECT unnest(%s::text[])", (list(transformed.scopes),))
        erased = [] if self._redaction is None else erased_subjects(cursor, self._source)
        if self._redaction is not None and erased:
            cursor.execute(self._redaction.redact_accepted, {"ids": erased})
        cursor.execute("ANALYZE pg_temp.accepted; ANALYZE pg_temp.scope")
        return erased

    def _replace(
        self,
        cursor: Cursor,
        cell: SilverPartition,
        load_id: uuid.UUID,
        erased: list[str],
        transformed: TransformedPartition,
    ) -> int:
        counts, scopes = transformed.counts, len(transformed.scopes)
        parameters = {**self._parameters(cell.day), "load_id": str(load_id), "ids": erased}
        insert_rejected = self._sql.insert_rejected
        if self._redaction is not None and erased:
            insert_rejected = self._redaction.insert_rejected
        cursor.execute(self._sql.affect_by_partition, parameters)
        cursor.execute(self._sql.affect_by_scope, parameters)
        cursor.execute(self._sql.remember_revised, parameters)
        cursor.execute(self._sql.delete_partition, parameters)
        cursor.execute(self._sql.insert_partition, parameters)
        cursor.execute(insert_rejected, parameters)
        analyze_where_grown(
            cursor,
            {
                TableName(month_name(self._entity, cell.day), "silver_versions"): counts.accepted,
                TableName("scope_seen", "silver_meta"): scopes,
                TableName("rejected_row", "silver_quarantine"): counts.rejected,
            },
        )
        cursor.execute(self._sql.affect_by_partition, parameters)
        cursor.execute(self._sql.affect_by_scope, parameters)
        return renew_current(cursor, self._sql, parameters)

    def _record(
        self, cursor: Cursor, cell: SilverPartition, load_id: uuid.UUID, counts: PartitionCounts, seconds: float
    ) -> None:
        totals = {
            column: {part: str(getattr(total, part)) for part in ("mapped", "accepted", "rejected", "superseded")}
            for column, total in counts.totals.items()
        }
        parameters = {
            **self._parameters(cell.day),
            "load_id": str(load_id),
            "mode": cell.mode,
            "observed": cell.observed,
            "rows_read": counts.rows_read,
            "filtered": counts.filtered,
            "mapped": counts.mapped,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "superseded": counts.superseded,
            "rejections": json.dumps(dict(counts.rejections), sort_keys=True),
            "warnings": json.dumps(dict(counts.warnings), sort_keys=True),
            "control_totals": json.dumps(totals, sort_keys=True),
            "covered_rows": json.dumps(cell.covered(counts)),
            "mapping_version": self._mapping_version,
            "model_version": self._model_version,
            "bronze_objects": json.dumps([vars(o) for o in cell.objects], sort_keys=True),
            "run_id": self._run_id,
            "seconds": round(seconds, 3),
        }
        cursor.execute(statements.RECORD_LOAD, parameters)
        cursor.execute(statements.RECORD_PARTITION, parameters)

    def _check_balance(self, cursor: Cursor, day: dt.date, counts: PartitionCounts) -> int:
        """Compare what was accepted with what is stored, and give the size of that in bytes."""
        cursor.execute(self._sql.count_partition, self._parameters(day))
        stored, size = map(int, cursor.fetchone() or (0, 0))
        if stored != counts.accepted:
            raise BalanceError(
                f"{counts.accepted} rows were accepted and {stored} are stored.",
                where=f"silver_versions.{self._entity.entity}, source {self._source}, partition {day}",
            )
        return size


def _counts_metadata(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: int(counts[name]) for name in ("rows_read", "filtered", "mapped", "accepted", "rejected", "superseded")
    }
