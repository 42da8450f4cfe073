"""E-mail addresses and phone numbers."""

from __future__ import annotations

import re

import phonenumbers
from email_validator import EmailNotValidError, validate_email

_LONGEST_EMAIL = 254
_LONGEST_PHONE = 60
# What nearly all addresses look like, and the validator accepts without a change: it is forty times dearer.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_EMAIL = re.compile(
    rf"[a-z0-9_+-]{{1,20}}(?:\.[a-z0-9_+-]{{1,20}}){{0,2}}@(?:{_LABEL}\.){{1,3}}(?:com|net|org|de|fr|es|it|nl|uk)"
)


def clean_email(value: str) -> str | None:
    """The address in lower case with its domain in IDNA ASCII, or None. Syntax only: nothing is looked up."""
    lowered = value.lower().removeprefix("mailto:")
    if len(lowered) > _LONGEST_EMAIL:
        return None
    if _PLAIN_EMAIL.fullmatch(lowered) and "--" not in lowered:
        return lowered
    try:
        checked = validate_email(lowered, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return None
    address = f"{checked.local_part.lower()}@{checked.ascii_domain.lower()}"
    return address if len(address) <= _LONGEST_EMAIL else None


def clean_phone(value: str, country: str | None) -> str | None:
    """The number in E.164, or None where it is no number of its numbering plan.

    Args:
        value: The number as written.
        country: ISO 3166-1 alpha-2 code of the numbering plan of numbers without an international prefix.
    """
    if len(value) > _LONGEST_PHONE:
        return None
    try:
        number = phonenumbers.parse(value, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
