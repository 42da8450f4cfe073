"""Progress of a long extract: a log line every ten seconds, a bar where somebody watches a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

INTERVAL_SECONDS = 10.0

# A terminal has one place for a bar; further extracts at the same time go without.
_terminal = threading.Lock()


class Log(Protocol):
    """Where lines go: a logger of the standard library or Dagster's."""

    def info(self, msg: str, /, *args: object) -> object:
        """Log one line."""


class Progress:
    """Counts rows and bytes of one extract and tells of them; use as a context manager.

    Args:
        log: Where the lines go.
        label: What is extracted, as `name=value` pairs.
        total: Tells the rows expected, or None as long as nobody knows.
        interval: Seconds between two lines.
    """

    def __init__(
        self,
        log: Log,
        label: str,
        *,
        total: Callable[[], int | None] = lambda: None,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        self._log = log
        self._label = label
        self._total = total
        self._interval = interval
        self.rows = 0
        self.bytes = 0
        self._began = self._told = time.monotonic()
        self._bar: _Bar | None = None

    def __enter__(self) -> Self:
        self._began = self._told = time.monotonic()
        if sys.stderr.isatty() and _terminal.acquire(blocking=False):
            self._bar = _Bar(self._label)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            _terminal.release()
            self._bar = None
        if kind is None:
            self._tell("extracted")

    @property
    def elapsed(self) -> float:
        """Seconds since the extract began."""
        return time.monotonic() - self._began

    def advance(self, rows: int, size: int) -> None:
        """Add a batch of so many rows and bytes."""
        self.rows += rows
        self.bytes += size
        if self._bar is not None:
            self._bar.advance(rows, self._total())
        now = time.monotonic()
        if now - self._told >= self._interval:
            self._told = now
            self._tell("extracting")

    def _tell(self, event: str) -> None:
        elapsed = self.elapsed
        self._log.info(
            "%s %s rows=%d bytes=%d rows_per_second=%d elapsed=%.1fs",
            event,
            self._label,
            self.rows,
            self.bytes,
            round(self.rows / elapsed) if elapsed > 0 else self.rows,
            elapsed,
        )


class _Bar:
    """A progress bar on the terminal, gone when it is closed."""

    def __init__(self, label: str) -> None:
        from rich.console import Console
        from rich.progress import Progress as RichProgress

        self._progress = RichProgress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(label, total=None)
        self._progress.start()

    def advance(self, rows: int, total: int | None) -> None:
        self._progress.update(self._task, advance=rows, total=total)

    def close(self) -> None:
        self._progress.stop()
