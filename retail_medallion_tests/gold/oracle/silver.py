"""Silver of one source as dictionaries: its versions, and what they make current."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class Silver:
    """What Silver has recorded.

    Attributes:
        source: Code of the source.
        timezone: Its zone.
        first_partition: First day recorded of it.
        versions: Entity to key to day to all business columns and `is_deleted`; None for a tombstone.
        partitions: (entity, day) of each partition written, to its counts.
        findings: (entity, day they speak of, rule) of each finding.
    """

    source: str
    timezone: str = "UTC"
    first_partition: dt.date = dt.date(2026, 6, 1)
    tenant: str = "tenant"
    versions: dict[str, dict[str, dict[dt.date, Row | None]]] = field(default_factory=dict)
    partitions: dict[tuple[str, dt.date], Row] = field(default_factory=dict)
    findings: list[tuple[str, dt.date, str]] = field(default_factory=list)

    def put(self, entity: str, id_: str, day: dt.date, row: Row | None) -> None:
        """Let a day say something of a key; None is a tombstone."""
        self.versions.setdefault(entity, {}).setdefault(id_, {})[day] = row

    def withdraw(self, entity: str, id_: str, day: dt.date) -> None:
        """Let a day say nothing of a key, as when the partition comes again without it."""
        self.versions.get(entity, {}).get(id_, {}).pop(day, None)

    def state(self, entity: str, id_: str) -> Row | None:
        """The current row of a key: its latest state, deleted if a tombstone came later."""
        days = self.versions.get(entity, {}).get(id_, {})
        states = [day for day, row in days.items() if row is not None]
        if not states:
            return None
        latest = max(states)
        row = days[latest]
        assert row is not None
        tombstones = [day for day, row in days.items() if row is None and day > latest]
        if tombstones:
            return {**row, "is_deleted": True, "winner_partition": max(tombstones)}
        return {**row, "winner_partition": latest}

    def current(self, entity: str) -> dict[str, Row]:
        """Every key of the entity that has a current row."""
        states = ((id_, self.state(entity, id_)) for id_ in sorted(self.versions.get(entity, {})))
        return {id_: row for id_, row in states if row is not None}

    @property
    def horizon(self) -> dt.date | None:
        """The day after the last one that every loaded entity has."""
        latest: dict[str, dt.date] = {}
        for entity, day in self.partitions:
            latest[entity] = max(day, latest.get(entity, day))
        return min(latest.values()) + dt.timedelta(days=1) if latest else None
