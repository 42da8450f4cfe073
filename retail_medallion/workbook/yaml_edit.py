"""Changing single values in the text of a YAML file, and leaving every other byte as it is.

Places are taken from the parser's marks. The caller holds the result against what it should mean: an edit that cannot
be made in place (an alias, say) is then refused, never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import yaml

from retail_medallion.errors import MappingError

Scalar = str | int | Decimal | bool

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_PLAIN = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_UNPRINTABLE = re.compile(
    "[^\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    text: str


class YamlText:
    """The text of a YAML file and the edits made to it.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._root = _compose(text)
        self._changes: list[_Change] = []

    def text(self) -> str:
        """The text with all edits."""
        self._apply()
        return self._text

    def replace(self, path: Sequence[str | int], value: Scalar) -> None:
        """Give a scalar another value."""
        node = self._node(path)
        self._changes.append(_Change(*self._span(node), self._padded(node, rendered(value, _style(node)))))

    def replace_by_settings(self, path: Sequence[str | int], settings: Mapping[str, Scalar]) -> None:
        """Put settings in the place of a scalar."""
        node = self._node(path)
        self._changes.append(_Change(*self._span(node), self._padded(node, flow(settings))))

    def insert(self, path: Sequence[str | int], key: str, value: Scalar | Mapping[str, Scalar]) -> None:
        """Add an entry at the end of the keys and values at a place."""
        node = self._mapping(path)
        entry = flow(value if isinstance(value, Mapping) else {key: value})
        entry = f"{rendered_key(key)}: {entry}" if isinstance(value, Mapping) else entry[1:-1]
        last_key, last_value = node.value[-1]
        end = self._end(last_value)
        if node.flow_style:
            self._changes.append(_Change(end, end, f", {entry}"))
            return
        line_end = self._line_end(end)
        newline = "\r\n" if "\r\n" in self._text else "\n"
        self._changes.append(_Change(line_end, line_end, f"{newline}{' ' * last_key.start_mark.column}{entry}"))

    def remove(self, path: Sequence[str | int]) -> None:
        """Take out an entry, key and value. Edits made before are applied first.

        Raises:
            MappingError: The entry shares its line with others that are no entries of its own kind.
        """
        self._apply()
        node = self._mapping(path[:-1])
        key, value = self._entry(node, str(path[-1]))
        start, end = key.start_mark.index, self._end(value)
        if node.flow_style:
            start, end = self._flow_piece(start, end)
        else:
            head = self._text.rfind("\n", 0, start) + 1
            if self._text[head:start].strip():
                raise _not_in_place(path)
            start, end = head, self._line_end(end)
            end += len(re.match(r"(\r?\n)?", self._text[end : end + 2])[0])  # type: ignore[index]
        self._changes.append(_Change(start, end, ""))
        self._apply()

    def _apply(self) -> None:
        if not self._changes:
            return
        pieces, at = [], 0
        # Sorting keeps the order of what is inserted at one place.
        for change in sorted(self._changes, key=lambda change: (change.start, change.end)):
            if change.start < at:
                raise _not_in_place(())
            pieces += [self._text[at : change.start], change.text]
            at = change.end
        self._text = "".join([*pieces, self._text[at:]])
        self._changes = []
        self._root = _compose(self._text)

    def _node(self, path: Sequence[str | int]) -> yaml.Node:
        node = self._root
        for part in path:
            if isinstance(part, int) and isinstance(node, yaml.SequenceNode):
                node = node.value[part]
            elif isinstance(node, yaml.MappingNode):
                node = self._entry(node, str(part))[1]
            else:
                raise _not_in_place(path)
        return node

    def _mapping(self, path: Sequence[str | int]) -> yaml.MappingNode:
        node = self._node(path)
        if not isinstance(node, yaml.MappingNode) or not node.value:
            raise _not_in_place(path)
        return node

    def _entry(self, node: yaml.MappingNode, name: str) -> tuple[yaml.Node, yaml.Node]:
        for key, value in node.value:
            if key.value == name:
                return key, value
        raise _not_in_place((name,))

    def _span(self, node: yaml.Node) -> tuple[int, int]:
        return node.start_mark.index, self._end(node)

    def _end(self, node: yaml.Node) -> int:
        """Where the text of a value ends; the parser's own mark lies behind comments that follow a block."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
            return start + len(self._text[start:end].rstrip())
        return int(end)

    def _padded(self, node: yaml.Node, text: str) -> str:
        start, end = self._span(node)
        return f" {text}" if start == end else text

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        if end < 0:
            return len(self._text)
        return end - 1 if self._text[end - 1 : end] == "\r" and end > at else end

    def _flow_piece(self, start: int, end: int) -> tuple[int, int]:
        """An entry in braces with the one comma that goes with it."""
        following = re.match(r"[ \t]*,[ \t]*", self._text[end:])
        if following:
            return start, end + following.end()
        head = self._text.rfind("\n", 0, start) + 1
        before = re.search(r"[ \t]*,[ \t]*$", self._text[head:start])
        if before and "#" not in self._text[head:start]:
            return head + before.start(), end
        return start, end


def _compose(text: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        raise _not_in_place(()) from None
    if node is None:
        raise _not_in_place(())
    return node


def _style(node: yaml.Node) -> str | None:
    """The quote to write the next value in: that of the value, or the usual one for text of several lines."""
    if not isinstance(node, yaml.ScalarNode) or node.style is None:
        return None
    return "'" if node.style == "'" else '"'


def _not_in_place(path: Sequence[str | int]) -> MappingError:
    return MappingError(
        "The mapping file is written in a way that cannot be changed in place.",
        where=".".join(str(part) for part in path) or None,
        fix="Change it in the file; then export the workbook again.",
    )


def rendered(value: Scalar, style: str | None = '"') -> str:
    """A value as YAML on one line.

    Args:
        value: The value.
        style: The quote of the value it replaces; None where that had none.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    if style is None and _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return value
    if style == "'" and not _UNPRINTABLE.search(value):
        return "'{}'".format(value.replace("'", "''"))
    return _double_quoted(value)


def _double_quoted(value: str) -> str:
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\U{ord(match[0]):08x}", quoted)


def rendered_key(key: str) -> str:
    """A key as YAML."""
    return rendered(key, None)


def flow(settings: Mapping[str, Scalar]) -> str:
    """Settings in braces."""
    words = {"code", "status"}
    return "{{{}}}".format(
        ", ".join(
            f"{rendered_key(key)}: {rendered(value, None if key in words else chr(34))}"
            for key, value in settings.items()
        )
    )
