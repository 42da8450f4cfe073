"""E-mail addresses and phone numbers: their canonical form, and what hides them in a text for everybody."""

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
# In a text for everybody: also with the sign spelled out. The lengths are bounded so that no text makes this slow.
# Blanks around the sign are no number with a sign before it: `2 @ 3.99` is a price.
_SIGN = r"[@\uff20\ufe6b]"
_SPACED = rf"(?:\s{{1,3}}{_SIGN}\s{{0,3}}|{_SIGN}\s{{1,3}})(?![\d.,]+(?![\w.-]))"
_AT = rf"(?:{_SPACED}|{_SIGN}|\s?[(\[]\s?(?:at|ät)\s?[)\]]\s?)"
_DOT = r"(?:\.|\s?[(\[]\s?(?:dot|punkt)\s?[)\]]\s?)"
_EMAIL_IN_TEXT = re.compile(
    rf"(?<![\w.+-])[\w.+-]{{1,64}}{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,8}}", re.IGNORECASE
)
# At least seven digits, grouped as people group them. A date or two years are no phone number.
_DAY, _MONTH, _YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
_DATES = (
    rf"{_YEAR}(?P<a>[-./]){_MONTH}(?P=a){_DAY}",
    rf"{_DAY}(?P<b>[-./]){_MONTH}(?P=b){_YEAR}",
    rf"{_YEAR} ?[-/\u2013] ?{_YEAR}",
)
_DATE = rf"(?:{'|'.join(_DATES)})(?![-./]?\d)"
_DATE_OR_PHONE = re.compile(rf"(?<![\w+])(?:(?P<date>{_DATE})|\+?\(?\d(?:[\s./()\u2010-\u2015-]{{0,3}}\d){{6,}})")


def mask_contacts(value: str) -> str:
    """The text with `[e-mail]` and `[phone]` in place of addresses and of what looks like a phone number."""
    without_addresses = _EMAIL_IN_TEXT.sub("[e-mail]", value)
    return _DATE_OR_PHONE.sub(lambda found: found[0] if found["date"] else "[phone]", without_addresses)


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
