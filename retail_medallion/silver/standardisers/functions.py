"""Makes the Python functions that cleaning SQL calls known to a DuckDB connection.

DuckDB hands over vectors of about two thousand values; each distinct value is worked out once and remembered, because
countries, currencies and zones repeat without end and a phone number costs as much as a hundred look-ups.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import sqltypes
from duckdb.func import ARROW, SPECIAL

from retail_medallion.silver.standardisers import cards, contacts, documents, registers

_REMEMBERED = 65_536
# Long texts seldom come twice, and thousands of them would fill the memory.
_LONGEST_REMEMBERED = 256


def _over_vectors(function: Callable[..., Any], arguments: int, arrow_type: pa.DataType) -> Callable[..., pa.Array]:
    remembered = lru_cache(maxsize=_REMEMBERED)(function)

    def worked_out(value: str | None, *context: str | None) -> Any:
        if value is None:
            return None
        return remembered(value, *context) if len(value) <= _LONGEST_REMEMBERED else function(value, *context)

    def one(values: pa.ChunkedArray) -> pa.Array:
        return pa.array([worked_out(v) for v in values.to_pylist()], arrow_type)

    def two(values: pa.ChunkedArray, context: pa.ChunkedArray) -> pa.Array:
        pairs = zip(values.to_pylist(), context.to_pylist(), strict=True)
        return pa.array([worked_out(v, c) for v, c in pairs], arrow_type)

    return two if arguments > 1 else one


_TEXT = (sqltypes.VARCHAR, pa.string())
_LOGICAL = (sqltypes.BOOLEAN, pa.bool_())
# Number of arguments (the second is a country) and type of the outcome.
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, tuple[Any, pa.DataType]]] = {
    "canonical_attributes": (documents.canonical_attributes, 1, _TEXT),
    "canonical_json": (documents.canonical_json, 1, _TEXT),
    "canonical_list": (documents.canonical_list, 1, _TEXT),
    "clean_country": (registers.clean_country, 1, _TEXT),
    "clean_currency": (registers.clean_currency, 1, _TEXT),
    "clean_email": (contacts.clean_email, 1, _TEXT),
    "clean_gln": (registers.clean_gln, 1, _TEXT),
    "clean_gtin": (registers.clean_gtin, 1, _TEXT),
    "clean_language": (registers.clean_language, 1, _TEXT),
    "clean_phone": (contacts.clean_phone, 2, _TEXT),
    "clean_region": (registers.clean_region, 2, _TEXT),
    "clean_time_zone": (registers.clean_time_zone, 1, _TEXT),
    "holds_card_number": (cards.holds_card_number, 1, _LOGICAL),
    "is_tax_number": (registers.is_tax_number, 2, _LOGICAL),
    "mask_card_numbers": (cards.mask_card_numbers, 1, _TEXT),
    "mask_contacts": (contacts.mask_contacts, 1, _TEXT),
    "strip_html": (documents.strip_html, 1, _TEXT),
}


def register_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Register every function that cleaning SQL may call."""
    for name, (function, arguments, (duckdb_type, arrow_type)) in _FUNCTIONS.items():
        connection.create_function(
            name,
            _over_vectors(function, arguments, arrow_type),
            [sqltypes.VARCHAR] * arguments,
            duckdb_type,
            type=ARROW,
            null_handling=SPECIAL,
        )
