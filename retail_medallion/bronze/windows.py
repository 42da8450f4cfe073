"""UTC days as half-open windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta


@dataclass(frozen=True)
class Window:
    """The instants of one partition: `start` belongs to it, `end` does not.

    Attributes:
        day: The partition's day.
        start: Midnight UTC at which the day begins; None for the first partition, which is open to the left.
        end: Midnight UTC at which the next day begins.
    """

    day: date
    start: datetime | None
    end: datetime

    @property
    def takes_null(self) -> bool:
        """Whether rows without a watermark belong here: they can have been recorded at any time before."""
        return self.start is None

    def __str__(self) -> str:
        return f"[{self.start.isoformat() if self.start else '-infinity'}, {self.end.isoformat()})"


def window_of(day: date, first_day: date) -> Window:
    """Return the window of a day.

    Args:
        day: The partition's day.
        first_day: The first partition there is; it also takes everything recorded before it.
    """
    start = datetime.combine(day, time.min, tzinfo=UTC)
    return Window(day, None if day <= first_day else start, start + timedelta(days=1))
