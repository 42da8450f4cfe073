"""What in the source's own SQL stands for the moment it runs: functions, keywords, and texts a time is read from.

PostgreSQL takes `'now'`, `'today'`, `'tomorrow'` and `'yesterday'` for the clock wherever a text becomes a time, also
without a cast: in `at < 'today'` the column decides. So such a text is refused unless it is said to be one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import Token, TokenType

OTHER_ROWS = "the same day would give other rows when it is read again"
WITHOUT_CLOCK = "leave the day to `mode` and `watermark`, or write a fixed point in time"

_KEYWORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
_FUNCTIONS = frozenset({"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"})
_COUNT_FROM_TODAY = frozenset({"age"})

_LETTERS = re.compile(r"[^\W\d_]+")
_CLOCK = frozenset({"now", "today", "tomorrow", "yesterday"})
# What else a time may be written with. PostgreSQL passes over all punctuation, so a range or an array is no other case.
_BESIDE = frozenset(
    {
        "t", "z", "at", "on", "am", "pm", "ad", "bc", "allballs", "infinity", "null", "empty",
        "sun", "mon", "tue", "wed", "thu", "fri", "sat",
        "zulu", "utc", "gmt", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "wet", "west", "cet", "cest",
        "eet", "eest", "bst", "msk", "jst",
    }
)  # fmt: skip
_ZONE = re.compile(r"[^\W\d]+(?:/[^\W\d]+)+")
_TIMES = frozenset(
    {
        "date", "time", "timetz", "timestamp", "timestamptz", "daterange", "tsrange", "tstzrange",
        "datemultirange", "tsmultirange", "tstzmultirange",
    }
)  # fmt: skip
_PICKS = frozenset({"->", "->>", "#>", "#>>", "?", "?|", "?&"})


def refuse_clock(tokens: Sequence[Token]) -> None:
    """Refuse what reads the clock of the server.

    Raises:
        ValueError: Something does; the sentence says what to write.
    """
    for index, token in enumerate(tokens):
        word = token.text.lower()
        if token.token_type is TokenType.STRING:
            _refuse_text(tokens, index)
        elif word in _KEYWORDS and token.token_type is not TokenType.IDENTIFIER:
            raise ValueError(f"reads the clock ({word}): {OTHER_ROWS}; {WITHOUT_CLOCK}")
        elif _type(tokens, index + 1) is not TokenType.L_PAREN:
            continue
        elif word in _FUNCTIONS:
            raise ValueError(f"calls {word}(): {OTHER_ROWS}; {WITHOUT_CLOCK}")
        elif word in _COUNT_FROM_TODAY and _arguments(tokens, index + 1) == 1:
            raise ValueError(
                f"calls {word}() with one argument, which counts from today: {OTHER_ROWS}; "
                f"name both points in time: {word}(until, since)"
            )


def _refuse_text(tokens: Sequence[Token], index: int) -> None:
    if _type(tokens, index - 1) is TokenType.STRING:
        return
    # Texts with nothing but a line end between them are one.
    after = index + 1
    while _type(tokens, after) is TokenType.STRING:
        after += 1
    text = "".join(token.text for token in tokens[index:after])
    words = set(_LETTERS.findall(text.lower()))
    found = sorted(words & _CLOCK)
    if not found or _word(tokens, index - 1) in _PICKS:
        return
    beside = (
        words - _CLOCK - _BESIDE - {part for zone in _ZONE.findall(text.lower()) for part in _LETTERS.findall(zone)}
    )
    if _becomes_time(tokens, index, after) or (not beside and not _is_said_to_be_text(tokens, index, after)):
        raise ValueError(
            f"has the text '{found[0]}', which a time takes for the clock: {OTHER_ROWS}; {WITHOUT_CLOCK}, "
            f"or say that it is only a text: '{found[0]}'::text"
        )


def _becomes_time(tokens: Sequence[Token], index: int, after: int) -> bool:
    """Whether a time's type stands beside: `date 'x'`, `date('x')`, `'x'::date`, `CAST('x' AS date)`."""
    before = index - 1
    while _type(tokens, before) is TokenType.L_PAREN:
        before -= 1
    if _word(tokens, before) in _TIMES or [_word(tokens, before - 1), _word(tokens, before)] == ["time", "zone"]:
        return True
    casts = {"::", "as"} if _word(tokens, before) == "cast" else {"::"}
    while after < len(tokens):
        if _word(tokens, after) == ")":
            after += 1
        elif _word(tokens, after) not in casts:
            return False
        elif _word(tokens, after + 1) in _TIMES:
            return True
        else:
            after += 2
    return False


def _is_said_to_be_text(tokens: Sequence[Token], index: int, after: int) -> bool:
    return _word(tokens, index - 1) == "text" or (_word(tokens, after), _word(tokens, after + 1)) == ("::", "text")


def _arguments(tokens: Sequence[Token], opening: int) -> int:
    """How many arguments a call has; 0 where it has none or does not end."""
    depth, commas = 0, 0
    for index in range(opening, len(tokens)):
        kind = tokens[index].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        commas += kind is TokenType.COMMA and depth == 1
        if depth == 0:
            return commas + 1 if index > opening + 1 else 0
    return 0


def _type(tokens: Sequence[Token], index: int) -> TokenType | None:
    return tokens[index].token_type if 0 <= index < len(tokens) else None


def _word(tokens: Sequence[Token], index: int) -> str:
    """The token in small letters; nothing where there is none, or where it is a text."""
    return "" if _type(tokens, index) in {None, TokenType.STRING} else tokens[index].text.lower()
