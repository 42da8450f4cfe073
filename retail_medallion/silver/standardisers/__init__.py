"""The cleaning a canonical column names, as DuckDB SQL over whole columns.

A mapping only fetches values; how they are cleaned is decided by the canonical column. `standardise` gives the SQL of
one column, `register_functions` makes the functions that SQL calls known to a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retail_medallion.silver.standardisers import numbers, standards, texts, times
from retail_medallion.silver.standardisers.base import Check, Cleaning, Fetched, RowSettings
from retail_medallion.silver.standardisers.functions import register_functions

STANDARDISERS: Mapping[str, Callable[[Fetched], Cleaning]] = {
    "birth_date": times.birth_date,
    "boolean": numbers.boolean,
    "business_date": times.business_date,
    "code": texts.code,
    "compact_code": texts.compact_code,
    "country": standards.country,
    "currency": standards.currency,
    "date": times.date,
    "decimal": numbers.decimal,
    "email": standards.email,
    "enum": texts.enum,
    "gln": standards.gln,
    "gtin": standards.gtin,
    "html_text": texts.html_text,
    "identity": texts.identity,
    "integer": numbers.integer,
    "json": texts.json,
    "json_list": texts.json_list,
    "key": texts.key,
    "language": standards.language,
    "lower_text": texts.lower_text,
    "money": numbers.money,
    "name": texts.name,
    "phone": standards.phone,
    "planned_date": times.planned_date,
    "planned_timestamp": times.planned_timestamp,
    "points": numbers.points,
    "postal_code": standards.postal_code,
    "public_text": texts.public_text,
    "quantity": numbers.quantity,
    "rate": numbers.rate,
    "rating": numbers.rating,
    "reference": texts.reference,
    "reference_list": texts.reference_list,
    "region": standards.region,
    "session": texts.session,
    "sku": texts.sku,
    "text": texts.text,
    "time_zone": standards.time_zone,
    "timestamp": times.timestamp,
    "url": texts.url,
}


def standardise(fetched: Fetched) -> Cleaning:
    """The SQL that cleans one fetched value as its canonical column says.

    Raises:
        MappingError: The mapped value has a type the column cannot be made from.
    """
    return STANDARDISERS[fetched.column.standardise](fetched)


__all__ = ["STANDARDISERS", "Check", "Cleaning", "Fetched", "RowSettings", "register_functions", "standardise"]
