"""What happens when the source's columns are no longer those of the object written before."""

from __future__ import annotations

import pyarrow as pa

from retail_medallion.errors import SchemaDriftError
from retail_medallion.storage.schema_evolution import widens


def check_evolution(old: pa.Schema, new: pa.Schema, *, where: str) -> None:
    """Refuse a change of columns that would lose something that the old rows hold.

    New columns are accepted (old rows get NULL), and so are types that hold every old value. Dropped columns and other
    changes of type are not.

    Raises:
        SchemaDriftError: Names the first such column, what was expected and what was found.
    """
    for field in old:
        position = new.get_field_index(field.name)
        if position < 0:
            raise SchemaDriftError(
                f"Column {field.name!r} is gone from the source.",
                where=where,
                why=f"expected {field.name} {field.type} as in the rows extracted before, found no such column; "
                "merging would lose what those rows hold",
                fix=f"Keep the column in the extract (as NULL::type AS {field.name} in a query), "
                "or move the object away and extract the day anew.",
            )
        found = new.field(position).type
        if not widens(field.type, found):
            raise SchemaDriftError(
                f"Column {field.name!r} changed its type.",
                where=where,
                why=f"expected {field.type}, found {found}; not every value of the one has a place in the other",
                fix="Cast the column in a query to its former type, or move the object away and extract the day anew.",
            )
