"""Data as people leave it: blanks, case, invisible characters, words for nothing, phone numbers in every form."""

from __future__ import annotations

import unicodedata

from stdnum import get_cc_module

from retail_medallion.demo.dice import Dice
from retail_medallion.demo.vocabulary import Country

_ZERO_WIDTH, _NO_BREAK = "\u200b", "\u00a0"
NOTHING = ("", " ", "-", "n/a", "N/A", "null", "\\N")
"""Words that mean there is no value."""


def text(dice: Dice, value: str) -> str:
    """The text as it is in about 19 of 20 cases, else untidy; cleaning gives the same text back."""
    if not dice.chance(50):
        return value
    ways = (
        f" {value}",
        f"{value}  ",
        value.replace(" ", "  ", 1) if " " in value else f"\t{value}",
        value.replace(" ", _NO_BREAK) if " " in value else f"{_NO_BREAK}{value}",
        value[:2] + _ZERO_WIDTH + value[2:],
        unicodedata.normalize("NFD", value),
    )
    return dice.pick(ways)


def optional(dice: Dice, value: str, *, missing: int) -> str | None:
    """The text, nothing in `missing` of 1000 cases, or now and then a word that means nothing."""
    if dice.chance(missing):
        return dice.pick(NOTHING) if dice.chance(200) else None
    return text(dice, value)


def mail(dice: Dice, value: str) -> str:
    """An e-mail address, in capitals or with blanks now and then."""
    if not dice.chance(60):
        return value
    return dice.pick((value.upper(), f" {value}", f"{value} ", value.title()))


def phone(dice: Dice, country: Country) -> str:
    """A mobile number of the country in one of the forms in which people write it."""
    national = country.phone(dice)
    bare = (
        national.replace(" ", "").removeprefix("0") if country.code not in {"PL", "ES"} else national.replace(" ", "")
    )
    spaced = f"{bare[:3]} {bare[3:6]} {bare[6:]}"
    return dice.pick(
        (
            f"+{country.prefix}{bare}",
            f"+{country.prefix} {spaced}",
            f"00{country.prefix} {spaced}",
            f"+{country.prefix} {spaced}",
        )
        if country.code != "DE"
        else (
            national,
            f"+49 (0) {spaced}",
            f"0049{bare}",
            f"+49-{spaced.replace(' ', '-')}",
            f"0{spaced.replace(' ', '/', 1)}",
        )
    )


def check_digit(digits: str) -> str:
    """The digits with their GS1 check digit behind them."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return digits + str(-weighted % 10)


_VAT_FORMS = {
    "DE": "{body}{check}",
    "AT": "U{body:.6}{check}",
    "FR": "{french:02d}{body}{check}",
    "NL": "{body}{check}B01",
    "GB": "{body}{check}",
    "PL": "{body}0{check}",
    "ES": "B{body:.6}{check}",
    "SE": "{body}0{check}01",
}


def vat_number(dice: Dice, country: Country) -> str:
    """A VAT number of the country whose check digits are right, with blanks now and then."""
    rules = get_cc_module(country.code, "vat")
    form = country.code + _VAT_FORMS[country.code]
    while True:
        body = str(dice.between(1_000_000, 9_999_999))
        for check in (f"{tried:02d}" for tried in range(100)):
            # France checks the company's number with two digits before it.
            number = form.format(body=body, check=check, french=(12 + 3 * (int(body + check) % 97)) % 97)
            if rules is None or rules.is_valid(number):
                return number if dice.chance(900) else f"{number[:2]} {number[2:6]} {number[6:]}"
