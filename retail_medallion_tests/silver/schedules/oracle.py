"""What the shop's Silver has to hold, in plain Python and straight from the definitions.

Nothing is shared with the product: rows are tuples in dictionaries, a day of Bronze is what was seen of it, a day of
Silver is what the mapping made of that, and the current state is read off all days.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from retail_medallion_tests.silver.schedules.shop import DAYS, FIRST

ENTITIES = ("orders", "lines", "things", "members", "shelves", "events")

GONE = object()
"""Stands in a compared day for the row of a key that is gone."""


@dataclass
class Order:
    note: str | None
    amount: Decimal | None
    voided: bool
    day: date | None
    """Day of the watermark; None where the source wrote none."""
    stamp: int
    """Order of the watermarks, to find the newest of two."""


@dataclass
class Shop:
    """The source: its tables."""

    orders: dict[int, Order] = field(default_factory=dict)
    lines: dict[int, tuple[int, Decimal | None]] = field(default_factory=dict)
    things: dict[int, str | None] = field(default_factory=dict)
    members: dict[int, tuple[str | None, date]] = field(default_factory=dict)
    shelves: dict[int, str | None] = field(default_factory=dict)
    events: dict[int, tuple[int | None, Decimal, date]] = field(default_factory=dict)


@dataclass
class Seen:
    """A day of Bronze: rows by what they are merged by, and whether anybody looked."""

    rows: dict[Any, Any]
    observed: bool = True


@dataclass(frozen=True)
class Version:
    """What a day of Silver says of a key."""

    business: tuple[Any, ...]
    deleted: bool = False
    flags: tuple[str, ...] = ()
    state: bool = True
    """False where the day only says that the key is there, or, where it is deleted, that it is gone."""


@dataclass
class Cell:
    """A day of an entity in Silver."""

    versions: dict[str, Version]
    rejected: dict[str, frozenset[str]]
    scopes: frozenset[str]
    counts: tuple[int, int, int, int, int]
    """Rows read, filtered, accepted, rejected, superseded."""


def _within(day: date | None, partition: date) -> bool:
    if day is None:
        return partition == FIRST
    return day == partition or (partition == FIRST and day < FIRST)


def _is_tombstone(version: Version | None) -> bool:
    return version is not None and version.deleted and not version.state


class Oracle:
    """Follows a schedule and says at any time what has to be there."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.bronze: dict[tuple[str, date], Seen] = {}
        self.silver: dict[tuple[str, date], Cell] = {}
        self.shelves_on: dict[date, dict[int, str | None]] = {}

    def extract(self, entity: str, days: list[date]) -> None:
        if entity == "things":
            self._observe("things", self.shop.things, days)
            return
        if entity == "shelves":
            self._compare(days)
            return
        if entity == "members":
            self._observe("cards", dict.fromkeys(self.shop.members), days)
        for day in days:
            before = self.bronze.get((entity, day), Seen({})).rows
            now = copy.deepcopy(self._window(entity, day))
            self.bronze[entity, day] = Seen({**before, **now})

    def _window(self, entity: str, day: date) -> dict[Any, Any]:
        shop = self.shop
        if entity == "orders":
            return {key: order for key, order in shop.orders.items() if _within(order.day, day)}
        if entity == "members":
            return {key: member for key, member in shop.members.items() if _within(member[1], day)}
        if entity == "events":
            return {key: event for key, event in shop.events.items() if _within(event[2], day)}
        return {
            key: (order.stamp, {line: units for line, (owner, units) in shop.lines.items() if owner == key})
            for key, order in shop.orders.items()
            if _within(order.day, day)
        }

    def _observe(self, block: str, table: dict[int, Any], days: list[date]) -> None:
        newest = max(days)
        later = any(name == block and day > newest and seen.observed for (name, day), seen in self.bronze.items())
        for day in days:
            if day == newest and not later:
                self.bronze[block, day] = Seen(dict(table))
            elif not self.bronze.get((block, day), Seen({}, observed=False)).observed:
                self.bronze[block, day] = Seen({}, observed=False)

    def _compare(self, days: list[date]) -> None:
        newest, now = max(days), dict(self.shop.shelves)
        for day in days:
            if day != newest or any(other > newest for other in self.shelves_on):
                self.bronze.setdefault(("shelves", day), Seen({}, observed=False))
        if any(other > newest for other in self.shelves_on):
            return
        earlier = [day for day in self.shelves_on if day < newest]
        before = self.shelves_on[max(earlier)] if earlier else {}
        differing: dict[Any, Any] = {k: v for k, v in now.items() if k not in before or before[k] != v}
        self.bronze["shelves", newest] = Seen(differing | dict.fromkeys(before.keys() - now.keys(), GONE))
        self.shelves_on[newest] = now

    def load(self, entity: str, day: date, variant: int) -> None:
        seen = self.bronze[entity, day]
        if entity == "members":
            self.silver[entity, day] = self._members(seen, self.bronze["cards", day])
        else:
            self.silver[entity, day] = getattr(self, f"_{entity}")(seen, variant)

    def _orders(self, seen: Seen, variant: int) -> Cell:
        kept = {key: order for key, order in seen.rows.items() if variant == 0 or order.note != "i"}
        versions: dict[str, Version] = {}
        rejected: dict[str, frozenset[str]] = {}
        for key, order in kept.items():
            amount = None if order.amount is None else order.amount * (1 + variant)
            if amount is None:
                rejected[str(key)] = frozenset({"G01"})
            elif amount < 0:
                rejected[str(key)] = frozenset({"orders.negative"})
            else:
                # Voided today, which is long after any of the days: too late a time, and gone all the same.
                flags = (*(("G04",) if order.voided else ()), *(("orders.nothing",) if amount == 0 else ()))
                note = (order.note or "").strip() or None
                versions[str(key)] = Version((note, amount), order.voided, flags)
        read = len(seen.rows)
        return Cell(versions, rejected, frozenset(), (read, read - len(kept), len(versions), len(rejected), 0))

    def _lines(self, seen: Seen, variant: int) -> Cell:  # noqa: ARG002 both mappings agree on lines
        rivals: dict[str, list[tuple[int, Version]]] = {}
        rejected: dict[str, frozenset[str]] = {}
        for order, (stamp, lines) in seen.rows.items():
            for line, units in lines.items():
                if units is None or units < 0:
                    rejected[str(line)] = frozenset({"G01" if units is None else "G13"})
                else:
                    rivals.setdefault(str(line), []).append((stamp, Version((str(order), units))))
        versions = {}
        for line, found in rivals.items():
            newest = max(found, key=lambda one: one[0])[1]
            differ = len({version for _, version in found}) > 1
            versions[line] = Version(newest.business, newest.deleted, ("G07",) if differ else ())
        mapped = sum(len(lines) for _, lines in seen.rows.values())
        empty = sum(not lines for _, lines in seen.rows.values())
        refused = mapped - sum(map(len, rivals.values()))
        superseded = sum(len(found) - 1 for found in rivals.values())
        counts = (mapped + empty, empty, len(versions), refused, superseded)
        return Cell(versions, rejected, frozenset(map(str, seen.rows)), counts)

    def _things(self, seen: Seen, variant: int) -> Cell:  # noqa: ARG002
        named = {str(key): label.strip() for key, label in seen.rows.items() if label and label.strip()}
        rejected = {str(key): frozenset({"G01"}) for key in seen.rows if str(key) not in named}
        versions = {key: Version((label,)) for key, label in named.items()}
        scopes = frozenset({"*"}) if seen.observed else frozenset[str]()
        return Cell(versions, rejected, scopes, (len(seen.rows), 0, len(versions), len(rejected), 0))

    def _members(self, seen: Seen, cards: Seen) -> Cell:
        named = {str(key): label.strip() for key, (label, _) in seen.rows.items() if label and label.strip()}
        rejected = {str(key): frozenset({"G01"}) for key in seen.rows if str(key) not in named}
        present = {str(key): Version((None,), state=False) for key in cards.rows}
        versions = {**present, **{key: Version((label,)) for key, label in named.items()}}
        read = len(seen.rows) + len(cards.rows)
        superseded = len(present.keys() & named.keys())
        scopes = frozenset({"*"}) if cards.observed else frozenset[str]()
        return Cell(versions, rejected, scopes, (read, 0, len(versions), len(rejected), superseded))

    def _shelves(self, seen: Seen, variant: int) -> Cell:  # noqa: ARG002
        gone = {str(key): Version((None,), deleted=True, state=False) for key, v in seen.rows.items() if v is GONE}
        rest = Seen({key: label for key, label in seen.rows.items() if label is not GONE}, observed=False)
        cell = self._things(rest, 0)
        counts = (len(seen.rows), 0, len(cell.versions) + len(gone), len(cell.rejected), 0)
        return Cell({**cell.versions, **gone}, cell.rejected, frozenset(), counts)

    def _events(self, seen: Seen, variant: int) -> Cell:  # noqa: ARG002
        versions = {
            str(key): Version((None if order is None else str(order), points))
            for key, (order, points, _) in seen.rows.items()
        }
        return Cell(versions, {}, frozenset(), (len(versions), 0, len(versions), 0, 0))

    def versions(self, entity: str) -> dict[tuple[str, date], Version]:
        return {
            (key, day): v for (e, day), cell in self.silver.items() if e == entity for key, v in cell.versions.items()
        }

    def rejected(self, entity: str) -> dict[tuple[str, date], frozenset[str]]:
        return {
            (key, day): r for (e, day), cell in self.silver.items() if e == entity for key, r in cell.rejected.items()
        }

    def current(self, entity: str) -> dict[str, tuple[tuple[Any, ...], bool, date, date]]:
        """Key to (business values, deleted, winning day, day that settled it)."""
        cells = {day: self.silver[entity, day] for day in DAYS if (entity, day) in self.silver}
        state = {}
        for key in {key for cell in cells.values() for key in cell.versions}:
            states = [day for day, cell in cells.items() if key in cell.versions and cell.versions[key].state]
            if not states:
                continue
            winner = max(states)
            sighted = max(day for day, cell in cells.items() if key in cell.versions or key in cell.rejected)
            version = cells[winner].versions[key]
            covering = {"*", version.business[0]} if entity == "lines" else {"*"}
            gone = [day for day, cell in cells.items() if day > sighted and cell.scopes & covering]
            deleted = version.deleted or bool(gone)
            tombstones = [day for day, cell in cells.items() if _is_tombstone(cell.versions.get(key))]
            if tombstones and max(tombstones) > winner:
                state[key] = (version.business, True, max(tombstones), max(tombstones))
            else:
                state[key] = (version.business, deleted, winner, min(gone) if gone else winner)
        return state

    def findings(self) -> set[tuple[str, str, str]]:
        """(entity, key, column) of what several rows together tell."""
        state = {entity: self.current(entity) for entity in ENTITIES}
        live = {entity: {k: row[0] for k, row in rows.items() if not row[1]} for entity, rows in state.items()}
        found = {
            (entity, key, "order_id")
            for entity in ("lines", "events")
            for key, (order, *_) in live[entity].items()
            if order is not None and order not in state["orders"]
        }
        with_lines = {order for order, *_ in live["lines"].values()}
        return found | {("orders", key, "order_id") for key in live["orders"].keys() - with_lines}
