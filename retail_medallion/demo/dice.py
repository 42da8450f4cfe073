"""Chance that is the same everywhere: streams named after what they decide, drawn from Python's stable generator.

Only `random.Random.random` and `getrandbits` are used, whose sequences Python promises not to change.
"""

from __future__ import annotations

import random
import uuid
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")


class Dice:
    """One named stream of chance.

    Args:
        names: What the stream decides; the same names give the same stream.
    """

    def __init__(self, *names: object) -> None:
        stream = random.Random("/".join(str(name) for name in names))  # noqa: S311 - invented data, no secret
        self._random = stream.random
        self._bits = stream.getrandbits

    def below(self, bound: int) -> int:
        """A whole number from 0 up to and without `bound`."""
        return int(self._random() * bound)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def chance(self, per_thousand: int) -> bool:
        """True in `per_thousand` of 1000 cases."""
        return self._random() * 1000 < per_thousand

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, all alike."""
        return items[int(self._random() * len(items))]

    def digits(self, count: int) -> str:
        """A text of that many decimal digits."""
        return f"{self._bits(count * 4) % 10**count:0{count}d}"

    def uuid(self) -> str:
        """A version 4 UUID as text."""
        return str(uuid.UUID(int=self._bits(128), version=4))


class Weighted(Generic[T]):
    """Items that are drawn more or less often.

    Args:
        items: What can be drawn.
        weights: Whole numbers, one per item.
    """

    def __init__(self, items: Sequence[T], weights: Sequence[int]) -> None:
        self.items = items
        self._bounds = list(accumulate(weights))

    def draw(self, dice: Dice) -> T:
        """One item by its weight."""
        return self.items[bisect(self._bounds, dice.below(self._bounds[-1]))]
