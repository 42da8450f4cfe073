"""Code lists of the model, code maps of the sources, and what drop-downs offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retail_medallion.mapping import CodeMap
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel
from retail_medallion.workbook.contents import names
from retail_medallion.workbook.inputs import Facts, Inputs
from retail_medallion.workbook.sheets import FIRST_ROW, LISTS, Choice, Column, Link, Row, Sheet, join_key, rows_of

SOURCE, MAP, VALUE, CANONICAL = "source", "code map", "source value", "canonical value"
OTHERWISE = "*"
UNKNOWN = "unknown"

LIST_COLUMNS = (Column("code list", 28, mono=True), Column("value", 26, mono=True), Column("used by", 60, wrap=True))
MAP_COLUMNS = (
    Column(SOURCE, 12),
    Column(MAP, 24, mono=True),
    Column(VALUE, 26, mono=True, note="* stands for all values not listed."),
    Column("code list", 24, mono=True),
    Column(CANONICAL, 26, editable=True, mono=True, note="Clear it to take the value out of the map."),
    Column("rows at the last load", 12, note="Rows of the newest load that have the value."),
    Column("used by", 60, wrap=True),
)


@dataclass(frozen=True)
class CodeMapChoices:
    """Where the names of each source's code maps stand, for drop-downs."""

    places: Mapping[str, Choice]

    def of(self, source: str) -> Choice | None:
        """The place of a source's names; None where it has no code maps."""
        return self.places.get(source)


def lists_of_maps(mapping: SourceMapping, model: CanonicalModel) -> dict[str, str]:
    """Code map to the code list its values are of; a map used for columns without a list is not there."""
    found: dict[str, str] = {}
    for block in mapping.blocks:
        targets = model.entities[block.entity].columns if block.entity in model.entities else {}
        for name, column in block.columns.items():
            target = targets.get(name)
            if column.code and target and target.codes:
                found.setdefault(column.code, target.codes)
    return found


def _used_by(mapping: SourceMapping) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for block in mapping.blocks:
        for name, column in block.columns.items():
            if column.code:
                found.setdefault(column.code, []).append(f"{block.entity}/{block.name}/{name}")
    return {code: ", ".join(dict.fromkeys(places)) for code, places in found.items()}


def unlisted(code_map: CodeMap, name: str, facts: Facts) -> list[str]:
    """Values found in the data that a code map neither lists nor takes with `*`."""
    if code_map.otherwise is not None:
        return []
    return sorted(value for of, value in facts.code_values if of == name and value not in code_map.values)


def code_lists_sheet(inputs: Inputs) -> Sheet:
    """The canonical vocabularies."""
    used: dict[str, list[str]] = {}
    for entity in inputs.model.entities.values():
        for column in entity:
            if column.codes:
                used.setdefault(column.codes, []).append(f"{entity.entity}.{column.name}")
    values = [
        (name, value, ", ".join(used.get(name, [])))
        for name, listed in inputs.model.codes.items()
        for value in (*listed, UNKNOWN)
    ]
    return Sheet(
        names.CODE_LISTS,
        "The words Silver knows for each list; `unknown` is always allowed.",
        LIST_COLUMNS,
        rows_of(LIST_COLUMNS, ("code list", "value"), values),
        frozen=2,
        group="silver",
        key=("code list", "value"),
    )


def code_maps_sheet(inputs: Inputs, lists: Sheet) -> Sheet:
    """What each source's values mean; values seen in the data that no map lists are red."""
    offered: dict[str, Choice] = {}
    for number, row in enumerate(lists.rows, FIRST_ROW):
        name = str(row.values[0])
        first = offered[name].first if name in offered else number
        offered[name] = Choice(names.CODE_LISTS, 1, first, number)
    rows = []
    for code, mapping in inputs.mappings.items():
        kinds, used = lists_of_maps(mapping, inputs.model), _used_by(mapping)
        counted = inputs.facts_of(code).code_values
        for name, code_map in mapping.codes.items():
            known = dict(code_map.values)
            if code_map.otherwise is not None:
                known[OTHERWISE] = code_map.otherwise
            unmapped = unlisted(code_map, name, inputs.facts_of(code))
            for value in (*known, *unmapped):
                kind = kinds.get(name, "")
                at = offered.get(kind)
                link = Link(kind, at.sheet, at.first) if at else None
                seen = counted.get((name, value))
                values = (code, name, value, link, known.get(value), seen, used.get(name, ""))
                rows.append(
                    Row(
                        values,
                        join_key((code, name, value)),
                        colour="red" if value not in known else None,
                        choices={CANONICAL: at} if at else {},
                    )
                )
    return Sheet(
        names.CODE_MAPS,
        "What the values of each source mean. Red: seen in the data and not listed yet; fill in the canonical value.",
        MAP_COLUMNS,
        tuple(rows),
        frozen=3,
        group="map",
        key=(SOURCE, MAP, VALUE),
    )


def hidden_lists(inputs: Inputs) -> tuple[Sheet, CodeMapChoices]:
    """Names of the code maps of each source, where the drop-downs of the mapping sheets find them."""
    columns = (Column(SOURCE, 12), Column(MAP, 24))
    values: list[tuple[str, str]] = []
    places: dict[str, Choice] = {}
    for code, mapping in inputs.mappings.items():
        if mapping.codes:
            first = FIRST_ROW + len(values)
            values += [(code, name) for name in mapping.codes]
            places[code] = Choice(LISTS, 1, first, FIRST_ROW + len(values) - 1)
    rows = rows_of(columns, (SOURCE, MAP), values)
    sheet = Sheet(LISTS, "What drop-downs offer.", columns, rows, key=(SOURCE, MAP), hidden=True)
    return sheet, CodeMapChoices(places)
