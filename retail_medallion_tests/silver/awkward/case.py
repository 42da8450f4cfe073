"""What one line of the tables holds."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

Case = tuple[str, dict[str, Any], str | None, Any, set[str]]
D = Decimal


def at(*parts: int) -> dt.datetime:
    """An instant in UTC."""
    return dt.datetime(*parts).replace(tzinfo=dt.UTC)  # type: ignore[arg-type]  # noqa: DTZ001
