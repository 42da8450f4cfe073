"""The grammar of mapping files, as frozen classes.

These classes say what a mapping file may contain and refuse everything else. They know nothing of YAML (see `reader`),
of the canonical model (see `check`) or of SQL beyond "this is one piece of text" (see `guard` and `compiler`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    StrictBool,
    StrictInt,
    model_validator,
)

from retail_medallion.mapping.settings import (
    country_code,
    currency_code,
    cutoff_time,
    language_code,
    name,
    owner,
    source_column,
    table_name,
    time_zone,
)
from retail_medallion.mapping.source_sql import one_query, one_source_expression

Name = Annotated[str, BeforeValidator(name)]
SourceColumn = Annotated[str, BeforeValidator(source_column)]
Mode = Literal["changed", "appended", "documents", "snapshot", "compared", "keys"]


def _constant(value: Any) -> Any:
    if not isinstance(value, bool | int | Decimal | str):
        raise ValueError("must be a text, a number, true or false")  # noqa: TRY004 - pydantic wants this
    return value


Constant = Annotated[bool | int | Decimal | str, PlainValidator(_constant)]
"""A value written in the file. Numbers with a point are decimals: no float is ever made of them."""

WINDOWED_MODES = frozenset({"changed", "appended", "documents"})
DEFAULT_FIRST_DAY = dt.date(2024, 1, 1)


def _expression(value: Any) -> Any:
    """A bare number or true/false is an expression too; everything else must be text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | Decimal) else value


Expression = Annotated[str, BeforeValidator(_expression), Field(min_length=1, max_length=10_000)]
"""DuckDB scalar expression over the Bronze columns of one row."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FiscalCalendar(_Part):
    """The financial year of a retailer.

    Attributes:
        first_month: Calendar month in or near whose first day it begins.
        pattern: `calendar` for years of calendar months; else the weeks of a quarter's three periods, in years of 52 or
            53 weeks that begin on the Monday nearest to the first of `first_month`.
    """

    first_month: StrictInt = Field(default=1, ge=1, le=12)
    pattern: Literal["calendar", "4-4-5", "4-5-4", "5-4-4"] = "calendar"


class Source(_Part):
    """One retailer's database and what holds for all of its rows.

    Attributes:
        code: Name of the source; prefix of its assets and `source_system` of its rows.
        tenant: The retailer, who may own several sources.
        owner: E-mail address, or `team:name`.
        timezone: IANA zone in which times without a zone are read and trading days are cut.
        currency: ISO 4217 code of amounts that name no currency.
        country: ISO 3166-1 alpha-2 code of addresses and phone numbers that name no country.
        language: BCP 47 tag of texts that name no language.
        day_cutoff: Local time at which a trading day starts.
        first_day: First daily partition, open to the left.
        tax_included: Prices contain tax where a row does not say.
        fiscal_calendar: The retailer's financial year, as Gold shows it.
        personal_data: Whether Gold shows customers' names, e-mail addresses and phone numbers.
    """

    code: Name
    tenant: Name
    owner: Annotated[str, BeforeValidator(owner)]
    timezone: Annotated[str, BeforeValidator(time_zone)]
    currency: Annotated[str, BeforeValidator(currency_code)]
    country: Annotated[str, BeforeValidator(country_code)]
    language: Annotated[str, BeforeValidator(language_code)]
    day_cutoff: Annotated[dt.time, BeforeValidator(cutoff_time)] = dt.time(0, 0)
    first_day: dt.date = DEFAULT_FIRST_DAY
    tax_included: StrictBool = False
    fiscal_calendar: FiscalCalendar = FiscalCalendar()
    personal_data: Literal["hidden", "shown"] = "hidden"


class CodeMap(_Part):
    """What the values of the source mean in canonical words.

    Attributes:
        values: Source value (trimmed text) to canonical value.
        otherwise: Canonical value of every source value not listed; written `"*"` in the file.
        strict: A source value not listed rejects its row.
    """

    values: dict[str, str]
    otherwise: str | None = None
    strict: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError("a code map lists `source value: canonical value`")  # noqa: TRY004 - pydantic wants this
        entries = dict(data)
        strict = entries.pop("strict") if isinstance(entries.get("strict"), bool) else False
        otherwise = entries.pop("*", None)
        wrong = [key for key, value in [*entries.items(), ("*", otherwise or "-")] if not isinstance(value, str)]
        if wrong:
            raise ValueError(f"the canonical value of {wrong[0]!r} must be text; put it in quotes")
        if strict and otherwise is not None:
            raise ValueError('`strict: true` rejects what is not listed and "*" gives it a value: keep one of the two')
        if not entries and otherwise is None:
            raise ValueError("the code map is empty")
        values = {key.strip(): value for key, value in entries.items()}
        return {"values": values, "otherwise": otherwise, "strict": strict}


class Extract(_Part):
    """How the rows of one block are read in the source database.

    Attributes:
        table: Table or view, with its schema where it needs one.
        query: Read-only SQL of the source instead of a table.
        mode: What a day's Bronze object holds.
        key: Source columns that identify a row of the extract.
        watermark: SQL expression of the source that dates a row.
        document: Source columns that identify the document a row belongs to.
    """

    table: Annotated[str, BeforeValidator(table_name)] | None = None
    query: Annotated[str, BeforeValidator(one_query)] | None = None
    mode: Mode
    key: tuple[SourceColumn, ...] = Field(min_length=1)
    watermark: Annotated[str, BeforeValidator(one_source_expression)] | None = None
    document: tuple[SourceColumn, ...] = ()

    @model_validator(mode="after")
    def _fits_the_mode(self) -> Extract:
        if (self.table is None) == (self.query is None):
            raise ValueError("an extract has either `table` or `query`")
        if self.mode in WINDOWED_MODES and self.watermark is None:
            raise ValueError(f"mode {self.mode} needs `watermark`, the expression that dates a row")
        if self.mode not in WINDOWED_MODES and self.watermark is not None:
            raise ValueError(f"mode {self.mode} reads the whole table: `watermark` has no meaning, remove it")
        if (self.mode == "documents") != bool(self.document):
            raise ValueError("`document` names the columns of the document; mode documents needs it, no other takes it")
        return self


class Explode(_Part):
    """One output row per element of a JSON array of the row: `<as>.value` is the element, `<as>.pos` counts from 0."""

    alias: Name = Field(alias="as")
    expression: Expression = Field(alias="from")


class Complete(_Part):
    """What a day's extract covers in full, so that absence there means deletion.

    Attributes:
        within: `table`, or the canonical column that names the document.
        seen: `entity/block` whose rows name the documents covered; the block itself where None.
        value: Expression of the document's key over the rows of `seen`; the column's own where None.
    """

    within: str
    seen: Annotated[str, Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+$")] | None = None
    value: Expression | None = None

    @model_validator(mode="after")
    def _fits_its_scope(self) -> Complete:
        if self.within == "table" and (self.seen or self.value):
            raise ValueError("`within: table` covers everything: `seen` and `value` have no meaning, remove them")
        if self.seen and not self.value:
            raise ValueError(f"`seen: {self.seen}` needs `value`, the document's key over the rows of that block")
        return self


class RatingScale(_Part):
    """The scale of a source's ratings; a bare number in the file is `highest`.

    Attributes:
        lowest: Worst rating.
        highest: Best rating.
    """

    lowest: Annotated[Decimal, Field(max_digits=9, decimal_places=3)] = Decimal(1)
    highest: Annotated[Decimal, Field(max_digits=9, decimal_places=3)]

    @model_validator(mode="before")
    @classmethod
    def _bare_number_is_the_highest(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"highest": data}

    @model_validator(mode="after")
    def _has_a_span(self) -> RatingScale:
        if self.lowest >= self.highest:
            raise ValueError("the lowest rating of a scale is below the highest; where none is given it is 1")
        return self


class ColumnMapping(_Part):
    """Where the value of one canonical column comes from; a bare text in the file is `expr`.

    Attributes:
        expr: Expression over the Bronze row.
        const: The same value for every row.
        code: Name of the code map applied to the value.
        default: Value of rows that bring none; not given to rows whose value could not be read.
        timezone: IANA zone of times without a zone, where it differs from the source's.
        null_values: Texts that mean "no value".
        rating_scale: Lowest and highest rating of the source.
        note: For people.
        owner: Who answers for this line.
        status: How far the line is agreed.
    """

    expr: Expression | None = None
    const: Constant | None = None
    code: str | None = None
    default: Constant | None = None
    timezone: Annotated[str, BeforeValidator(time_zone)] | None = None
    null_values: tuple[str, ...] = ()
    rating_scale: RatingScale | None = None
    note: str | None = None
    owner: str | None = None
    status: Literal["draft", "reviewed", "approved"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_text_is_an_expression(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"expr": data}

    @model_validator(mode="after")
    def _has_one_origin(self) -> ColumnMapping:
        if (self.expr is None) == (self.const is None):
            raise ValueError("a column has either `expr` or `const`")
        if self.const is not None and (self.default is not None or self.code or self.null_values):
            raise ValueError("`const` is the value of every row: `default`, `code` and `null_values` have no meaning")
        return self


_NAMED_TWICE = object()


def _entity(value: Any) -> Any:
    if value is _NAMED_TWICE:
        raise ValueError("`entity` is the name the block stands under: remove it")
    return value


class Block(_Part):
    """One extract feeding one entity.

    Attributes:
        entity: Canonical entity.
        name: Name of the block, unique within the entity; file name of its Bronze objects.
        extract: How it is read in the source.
        explode: JSON array that gives several output rows.
        where: Condition a Bronze row must meet; unknown (NULL) does not meet it.
        tombstone: Its rows are deletions.
        key: The entity's key column and its expression.
        complete: What its extract covers in full, as written.
        columns: Canonical column to its mapping.
    """

    entity: Annotated[str, BeforeValidator(_entity)]
    name: Name = Field(alias="block")
    extract: Extract
    explode: Explode | None = None
    where: Expression | None = None
    tombstone: StrictBool = False
    key: dict[str, Expression] = Field(min_length=1, max_length=1)
    complete: Complete | None = None
    columns: dict[str, ColumnMapping] = Field(default_factory=dict)

    @property
    def key_column(self) -> str:
        """Name of the entity's key column."""
        return next(iter(self.key))

    @property
    def key_expression(self) -> str:
        """Expression of the key over a Bronze row."""
        return next(iter(self.key.values()))

    @property
    def only_keys(self) -> bool:
        """The block says which keys exist or are gone, and nothing about them."""
        return self.tombstone or self.extract.mode == "keys"

    @property
    def completeness(self) -> Complete | None:
        """What the block covers: as written, else the whole table for modes that read it whole and keep no state."""
        if self.complete is None and self.extract.mode in {"snapshot", "keys"} and not self.tombstone:
            return Complete(within="table")
        return self.complete

    @model_validator(mode="after")
    def _only_keys_where_only_keys_count(self) -> Block:
        if self.only_keys and self.columns:
            kind = "a tombstone block" if self.tombstone else "a block of mode keys"
            raise ValueError(f"{kind} has only `key`: remove `columns`")
        if not self.only_keys and not self.columns:
            raise ValueError("`columns` is missing")
        if self.tombstone and self.complete:
            raise ValueError("a tombstone block covers nothing: remove `complete`")
        if self.tombstone and self.extract.mode not in WINDOWED_MODES:
            raise ValueError(f"a tombstone block reads deletions as they happen, not in mode {self.extract.mode}")
        return self


class Mapping(_Part):
    """One mapping file: a source, its code maps and its entities.

    Attributes:
        mapping: Version of the grammar.
        source: The source.
        codes: Code map name to code map.
        entities: Canonical entity to the blocks that feed it.
    """

    mapping: Literal["v1"]
    source: Source
    codes: dict[Name, CodeMap] = Field(default_factory=dict)
    entities: dict[str, tuple[Block, ...]] = Field(min_length=1)

    _path: Path = PrivateAttr(default=Path("<memory>"))
    _positions: dict[tuple[str | int, ...], tuple[int, int]] = PrivateAttr(default_factory=dict)
    _version: str = PrivateAttr(default="")

    @model_validator(mode="before")
    @classmethod
    def _blocks_know_their_entity(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("entities"), dict):
            return data
        entities = {
            entity: [_with_entity(block, entity) for block in blocks] if isinstance(blocks, list) else blocks
            for entity, blocks in data["entities"].items()
        }
        return {**data, "entities": entities}

    @model_validator(mode="after")
    def _set_version(self) -> Mapping:
        content = self.model_dump(mode="json", exclude={"source": {"owner", "fiscal_calendar", "personal_data"}})
        for blocks in content["entities"].values():
            for block in blocks:
                for column in block["columns"].values():
                    for remark in ("note", "owner", "status"):
                        del column[remark]
        text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        self._version = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def version(self) -> str:
        """Hash of all that decides what Silver gets: not of notes, owners, layout and what only Gold shows."""
        return self._version

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks of all entities, in the order of the file."""
        return tuple(block for blocks in self.entities.values() for block in blocks)

    def block(self, entity: str, name: str) -> Block | None:
        """The block of that entity and name, or None."""
        return next((block for block in self.entities.get(entity, ()) if block.name == name), None)

    def where(self, *path: str | int) -> str:
        """`file:line:column` of a place given by keys and list positions, or of the nearest place around it."""
        while path and path not in self._positions:
            path = path[:-1]
        line, column = self._positions.get(path, (1, 1))
        return f"{self._path}:{line}:{column}"

    def where_block(self, block: Block, *path: str | int) -> str:
        """`file:line:column` of a place inside a block."""
        index = next((i for i, b in enumerate(self.entities.get(block.entity, ())) if b.name == block.name), 0)
        return self.where("entities", block.entity, index, *path)


def _with_entity(block: Any, entity: str) -> Any:
    if not isinstance(block, dict):
        return block
    return {**block, "entity": _NAMED_TWICE if "entity" in block else entity}
