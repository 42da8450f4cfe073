"""YAML as plain data with a position for every key and value.

PyYAML's own constructors are not used: they follow YAML 1.1, where `NO` is false, `010` is 8, `12:30` is 750 and `0.1`
is a float. Here only `true`, `false`, `null`, whole numbers and decimals are more than text, keys are text as written,
and anchors, tags, depth and size are bounded before anything is built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from retail_medallion.errors import MappingError

MAXIMUM_BYTES = 1_000_000
MAXIMUM_DEPTH = 24
MAXIMUM_ALIASES = 50
MAXIMUM_NODES = 100_000

Path = tuple[str | int, ...]
Position = tuple[int, int]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
# Halves of surrogate pairs, control characters an escape can write, and marks that turn the order of what is read.
_UNSEEN = re.compile("[\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_PLAIN_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "bool", "int", "float", "null", "map", "seq", "timestamp", "value", "merge")
)


@dataclass(frozen=True)
class Document:
    """The content of a YAML file.

    Attributes:
        data: Dicts, lists, text, booleans, None, int and Decimal.
        positions: Keys and list positions from the root to the line and column (from 1) where that entry starts.
    """

    data: Any
    positions: dict[Path, Position]


def read_yaml(content: bytes, file: str) -> Document:
    """Read one YAML document.

    Args:
        content: The bytes of the file.
        file: Its name, for errors.

    Raises:
        MappingError: The file is too large, not UTF-8, not YAML, or uses more of YAML than a mapping needs.
    """
    if len(content) > MAXIMUM_BYTES:
        raise MappingError(
            f"The mapping file is longer than {MAXIMUM_BYTES} bytes.", where=f"{file}:1:1", fix="Split it."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MappingError(
            "The mapping file is not UTF-8.", where=f"{file}:{line}:1", fix="Save it with UTF-8 encoding."
        ) from None
    try:
        return _Builder(file).build(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise MappingError(
            "The mapping file holds a control character.", where=f"{file}:{line}:1", fix="Remove it."
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else f"{file}:1:1"
        why = ", ".join(part for part in (error.context, error.problem) if part)
        raise MappingError("The mapping file is not valid YAML.", where=where, why=why) from None


@dataclass
class _Builder:
    file: str
    positions: dict[Path, Position] = field(default_factory=dict)
    nodes: int = 0

    def build(self, text: str) -> Document:
        self._bound(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise MappingError("The mapping file is empty.", where=f"{self.file}:1:1", fix="Start with `mapping: v1`.")
        self.positions[()] = _position(node)
        return Document(self._value(node, (), ()), self.positions)

    def _fail(self, what: str, place: Any, fix: str | None = None) -> MappingError:
        line, column = _position(place)
        return MappingError(what, where=f"{self.file}:{line}:{column}", fix=fix)

    def _bound(self, text: str) -> None:
        """Go through the events, which needs no recursion, before composing, which does."""
        depth = aliases = documents = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._fail("The file holds a second YAML document.", event, "One file, one mapping.")
            elif isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAXIMUM_DEPTH:
                    raise self._fail(f"The file is nested more than {MAXIMUM_DEPTH} levels deep.", event)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.AliasEvent):
                aliases += 1
                if aliases > MAXIMUM_ALIASES:
                    raise self._fail(f"The file has more than {MAXIMUM_ALIASES} aliases (*name).", event)

    def _value(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> Any:
        self.nodes += 1
        if self.nodes > MAXIMUM_NODES:
            raise self._fail(f"The file expands to more than {MAXIMUM_NODES} values.", node, "Use fewer aliases.")
        if id(node) in above:
            raise self._fail("An alias points at a value that contains it.", node)
        if node.tag not in _TAGS:
            raise self._fail(f"The tag {node.tag!r} is not allowed.", node, "Write the value without a tag.")
        above = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, above)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                self.positions[(*path, index)] = _position(item)
                items.append(self._value(item, (*path, index), above))
            return items
        if not isinstance(node, yaml.ScalarNode):
            raise self._fail("This is neither a value, a list nor keys and values.", node)
        self._require_plain(node)
        return _scalar(node)

    def _require_plain(self, node: yaml.ScalarNode) -> None:
        """Refuse what nobody who reads the file would see as it is."""
        if found := _UNSEEN.search(node.value):
            what = f"The text holds the character U+{ord(found[0]):04X}, which cannot be seen or hides what is written."
            raise self._fail(what, node, "Remove it.")

    def _mapping(self, node: yaml.MappingNode, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._fail("A key must be a single word or text.", key_node)
            self._require_plain(key_node)
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self._fail("Merging with << is not allowed.", key_node, "Alias a whole value instead.")
            key = key_node.value
            if key in result:
                line, _ = self.positions[(*path, key)]
                raise self._fail(f"The key {key!r} stands here twice.", key_node, f"It is already on line {line}.")
            self.positions[(*path, key)] = _position(key_node)
            result[key] = self._value(value_node, (*path, key), above)
        return result


def _position(place: Any) -> Position:
    return place.start_mark.line + 1, place.start_mark.column + 1


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:
        return text
    if text in _PLAIN_WORDS:
        return _PLAIN_WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text
