"""Silver for notebooks and scripts: `from retail_medallion.read import read_entity`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from retail_medallion import config
from retail_medallion.model import CanonicalModel, load_model
from retail_medallion.silver.reading import EntityRows
from retail_medallion.storage.postgres.session import connect


def read_entity(
    entity: str,
    *,
    source: str | None = None,
    as_of: dt.date | str | None = None,
    history: bool = False,
    columns: Sequence[str] | None = None,
    model: CanonicalModel | None = None,
) -> EntityRows:
    """Rows of an entity of the warehouse that WAREHOUSE_DB_* name; nothing is read before the result is asked for it.

    Args:
        entity: An entity of the canonical model, such as `sales`.
        source: Code of one source; all sources where None.
        as_of: Give the state as the partitions up to and including this day make it, deletions proven by then included.
        history: Give every version with `valid_from`, `valid_to` (not included; empty while it holds) and `is_current`.
        columns: Columns wanted, in this order; all where None.
        model: The canonical model; the shipped one where None.

    Returns:
        An object with `.to_pandas()`, `.to_arrow()` and `.reader()`.

    Raises:
        ModelError: There is no such entity.
        ConfigurationError: A column does not exist, a day is malformed, or `as_of` and `history` are both asked for.
    """
    day = config.parse_day(as_of, where="as_of") if isinstance(as_of, str) else as_of
    found = (model or load_model()).entity(entity)
    return EntityRows(found, lambda: connect(config.warehouse_database()), source, day, history, columns)
