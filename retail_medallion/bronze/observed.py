"""Which days of a block have been observed, read from the objects themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from retail_medallion.errors import ConfigurationError
from retail_medallion.storage.parquet_store import ObjectInfo, ParquetStore


def was_observed(info: ObjectInfo) -> bool:
    """Tell whether an object holds what was seen, and not the fact that nothing was."""
    return info.metadata.get("observed") == "true"


def days_kept(store: ParquetStore, key_of: Callable[[date], str], day: date) -> list[date]:
    """The days of which there is an object, in order.

    Args:
        store: Where the objects are.
        key_of: Gives the object's key from the day; the day has to stand in it as `YYYY-MM-DD`.
        day: Any day.
    """
    head, found, tail = key_of(day).rpartition(day.isoformat())
    if not found:
        raise ConfigurationError(f"The object key {key_of(day)!r} does not contain its day.")
    days: list[date] = []
    for key in store.list_keys(head):
        if not key.endswith(tail) or len(key) != len(head) + len(found) + len(tail):
            continue
        try:
            days.append(date.fromisoformat(key[len(head) : len(key) - len(tail)]))
        except ValueError:
            continue
    return sorted(days)


def later_day_observed(store: ParquetStore, key_of: Callable[[date], str], day: date) -> bool:
    """Tell whether a later day than this has been observed.

    Args:
        store: Where the objects are.
        key_of: As for `days_kept`.
        day: The day asked about.
    """
    for other in reversed(days_kept(store, key_of, day)):
        if other <= day:
            return False
        info = store.stat(key_of(other))
        if info is not None and was_observed(info):
            return True
    return False
