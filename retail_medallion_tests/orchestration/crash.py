"""Runs a `retail-medallion` command in a process that kills itself at a point of its work.

python -m retail_medallion_tests.orchestration.crash silver.before_commit 9 run --start 2026-06-17
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from retail_medallion.cli import main
from retail_medallion.gold.writer import GoldWriter
from retail_medallion.silver.writer import SilverWriter
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion.storage.postgres.store import TableStore


def _crash(countdown: list[int]) -> None:
    countdown[0] -= 1
    if countdown[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _wrap(owner: type, *, before: Callable[..., bool] | None, after: Callable[..., bool] | None, count: int) -> None:
    """Kill the process before, or after, the method `write` is called for that many times in a way that counts."""
    original, countdown = owner.write, [count]  # type: ignore[attr-defined] # all of them have one

    def write(*args: Any, **kwargs: Any) -> Any:
        if before is not None and before(*args):
            _crash(countdown)
        result = original(*args, **kwargs)
        if after is not None and after(*args):
            _crash(countdown)
        return result

    owner.write = write  # type: ignore[attr-defined]


def _always(*_: Any) -> bool:
    return True


def _writes(kind: type) -> Callable[..., bool]:
    return lambda *args: any(isinstance(arg, kind) for arg in args)


POINTS: dict[str, tuple[type, Callable[..., bool] | None, Callable[..., bool] | None]] = {
    "bronze.before_put": (ParquetStore, _always, None),
    "bronze.after_put": (ParquetStore, None, _always),
    "silver.before_write": (SilverWriter, _always, None),
    "silver.before_commit": (SilverWriter, None, _always),
    "silver.after_commit": (TableStore, None, _writes(SilverWriter)),
    "gold.before_write": (GoldWriter, _always, None),
    "gold.before_commit": (GoldWriter, None, _always),
    "gold.after_commit": (TableStore, None, _writes(GoldWriter)),
}


if __name__ == "__main__":
    point, number, *arguments = sys.argv[1:]
    crashing, do_before, do_after = POINTS[point]
    _wrap(crashing, before=do_before, after=do_after, count=int(number))
    main(arguments)
