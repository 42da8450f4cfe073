"""Which Silver and Gold columns a stored Gold column comes from, read off the table's SQL."""

from __future__ import annotations

import re
from functools import cache

from retail_medallion.errors import ModelError
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.registry import table as gold_table
from retail_medallion.sql_lineage import TableColumn, origins_of

_LAYERS = ("silver", "silver_versions", "silver_meta", "gold")


@cache
def column_lineage(name: str) -> dict[str, frozenset[TableColumn]]:
    """Stored column to the columns of Silver and Gold its value is computed from.

    Columns that only decide which rows there are (join and filter conditions) are not among them, and neither are the
    table's own, from which a row that carries on from the one before begins.

    Raises:
        ModelError: There is no such table, or its SQL cannot be read.
    """
    table = gold_table(name)
    query = re.sub(r"%\(\w+\)s", "'parameter'", table.select.replace("{scope}", "given_scope"))
    try:
        origins = origins_of(query, _computed(table))
    except ValueError as error:
        raise ModelError("The SQL of a Gold table cannot be read.", where=f"gold.{name}", why=str(error)) from error
    own = ("gold", name)
    return {
        column: frozenset(o for o in found if o.schema in _LAYERS and (o.schema, o.table) != own)
        for column, found in origins.items()
    }


def _computed(table: GoldTable) -> tuple[str, ...]:
    known_by_the_writer = {"is_inferred"}
    return tuple(name for name in table.column_names if name not in known_by_the_writer)
