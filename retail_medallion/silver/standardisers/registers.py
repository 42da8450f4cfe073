"""Look-ups in the registers of ISO, IANA, IETF and GS1."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections import defaultdict
from functools import cache

import pycountry
from stdnum import ean, isbn
from stdnum.exceptions import ValidationError

# Names and codes in daily use that the register does not hold.
_COUNTRY_ALIASES = {
    "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
    "el": "GR", "usa": "US", "u.s.a.": "US", "u.s.": "US", "america": "US", "united states of america": "US",
    "holland": "NL", "the netherlands": "NL", "russia": "RU", "south korea": "KR", "north korea": "KP",
    "turkey": "TR", "czech republic": "CZ", "ivory coast": "CI", "deutschland": "DE", "schweiz": "CH", "suisse": "CH",
    "oesterreich": "AT", "österreich": "AT", "españa": "ES", "italia": "IT", "belgique": "BE", "belgië": "BE",
    "polska": "PL", "brasil": "BR", "vatican": "VA", "macedonia": "MK", "cape verde": "CV", "swaziland": "SZ",
    "burma": "MM",
}  # fmt: skip
_LANGUAGE_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3})(?:[-_](?P<script>[A-Za-z]{4}))?(?:[-_](?P<region>[A-Za-z]{2}|[0-9]{3}))?(?:\.[A-Za-z0-9-]+)?"
)
_GTIN_LENGTHS = (8, 12, 13, 14)
_GLN_LENGTH = 13
_ISBN_10_LENGTH = 10


@cache
def _countries() -> dict[str, str]:
    known: dict[str, str] = {}
    for country in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "numeric", "name", "official_name", "common_name"):
            if (value := getattr(country, attribute, None)) is not None:
                known[value.casefold()] = country.alpha_2
    return {**known, **_COUNTRY_ALIASES}


def clean_country(value: str) -> str | None:
    """ISO 3166-1 alpha-2 code of a code or an English name, or None."""
    wanted = value.zfill(3) if value.isascii() and value.isdigit() else value.casefold()
    return _countries().get(wanted)


@cache
def _regions() -> tuple[frozenset[str], dict[tuple[str, str], str]]:
    codes = frozenset(subdivision.code for subdivision in pycountry.subdivisions)
    named: dict[tuple[str, str], list[tuple[bool, str]]] = defaultdict(list)
    for subdivision in pycountry.subdivisions:
        named[subdivision.country_code, _folded(subdivision.name)].append(
            (subdivision.parent_code is not None, subdivision.code)
        )
    names: dict[tuple[str, str], str] = {}
    for name, candidates in named.items():
        highest = [code for nested, code in candidates if not nested] or [code for _, code in candidates]
        # A region and its capital's province may share a name; the larger one is meant, and of two equals neither.
        if len(highest) == 1:
            names[name] = highest[0]
    return codes, names


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def clean_region(value: str, country: str | None) -> str | None:
    """ISO 3166-2 code of a code, the last part of a code, or a name within the country; or None."""
    codes, names = _regions()
    code = value.upper()
    if code in codes:
        return code if country is None or code.startswith(f"{country}-") else None
    if country is None:
        return None
    return f"{country}-{code}" if f"{country}-{code}" in codes else names.get((country, _folded(value)))


def clean_currency(value: str) -> str | None:
    """ISO 4217 code in letters, from letters or digits, or None."""
    if value.isascii() and value.isdigit():
        found = pycountry.currencies.get(numeric=value.zfill(3))
    else:
        found = pycountry.currencies.get(alpha_3=value.upper())
    return None if found is None else str(found.alpha_3)


def clean_language(value: str) -> str | None:
    """BCP 47 tag of language, script and region in its usual writing, or None."""
    match = _LANGUAGE_TAG.fullmatch(value)
    if match is None:
        return None
    code = match["language"].lower()
    language = (
        pycountry.languages.get(alpha_2=code) if len(code) == len("de") else pycountry.languages.get(alpha_3=code)
    )
    if language is None and len(code) == len("deu"):
        language = pycountry.languages.get(bibliographic=code)
    if language is None:
        return None
    parts = [getattr(language, "alpha_2", None) or language.alpha_3]
    if script := match["script"]:
        if pycountry.scripts.get(alpha_4=script.title()) is None:
            return None
        parts.append(script.title())
    if region := match["region"]:
        if region.isalpha() and pycountry.countries.get(alpha_2=region.upper()) is None:
            return None
        parts.append(region.upper())
    return "-".join(parts)


@cache
def _zones() -> dict[str, str]:
    names = zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}
    return {name.casefold(): name for name in names}


def clean_time_zone(value: str) -> str | None:
    """Name of an IANA zone in its own writing, or None."""
    return _zones().get(value.replace(" ", "_").casefold())


def clean_gtin(value: str) -> str | None:
    """The number padded to 14 digits, or None where its length or check digit is wrong."""
    digits = re.sub(r"[\s-]", "", value).upper()
    if len(digits) == _ISBN_10_LENGTH:
        return str(isbn.to_isbn13(digits)).replace("-", "").zfill(14) if isbn.is_valid(digits) else None
    if len(digits) not in _GTIN_LENGTHS or not digits.strip("0"):
        return None
    return digits.zfill(14) if _has_check_digit(digits) else None


def clean_gln(value: str) -> str | None:
    """The number of 13 digits, or None where its length or check digit is wrong."""
    digits = re.sub(r"[\s-]", "", value)
    return digits if len(digits) == _GLN_LENGTH and digits.strip("0") and _has_check_digit(digits) else None


def _has_check_digit(digits: str) -> bool:
    if not (digits.isascii() and digits.isdigit()):
        return False
    try:
        return str(ean.calc_check_digit(digits[:-1])) == digits[-1]
    except ValidationError:
        return False
