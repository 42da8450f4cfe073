"""Rule G12: whether an extract still has the columns that the nearest earlier day was kept with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from retail_medallion.bronze.block import DELETED, EXTRACTED_AT, Mode
from retail_medallion.bronze.observed import days_kept
from retail_medallion.bronze.renames import Compare, likely_name
from retail_medallion.errors import SchemaDriftError, SourceSchemaError
from retail_medallion.storage.parquet_store import ParquetObject, ParquetStore
from retail_medallion.storage.postgres.types import CARRIED_AS, POSTGRES_TYPE
from retail_medallion.storage.schema_evolution import widens

FINGERPRINT = "schema"
"""Metadata entry by which two objects are told to have the same columns, without opening either."""
_JSON = frozenset({"json", "jsonb"})


@dataclass(frozen=True)
class Drift:
    """What became of the columns since the nearest earlier day.

    Attributes:
        since: That day; None where there is none.
        added: Columns it had not.
        gone: Columns the source has no more, as they were then.
        changed: Columns of another type now: as they were then, and as they are now.
        likely: Tells which of the columns added is likely to be one that is gone.
    """

    since: date | None = None
    added: tuple[pa.Field, ...] = ()
    gone: tuple[pa.Field, ...] = ()
    changed: tuple[tuple[pa.Field, pa.Field], ...] = ()
    likely: Callable[[pa.Field], str | None] = lambda _: None

    def entries(self) -> dict[str, str]:
        """What the object of the first day with the new columns tells of them."""
        told = {
            "columns_added": [field.name for field in self.added],
            "columns_gone": [field.name for field in self.gone],
            "columns_changed": [f"{old.name}: {shown(old)} to {shown(new)}" for old, new in self.changed],
        }
        return {name: json.dumps(columns) for name, columns in told.items() if columns}

    def require_readable(self, reads: Collection[str], where: str) -> None:
        """Raise where a column that is read is gone, or has a type that does not hold what it held.

        Args:
            reads: Names of the columns that are read; as a mapping, each with the place that says so.
            where: The place, for the message.

        Raises:
            SchemaDriftError: Names every such column, its type then and now, and what to write.
        """
        # A mapping may spell a column in other letters than the source does.
        read = {name.casefold(): name for name in reads}
        gone = [field for field in self.gone if field.name.casefold() in read]
        changed = [
            (old, new) for old, new in self.changed if old.name.casefold() in read and not _holds_the_same(old, new)
        ]
        if not gone and not changed:
            return
        names = [field.name for field in (*gone, *(old for old, _ in changed))]
        listed = ", ".join(map(repr, names))
        one = len(names) == 1
        what = f"column {listed}, which the mapping reads," if one else f"columns {listed}, which the mapping reads,"
        if not changed:
            what += f" {'is' if one else 'are'} gone from the source."
        elif not gone:
            what += " changed its type." if one else " changed their types."
        else:
            what += " are gone from the source, or of another type."
        raise SchemaDriftError(
            f"G12: {what}", where=where, why=self._found(gone, changed), fix=self._remedy(gone, changed, reads, read)
        )

    def _found(self, gone: Sequence[pa.Field], changed: Sequence[tuple[pa.Field, pa.Field]]) -> str:
        found = [f"expected {field.name} {shown(field)} as on {self.since}, found no such column" for field in gone]
        found += [f"expected {old.name} {shown(old)} as on {self.since}, found {shown(new)}" for old, new in changed]
        return "; ".join(found)

    def _remedy(
        self,
        gone: Sequence[pa.Field],
        changed: Sequence[tuple[pa.Field, pa.Field]],
        reads: Collection[str],
        read: Mapping[str, str],
    ) -> str:
        def place(name: str) -> str:
            written = reads[read[name.casefold()]] if isinstance(reads, Mapping) else ""
            return f" ({written})" if written else ""

        steps: list[str] = []
        for field in gone:
            likely = self.likely(field)
            if likely is not None:
                steps.append(f"{likely}: write it in place of {field.name!r}{place(field.name)}.")
            else:
                steps.append(
                    f"Map another column than {field.name!r}, or leave it out of the mapping{place(field.name)}."
                )
        for old, _ in changed:
            steps.append(f"Cast {old.name!r} to {shown(old)} in the extract's `query`{place(old.name)}.")
        if changed:
            steps.append(
                "If the mapping reads the new type as well: retail-medallion run --accept-drift SOURCE/ENTITY, or "
                "RETAIL_ACCEPT_DRIFT=SOURCE/ENTITY for that one run."
            )
        return " ".join([*steps, "Nothing was written; the day can be run again."])


def shown(field: pa.Field) -> str:
    """The type of a column in the words of its source."""
    postgres: bytes | None = (field.metadata or {}).get(POSTGRES_TYPE)
    return str(field.type) if postgres is None else postgres.decode()


def _meaning(field: pa.Field) -> str:
    """What a text is the printed form of; empty for a text that is one, and for what is no text."""
    if not pa.types.is_string(field.type):
        return ""
    base = shown(field).partition("(")[0]
    if base in _JSON:
        return "json"
    return base if CARRIED_AS in (field.metadata or {}) else ""


def _holds_the_same(old: pa.Field, new: pa.Field) -> bool:
    return widens(old.type, new.type) and _meaning(old) == _meaning(new)


def fingerprint(schema: pa.Schema) -> str:
    """A hash of the names and types of the source's columns, whatever their order."""
    columns = sorted(
        (field.name, " ".join(filter(None, (str(field.type), _meaning(field)))))
        for field in schema
        if field.name != EXTRACTED_AT
    )
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:16]


def drift_since(
    store: ParquetStore,
    key_of: Callable[[date], str],
    day: date,
    schema: pa.Schema,
    compare: Callable[[ParquetObject], Compare] | None = None,
) -> Drift:
    """Compare the columns of an extract with those of the nearest earlier day there is an object of.

    Where there is none, the day's own object is as good. It is opened only where its fingerprint is another one.

    Args:
        store: Where the objects are.
        key_of: Gives the object's key from the day.
        day: The day to be extracted.
        schema: The source's columns it is extracted with.
        compare: Looks at values, where a column is gone and others are new.
    """
    since = last_kept(store, key_of, day)
    info = None if since is None else store.stat(key_of(since))
    if info is None or not info.is_ours or info.metadata.get(FINGERPRINT) == fingerprint(schema):
        return Drift()
    with store.open(info) as opened:
        ours = {EXTRACTED_AT, *([DELETED] if info.metadata.get("mode") == Mode.COMPARED.value else [])}
        before = {field.name: field for field in opened.schema if field.name not in ours}
        now = {field.name: field for field in schema if field.name != EXTRACTED_AT}
        added = tuple(field for name, field in now.items() if name not in before)
        gone = tuple(field for name, field in before.items() if name not in now)

    def likely(field: pa.Field) -> str | None:
        with store.open(info) as opened:
            return likely_name(field, added, compare(opened) if compare is not None else lambda _name, _names: {})

    return Drift(
        since,
        added=added,
        gone=gone,
        changed=tuple((old, now[name]) for name, old in before.items() if name in now and _differ(old, now[name])),
        likely=likely,
    )


def _differ(old: pa.Field, new: pa.Field) -> bool:
    return bool(old.type != new.type) or _meaning(old) != _meaning(new)


def last_kept(store: ParquetStore, key_of: Callable[[date], str], day: date) -> date | None:
    """The nearest earlier day there is an object of; the day itself where there is only that."""
    kept = days_kept(store, key_of, day)
    return max((other for other in kept if other < day), default=day if day in kept else None)


def explained(
    error: SourceSchemaError, store: ParquetStore, key_of: Callable[[date], str], day: date, where: str
) -> SourceSchemaError | SchemaDriftError:
    """Say of an extract that does not fit its source whether it did so before, and with which columns."""
    since = last_kept(store, key_of, day)
    info = None if since is None else store.stat(key_of(since))
    if info is None or not info.is_ours:
        return error
    with store.open(info) as opened:
        columns = ", ".join(f"{field.name} {shown(field)}" for field in opened.schema if field.name != EXTRACTED_AT)
    return SchemaDriftError(
        f"G12: {error.what}",
        where=", ".join(filter(None, [where, error.where])),
        why=f"on {since} the extract fitted its source and gave: {columns}" + (f"; {error.why}" if error.why else ""),
        fix=f"{f'{error.fix}. ' if error.fix else ''}Write the extract for the source as it is now, under the names it "
        "gave before, so that the mapping reads the same. Nothing was written; the day can be run again.",
    )
