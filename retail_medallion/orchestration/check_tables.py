"""Tables in the metadata of checks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg


def text_columns(*names: str, integers: Sequence[str] = ()) -> dg.TableSchema:
    """Columns of text, and of whole numbers where named so."""
    return dg.TableSchema([dg.TableColumn(name, "int" if name in integers else "string") for name in names])


def shown_table(
    rows: Iterable[Mapping[str, object]], *names: str, integers: Sequence[str] = ()
) -> dg.TableMetadataValue:
    """Rows as a table; what is not a whole number is shown as text, and nothing as the empty text."""

    def cell(name: str, value: Any) -> int | str:
        return int(value) if name in integers else "" if value is None else str(value)

    records = [dg.TableRecord({name: cell(name, row[name]) for name in names}) for row in rows]
    return dg.TableMetadataValue(records=records, schema=text_columns(*names, integers=integers))
