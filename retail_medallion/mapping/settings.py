"""Checks of single values of a mapping file: names, zones, currencies, tables.

Each function takes what stood in the file, and returns the value or raises ValueError with a sentence a person can act
on. The reader adds the file, the line and the column.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
import zoneinfo
from collections.abc import Iterable
from typing import Any

import pycountry

from retail_medallion.mapping.source_sql import refuse_catalogue

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_CUTOFF = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_IDENTIFIER = r'(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*|"(?:[^"\x00]|"")+")'
_LONGEST_NAME = 63
_TABLE = re.compile(rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})?")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` where a known word is near, else nothing."""
    candidates = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return f" Did you mean {candidates[near[0]]!r}?" if near else ""


def is_text(value: str) -> bool:
    """Whether a text can be written as UTF-8: half of a surrogate pair cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {type(value).__name__}; put it in quotes")  # noqa: TRY004 - for pydantic
    return value


def name(value: Any) -> str:
    """A name of ours: lower case, digits, underscores, at most 63 characters."""
    text = _text(value)
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name: a lower-case letter, then up to 62 lower-case letters, digits and _")
    return text


def owner(value: Any) -> str:
    """An e-mail address or `team:name`."""
    text = _text(value)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+|team:[A-Za-z0-9_.-]+", text):
        raise ValueError(f"{text!r} is not an owner: write an e-mail address or team:name")
    return text


def time_zone(value: Any) -> str:
    """An IANA time zone."""
    text = _text(value)
    known = zoneinfo.available_timezones()
    if text not in known:
        raise ValueError(f"{text!r} is not an IANA time zone.{did_you_mean(text, known)}")
    return text


def currency_code(value: Any) -> str:
    """An ISO 4217 code."""
    text = _text(value)
    if pycountry.currencies.get(alpha_3=text) is None or text != text.upper():
        raise ValueError(f"{text!r} is not an ISO 4217 currency code such as EUR")
    return text


def country_code(value: Any) -> str:
    """An ISO 3166-1 alpha-2 code."""
    text = _text(value)
    if pycountry.countries.get(alpha_2=text) is None or text != text.upper():
        raise ValueError(f"{text!r} is not an ISO 3166-1 alpha-2 country code such as DE")
    return text


def language_code(value: Any) -> str:
    """A BCP 47 tag of language, optional script and optional region."""
    text = _text(value)
    if not _LANGUAGE.fullmatch(text):
        raise ValueError(f"{text!r} is not a language tag such as de or pt-BR")
    return text


def cutoff_time(value: Any) -> Any:
    """A local time HH:MM."""
    if isinstance(value, dt.time):
        return value
    text = _text(value)
    if not _CUTOFF.fullmatch(text):
        raise ValueError(f"{text!r} is not a time of day such as 04:00")
    return dt.time.fromisoformat(text)


def table_name(value: Any) -> str:
    """A table or view of the source, with or without its schema, quoted as PostgreSQL wants it."""
    text = _text(value)
    if not _TABLE.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a table: write table or schema.table, "
            'in double quotes where PostgreSQL needs them (shop."order")'
        )
    refuse_catalogue(text)
    return text


def source_column(value: Any) -> str:
    """The name of a column of the source, as the source spells it."""
    text = _text(value)
    if not text.strip() or not text.isprintable() or len(text.encode()) > _LONGEST_NAME:
        raise ValueError(f"{text[:_LONGEST_NAME]!r} is no name of a column: 1 to {_LONGEST_NAME} bytes, in one line")
    return text
