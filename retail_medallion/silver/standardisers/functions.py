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


def _over_vectors(function: Callable[..., Any], arrow_type: pa.DataType) -> Callable[..., pa.Array]:
    remembered = lru_cache(maxsize=_REMEMBERED)(function)

    def one(values: pa.ChunkedArray) -> pa.Array:
        return pa.array([None if v is None else remembered(v) for v in values.to_pylist()], arrow_type)

    def two(values: pa.ChunkedArray, context: pa.ChunkedArray) -> pa.Array:
        pairs = zip(values.to_pylist(), context.to_pylist(), strict=True)
        return pa.array([None if v is None else remembered(v, c) for v, c in pairs], arrow_type)

    return two if function in _WITH_COUNTRY else one


_WITH_COUNTRY = (contacts.clean_phone, registers.clean_region)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "canonical_attributes": documents.canonical_attributes,
    "canonical_json": documents.canonical_json,
    "clean_country": registers.clean_country,
    "clean_currency": registers.clean_currency,
    "clean_email": contacts.clean_email,
    "clean_gln": registers.clean_gln,
    "clean_gtin": registers.clean_gtin,
    "clean_language": registers.clean_language,
    "clean_phone": contacts.clean_phone,
    "clean_region": registers.clean_region,
    "clean_time_zone": registers.clean_time_zone,
    "holds_card_number": cards.holds_card_number,
    "mask_card_numbers": cards.mask_card_numbers,
    "strip_html": documents.strip_html,
}


def register_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Register every function that cleaning SQL may call."""
    for name, function in _FUNCTIONS.items():
        logical = function is cards.holds_card_number
        connection.create_function(
            name,
            _over_vectors(function, pa.bool_() if logical else pa.string()),
            [sqltypes.VARCHAR] * (2 if function in _WITH_COUNTRY else 1),
            sqltypes.BOOLEAN if logical else sqltypes.VARCHAR,
            type=ARROW,
            null_handling=SPECIAL,
        )
