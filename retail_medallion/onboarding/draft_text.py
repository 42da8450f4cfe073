"""A draft as the text of a mapping file: what is decided as YAML, everything else as comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from retail_medallion.onboarding.candidates import TableCandidate
from retail_medallion.onboarding.draft import Draft, DraftedEntity

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_WIDTH = 116


def draft_text(draft: Draft) -> str:
    """The file."""
    active = [made for made in draft.entities if not made.missing]
    waiting = [made for made in draft.entities if made.missing]
    code = draft.settings["code"]
    lines = [
        f"# A first draft of the mapping of {code}, made from its catalogue. It passes the check, and nobody has",
        "# read it yet: every column says how sure it is, and OPEN marks what a person has to decide.",
        *_source(draft),
        *_codes(active),
        *(["entities:"] if active else ["# OPEN: no entity could be drafted as a whole.", "entities: {}"]),
    ]
    for made in active:
        lines += ["", *_entity(made)]
    for made in waiting:
        missing = ", ".join(made.missing)
        lines += ["", *_commented(f"OPEN: {made.entity.entity} waits for {missing}. What could be said of it:")]
        lines += [f"# {line}".rstrip() for line in [*_codes([made]), *_entity(made)]]
    lines += ["", *_absent(draft), *_unused(draft)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _source(draft: Draft) -> Iterator[str]:
    yield "mapping: v1"
    yield "source:"
    undecided = {"timezone", "currency", "country", "language", "owner"}
    for name, value in draft.settings.items():
        remark = "  # OPEN: is this right?" if name in undecided else ""
        yield f"  {name}: {_value(value)}{remark}"
    yield ""


def _codes(entities: list[DraftedEntity]) -> Iterator[str]:
    codes = {name: (made, values) for made in entities for name, values in made.codes.items()}
    if not codes:
        return
    yield "codes:"
    for name, (made, values) in codes.items():
        yield f"  {name}:"
        undecided = {
            value
            for column in made.columns.values()
            if column.setting.get("code") == name
            for value in column.undecided
        }
        for value, canonical in values.items():
            remark = "  # OPEN" if value in undecided else ""
            yield f"    {json.dumps(value, ensure_ascii=False)}: {canonical}{remark}"
    yield ""


def _entity(made: DraftedEntity) -> Iterator[str]:
    chosen = made.chosen
    yield f"  {made.entity.entity}:"
    yield from _commented(f"{chosen.table.name}, {chosen.confidence:.0%} sure: {chosen.reason}", "    ")
    for other in made.others:
        yield from _commented(f"or {_told(other)}", "    ")
    for point in made.open:
        yield from _commented(f"OPEN: {point}", "    ")
    block = made.block
    yield f"    - block: {block['block']}"
    yield f"      extract: {_flow(block['extract'])}"
    yield f"      key: {_flow(block['key'])}"
    yield "      columns:"
    for name, column in made.columns.items():
        yield f"        {name}: {_flow({**column.setting, 'status': 'draft', 'note': column.note})}"
    mapped = {made.entity.key, *made.columns}
    absent = [column.name for column in made.entity if column.name not in mapped]
    if absent:
        yield from _commented(f"not mapped: {', '.join(absent)}", "      ")
    if made.unused:
        yield from _commented(f"columns not used: {', '.join(made.unused)}", "      ")


def _absent(draft: Draft) -> Iterator[str]:
    for entity, candidates in draft.absent.items():
        could = "; ".join(_told(candidate) for candidate in candidates[:3])
        keyless = " (without a primary key)" if candidates and not candidates[0].table.key else ""
        yield from _commented(f"OPEN: {entity}: {f'could be {could}{keyless}' if could else 'no table looks like it'}")


def _unused(draft: Draft) -> Iterator[str]:
    used = {made.chosen.table.name for made in draft.entities}
    rest = sorted(table.name for table in draft.tables if table.name not in used and table.table.rows != 0)
    if rest:
        yield from _commented(f"Tables nothing is made of: {', '.join(rest)}")


def _told(candidate: TableCandidate) -> str:
    return f"{candidate.table.name} ({candidate.confidence:.0%}: {candidate.reason})"


def _commented(text: str, indent: str = "") -> Iterator[str]:
    """Comment lines; a name of the source cannot end a comment early."""
    line = ""
    for word in " ".join(text.split()).split(" "):
        if line and len(indent) + len(line) + len(word) > _WIDTH:
            yield f"{indent}# {line}"
            line = ""
        line = f"{line} {word}" if line else word
    yield f"{indent}# {line}"


def _flow(entries: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_value(value)}" for name, value in entries.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    text = str(value)
    if isinstance(value, int):
        return text
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)
