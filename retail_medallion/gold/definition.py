"""What a Gold table is made of: the classes its declaration uses.

Belongs here: the vocabulary of `tables/*.py`. Does not belong here: any table, any SQL that runs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from retail_medallion.gold import keys

Kind = Literal["dimension", "bridge", "history", "fact", "mart"]

ADDED_MONEY = "numeric(38,4)"
"""Type of what is added up, subtracted or multiplied: it holds 100,000 products of Silver's largest quantity and price,
and any sum of its amounts, where Silver's own numeric(18,4) would stop a run over one wild row."""

ADDED_QUANTITY = "numeric(38,3)"
"""The same for quantities."""


@dataclass(frozen=True)
class Column:
    """One stored column.

    Attributes:
        name: Its name.
        type: PostgreSQL type.
        meaning: What it holds, in words.
        nullable: Whether it may be empty.
        references: Table whose key it is, enforced by a foreign key.
        inferred: In a dimension, the value of a member nothing is known about: an SQL expression over `id` (its source
            key), `key` (its surrogate key) and `label` (a name to show); None means NULL.
    """

    name: str
    type: str
    meaning: str
    nullable: bool = False
    references: str | None = None
    inferred: str | None = None


@dataclass(frozen=True)
class Consumes:
    """A change of `entity` (of Silver, or a Gold table) is pending for the table under the values of `role`.

    Attributes:
        entity: Silver entity or Gold table.
        role: Column of the entity whose values, before and after the change, name what has to be recomputed.
    """

    entity: str
    role: str


@dataclass(frozen=True)
class Notifies:
    """A changed row is pending for another Gold table under a value it had before, and under the one it has now.

    Attributes:
        consumer: The Gold table that is told.
        role: The role it is told under.
        value: SQL over the changed row's columns that gives the id; None means the column `role`. Nothing is told where
            it is NULL or the key of the member *not applicable*.
        columns: The consumer is told only where one of these differs; empty means any difference. A row that is new or
            gone is always told.
    """

    consumer: str
    role: str
    value: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A CHECK constraint; the condition is SQL over the table's columns."""

    name: str
    condition: str


@dataclass(frozen=True)
class Exclusion:
    """An EXCLUDE constraint; the definition is what follows the word, such as `USING gist (key WITH =, ...)`."""

    name: str
    definition: str


@dataclass(frozen=True)
class GoldTable:
    """One table of Gold and how it is computed from current Silver.

    The SQL texts may use the parameters `%(source)s` and `%(horizon)s::date` (the first day the source has not
    delivered whole, see `horizon`), and the placeholders `{scope}` (a table with the column `id`: what is recomputed)
    and `{wanted}` (a table of `role` and `id`: what was pending or mentioned).

    Attributes:
        name: Table name in the schema `gold`.
        kind: What the table is for. A bridge joins a dimension with many members of another; a history has the states
            of a dimension's members over time.
        grain: What one row is.
        question: The business question a query on it answers.
        example: That query.
        columns: Stored columns in order, without `row_hash`, which every table has.
        primary_key: Columns of the primary key.
        select: Computes the rows of the scope. Beside the stored columns it gives, for every reference to a dimension,
            the source key behind it under the column's name followed by `_of`: needed for inferred members, not stored.
        scope_column: The stored column that tells which scope id a row belongs to.
        scope_value: SQL over `id` that turns a scope id into a value of that column.
        all_ids: Every scope id of the source.
        entity: The Silver entity whose key the surrogate key is made from; None for a mart.
        id_column: The column holding the source's own key, in a dimension.
        consumes: Whose changes concern it.
        expand: Turns `{wanted}` into scope ids; None where a wanted id is a scope id.
        waiting: Scope ids that could not be placed yet, as (role, id): they stay pending.
        notifies: Gold tables to be told of changed rows.
        mentions: Ids the partition itself concerns where the day was reflected before; None where those are the keys in
            the consumed entities' versions. Uses `%(day)s`.
        horizon: Scope ids whose rows change when the data horizon moves from `%(reached)s::date`, where it was when the
            table was last written (NULL at first), to `%(horizon)s::date`.
        stored: Query of the stored rows `t.*` of the scope, where a scope id is not a value of one column.
        day_column: The column that tells which day a row belongs to, where that is not `silver_partition`.
        silver_inputs: Silver entities of the same day that are upstream.
        gold_inputs: Gold tables of the same day that are upstream.
        months: Dates of the rows to be written, for a table partitioned by month of `partition_column`. Silver only.
        partition_column: Date column the table is partitioned by.
        unique: Further unique keys.
        checks: CHECK constraints.
        excludes: EXCLUDE constraints.
        indexes: Further indexes: columns, and columns included.
        brin: Date columns that follow the order of arrival.
        cascades: Tables whose rows go when a row of this one goes.
        loosens: Tables whose reference to a row of this one becomes empty when it goes.
        has_source: Whether every row belongs to one source; the calendar does not.
        always: The whole scope is recomputed in every run: for tables that are small and read settings, not rows.
        reads_findings: It reads what is found wrong in Silver, which is brought up to date before it is written.
        is_whole: Its rows depend on the whole history, so they are computed together, for no day, when anything
            changed. Its only scope id is `ALL`.
    """

    name: str
    kind: Kind
    grain: str
    question: str
    example: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    select: str
    scope_column: str
    scope_value: str
    all_ids: str
    entity: str | None = None
    id_column: str | None = None
    consumes: tuple[Consumes, ...] = ()
    expand: str | None = None
    waiting: str | None = None
    horizon: str | None = None
    stored: str | None = None
    day_column: str | None = None
    notifies: tuple[Notifies, ...] = ()
    mentions: str | None = None
    silver_inputs: tuple[str, ...] = ()
    gold_inputs: tuple[str, ...] = ()
    months: str | None = None
    partition_column: str | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    checks: tuple[Check, ...] = ()
    excludes: tuple[Exclusion, ...] = ()
    indexes: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    brin: tuple[str, ...] = ()
    cascades: tuple[str, ...] = ()
    loosens: tuple[str, ...] = ()
    has_source: bool = True
    always: bool = False
    reads_findings: bool = False
    is_whole: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the stored columns without `row_hash`."""
        return tuple(column.name for column in self.columns)

    @property
    def day_of_row(self) -> str | None:
        """The column that tells which day a row belongs to, if there is one."""
        return self.day_column or ("silver_partition" if "silver_partition" in self.column_names else None)

    @property
    def dimension_references(self) -> dict[str, str]:
        """Columns that point at a member of a dimension of the source, and that dimension."""
        return {
            c.name: c.references
            for c in self.columns
            if c.references is not None and c.references.startswith("dim_") and c.references not in UNMANAGED
        }

    @property
    def inferring(self) -> dict[str, str]:
        """The references whose members it may infer; one computed from Gold only meets members its facts have."""
        from_gold = all(consumed.entity.startswith(("dim_", "fct_")) for consumed in self.consumes)
        return {} if from_gold else self.dimension_references

    @property
    def has_members(self) -> bool:
        """Whether it holds members of one source, which may be inferred."""
        return self.id_column is not None

    @property
    def shape(self) -> str:
        """Hash of what its definition in the database depends on: a change needs another table."""
        columns = [(c.name, c.type, c.nullable, c.references) for c in self.columns]
        return _digest(
            columns,
            self.primary_key,
            self.partition_column,
            self.unique,
            self.checks,
            self.excludes,
            self.indexes,
            self.brin,
        )

    @property
    def content(self) -> str:
        """Hash of what its rows depend on: a change needs every row computed anew."""
        inferred = [c.inferred for c in self.columns]
        return _digest(
            self.shape,
            inferred,
            self.select,
            self.all_ids,
            self.expand,
            self.waiting,
            self.horizon,
            self.consumes,
            self.scope_value,
            keys.CREATE_FUNCTIONS,
        )

    @property
    def version(self) -> str:
        """Hash of the whole declaration, words included."""
        return _digest(self)


ALL = "all"
"""The scope id of a table that is computed as a whole; its facts tell it under this value."""

UNMANAGED = frozenset({"dim_date", "dim_source"})
"""Dimensions without members of one source: the calendar and the list of sources."""


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def member_columns(id_column: str, key: str) -> tuple[Column, ...]:
    """The columns every dimension of a source begins with.

    Args:
        id_column: The column of the source's own key.
        key: The surrogate key.
    """
    return (
        Column(key, "uuid", "surrogate key"),
        Column("source_system", "text", "source the member belongs to; empty for the fixed members"),
        Column(id_column, "text", "key of the member in its source"),
        Column("tenant", "text", "retailer that owns the source; empty for the fixed members"),
        Column(
            "is_inferred",
            "boolean",
            "a fact refers to the member and nothing else is known about it yet",
            inferred="true",
        ),
        Column("is_deleted", "boolean", "the source deleted it", inferred="false"),
        Column("silver_partition", "date", "partition of the Silver row it was made from", nullable=True),
    )


def provenance_columns() -> tuple[Column, ...]:
    """The columns every fact begins with."""
    return (Column("source_key", "uuid", "source of the row", references="dim_source"),)
