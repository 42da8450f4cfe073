"""The tables of Silver as SQLAlchemy definitions, made from the canonical model."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.types import TypeEngine

from retail_medallion.errors import ModelError
from retail_medallion.model import CanonicalModel, Entity

metadata = sa.MetaData()

PENDING_SEQUENCE = sa.Sequence("pending_seq", schema="meta", metadata=metadata)

_PLAIN_TYPES: dict[str, TypeEngine[Any]] = {
    "text": sa.Text(),
    "integer": sa.Integer(),
    "bigint": sa.BigInteger(),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamptz": pg.TIMESTAMP(timezone=True),
    "jsonb": pg.JSONB(),
    "uuid": pg.UUID(),
    "text[]": pg.ARRAY(sa.Text()),
}
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_CHARACTERS = re.compile(r"(var)?char\((\d+)\)")


def column_type(declared: str) -> TypeEngine[Any]:
    """The SQLAlchemy type of a PostgreSQL type as the model writes it.

    Raises:
        ModelError: The model uses a type Silver has no rule for.
    """
    if declared in _PLAIN_TYPES:
        return _PLAIN_TYPES[declared]
    if match := _NUMERIC.fullmatch(declared):
        return sa.Numeric(int(match[1]), int(match[2]))
    if match := _CHARACTERS.fullmatch(declared):
        return sa.String(int(match[2])) if match[1] else sa.CHAR(int(match[2]))
    raise ModelError(
        f"Silver has no rule for the PostgreSQL type {declared!r}.", fix="Use one of the types in docs/model.md."
    )


def _business_columns(entity: Entity, *, enforce_required: bool) -> list[sa.Column[Any]]:
    columns: list[sa.Column[Any]] = []
    for column in entity:
        required = column.name == entity.key or (enforce_required and column.required)
        columns.append(sa.Column(column.name, column_type(column.type), nullable=not required, comment=column.meaning))
    return columns


def _provenance_columns(*, is_deleted_required: bool) -> list[sa.Column[Any]]:
    instant = pg.TIMESTAMP(timezone=True)
    return [
        sa.Column("is_deleted", sa.Boolean(), nullable=not is_deleted_required),
        sa.Column("deleted_at", instant),
        sa.Column("source_created_at", instant),
        sa.Column("source_updated_at", instant),
        sa.Column("record_hash", pg.UUID(), nullable=True),
        sa.Column("load_id", pg.UUID(), nullable=False),
        sa.Column("bronze_row", sa.BigInteger(), nullable=False),
        sa.Column("ingested_at", instant, nullable=False),
        sa.Column("dq_flags", pg.ARRAY(sa.Text()), nullable=False),
        sa.Column("extras", pg.JSONB()),
    ]


def versions_table(entity: Entity, into: sa.MetaData | None = None) -> sa.Table:
    """`silver_versions.<entity>`: the system of record, one row per key and partition.

    Business columns are nullable because a tombstone or a presence row carries only its key.
    """
    return sa.Table(
        entity.entity,
        into if into is not None else sa.MetaData(),
        sa.Column("source_system", sa.Text(), nullable=False),
        *_business_columns(entity, enforce_required=False),
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("op", sa.CHAR(1), nullable=False),
        *_provenance_columns(is_deleted_required=False),
        sa.PrimaryKeyConstraint("source_system", entity.key, "partition_date"),
        sa.CheckConstraint("op IN ('U', 'D', 'P')", name=f"{entity.entity}_op"),
        sa.Index(f"{entity.entity}_by_partition", "source_system", "partition_date"),
        schema="silver_versions",
        postgresql_partition_by="RANGE (partition_date)",
        comment=f"{entity.description} Every version, one row per key and daily partition.",
    )


def _joined_columns(entity: Entity) -> tuple[str, ...]:
    """Columns by whose value findings look for rows of the entity, beside its key."""
    references = [c.name for c in entity if c.references]
    drivers = [driver.partition(".") for finding in entity.findings for driver in finding.drivers]
    own = [finding.scope for finding in entity.findings]
    named = [column for name, _, column in drivers if name == entity.entity and column]
    wanted = dict.fromkeys([*references, *entity.distinct, *own, *named])
    return tuple(name for name in wanted if name in entity.columns and name != entity.key)


def _join_indexes(entity: Entity) -> list[sa.Index]:
    """The indexes those look-ups use; rows without a value are in none of them."""
    made = []
    for name in _joined_columns(entity):
        column = entity.columns[name]
        if column.delete_scope:
            continue  # The current table has that one anyway.
        present = sa.text(f'"{name}" IS NOT NULL')
        if column.type.endswith("[]"):
            made.append(sa.Index(f"{entity.entity}_by_{name}", name, postgresql_using="gin", postgresql_where=present))
        else:
            made.append(sa.Index(f"{entity.entity}_by_{name}", "source_system", name, postgresql_where=present))
    return made


def current_table(entity: Entity, into: sa.MetaData | None = None) -> sa.Table:
    """`silver.<entity>`: the current state, one row per key, deleted keys flagged and kept."""
    scopes = [c.name for c in entity if c.delete_scope]
    return sa.Table(
        entity.entity,
        into if into is not None else sa.MetaData(),
        sa.Column("source_system", sa.Text(), nullable=False),
        *_business_columns(entity, enforce_required=True),
        *_provenance_columns(is_deleted_required=True),
        sa.Column("winner_partition", sa.Date(), nullable=False, comment="partition of the version that won"),
        sa.Column("effective_partition", sa.Date(), nullable=False, comment="partition that settled the state"),
        sa.PrimaryKeyConstraint("source_system", entity.key),
        *(sa.Index(f"{entity.entity}_by_{name}", "source_system", name) for name in scopes),
        *_join_indexes(entity),
        sa.Index(f"{entity.entity}_by_winner", "source_system", "winner_partition"),
        schema="silver",
        comment=f"{entity.description} Current state, one row per key.",
    )


source = sa.Table(
    "source",
    metadata,
    sa.Column("source_system", sa.Text(), primary_key=True),
    sa.Column("tenant", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("timezone", sa.Text(), nullable=False),
    sa.Column("currency", sa.Text(), nullable=False),
    sa.Column("country", sa.Text()),
    sa.Column("language", sa.Text()),
    sa.Column("first_partition", sa.Date(), nullable=False),
    sa.Column("mapping_version", sa.Text(), nullable=False),
    sa.Column("fiscal_first_month", sa.Integer(), nullable=False, server_default=sa.text("1")),
    sa.Column("fiscal_pattern", sa.Text(), nullable=False, server_default=sa.text("'calendar'")),
    sa.Column(
        "shows_personal_data",
        sa.Boolean(),
        nullable=False,
        server_default=sa.text("false"),
        comment="whether Gold shows names, e-mail addresses and phone numbers of customers",
    ),
    schema="silver_meta",
    comment="One row per retailer's application database.",
)

_PARTITION: list[tuple[str, TypeEngine[Any]]] = [
    ("source_system", sa.Text()),
    ("entity", sa.Text()),
    ("partition_date", sa.Date()),
]
_COUNTS = ["rows_read", "filtered", "mapped", "accepted", "rejected", "superseded"]

partition_state = sa.Table(
    "partition_state",
    metadata,
    *(sa.Column(name, type_, primary_key=True) for name, type_ in _PARTITION),
    sa.Column("load_id", pg.UUID(), nullable=False),
    sa.Column("mode", sa.Text(), nullable=False),
    sa.Column("observed", sa.Boolean(), nullable=False),
    *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
    sa.Column("rejections", pg.JSONB(), nullable=False),
    sa.Column("warnings", pg.JSONB(), nullable=False),
    sa.Column("control_totals", pg.JSONB(), nullable=False),
    sa.Column("covered_rows", pg.JSONB(), comment="rows of each block that was read as the whole table of the day"),
    schema="silver_meta",
    comment="What each Silver partition holds now: the load it came from, its counts and its control totals.",
)

load = sa.Table(
    "load",
    metadata,
    sa.Column("load_id", pg.UUID(), primary_key=True),
    *(sa.Column(name, type_, nullable=False) for name, type_ in _PARTITION),
    sa.Column("mapping_version", sa.Text(), nullable=False),
    sa.Column("model_version", sa.Text(), nullable=False),
    sa.Column("bronze_objects", pg.JSONB(), nullable=False),
    schema="silver_meta",
    comment="What a load was made from. The id is a hash of it, so the same input gives the same id.",
)

load_run = sa.Table(
    "load_run",
    metadata,
    sa.Column("load_id", pg.UUID(), sa.ForeignKey("silver_meta.load.load_id", ondelete="CASCADE"), nullable=False),
    sa.Column("run_id", sa.Text(), nullable=False),
    sa.Column("started_at", pg.TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("seconds", sa.Numeric(12, 3), nullable=False),
    sa.PrimaryKeyConstraint("load_id", "run_id"),
    schema="silver_meta",
    comment="When and by which run a load was done: the only wall-clock facts of Silver.",
)

scope_seen = sa.Table(
    "scope_seen",
    metadata,
    sa.Column("entity", sa.Text(), primary_key=True),
    sa.Column("source_system", sa.Text(), primary_key=True),
    sa.Column("scope_key", sa.Text(), primary_key=True, comment="'*' for a whole table, else the key of the document"),
    sa.Column("partition_date", sa.Date(), primary_key=True),
    sa.Index("scope_seen_by_partition", "entity", "source_system", "partition_date"),
    schema="silver_meta",
    comment="What an extract covered: a key inside the scope and not in the extract is gone.",
)

rejected_row = sa.Table(
    "rejected_row",
    metadata,
    *(sa.Column(name, type_, primary_key=True) for name, type_ in _PARTITION),
    sa.Column("block", sa.Text(), primary_key=True),
    sa.Column("bronze_row", sa.BigInteger(), primary_key=True),
    sa.Column(
        "mapped_row", sa.BigInteger(), primary_key=True, comment="position among the rows one Bronze row maps to"
    ),
    sa.Column("source_key", sa.Text()),
    sa.Column("raw", pg.JSONB(), nullable=False),
    sa.Column("mapped", pg.JSONB(), nullable=False),
    sa.Column("reasons", pg.JSONB(), nullable=False),
    sa.Column("load_id", pg.UUID(), nullable=False),
    sa.Index("rejected_row_by_key", "entity", "source_system", "source_key"),
    schema="silver_quarantine",
    comment="Rows refused on evidence inside the row, with all rules they break. Replaced with their partition.",
)

consumer = sa.Table(
    "consumer",
    metadata,
    sa.Column("consumer", sa.Text(), primary_key=True),
    sa.Column("entity", sa.Text(), primary_key=True),
    sa.Column("role", sa.Text(), primary_key=True, comment="the column of the entity whose values the consumer wants"),
    schema="meta",
    comment="Which table wants to know about changes of which entity.",
)

pending = sa.Table(
    "pending",
    metadata,
    sa.Column("consumer", sa.Text(), primary_key=True),
    sa.Column("source_system", sa.Text(), primary_key=True),
    sa.Column("role", sa.Text(), primary_key=True),
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("seq", sa.BigInteger(), PENDING_SEQUENCE, nullable=False, server_default=PENDING_SEQUENCE.next_value()),
    sa.Column(
        "since",
        pg.TIMESTAMP(timezone=True),
        nullable=False,
        server_default=sa.text("now()"),
        comment="when it became pending; a further change raises seq and leaves it",
    ),
    schema="meta",
    comment="Keys whose change a consumer has not taken up yet. Empty means up to date.",
)

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("rule", sa.Text(), nullable=False, comment="full id of the rule; silver_meta.finding_rule has its words"),
    sa.Column("source_system", sa.Text(), nullable=False),
    sa.Column("entity", sa.Text(), nullable=False),
    sa.Column("id", sa.Text(), nullable=False, comment="key of the row it speaks of"),
    sa.Column("scope", sa.Text(), nullable=False, comment="what was looked at: a sale, a product, a shared value"),
    sa.Column(
        "as_of_partition", sa.Date(), nullable=False, comment="partition that settled the state of the row it speaks of"
    ),
    sa.Column("expected", sa.Text()),
    sa.Column("actual", sa.Text()),
    sa.Column("delta", sa.Numeric(), comment="actual less expected, where both are numbers"),
    sa.Column("severity", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("source_system", "rule", "scope", "id"),
    sa.Index("finding_by_id", "source_system", "rule", "id"),
    schema="silver_meta",
    comment="What is wrong across rows now. A function of current Silver; no row is refused for it.",
)

finding_rule = sa.Table(
    "finding_rule",
    metadata,
    sa.Column("source_system", sa.Text(), primary_key=True),
    sa.Column("rule", sa.Text(), primary_key=True),
    sa.Column("entity", sa.Text(), nullable=False),
    sa.Column("column_name", sa.Text(), nullable=False),
    sa.Column("message", sa.Text(), nullable=False),
    sa.Column("severity", sa.Text(), nullable=False),
    sa.Column("version", sa.Text(), nullable=False, comment="the declaration its findings were made by"),
    schema="silver_meta",
    comment="The finding rules that hold for a source, in words.",
)

erasure = sa.Table(
    "erasure",
    metadata,
    sa.Column("source_system", sa.Text(), primary_key=True),
    sa.Column("entity", sa.Text(), primary_key=True, comment="the entity of the subject"),
    sa.Column("id", sa.Text(), primary_key=True, comment="key of the subject in its source"),
    sa.Column("requested_at", pg.TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("reason", sa.Text(), comment="a reference, such as the number of the request; no personal data"),
    schema="silver_meta",
    comment="Whose personal data is kept out of Silver: taken out when asked for, and of every load since.",
)

SCHEMAS = ("meta", "silver", "silver_versions", "silver_meta", "silver_quarantine")


def model_metadata(model: CanonicalModel) -> sa.MetaData:
    """All tables of the canonical model, current and versioned."""
    into = sa.MetaData()
    for entity in model.entities.values():
        versions_table(entity, into)
        current_table(entity, into)
    return into
