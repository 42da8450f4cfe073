"""A bounded hand-over from one thread to the next, which either side can end."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """Items on their way from the one thread that makes them to the one that takes them.

    Args:
        capacity: Items that wait at most; who makes more waits.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._failure: BaseException | None = None
        self._abandoned = False

    def put(self, item: T) -> None:
        """Hand over an item, waiting for room; dropped once nobody takes any more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < self._capacity or self._ended)
            if not self._ended:
                self._waiting.append(item)
                self._changed.notify_all()

    def finish(self, failure: BaseException | None = None) -> None:
        """Say that no item will follow, and why if that is an error."""
        with self._changed:
            self._finished, self._failure = True, failure
            self._changed.notify_all()

    def take(self) -> T | None:
        """Wait for the next item; None at the end.

        Raises:
            BaseException: What the other side failed with; raised once, before the items that still wait.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._finished or self._abandoned)
            if self._failure is not None:
                failure, self._failure = self._failure, None
                self._waiting.clear()
                raise failure
            item = self._waiting.popleft() if self._waiting else None
            self._changed.notify_all()
            return item

    def abandon(self) -> bool:
        """Drop everything from now on and let both sides go; tells whether it had not finished yet."""
        with self._changed:
            unfinished = not self._finished
            self._abandoned = self._abandoned or unfinished
            self._waiting.clear()
            self._changed.notify_all()
            return unfinished

    @property
    def abandoned(self) -> bool:
        """Whether it was given up before it had finished."""
        return self._abandoned

    @property
    def _ended(self) -> bool:
        return self._abandoned or self._finished
