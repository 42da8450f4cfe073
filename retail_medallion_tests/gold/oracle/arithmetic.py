"""Exact arithmetic: rounding half away from zero, ratios, months, and sharing out without losing a coin."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from retail_medallion.model.currencies import minor_units

ZERO = Decimal(0)


def total(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


def rounded(value: Decimal | Fraction | int, digits: int) -> Decimal:
    """Half away from zero."""
    shifted = Fraction(value) * 10**digits
    whole = int(abs(shifted) + Fraction(1, 2))
    return Decimal(whole if shifted >= 0 else -whole).scaleb(-digits)


def ratio(part: Decimal | int, whole: Decimal | int, digits: int = 6) -> Decimal | None:
    """A rate; None of nothing."""
    return rounded(Fraction(part) / Fraction(whole), digits) if whole else None


def mean(values: Sequence[Decimal], digits: int = 4) -> Decimal | None:
    return rounded(Fraction(total(values)) / len(values), digits) if values else None


def minor_digits(currency: str) -> int:
    return minor_units().get(currency, 2)


def scale(value: Decimal) -> int:
    """Decimal places a value needs."""
    return max(-int(value.normalize().as_tuple().exponent), 0)


def share_out(amount: Decimal, weights: list[tuple[str, Fraction]], digits: int) -> dict[str, Decimal]:
    """Largest remainder: `amount` in units of 10**-digits over (name, weight), ties to the smaller name."""
    coins = int(Fraction(amount) * 10**digits)
    if not any(weight for _, weight in weights):
        weights = [(name, Fraction(1)) for name, _ in weights]
    whole = sum(weight for _, weight in weights)
    exact = {name: coins * weight / whole for name, weight in weights}
    shares = {name: int(value) for name, value in exact.items()}
    short = coins - sum(shares.values())
    for name in sorted(exact, key=lambda n: (shares[n] - exact[n], n.encode()))[:short]:
        shares[name] += 1
    return {name: Decimal(value).scaleb(-digits) for name, value in shares.items()}


def share_equally(amount: Decimal, names: Iterable[str], digits: int) -> dict[str, Decimal]:
    """Equal shares truncated toward zero, the coins left over to the smaller names."""
    sign = -1 if amount < 0 else 1
    shares = share_out(abs(amount), [(name, Fraction(1)) for name in names], digits)
    return {name: share * sign for name, share in shares.items()}


def month_of(day: dt.date) -> dt.date:
    return day.replace(day=1)


def week_of(day: dt.date) -> dt.date:
    """Its Monday."""
    return day - dt.timedelta(days=day.weekday())


def months_between(first: dt.date, second: dt.date) -> int:
    return (second.year - first.year) * 12 + second.month - first.month


def a_year_before(day: dt.date) -> dt.date:
    if (day.month, day.day) == (2, 29):
        return day.replace(year=day.year - 1, day=28)
    return day.replace(year=day.year - 1)


def days(first: dt.date, last: dt.date) -> list[dt.date]:
    """Both included."""
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
