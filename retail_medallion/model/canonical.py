"""The canonical retail model, read from `entities/*.yml` and `codes/*.yml`.

The YAML files are the one definition of what Silver holds: table definitions, casts, cleaning, rules, column schemas
in Dagster and documentation are made from the classes here. A new column is one line in one file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from retail_medallion.errors import ModelError

Severity = Literal["reject", "warn"]

Standardiser = Literal[
    "birth_date",
    "boolean",
    "business_date",
    "code",
    "compact_code",
    "country",
    "currency",
    "date",
    "decimal",
    "email",
    "enum",
    "gln",
    "gtin",
    "html_text",
    "identity",
    "integer",
    "json",
    "json_list",
    "key",
    "language",
    "lower_text",
    "money",
    "name",
    "phone",
    "planned_date",
    "planned_timestamp",
    "points",
    "postal_code",
    "public_text",
    "quantity",
    "rate",
    "rating",
    "reference",
    "reference_list",
    "region",
    "session",
    "sku",
    "text",
    "time_zone",
    "timestamp",
    "url",
]
"""The cleaning a canonical column names; a mapping only fetches values, the column decides how they are cleaned."""


class Sign(BaseModel):
    """Which way an amount counts, told by another column of the row; the source's own sign may say otherwise.

    Attributes:
        by: The enum column that decides.
        positive: Its values for which the amount is above zero.
        negative: Its values for which the amount is below zero. For all others the amount keeps its sign, or loses it
            where it is `absolute`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


class Column(BaseModel):
    """One business column of an entity.

    Attributes:
        name: Column name in Silver.
        type: PostgreSQL type.
        standardise: How a fetched value is cleaned.
        required: A row without a value is rejected.
        meaning: What the column holds, in words.
        codes: Name of the code list of an enum; `unknown` is always allowed beside it.
        references: Entity the value points at, within the same source.
        delete_scope: The column names the document whose absence of a row means deletion.
        of: The time column a business date is computed from where it is not mapped.
        currency: The currency column an amount is paired with.
        amount_when: DuckDB condition over the cleaned columns of the row under which the value is money; where it does
            not hold, it needs no currency.
        default: Value of a row that brings none.
        source_default: Setting of the source that is the value of a row that brings none.
        when_missing: DuckDB expression over the cleaned columns of the row, used where the value is missing.
        minimum: Smallest allowed value.
        maximum: Largest allowed value.
        absolute: The sign is dropped; the direction stands in another column.
        sign: The sign is set by another column, and a row that has it the other way round is flagged.
        not_self: The value may not be the row's own key.
        card_guard: A value that holds a payment card number rejects the row.
        pii: Personal data: taken out where the customer a row is about is erased.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: str
    standardise: Standardiser
    required: bool = False
    meaning: str
    codes: str | None = None
    references: str | None = None
    delete_scope: bool = False
    of: str | None = None
    currency: str | None = None
    amount_when: str | None = None
    default: bool | int | str | None = None
    source_default: Literal["currency", "country", "language", "timezone", "tax_included"] | None = None
    when_missing: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    absolute: bool = False
    sign: Sign | None = None
    not_self: bool = False
    card_guard: bool = False
    pii: bool = False


class Rule(BaseModel):
    """A rule of one row: it fires when the DuckDB expression over the cleaned columns is true.

    Attributes:
        id: Name of the rule; its full id is `<entity>.<id>`.
        severity: What happens to the row.
        column: The column it speaks of.
        when: The condition.
        filled: Instead of a condition: the column was empty, and `when_missing` gave its value.
        clears: Optional columns that become empty where the rule fires.
        message: What is wrong, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    severity: Severity
    column: str
    when: str | None = None
    filled: bool = False
    clears: tuple[str, ...] = ()
    message: str

    @model_validator(mode="after")
    def _has_one_condition(self) -> Rule:
        if (self.when is None) != self.filled:
            raise ValueError(f"the rule {self.id} needs either `when` or `filled`")
        return self


class Finding(BaseModel):
    """A rule that needs other rows: it never refuses a row, and is computed again when one of the rows changes.

    Attributes:
        id: Name of the rule; its full id is `<entity>.<id>`.
        column: The column it speaks of.
        message: What is wrong, in words.
        severity: `error` where the source contradicts itself, `warn` where somebody should look.
        scope: The column whose values tell what is looked at again; every entity of `drivers` has it.
        drivers: Entities a change of which the rule depends on, through their column `scope`, or `<entity>.<column>`
            where it is another one. The entity of the rule is among them.
        reach: PostgreSQL query that leads from the values of such other columns to scope ids. It may use `{wanted}`
            (role text, id text: the changed values by name of their column) and what `query` may use.
        query: PostgreSQL query that gives the findings: scope, id (key of the entity of the rule), expected, actual. It
            may use `{scope}` (id text: the scope ids looked at), `{<entity>}` (its live rows), `{all_<entity>}` (its
            deleted rows too), `{findings}` (what the rule has found so far) and the entity's own `relations`. A query
            without `{scope}` is computed as a whole each time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    column: str
    message: str
    severity: Literal["warn", "error"] = "warn"
    scope: str
    drivers: tuple[str, ...]
    reach: str | None = None
    query: str


JUDGED_ACROSS_ROWS = frozenset({"distinct", "relations", "findings"})
"""Settings of an entity that no row of Silver depends on."""


class Entity(BaseModel):
    """One canonical table: its key, its columns in order and its rules.

    Attributes:
        entity: Name of the table.
        description: What one row is.
        key: Column of the source's own key.
        columns: Business columns in order.
        ordered: Pairs of times of which the first may not be later than the second.
        rules: Rules of one row.
        distinct: Columns whose value belongs to one live key; that several share one is a finding.
        relations: Queries by name that several findings of the entity are made from.
        findings: Rules that need other rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: str
    description: str
    key: str
    columns: dict[str, Column]
    ordered: list[tuple[str, str]] = Field(default_factory=list)
    rules: list[Rule] = Field(default_factory=list)
    distinct: tuple[str, ...] = ()
    relations: dict[str, str] = Field(default_factory=dict)
    findings: list[Finding] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _columns_know_their_names(cls, data: Any) -> Any:
        columns = {name: {"name": name, **column} for name, column in data["columns"].items()}
        return {**data, "columns": columns}

    @model_validator(mode="after")
    def _names_exist(self) -> Entity:
        named = [self.key, *(name for pair in self.ordered for name in pair), *(rule.column for rule in self.rules)]
        named += [c.currency for c in self if c.currency] + [c.of for c in self if c.of]
        named += [c.sign.by for c in self if c.sign] + [name for rule in self.rules for name in rule.clears]
        named += [*self.distinct, *(finding.column for finding in self.findings)]
        unknown = sorted({name for name in named if name not in self.columns})
        if unknown:
            raise ValueError(f"{self.entity} names columns it does not have: {', '.join(unknown)}")
        for rule in self.rules:
            if rule.filled and self.columns[rule.column].when_missing is None:
                raise ValueError(f"the rule {rule.id} waits for `when_missing` of {rule.column}, which has none")
            if needed := [name for name in rule.clears if self.columns[name].required]:
                raise ValueError(f"the rule {rule.id} empties required columns: {', '.join(needed)}")
        return self

    def __iter__(self) -> Iterator[Column]:  # type: ignore[override]
        """Business columns in the order of the table."""
        return iter(self.columns.values())

    @property
    def money_columns(self) -> tuple[str, ...]:
        """Columns whose sums are control totals: amounts and quantities."""
        return tuple(c.name for c in self if c.standardise in {"money", "quantity", "points"})

    @property
    def links(self) -> dict[str, str]:
        """Reference columns and the entity each points at."""
        return {c.name: c.references for c in self if c.references}

    @property
    def tokens(self) -> tuple[str, ...]:
        """Columns made of session tokens, which are kept nowhere but in Bronze."""
        return tuple(c.name for c in self if c.standardise == "session")


TECHNICAL_COLUMNS: Mapping[str, str] = {
    "is_deleted": "boolean",
    "deleted_at": "timestamptz",
    "source_created_at": "timestamptz",
    "source_updated_at": "timestamptz",
    "extras": "jsonb",
}
"""Columns every entity has and a mapping may fill, with their PostgreSQL types."""


@dataclass(frozen=True)
class CanonicalModel:
    """All entities and code lists, with a version that changes when any of them does.

    Attributes:
        entities: Entity name to entity, in dependency-free alphabetical order.
        codes: Code list name to its values; `unknown` is not listed and always allowed.
        version: Hash of all that a row of Silver depends on; findings are no part of a row.
    """

    entities: Mapping[str, Entity]
    codes: Mapping[str, tuple[str, ...]]
    version: str

    def entity(self, name: str) -> Entity:
        """The entity of that name.

        Raises:
            ModelError: There is none.
        """
        try:
            return self.entities[name]
        except KeyError:
            known = ", ".join(self.entities)
            raise ModelError(
                f"There is no entity {name!r} in the canonical model.", fix=f"Use one of: {known}"
            ) from None


def _yaml_files(folder: Traversable) -> list[Traversable]:
    return sorted((f for f in folder.iterdir() if f.name.endswith(".yml")), key=lambda f: f.name)


def load_model(root: Traversable | None = None) -> CanonicalModel:
    """Read the model.

    Args:
        root: Folder with `entities/` and `codes/`; the shipped model where None.

    Raises:
        ModelError: A file is malformed, or names a column, entity or code list that does not exist.
    """
    return _shipped_model() if root is None else _read(root)


@cache
def _shipped_model() -> CanonicalModel:
    return _read(resources.files("retail_medallion.model"))


def _read(root: Traversable) -> CanonicalModel:
    content = hashlib.sha256()
    entities: dict[str, Entity] = {}
    for file in _yaml_files(root / "entities"):
        try:
            data = yaml.safe_load(file.read_text(encoding="utf-8"))
            entity = Entity.model_validate(data)
        except (ValidationError, yaml.YAMLError, KeyError, TypeError) as error:
            raise ModelError(
                "An entity of the canonical model is malformed.", where=file.name, why=str(error)
            ) from error
        entities[entity.entity] = entity
        of_rows = {name: value for name, value in data.items() if name not in JUDGED_ACROSS_ROWS}
        content.update(json.dumps(of_rows, default=str).encode())
    codes: dict[str, tuple[str, ...]] = {}
    for file in _yaml_files(root / "codes"):
        text = file.read_text(encoding="utf-8")
        content.update(text.encode())
        data = yaml.safe_load(text)
        codes[data["codes"]] = tuple(str(value) for value in data["values"])
    for entity in entities.values():
        for column in entity:
            if column.codes and column.codes not in codes:
                raise ModelError(
                    f"There is no code list {column.codes!r}.",
                    where=f"{entity.entity}.{column.name}",
                    fix="Add codes/*.yml",
                )
    return CanonicalModel(entities=entities, codes=codes, version=content.hexdigest()[:16])
