"""Look-ups in the registers of ISO, IANA, IETF and GS1."""

from __future__ import annotations

import gettext
import re
import unicodedata
import zoneinfo
from collections import defaultdict
from functools import cache

import pycountry
from stdnum import ean, get_cc_module, isbn
from stdnum.exceptions import ValidationError

# Names and codes in daily use that the register does not hold in any of the languages below.
_COUNTRY_ALIASES = {
    "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
    "el": "GR", "usa": "US", "u.s.a.": "US", "u.s.": "US", "america": "US", "united states of america": "US",
    "holland": "NL", "the netherlands": "NL", "russia": "RU", "south korea": "KR", "north korea": "KP",
    "turkey": "TR", "czech republic": "CZ", "ivory coast": "CI", "oesterreich": "AT", "vatican": "VA",
    "macedonia": "MK", "cape verde": "CV", "swaziland": "SZ", "burma": "MM", "bundesrepublik deutschland": "DE",
    "česká republika": "CZ", "slovenská republika": "SK", "republika slovenija": "SI", "republika hrvatska": "HR",
    "lëtzebuerg": "LU",
}  # fmt: skip
# Languages in which people of Europe write the name of a country: their own, or their customers'.
_COUNTRY_LANGUAGES = (
    "bg", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu", "is", "it", "lt", "lv",
    "mt", "nb_NO", "nl", "nn", "pl", "pt", "pt_BR", "ro", "sk", "sl", "sv", "tr", "uk",
)  # fmt: skip
_LONGEST_CODE = 3
_LANGUAGE_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3})(?:[-_](?P<script>[A-Za-z]{4}))?(?:[-_](?P<region>[A-Za-z]{2}|[0-9]{3}))?(?:\.[A-Za-z0-9-]+)?"
)
_GTIN_LENGTHS = (8, 12, 13, 14)
_GLN_LENGTH = 13
_ISBN_10_LENGTH = 10


@cache
def _countries() -> dict[str, str]:
    """Codes and English names of the register, and what its catalogues call each country, with and without accents."""
    known: dict[str, str] = {}
    for country in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "numeric", "name", "official_name", "common_name"):
            if (value := getattr(country, attribute, None)) is not None:
                known[value.casefold()] = country.alpha_2
    known |= _COUNTRY_ALIASES
    named: dict[str, set[str]] = defaultdict(set)
    for name, code in _translated_countries():
        named[name.casefold()].add(code)
    for name, code in [*known.items(), *_translated_countries()]:
        # A folded name as short as a code might be taken for one.
        if len(plain := _folded(name)) > _LONGEST_CODE:
            named[plain].add(code)
    # A name that two languages give to two countries means neither.
    return {name: next(iter(codes)) for name, codes in named.items() if len(codes) == 1} | known


def _translated_countries() -> list[tuple[str, str]]:
    return [
        (catalogue.gettext(english), country.alpha_2)
        for language in _COUNTRY_LANGUAGES
        for catalogue in [gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])]
        for country in pycountry.countries
        for english in (country.name, getattr(country, "common_name", None))
        if english is not None
    ]


def clean_country(value: str) -> str | None:
    """ISO 3166-1 alpha-2 code of a code, or of a name in English or a language of Europe; or None."""
    wanted = value.zfill(3) if value.isascii() and value.isdigit() else value.casefold()
    countries = _countries()
    return countries.get(wanted) or countries.get(_folded(wanted))


def is_tax_number(value: str, country: str | None) -> bool | None:
    """Whether a VAT number has the form and check digits of its country; None where no such rules are known.

    Args:
        value: The number, with or without the letters of its country before it.
        country: ISO 3166-1 alpha-2 code used where the number names no country.
    """
    prefix = value[:2].lower()
    countries = [code for code in (prefix, (country or "").lower()) if code.isascii() and code.isalpha()]
    modules = [module for code in countries if (module := get_cc_module(code, "vat")) is not None]
    return any(module.is_valid(value) for module in modules) if modules else None


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
