"""What all oracles look at: current Silver, keys, local times, and the rows of tables that others are made from."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from retail_medallion.gold.keys import NOT_APPLICABLE, member_key
from retail_medallion_tests.gold.oracle.silver import Row, Silver

NIL = NOT_APPLICABLE


class World:
    """One source.

    Args:
        silver: Its Silver.
        oracles: What gives the rows of each table.
    """

    def __init__(self, silver: Silver, oracles: Mapping[str, Callable[[World], list[Row]]]) -> None:
        self.silver = silver
        self.horizon = silver.horizon
        self.source_key = member_key("sources", silver.source, silver.source)
        self._zone = ZoneInfo(silver.timezone)
        self._oracles = oracles
        self._rows: dict[str, list[Row]] = {}
        self._current: dict[str, dict[str, Row]] = {}
        self._live: dict[str, dict[str, Row]] = {}
        self._children: dict[tuple[str, str], dict[str, dict[str, Row]]] = {}
        self._keys: dict[tuple[str, str], UUID] = {}
        self._ids: dict[UUID, str] = {}

    def current(self, entity: str) -> dict[str, Row]:
        """Key to current row, deleted ones included, in order of the keys."""
        if entity not in self._current:
            self._current[entity] = self.silver.current(entity)
        return self._current[entity]

    def live(self, entity: str) -> dict[str, Row]:
        """Key to current row, without the deleted."""
        if entity not in self._live:
            self._live[entity] = {i: row for i, row in self.current(entity).items() if not row["is_deleted"]}
        return self._live[entity]

    def children(self, entity: str, link: str, parent: str) -> dict[str, Row]:
        """The live rows of an entity that name a parent."""
        if (entity, link) not in self._children:
            found: dict[str, dict[str, Row]] = defaultdict(dict)
            for id_, row in self.live(entity).items():
                found[row[link]][id_] = row
            self._children[entity, link] = found
        return self._children[entity, link].get(parent, {})

    def key(self, entity: str, id_: str | None) -> UUID:
        """The surrogate key of a business object."""
        if id_ is None:
            return NIL
        if (entity, id_) not in self._keys:
            made = member_key(entity, self.silver.source, id_)
            self._keys[entity, id_] = made
            self._ids[made] = id_
        return self._keys[entity, id_]

    def id_of(self, key: UUID) -> str:
        """The source's key behind a surrogate key."""
        return self._ids[key]

    def sale(self, id_: str | None) -> Row | None:
        """The sale, if it counts: it is known, not deleted, and no test."""
        sale = self.live("sales").get(id_ or "")
        return None if sale is None or sale["is_test"] else sale

    def is_of_a_test(self, sale_id: str | None) -> bool:
        """Whether that sale is a test, deleted or not."""
        return bool(self.current("sales").get(sale_id or "", {}).get("is_test"))

    def sale_key(self, id_: str | None) -> UUID | None:
        """The key of the sale, if it counts."""
        return None if self.sale(id_) is None else self.key("sales", id_)

    def local(self, instant: dt.datetime) -> dt.datetime:
        return instant.astimezone(self._zone)

    def local_date(self, instant: dt.datetime | None) -> dt.date | None:
        return None if instant is None else self.local(instant).date()

    def rows(self, table: str) -> list[Row]:
        """The rows of a Gold table."""
        if table not in self._rows:
            self._rows[table] = self._oracles[table](self)
        return self._rows[table]

    def by(self, table: str, column: str) -> dict[Any, list[Row]]:
        """The rows of a Gold table by what one of their columns says."""
        found: dict[Any, list[Row]] = defaultdict(list)
        for row in self.rows(table):
            found[row[column]].append(row)
        return found


def first_known(*values: Any) -> Any:
    """The first value that is not None."""
    return next((value for value in values if value is not None), None)
