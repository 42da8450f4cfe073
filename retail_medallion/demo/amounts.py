"""Money and quantities as whole numbers: cents, ten-thousandths and thousandths. No float comes near them."""

from __future__ import annotations


def share(amount: int, part: int, whole: int) -> int:
    """`amount * part / whole`, rounded half away from zero."""
    product = amount * part
    rounded = (2 * abs(product) + whole) // (2 * whole)
    return rounded if product >= 0 else -rounded


def tax_inside(amount: int, percent: int) -> int:
    """The tax contained in an amount, for a rate in hundredths of a percent (1900 is 19 %)."""
    return share(amount, percent, 10_000 + percent)


def decimal(value: int | None, places: int) -> str | None:
    """A whole number of `10**-places` as decimal text."""
    if value is None:
        return None
    digits = str(value).zfill(places + 1 if value >= 0 else places + 2)
    return f"{digits[:-places]}.{digits[-places:]}"


def money(cents: int | None) -> str | None:
    """Cents as the text of a numeric(12,2)."""
    return decimal(cents, 2)
