"""Amounts in whole minor units of four currencies, and times without a zone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from retail_medallion.demo.amounts import decimal, share

ZONE = ZoneInfo("Australia/Sydney")
HOME = "AUD"
DIGITS = {"AUD": 2, "NZD": 2, "JPY": 0, "KWD": 3}
"""Decimals of each currency the shop sells in."""
# What a hundred Australian cents are in minor units of the currency.
_RATES = {"AUD": 100, "NZD": 108, "JPY": 98, "KWD": 203}

Document = dict[str, object]


def priced(cents: int, currency: str) -> int:
    """Australian cents in minor units of a currency."""
    return share(cents, _RATES[currency], 100)


def exact(minor: int, currency: str) -> Decimal:
    """Minor units as a decimal."""
    digits = DIGITS[currency]
    return Decimal(str(decimal(minor, digits))) if digits else Decimal(minor)


def local(at: datetime) -> datetime:
    """A time as the shop writes it: Sydney's, and no zone."""
    return at.astimezone(ZONE).replace(tzinfo=None)


def written(at: datetime) -> str:
    """The same inside a document."""
    return local(at).isoformat()
