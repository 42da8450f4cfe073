"""The canonical serialisation of a row, and its hash.

Two versions of a row are the same exactly when their hashes are, so the serialisation leaves nothing to chance: columns
in the order of the model joined by U+001F, numbers at their declared scale, instants in UTC to the microsecond, lists
joined by U+001D, and U+001E for NULL. Cleaned texts hold no control characters, so no text looks like a mark.
"""

from __future__ import annotations

from retail_medallion.model import Entity
from retail_medallion.silver.standardisers.base import quoted

_INSTANT = "'%Y-%m-%dT%H:%M:%S.%fZ'"


def serialised(name: str, postgres_type: str) -> str:
    """DuckDB expression of one column as text.

    Args:
        name: The column.
        postgres_type: Its declared type.
    """
    column = quoted(name)
    if postgres_type == "timestamptz":
        text = f"strftime(timezone('UTC', {column}), {_INSTANT})"
    elif postgres_type == "text[]":
        text = f"array_to_string({column}, chr(29))"
    elif postgres_type == "uuid":
        text = f"lower(hex({column}))"
    elif postgres_type.startswith(("text", "varchar", "char", "jsonb")):
        text = column
    else:
        text = f"CAST({column} AS VARCHAR)"
    return f"coalesce({text}, chr(30))"


def record_hash(entity: Entity) -> str:
    """DuckDB expression of the first 128 bits of SHA-256 over the business columns and `is_deleted`, as BLOB."""
    parts = [serialised(column.name, column.type) for column in entity]
    parts.append(serialised("is_deleted", "boolean"))
    return f"unhex(substr(sha256(concat_ws(chr(31), {', '.join(parts)})), 1, 32))"
