"""What a standardiser is: SQL that cleans one value, and SQL that says when the value cannot be cleaned.

A standardiser never touches a row. It writes DuckDB expressions in steps, each a column of a SELECT nested in the next
one, so that nothing is computed twice: `t` (the mapped value, as text where the cleaning works on text), `in` (noise
and null tokens gone), whatever it needs in between, and at last `v` (the canonical form, NULL where there is none).
Its checks are conditions over these columns.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from retail_medallion.errors import MappingError
from retail_medallion.model import Column

Severity = Literal["by_need", "reject", "warn"]
"""`by_need`: the value becomes NULL; that rejects the row where the column is required, else it is a warning."""

Family = Literal[
    "blob", "boolean", "date", "decimal", "float", "integer", "json", "list", "null", "other", "struct", "text",
    "timestamp", "timestamptz", "uuid",
]  # fmt: skip

PARTITION_DAY = '"p:day"'
"""Name of the column that holds the partition: the last day the source can have recorded anything in."""

PARTITION_END = '"p:end"'
"""Name of the column that holds the first moment that is too late for anything recorded: clocks may be a day ahead."""

_EXACT_FAMILIES: dict[str, Family] = {
    "BLOB": "blob",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "float",
    "FLOAT": "float",
    "JSON": "json",
    "NULL": "null",
    '"NULL"': "null",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
    "VARCHAR": "text",
}
_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"})


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(value: bool | int | str | dt.date | dt.datetime | None) -> str:  # noqa: FBT001 - a value, not a switch
    """A DuckDB literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dt.datetime):
        return f"TIMESTAMPTZ '{value.isoformat(sep=' ')}'"
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'"
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def family_of(duckdb_type: str) -> Family:
    """Which kind of values a DuckDB type holds."""
    name = duckdb_type.upper()
    if name in _EXACT_FAMILIES:
        return _EXACT_FAMILIES[name]
    if name.removeprefix("U") in _INTEGERS:
        return "integer"
    if name.endswith("]"):
        return "list"
    for prefix, family in (("DECIMAL", "decimal"), ("ENUM", "text"), ("STRUCT", "struct"), ("MAP", "struct")):
        if name.startswith(prefix):
            return family  # type: ignore[return-value]
    return "other"


@dataclass(frozen=True)
class RowSettings:
    """What holds for all rows of one source.

    Attributes:
        source: Code of the source.
        timezone: IANA zone of the source.
        country: ISO 3166-1 alpha-2 code used where a row names no country.
        currency: ISO 4217 code used where a row names no currency.
        language: Language of the source.
        tenant: The retailer.
        tax_included: Prices contain tax where a row does not say.
        day_cutoff: Local time at which a trading day starts.
    """

    source: str
    timezone: str
    country: str
    currency: str
    language: str
    tenant: str
    tax_included: bool = False
    day_cutoff: dt.time = dt.time(0, 0)


@dataclass(frozen=True)
class Fetched:
    """A value as the mapping fetched it.

    Attributes:
        column: The canonical column it is for.
        sql: Expression of the mapped value.
        type: DuckDB type of the mapped value.
        settings: What holds for the whole partition.
        codes: Canonical values of the column's code list.
        timezone: Zone in which times without a zone are read.
        null_values: Texts that mean "no value" inside of a list; single ones are gone already.
        rating_scale: Lowest and highest rating of the source.
    """

    column: Column
    sql: str
    type: str
    settings: RowSettings
    codes: Sequence[str] = ()
    timezone: str | None = None
    null_values: Sequence[str] = ()
    rating_scale: tuple[Decimal, Decimal] = (Decimal(1), Decimal(5))

    @property
    def family(self) -> Family:
        """Kind of the mapped value."""
        return family_of(self.type)

    @property
    def zone(self) -> str:
        """Zone of times without a zone, as a literal."""
        return literal(self.timezone or self.settings.timezone)

    def at(self, step: str) -> str:
        """Name of the column that holds the outcome of a step."""
        return quoted(f"{step}:{self.column.name}")

    @property
    def fetched(self) -> str:
        """Name of the column that holds the mapped value."""
        return self.at("t")

    @property
    def prepared(self) -> str:
        """Name of the column that holds the value without noise."""
        return self.at("in")

    @property
    def value(self) -> str:
        """Name of the column that holds the canonical value."""
        return self.at("v")

    def text(self) -> str:
        """Expression of the mapped value as text.

        Raises:
            MappingError: The value has no text form.
        """
        if self.family == "json":
            return f"({self.sql} ->> '$')"
        if self.family in {"blob", "list", "struct"}:
            raise self.unfit("text, a number, a date or true/false")
        return self.sql if self.type.upper() == "VARCHAR" else f"CAST({self.sql} AS VARCHAR)"

    def unfit(self, wanted: str) -> MappingError:
        """The error for a value of a type that this column cannot be made from."""
        return MappingError(
            f"A value of type {self.type} cannot become {self.column.name} ({self.column.type}).",
            where=f"column {self.column.name}",
            why=f"its cleaning, {self.column.standardise}, takes {wanted}",
            fix="Convert it in the column's expression.",
        )


@dataclass(frozen=True)
class Check:
    """A condition under which a rule fires.

    Attributes:
        rule: Id of the rule.
        when: DuckDB condition over the prepared and the canonical value; NULL does not fire.
        message: What is wrong, for people.
        severity: What happens to the row.
    """

    rule: str
    when: str
    message: str
    severity: Severity = "by_need"


@dataclass(frozen=True)
class Cleaning:
    """How one value is cleaned.

    Attributes:
        steps: Expressions by the name of their step; each sees the columns of the steps before it. The last has `v`.
        checks: When rules fire.
        needs_country: The value is read with the row's country, so it comes after it.
        gives: What the value says about other columns of the row, taken where they are empty: expressions over the
            steps, by column.
    """

    steps: Sequence[Mapping[str, str]]
    checks: Sequence[Check] = ()
    needs_country: bool = False
    gives: Mapping[str, str] = field(default_factory=dict)


def text_steps(fetched: Fetched, clean: Callable[[str], str]) -> tuple[dict[str, str], ...]:
    """The first two steps of a cleaning that works on text."""
    return {"t": fetched.text()}, {"in": clean(fetched.fetched)}


def not_readable(fetched: Fetched, rule: str, message: str) -> Check:
    """The check of a standardiser whose canonical value is NULL exactly where the prepared one cannot be read."""
    return Check(rule, f"{fetched.prepared} IS NOT NULL AND {fetched.value} IS NULL", message)


_WHITESPACE = r"[\s\p{Z}\x{85}\x{1C}-\x{1F}]+"
# Controls, soft hyphen, zero-width and direction marks: invisible, so two texts that look the same would differ.
_INVISIBLE = (
    r"[\p{Cc}\x{AD}\x{61C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{206F}\x{FEFF}]+"
)
_ALREADY_CLEAN = "[!-~]+( [!-~]+)*"
_EDGES = r"^[\s\p{Z}]+|[\s\p{Z}]+$"
_NULL_TOKENS = ("null", "n/a", "-", r"\n")
_LONGEST_NULL_TOKEN = max(map(len, _NULL_TOKENS))


def clean_text(text: str) -> str:
    """Unicode NFC, one space for any whitespace, nothing invisible, no outer spaces; '' becomes NULL."""
    spaced = f"regexp_replace({text}, '{_WHITESPACE}', ' ', 'g')"
    visible = f"nfc_normalize(regexp_replace({spaced}, '{_INVISIBLE}', '', 'g'))"
    cleaned = f"nullif(trim(regexp_replace({visible}, ' +', ' ', 'g')), '')"
    return f"CASE WHEN regexp_full_match({text}, '{_ALREADY_CLEAN}') THEN {text} ELSE {cleaned} END"


def clean_token(text: str) -> str:
    """`clean_text`, and the usual ways of writing "nothing" become NULL.

    Args:
        text: Name of a column: it stands in the expression several times.
    """
    tokens = ", ".join(literal(token) for token in _NULL_TOKENS)
    cleaned = clean_text(text)
    return (
        f"CASE WHEN regexp_full_match({text}, '{_ALREADY_CLEAN}')"
        f" THEN CASE WHEN length({text}) > {_LONGEST_NULL_TOKEN} OR lower({text}) NOT IN ({tokens}) THEN {text} END"
        f" WHEN lower({cleaned}) NOT IN ({tokens}) THEN {cleaned} END"
    )


def clean_key(text: str) -> str:
    """No control characters, no outer whitespace, otherwise as the source writes it; '' becomes NULL."""
    cleaned = f"nullif(regexp_replace(regexp_replace({text}, '\\p{{Cc}}+', '', 'g'), '{_EDGES}', '', 'g'), '')"
    return f"CASE WHEN regexp_full_match({text}, '{_ALREADY_CLEAN}') THEN {text} ELSE {cleaned} END"


def numeric_type(column: Column) -> str:
    """The DuckDB type of a column declared as numeric(p,s)."""
    match = re.fullmatch(r"numeric\((\d+),(\d+)\)", column.type)
    if match is None:
        raise MappingError(f"The column {column.name} is declared as {column.type}, which is not numeric(p,s).")
    return f"DECIMAL({match[1]},{match[2]})"
