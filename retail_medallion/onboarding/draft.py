"""A first draft of a mapping, from what the catalogue and the values of coded columns say.

Nothing is guessed in silence: what is proposed carries its confidence and reason, what does not compile against the
database is taken out again, and everything else becomes an open point.
"""

from __future__ import annotations

import json
from collections.abc import Mapping as Mapped
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from psycopg2 import sql

from retail_medallion.bronze.block import Mode
from retail_medallion.bronze.query import name_parts
from retail_medallion.errors import MappingError, RetailMedallionError
from retail_medallion.mapping import Mapping, check_mapping, compile_block, read_mapping
from retail_medallion.mapping.check import UNKNOWN
from retail_medallion.mapping.guard import guard
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.onboarding.candidates import (
    LIKELY,
    ColumnCandidate,
    TableCandidate,
    column_candidates,
    table_candidates,
)
from retail_medallion.onboarding.inspect import Inspected, inspect
from retail_medallion.onboarding.source import Source, schema_of
from retail_medallion.onboarding.vocabulary import VALUES, WATERMARKS, words

MANY_VALUES = 50
_LONG_VALUE = 40
_SMALL = 5_000
_STARS = 5
_CLOSE = 0.8
_EXACT = frozenset({"money", "quantity", "points", "rate", "decimal", "rating"})
_FLOATS = ("real", "double precision")
_MINOR_WORDS = frozenset({"cent", "minor"})


@dataclass
class DraftedColumn:
    """A proposed column mapping.

    Attributes:
        setting: As the file writes it.
        note: Confidence and reason.
        undecided: Source values of its code map nobody could place.
    """

    setting: dict[str, Any]
    note: str
    undecided: list[str] = field(default_factory=list)


@dataclass
class DraftedEntity:
    """A proposed entity.

    Attributes:
        entity: The canonical entity.
        chosen: The table, with confidence and reason.
        others: Other tables it could be.
        extract: As the file writes it.
        key: Expression of the key.
        columns: Canonical column to proposal.
        codes: Code maps by name.
        open: Open points, in sentences.
        missing: Required columns without a proposal: while there are any, the block stays a comment.
    """

    entity: Entity
    chosen: TableCandidate
    others: list[TableCandidate]
    extract: dict[str, Any]
    key: str
    columns: dict[str, DraftedColumn] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def block(self) -> dict[str, Any]:
        """The block as the file holds it."""
        name = "_".join(words(self.chosen.table.table.name))[:63] or "rows"
        columns = {name: column.setting for name, column in self.columns.items()}
        return {
            "block": name if name[:1].isalpha() else f"t_{name}"[:63],
            "extract": self.extract,
            "key": {self.entity.key: self.key},
            "columns": columns,
        }

    @property
    def unused(self) -> list[str]:
        """Columns of the table nothing is made of."""
        text = " ".join([self.key, *(str(column.setting.get("expr", "")) for column in self.columns.values())])
        used = set(text.replace('"', " ").replace("(", " ").replace(",", " ").split())
        return [name for name in self.chosen.table.types if name not in used]


@dataclass
class Draft:
    """A draft of a whole file.

    Attributes:
        settings: The settings of the source.
        entities: Entities with a table.
        absent: Entities for which no table was likely enough, with the candidates there are.
        tables: All tables of the source.
    """

    settings: dict[str, str]
    entities: list[DraftedEntity]
    absent: dict[str, list[TableCandidate]]
    tables: list[Inspected]


def make_draft(source: Source, model: CanonicalModel, settings: dict[str, str]) -> Draft:
    """Look at a source and propose a mapping.

    Args:
        source: The source.
        model: The canonical model.
        settings: The settings of the source as the file will hold them.
    """
    tables = inspect(source)
    candidates = table_candidates(tables, model)
    chosen: dict[str, TableCandidate] = {}
    for candidate in candidates:
        taken = {other.table.name for other in chosen.values()}
        if candidate.confidence >= LIKELY and candidate.entity not in chosen and candidate.table.name not in taken:
            chosen[candidate.entity] = candidate
    names = {entity: candidate.table.name for entity, candidate in chosen.items()}
    drafted, absent = [], {}
    for name, entity in model.entities.items():
        others = [c for c in candidates if c.entity == name and c is not chosen.get(name)]
        if name not in chosen or not chosen[name].table.key:
            absent[name] = [*([chosen[name]] if name in chosen else []), *others]
            continue
        drafted.append(_Drafting(source, model, entity, settings).draft(chosen[name], others, names))
    return Draft(settings, drafted, absent, tables)


class _Drafting:
    def __init__(self, source: Source, model: CanonicalModel, entity: Entity, settings: dict[str, str]) -> None:
        self.source, self.model, self.entity, self.settings = source, model, entity, settings

    def draft(self, chosen: TableCandidate, others: list[TableCandidate], names: Mapped[str, str]) -> DraftedEntity:
        table = chosen.table
        parts = [_name(column) for column in table.key]
        key = parts[0] if len(parts) == 1 else f"key({', '.join(parts)})"
        made = DraftedEntity(self.entity, chosen, others[:3], {}, key)
        made.extract = self._extract(table, made)
        for name, candidate in column_candidates(table, self.entity, names).items():
            if candidate.source in table.key and len(table.key) == 1:
                continue
            self._column(made, name, candidate)
        self._required(made)
        self._verify(made)
        return made

    def _extract(self, table: Inspected, made: DraftedEntity) -> dict[str, Any]:
        moments = {words(name): name for name, kind in table.types.items() if kind.startswith("timestamp")}
        watermark = next((moments[words(word)] for word in WATERMARKS if words(word) in moments), None)
        extract: dict[str, Any] = {"table": table.name, "mode": "snapshot", "key": list(table.key)}
        if watermark is not None:
            extract |= {"mode": "changed", "watermark": _quoted(watermark)}
            made.open.append(
                f"does the application move {watermark} on every change? If not: mode compared. Deleted rows are not"
                " seen in mode changed: add a block of mode keys where rows are deleted"
            )
        elif (table.table.rows or 0) > _SMALL and "compared" in {mode.value for mode in Mode}:
            extract["mode"] = "compared"
            made.open.append("no column dates a row: the table is read whole each day and compared with the day before")
        return extract

    def _column(self, made: DraftedEntity, name: str, candidate: ColumnCandidate) -> None:
        kind = made.chosen.table.types[candidate.source]
        target = self.entity.columns.get(name)
        expression = _name(candidate.source)
        note = f"{candidate.confidence:.0%}: {candidate.reason}"
        if target is not None and target.standardise in _EXACT:
            if kind in _FLOATS:
                expression = f"CAST({expression} AS DECIMAL(18,4))"
                made.open.append(
                    f"{candidate.source} is {kind}, which is not exact: is the cast what the source means?"
                )
            elif target.standardise == "money" and kind in {"integer", "bigint"}:
                minor = bool(_MINOR_WORDS & set(words(candidate.source)))
                if minor:
                    expression = f"minor({expression}, '{self.settings['currency']}')"
                made.open.append(
                    f"{candidate.source} is {kind}: whole units, or minor ones ({'taken' if minor else 'not taken'})?"
                )
        if kind == "timestamp without time zone" and target is not None:
            made.open.append(f"{candidate.source} has no zone: it is read as {self.settings['timezone']}")
        column = DraftedColumn({"expr": expression}, note)
        if target is not None and target.codes is not None and not self._coded(made, name, candidate.source, column):
            return
        made.columns[name] = column
        if name == "rating":
            made.open.append(f"the highest rating of {candidate.source} is taken to be {_STARS}")
            column.setting["rating_scale"] = _STARS
            made.columns["rating_raw"] = DraftedColumn({"expr": expression}, note)
            made.columns["rating_scale_max"] = DraftedColumn({"const": _STARS}, "a guess")

    def _coded(self, made: DraftedEntity, name: str, source: str, column: DraftedColumn) -> bool:
        """Add a code map of the values found; False where the column has too many to be a code."""
        values = self._values(made.chosen.table, source)
        if values is None:
            made.open.append(f"{source} could be {name}, and has more than {MANY_VALUES} values or long ones")
            return False
        allowed = self.model.codes[self.entity.columns[name].codes or ""]
        code = f"{self.entity.entity}_{name}"[:63]
        made.codes[code] = {}
        for value in values:
            proposal = _canonical(value, allowed)
            made.codes[code][value] = proposal or UNKNOWN
            if proposal is None:
                column.undecided.append(value)
        if not values:
            del made.codes[code]
            return True
        column.setting["code"] = code
        if column.undecided:
            made.open.append(
                f"{name}: what do {', '.join(map(repr, column.undecided))} mean? Allowed: {', '.join(allowed)}"
            )
        return True

    def _values(self, table: Inspected, column: str) -> list[str] | None:
        query = sql.SQL(
            "SELECT DISTINCT trim({column}::text) FROM {table} WHERE {column} IS NOT NULL LIMIT {n}"
        ).format(
            column=sql.Identifier(column), table=sql.Identifier(*name_parts(table.name)), n=sql.Literal(MANY_VALUES + 1)
        )
        try:
            values = sorted(str(value) for (value,) in self.source.ask(query))
        except RetailMedallionError:
            return None
        if len(values) > MANY_VALUES or any(len(value) > _LONG_VALUE or "@" in value for value in values):
            return None
        return [value for value in values if value]

    def _required(self, made: DraftedEntity) -> None:
        for column in self.entity:
            filled = column.default is not None or column.source_default or column.when_missing or column.of
            if not column.required or filled or column.name in {self.entity.key, *made.columns}:
                continue
            if column.codes is not None:
                made.columns[column.name] = DraftedColumn({"const": UNKNOWN}, "nothing found")
                made.open.append(f"{column.name} ({column.meaning}): nothing found, so it is 'unknown'")
            else:
                made.missing.append(column.name)

    def _verify(self, made: DraftedEntity) -> None:
        """Take out what does not compile against the database."""
        if made.missing:
            return
        try:
            mapping = as_mapping(self.settings, [made])
            schema = schema_of(self.source.plan(mapping.blocks[0]))
        except RetailMedallionError as error:
            made.missing.append(f"a block that works ({error.what})")
            return
        for name in list(made.columns):
            alone = mapping.blocks[0].model_copy(update={"columns": {name: mapping.blocks[0].columns[name]}})
            try:
                compile_block(mapping, alone, self.model, schema)
            except MappingError as error:
                column = made.columns.pop(name)
                made.codes.pop(str(column.setting.get("code")), None)
                made.open.append(f"{column.setting.get('expr')} does not fit {name}: {error.what}")
        self._required(made)
        if not made.missing:
            wrong = [
                p.what for p in check_mapping(as_mapping(self.settings, [made]), self.model) if p.severity == "error"
            ]
            made.missing += [f"what the check asks for: {what}" for what in wrong]


def as_mapping(settings: dict[str, str], entities: list[DraftedEntity]) -> Mapping:
    """The mapping the active entities of a draft make.

    Raises:
        MappingError: They break the grammar.
    """
    content = {
        "mapping": "v1",
        "source": settings,
        "codes": {name: code for made in entities for name, code in made.codes.items()},
        "entities": {made.entity.entity: [made.block] for made in entities},
    }
    return read_mapping(json.dumps(content).encode(), "draft.yml")


def _canonical(value: str, allowed: tuple[str, ...]) -> str | None:
    plain = "_".join(words(value))
    folded = {"_".join(words(name)): name for name in allowed}
    if plain in folded:
        return folded[plain]
    spoken = " ".join(words(value))
    for name in allowed:
        if spoken in {" ".join(words(word)) for word in VALUES.get(name, ())}:
            return name
    near = get_close_matches(plain, folded, n=1, cutoff=_CLOSE)
    return folded[near[0]] if near else None


def _quoted(name: str) -> str:
    return name if name.islower() and name.replace("_", "a").isalnum() and not name[0].isdigit() else f'"{name}"'


def _name(column: str) -> str:
    """A column as an expression names it."""
    try:
        if _quoted(column) == column and guard(column, where="").bare_column == column:
            return column
    except MappingError:
        pass
    return '"' + column.replace('"', '""') + '"'
