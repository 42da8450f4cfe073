"""Texts with structure: HTML, JSON."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

_SILENT = frozenset({"script", "style", "template", "head", "noscript"})
_INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s", "small", "span"}
    | {"strong", "sub", "sup", "u", "wbr"}
)
_DEEPEST = 100


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        self._silent += tag in _SILENT
        if tag not in _INLINE:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        if tag not in _INLINE:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def strip_html(value: str) -> str:
    """The words of a text with markup; what is not markup, such as `a < b`, stays."""
    parser = _Words()
    parser.feed(value)
    parser.close()
    return html.unescape("".join(parser.parts)).replace("\x00", "")


class _Number(str):
    """A JSON number as it was written: no float is made of it."""

    __slots__ = ()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _parse(value: str) -> Any:
    return json.loads(value, parse_float=_Number, parse_int=_Number, parse_constant=_refuse_constant)


def _written(value: Any, depth: int = 0) -> str:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, _Number):
        number = Decimal(value)
        return format(number, "f") if -_DEEPEST < number.adjusted() < _DEEPEST else str(number)
    if isinstance(value, str):
        plain = unicodedata.normalize("NFC", value.replace("\x00", ""))
        plain.encode()  # a lone surrogate is no text
        return json.dumps(plain, ensure_ascii=False)
    if isinstance(value, dict):
        members = ",".join(f"{_written(k)}:{_written(v, depth + 1)}" for k, v in sorted(value.items()))
        return "{" + members + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(item, depth + 1) for item in value) + "]"
    return json.dumps(value)


def canonical_json(value: str) -> str | None:
    """The JSON with sorted keys, no blanks, NFC texts and its numbers as written; None where it is not JSON."""
    try:
        return _written(_parse(value))
    except (ValueError, RecursionError):
        return None


def _snake(key: str) -> str:
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key.strip())
    return re.sub(r"[^\w]+", "_", parted).strip("_").lower()


def _with_snake_keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_snake_keys(item) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {key: _snake(key) or key for key in value}
    taken = list(renamed.values())
    # Two keys that become the same keep their own names: neither value is dropped.
    return {key if taken.count(new) > 1 else new: _with_snake_keys(value[key]) for key, new in renamed.items()}


def canonical_attributes(value: str) -> str | None:
    """`canonical_json` of an object with keys in lower snake_case; None where it is not an object."""
    return _canonical(value, dict)


def canonical_list(value: str) -> str | None:
    """`canonical_json` of an array whose objects have keys in lower snake_case; None where it is not an array."""
    return _canonical(value, list)


def _canonical(value: str, wanted: type) -> str | None:
    try:
        parsed = _parse(value)
        return _written(_with_snake_keys(parsed)) if isinstance(parsed, wanted) else None
    except (ValueError, RecursionError):
        return None
