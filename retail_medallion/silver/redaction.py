"""What erasing a subject takes out of a row, in SQL, and of which rows.

Rows that arrive and rows that are stored go through the same expressions, and what is left depends on the row alone. So
erasing before a load and after it gives the same tables. The subjects are the parameter `ids`; a row is called `t`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.errors import ModelError
from retail_medallion.model import Entity
from retail_medallion.model.canonical import Column
from retail_medallion.silver import statements

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

SUBJECT = "customers"
"""The entity whose rows are people."""

ERASED = "[erased]"
"""What stands in a required column of personal data."""

_SUBJECTS = "SELECT id FROM silver_meta.erasure WHERE source_system = %(source)s AND entity = %(entity)s ORDER BY id"

_REDACT_ACCEPTED = "UPDATE pg_temp.accepted t SET {assignments} WHERE {named}"

# Keys as cleaning leaves them: a rejected row is kept as it was mapped.
_CONTROL_CHARACTERS = "[\\u0001-\\u001f\\u007f-\\u009f]+"
_EDGES = "^[\\s\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+"
_CLEAN_KEY = """
    regexp_replace(regexp_replace(regexp_replace(t.mapped ->> {name}, {controls}, '', 'g'), {start}, ''), {end}, '')
"""

# What was refused may stand in any column: of the values, only the keys that say whose row it is are kept.
_MAPPED = """
    (SELECT coalesce(jsonb_object_agg(m.name, CASE WHEN m.name = ANY({kept}) THEN m.value ELSE 'null' END), '{{}}')
     FROM jsonb_each(t.mapped) m (name, value))
"""
_REASONS = """
    (SELECT coalesce(jsonb_agg(r.content || '{"value": null}' ORDER BY r.place), '[]')
     FROM jsonb_array_elements(t.reasons) WITH ORDINALITY r (content, place))
"""


@dataclass(frozen=True)
class Redaction:
    """What is taken out of the rows of one entity.

    Attributes:
        columns: Its columns of personal data.
        named: Condition on a row: it is a subject's, or names one.
        assignments: What an UPDATE sets.
        differs: Condition on a row: there is something to take out.
        named_rejected: As `named`, of a rejected row.
        kept_of_rejected: `raw`, `mapped` and `reasons` of a rejected row without its values.
        redact_accepted: Redacts the staged accepted rows.
        insert_rejected: Puts the staged rejected rows into quarantine, redacted.
    """

    columns: tuple[str, ...]
    named: sql.Composed
    assignments: sql.Composed
    differs: sql.Composed
    named_rejected: sql.Composed
    kept_of_rejected: dict[str, sql.Composable]
    redact_accepted: sql.Composed
    insert_rejected: sql.Composed


def erased_subjects(cursor: Cursor, source: str) -> list[str]:
    """Keys of the subjects of a source whose personal data is not kept."""
    cursor.execute(_SUBJECTS, {"source": source, "entity": SUBJECT})
    return [id_ for (id_,) in cursor.fetchall()]


def redaction_of(entity: Entity) -> Redaction | None:
    """What is taken out of the rows of an entity; None where no row of it names a subject.

    Raises:
        ModelError: The entity has a column this cannot be done to.
    """
    subjects = _subject_columns(entity)
    if not subjects:
        return None
    personal = [column for column in entity if column.pii]
    values = {column.name: _redacted(entity, column) for column in personal} | {"extras": sql.SQL("NULL")}
    if personal:
        values["record_hash"] = _hash(entity, values)
    named = _any([sql.SQL("{} = ANY(%(ids)s::text[])").format(sql.Identifier("t", name)) for name in subjects])
    assignments = _listed([sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in values.items()])
    differs = [_differs(name, value) for name, value in values.items()]
    named_rejected = _named_rejected(entity, subjects)
    kept = {
        "raw": sql.SQL("'{}'::jsonb"),
        "mapped": sql.SQL(_MAPPED).format(kept=sql.Literal(sorted({entity.key, *subjects}))),
        "reasons": sql.SQL(_REASONS),
    }
    chosen = {
        name: sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(named_rejected, value, sql.Identifier("t", name))
        for name, value in kept.items()
    }
    return Redaction(
        columns=tuple(column.name for column in personal),
        named=named,
        assignments=assignments,
        differs=_any(differs),
        named_rejected=named_rejected,
        kept_of_rejected=kept,
        redact_accepted=sql.SQL(_REDACT_ACCEPTED).format(assignments=assignments, named=named),
        insert_rejected=statements.insert_rejected(**chosen),
    )


def differing_rejected(redaction: Redaction) -> sql.Composed:
    """Condition on a rejected row of the entity: there is something to take out."""
    return _any([_differs(name, value) for name, value in redaction.kept_of_rejected.items()])


def _subject_columns(entity: Entity) -> list[str]:
    """Columns whose value may be the key of a subject."""
    found = [entity.key] if entity.entity == SUBJECT else []
    for name, target in entity.links.items():
        if target == SUBJECT:
            if entity.columns[name].type.endswith("[]"):
                raise ModelError(
                    "A list of people cannot be redacted.", where=f"{entity.entity}.{name}", fix="Give each a row."
                )
            found.append(name)
    return found


def _redacted(entity: Entity, column: Column) -> sql.Composable:
    if not column.required:
        return sql.SQL("NULL")
    if column.type != "text":
        raise ModelError(
            "A required column of personal data has to be text, or nothing could stand in its place.",
            where=f"{entity.entity}.{column.name}",
            fix="Do not require it.",
        )
    return sql.Literal(ERASED)


def _hash(entity: Entity, values: dict[str, sql.Composable]) -> sql.Composed:
    """The record hash of a row that had come without its personal data, serialised as cleaning does."""
    parts: list[sql.Composable] = [_serialised(column, values.get(column.name)) for column in entity]
    parts.append(sql.SQL("coalesce(t.is_deleted::text, chr(30))"))
    return sql.SQL(
        "encode(substr(sha256(convert_to(array_to_string(ARRAY[{}], chr(31)), 'UTF8')), 1, 16), 'hex')::uuid"
    ).format(_listed(parts))


def _serialised(column: Column, value: sql.Composable | None) -> sql.Composed:
    taken = sql.Identifier("t", column.name) if value is None else value
    forms = {
        "timestamptz": """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
        "date": "to_char({}, 'YYYY-MM-DD')",
        "text[]": "array_to_string({}, chr(29))",
        "uuid": "replace({}::text, '-', '')",
    }
    form = "{}::text" if value is not None else forms.get(column.type, "{}::text")
    return sql.SQL("coalesce({}, chr(30))").format(sql.SQL(form).format(taken))


def _named_rejected(entity: Entity, subjects: list[str]) -> sql.Composed:
    keys = [
        sql.SQL(_CLEAN_KEY).format(
            name=sql.Literal(name),
            controls=sql.Literal(_CONTROL_CHARACTERS),
            start=sql.Literal(_EDGES),
            end=sql.Literal(f"{_EDGES[1:]}$"),
        )
        for name in subjects
    ]
    if entity.entity == SUBJECT:
        keys.append(sql.Composed([sql.Identifier("t", "source_key")]))
    # NULL is no answer: what is not named has to be told apart from what is.
    return _any([sql.SQL("coalesce({} = ANY(%(ids)s::text[]), false)").format(key) for key in keys])


def _differs(name: str, value: sql.Composable) -> sql.Composed:
    return sql.SQL("{} IS DISTINCT FROM {}").format(sql.Identifier("t", name), value)


def _any(conditions: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))


def _listed(parts: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
