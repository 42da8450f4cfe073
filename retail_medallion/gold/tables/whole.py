"""What the marts over the whole history of a source have in common: they are computed together, for no day."""

from __future__ import annotations

from typing import TypedDict

from retail_medallion.gold.definition import ALL, Consumes, Notifies

_EVERYTHING = f"SELECT '{ALL}' AS id"


class Whole(TypedDict):
    """The part of a `GoldTable` that makes it one over the whole history."""

    is_whole: bool
    scope_column: str
    scope_value: str
    all_ids: str
    consumes: tuple[Consumes, ...]
    horizon: str | None
    gold_inputs: tuple[str, ...]


def whole(*reads: str, follows_horizon: bool = True) -> Whole:
    """What such a mart declares beside its own columns and query.

    Args:
        reads: Gold tables whose changes concern it; each of them tells it with `tells_whole`.
        follows_horizon: Whether its rows depend on the data horizon.
    """
    return {
        "is_whole": True,
        "scope_column": "source_key",
        "scope_value": "gold.member_key('sources', %(source)s, %(source)s)",
        "all_ids": _EVERYTHING,
        "consumes": tuple(Consumes(table, ALL) for table in reads),
        "horizon": _EVERYTHING if follows_horizon else None,
        "gold_inputs": ("dim_source", "dim_date", *reads),
    }


def tells_whole(consumer: str, *columns: str) -> Notifies:
    """A change in one of these columns, and a row that comes or goes, concerns the mart as a whole."""
    return Notifies(consumer, ALL, f"'{ALL}'", columns)
