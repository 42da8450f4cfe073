"""Payment card numbers: found by issuer, length and check digit together.

The check digit alone would hit one in ten long numbers, so a number counts only when its first digits belong to a card
scheme, its length is one this scheme issues, and its check digit is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import luhn

# First digits of the schemes (from, to) and the lengths they issue.
_SCHEMES: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),
    ("51", "55", frozenset({16})),
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),
    ("37", "37", frozenset({15})),
    ("6011", "6011", frozenset(range(16, 20))),
    ("644", "649", frozenset(range(16, 20))),
    ("65", "65", frozenset(range(16, 20))),
    ("36", "36", frozenset(range(14, 20))),
    ("300", "305", frozenset(range(14, 20))),
    ("38", "39", frozenset(range(14, 20))),
    ("3528", "3589", frozenset(range(16, 20))),
    ("62", "62", frozenset(range(16, 20))),
    ("5018", "5018", frozenset(range(12, 20))),
    ("5020", "5020", frozenset(range(12, 20))),
    ("5038", "5038", frozenset(range(12, 20))),
    ("5893", "5893", frozenset(range(12, 20))),
    ("6304", "6304", frozenset(range(12, 20))),
    ("6759", "6759", frozenset(range(12, 20))),
    ("6761", "6763", frozenset(range(12, 20))),
)
_SHORTEST, _LONGEST = 12, 19
_RUN = re.compile(r"(?<![0-9])[0-9](?:[ .\-]?[0-9]){11,}(?![0-9])")
_GROUP = re.compile(r"[0-9]+")
_SHOWN = 4


def _is_card_number(digits: str) -> bool:
    belongs = any(first <= digits[: len(first)] <= last and len(digits) in lengths for first, last, lengths in _SCHEMES)
    return belongs and luhn.is_valid(digits)


def _found(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each card number: a run of digits, or neighbouring groups of one."""
    for run in _RUN.finditer(text):
        groups = [(g.start(), g.end()) for g in _GROUP.finditer(text, run.start(), run.end())]
        first = 0
        while first < len(groups):
            for last in range(len(groups) - 1, first - 1, -1):
                start, end = groups[first][0], groups[last][1]
                digits = "".join(c for c in text[start:end] if c.isdigit())
                if _SHORTEST <= len(digits) <= _LONGEST and _is_card_number(digits):
                    yield start, end
                    first = last
                    break
            first += 1


def holds_card_number(text: str) -> bool:
    """Whether a text holds a payment card number."""
    return next(_found(text), None) is not None


def mask_card_numbers(text: str) -> str:
    """The text with all but the last four digits of each card number replaced by stars."""
    parts, position = [], 0
    for start, end in _found(text):
        digits = [c for c in text[start:end] if c.isdigit()]
        parts += [text[position:start], "*" * (len(digits) - _SHOWN), *digits[-_SHOWN:]]
        position = end
    return "".join([*parts, text[position:]])
