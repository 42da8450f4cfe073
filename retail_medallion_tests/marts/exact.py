"""Arithmetic without rounding, and rounding as the marts are defined: half away from zero."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

Number = Decimal | Fraction | int
ZERO = Decimal(0)


def rounded(value: Number, places: int) -> Decimal:
    """The value with that many decimals, half away from zero."""
    scaled = Fraction(value) * 10**places
    units = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(units if scaled >= 0 else -units).scaleb(-places)


def ratio(part: Number, whole: Number, places: int = 6) -> Decimal | None:
    """Part of the whole, rounded; None where the whole is 0."""
    return rounded(Fraction(part) / Fraction(whole), places) if whole else None


def total(values: Iterable[Decimal | None]) -> Decimal:
    """The sum of those that are known."""
    return sum((value for value in values if value is not None), ZERO)


def mean(values: Iterable[Number]) -> Fraction | None:
    """The mean, not rounded; None of nothing."""
    known = [Fraction(value) for value in values]
    return sum(known, Fraction(0)) / len(known) if known else None


def decimals(value: Decimal) -> int:
    """How many decimals the value needs."""
    return max(-int(value.normalize().as_tuple().exponent), 0) if value else 0


def share_out(amount: Decimal, weights: dict[str, int], places: int) -> dict[str, Decimal]:
    """Share an amount out by weight in units of 10**-places: largest remainder first, ties to the smaller name.

    Without any weight all get the same.
    """
    units = int(Fraction(amount) * 10**places)
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    exact = {name: Fraction(units * weight, sum(weights.values())) for name, weight in weights.items()}
    shares = {name: int(value) for name, value in exact.items()}
    left_over = units - sum(shares.values())
    for name in sorted(exact, key=lambda name: (shares[name] - exact[name], name.encode()))[:left_over]:
        shares[name] += 1
    return {name: Decimal(share).scaleb(-places) for name, share in shares.items()}
