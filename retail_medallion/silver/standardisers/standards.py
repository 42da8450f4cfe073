"""Values governed by a published standard: contact data, countries, currencies, languages, zones, GS1 numbers.

The standards' own tables live in Python libraries, so these call functions registered by `functions.py`.
"""

from __future__ import annotations

from retail_medallion.silver.standardisers.base import (
    Check,
    Cleaning,
    Fetched,
    clean_token,
    literal,
    not_readable,
    quoted,
    text_steps,
)

ROW_COUNTRY = quoted("row:country")
"""Country of the row, else of the source; made after all values that do not need it."""


def _looked_up(fetched: Fetched, function: str, message: str, rule: str = "G06") -> Cleaning:
    steps = *text_steps(fetched, clean_token), {"v": f"{function}({fetched.prepared})"}
    return Cleaning(steps, (not_readable(fetched, rule, message),))


def _with_country(fetched: Fetched, value: str, *checks: Check) -> Cleaning:
    return Cleaning((*text_steps(fetched, clean_token), {"v": value}), checks, needs_country=True)


def email(fetched: Fetched) -> Cleaning:
    """An e-mail address in lower case, its domain in ASCII."""
    return _looked_up(fetched, "clean_email", "is not an e-mail address")


def phone(fetched: Fetched) -> Cleaning:
    """A phone number in E.164, read with the country of the row, else of the source."""
    unreadable = not_readable(fetched, "G06", "is not a phone number of its numbering plan")
    return _with_country(fetched, f"clean_phone({fetched.prepared}, {ROW_COUNTRY})", unreadable)


def country(fetched: Fetched) -> Cleaning:
    """ISO 3166-1 alpha-2, from alpha-2, alpha-3, numeric codes and names in English or a language of Europe."""
    return _looked_up(fetched, "clean_country", "is not a country")


def region(fetched: Fetched) -> Cleaning:
    """ISO 3166-2, from the code, its last part, or the name within the country."""
    unreadable = not_readable(fetched, "G06", "is not a subdivision of its country")
    return _with_country(fetched, f"clean_region({fetched.prepared}, {ROW_COUNTRY})", unreadable)


def postal_code(fetched: Fetched) -> Cleaning:
    """A post code in upper case, with the blank or hyphen its country writes."""
    compact = f"replace(upper({fetched.prepared}), ' ', '')"
    patterns = {
        "GB": ("([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})", r"\1 \2"),
        "CA": ("([A-Z][0-9][A-Z])([0-9][A-Z][0-9])", r"\1 \2"),
        "NL": ("([0-9]{4})([A-Z]{2})", r"\1 \2"),
        "SE": ("(?:SE-?)?([0-9]{3})([0-9]{2})", r"\1 \2"),
        "GR": ("([0-9]{3})([0-9]{2})", r"\1 \2"),
        "CZ": ("([0-9]{3})([0-9]{2})", r"\1 \2"),
        "SK": ("([0-9]{3})([0-9]{2})", r"\1 \2"),
        "PL": ("([0-9]{2})-?([0-9]{3})", r"\1-\2"),
        "PT": ("([0-9]{4})-?([0-9]{3})", r"\1-\2"),
        "JP": ("([0-9]{3})-?([0-9]{4})", r"\1-\2"),
        "BR": ("([0-9]{5})-?([0-9]{3})", r"\1-\2"),
        "US": ("([0-9]{5})-?([0-9]{4})", r"\1-\2"),
    }
    branches = " ".join(
        f"WHEN {ROW_COUNTRY} = '{code}' AND regexp_full_match({compact}, {literal(pattern)})"
        f" THEN regexp_replace({compact}, {literal(pattern)}, {literal(written)})"
        for code, (pattern, written) in patterns.items()
    )
    return _with_country(fetched, f"CASE {branches} ELSE upper({fetched.prepared}) END")


def currency(fetched: Fetched) -> Cleaning:
    """ISO 4217 in letters. Signs are not read: '$' is twenty currencies."""
    return _looked_up(fetched, "clean_currency", "is not an ISO 4217 currency", "G02")


def language(fetched: Fetched) -> Cleaning:
    """A BCP 47 tag of language, script and region."""
    return _looked_up(fetched, "clean_language", "is not a language tag")


def time_zone(fetched: Fetched) -> Cleaning:
    """An IANA time zone."""
    return _looked_up(fetched, "clean_time_zone", "is not an IANA time zone")


def gtin(fetched: Fetched) -> Cleaning:
    """A GS1 trade item number with a right check digit, padded to 14 digits."""
    return _looked_up(fetched, "clean_gtin", "is not a GTIN: wrong length or check digit")


def gln(fetched: Fetched) -> Cleaning:
    """A GS1 location number of 13 digits with a right check digit."""
    return _looked_up(fetched, "clean_gln", "is not a GLN: wrong length or check digit")
