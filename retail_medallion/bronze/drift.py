"""Rule G12: whether an extract still has the columns that the nearest earlier day was kept with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from retail_medallion.bronze.block import DELETED, EXTRACTED_AT, Mode
from retail_medallion.bronze.observed import days_kept
from retail_medallion.errors import SchemaDriftError
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion.storage.schema_evolution import widens

FINGERPRINT = "schema"
"""Metadata entry by which two objects are told to have the same columns, without opening either."""


@dataclass(frozen=True)
class Drift:
    """What became of the columns since the nearest earlier day.

    Attributes:
        since: That day; None where there is none.
        added: Columns it had not.
        gone: Columns the source has no more, with their type then.
        changed: Columns of another type now: that then, and that now.
    """

    since: date | None = None
    added: tuple[str, ...] = ()
    gone: tuple[tuple[str, pa.DataType], ...] = ()
    changed: tuple[tuple[str, pa.DataType, pa.DataType], ...] = ()

    def entries(self) -> dict[str, str]:
        """What the object of the first day with the new columns tells of them."""
        told = {
            "columns_added": list(self.added),
            "columns_gone": [name for name, _ in self.gone],
            "columns_changed": [f"{name}: {old} to {new}" for name, old, new in self.changed],
        }
        return {name: json.dumps(columns) for name, columns in told.items() if columns}

    def require_readable(self, reads: Collection[str], where: str) -> None:
        """Raise where a column that is read is gone, or has a type that does not hold what it held.

        Raises:
            SchemaDriftError: Names the first such column, its type then and now.
        """
        # A mapping may spell a column in other letters than the source does.
        read = {name.casefold() for name in reads}
        for name, old in self.gone:
            if name.casefold() in read:
                raise SchemaDriftError(
                    f"G12: column {name!r}, which the mapping reads, is gone from the source.",
                    where=where,
                    why=f"expected {name} {old} as on {self.since}, found no such column",
                    fix="Map another column, or leave it out of the mapping. "
                    "Nothing was written; the day can be run again.",
                )
        for name, old, new in self.changed:
            if name.casefold() in read and not widens(old, new):
                raise SchemaDriftError(
                    f"G12: column {name!r}, which the mapping reads, changed its type.",
                    where=where,
                    why=f"expected {old} as on {self.since}, found {new}",
                    fix="Cast it to its former type in the extract's `query`. If the mapping reads the new type as "
                    "well: retail-medallion run --accept-drift SOURCE/ENTITY, or RETAIL_ACCEPT_DRIFT=SOURCE/ENTITY "
                    "for that one run.",
                )


def fingerprint(schema: pa.Schema) -> str:
    """A hash of the names and types of the source's columns, whatever their order."""
    columns = sorted((field.name, str(field.type)) for field in schema if field.name != EXTRACTED_AT)
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:16]


def drift_since(store: ParquetStore, key_of: Callable[[date], str], day: date, schema: pa.Schema) -> Drift:
    """Compare the columns of an extract with those of the nearest earlier day there is an object of.

    The object is opened only where its fingerprint is another one.

    Args:
        store: Where the objects are.
        key_of: Gives the object's key from the day.
        day: The day to be extracted.
        schema: The source's columns it is extracted with.
    """
    since = max((other for other in days_kept(store, key_of, day) if other < day), default=None)
    info = None if since is None else store.stat(key_of(since))
    if info is None or not info.is_ours or info.metadata.get(FINGERPRINT) == fingerprint(schema):
        return Drift()
    with store.open(info) as opened:
        ours = {EXTRACTED_AT, *([DELETED] if info.metadata.get("mode") == Mode.COMPARED.value else [])}
        before = {field.name: field.type for field in opened.schema if field.name not in ours}
    now = {field.name: field.type for field in schema if field.name != EXTRACTED_AT}
    return Drift(
        since,
        added=tuple(name for name in now if name not in before),
        gone=tuple((name, old) for name, old in before.items() if name not in now),
        changed=tuple((name, old, now[name]) for name, old in before.items() if name in now and old != now[name]),
    )
