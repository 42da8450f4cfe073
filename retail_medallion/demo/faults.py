"""Plants faults at fixed rates and writes down where.

What the platform rejects, flags and finds can then be compared with what was planted, row by row.
"""

from __future__ import annotations

from datetime import date, datetime

from retail_medallion.demo.fault_list import FAULTS, Fault

_FIRST = 12


class Planter:
    """Decides which rows are spoiled and remembers them.

    Args:
        careful_from: First of the last days, whose partitions hold few rows.
        dense: There are enough rows a day for a few bad ones among them to stay far below what blocks a partition.
    """

    def __init__(self, careful_from: date, *, dense: bool) -> None:
        self._careful_from = careful_from
        self._dense = dense
        self._seen: dict[str, int] = dict.fromkeys(FAULTS, 0)
        self.keys: dict[str, list[str]] = {name: [] for name in FAULTS}

    def strikes(self, name: str, recorded: datetime, *keys: object) -> bool:
        """Whether the row of that key gets this fault.

        Args:
            name: Name of the fault.
            recorded: When the source last changed the row.
            keys: Key of the row in the canonical model; several where the row becomes several.
        """
        fault = FAULTS[name]
        if recorded.date() >= self._careful_from and not (fault.recent and self._dense):
            return False
        self._seen[name] += 1
        # The first comes early, so that small demos have one as well.
        if self._seen[name] % fault.every != min(fault.every // 2, _FIRST):
            return False
        self.keys[name].extend(map(str, keys))
        return True

    def counts(self) -> dict[str, int]:
        """Rows planted per fault."""
        return {name: len(keys) for name, keys in self.keys.items()}


__all__ = ["FAULTS", "Fault", "Planter"]
