"""Which new column of a source is likely to be one that is gone, under another name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import psycopg2.extensions
import pyarrow as pa
from psycopg2 import sql

from retail_medallion.bronze.ordered import keys_of
from retail_medallion.bronze.query import ExtractPlan
from retail_medallion.errors import RetailMedallionError
from retail_medallion.storage.parquet_store import ParquetObject
from retail_medallion.storage.postgres.copy_out import open_query
from retail_medallion.storage.schema_evolution import widens

_SAMPLE = 500
_FEW = 3
_MOST = 0.9
_ALIKE = 0.6
_PART = "\x1f"


@dataclass(frozen=True)
class Evidence:
    """How the values of two columns compare, over rows that both days have.

    Attributes:
        rows: Rows of which the former value is known.
        same: Those that hold it under the new name.
    """

    rows: int = 0
    same: int = 0

    @property
    def proves(self) -> bool:
        """Enough rows, and nearly all of them the same."""
        return self.rows >= _FEW and self.same >= _MOST * self.rows

    @property
    def disproves(self) -> bool:
        """Enough rows, and hardly any of them the same."""
        return self.rows >= _FEW and self.same <= (1 - _MOST) * self.rows


Compare = Callable[[str, Sequence[str]], dict[str, Evidence]]
"""Compares the former values of a column with those of some new ones, by their names."""


def likely_name(gone: pa.Field, added: Sequence[pa.Field], compare: Compare) -> str | None:
    """Say which of the new columns is likely to be the one that is gone; None where none is.

    Args:
        gone: The column, as it was.
        added: Columns the source had not before.
        compare: Looks at values.
    """
    fitting = [field for field in added if widens(gone.type, field.type)]
    found = compare(gone.name, [field.name for field in fitting]) if fitting else {}
    best = max(
        fitting, key=lambda field: (found.get(field.name, Evidence()).same, _alike(gone.name, field.name)), default=None
    )
    if best is None:
        return None
    evidence = found.get(best.name, Evidence())
    if evidence.proves:
        return f"{best.name!r} is new, of the same type, and holds the same in {evidence.same} of {evidence.rows} rows"
    if _alike(gone.name, best.name) >= _ALIKE and not evidence.disproves:
        return f"{best.name!r} is new, of the same type, and has a similar name"
    return None


def _alike(one: str, other: str) -> float:
    one, other = one.casefold(), other.casefold()
    if one in other or other in one:
        return 1.0
    return SequenceMatcher(None, one, other).ratio()


def values_compared(connection: psycopg2.extensions.connection, plan: ExtractPlan, opened: ParquetObject) -> Compare:
    """Compare values of an object with those of the same keys in the source, for a sample of rows.

    Args:
        connection: A session on the source.
        plan: The extract; its key is looked for.
        opened: The object.
    """
    key = plan.block.key

    def compare(gone: str, names: Sequence[str]) -> dict[str, Evidence]:
        known = {column.name for column in plan.columns}
        if not known.issuperset(key) or not all(_is_plain(opened.schema.field(name).type) for name in key):
            return {}
        rows = next(iter(opened.reader([*key, gone])), None)
        if rows is None:
            return {}
        table = pa.Table.from_batches([rows])
        table = table.filter(table.column(gone).is_valid()).slice(0, _SAMPLE)
        before = dict(zip(_texts(table, key), keys_of(table, [gone]), strict=True))
        try:
            now = _rows_of(connection, plan, list(before), names)
        except RetailMedallionError:
            # A hint is no reason to fail for.
            return {}
        places = {text: place for place, text in enumerate(_texts(now, key)) if text in before}
        found = {}
        for name in names:
            values = keys_of(now, [name])
            same = sum(values[place] == before[text] for text, place in places.items())
            found[name] = Evidence(len(places), same)
        return found

    return compare


def _is_plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind))


def _texts(table: pa.Table, key: Sequence[str]) -> list[str]:
    return [_PART.join(map(str, row)) for row in zip(*(table.column(name).to_pylist() for name in key), strict=True)]


def _rows_of(
    connection: psycopg2.extensions.connection, plan: ExtractPlan, keys: Sequence[str], names: Sequence[str]
) -> pa.Table:
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in plan.block.key)
    chosen = sql.SQL(", ").join(map(sql.Identifier, dict.fromkeys([*plan.block.key, *names])))
    query = sql.SQL("SELECT {} FROM ({}) AS rows WHERE concat_ws({}, {}) = ANY({}::text[])").format(
        chosen, plan.select(None, ordered=False), sql.Literal(_PART), texts, sql.Literal(list(keys))
    )
    with open_query(connection, query) as reader:
        return reader.read_all()
