"""Takes the personal data of a subject out of Silver, and out of every load to come.

An erasure is a row in `silver_meta.erasure`. The writer applies those of its source to the rows it stages; this module
applies one to what is stored already: every version, the current state, quarantine and the findings. Both hold the lock
of the entity and source, so a load sees the erasure or is seen by it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from psycopg2 import sql

from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.silver import statements, tables
from retail_medallion.silver.current import renew_current
from retail_medallion.silver.findings import finding_rules, refresh_findings
from retail_medallion.silver.findings.refresh import lock_name as findings_lock
from retail_medallion.silver.redaction import SUBJECT, Redaction, differing_rejected, redaction_of
from retail_medallion.storage.postgres.session import raw_connection

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

_REMEMBER = """
    INSERT INTO silver_meta.erasure (source_system, entity, id, reason)
    VALUES (%(source)s, %(subject)s, %(id)s, %(reason)s)
    ON CONFLICT (source_system, entity, id) DO UPDATE SET reason = coalesce(excluded.reason, erasure.reason)
"""

# No index leads from a subject to all versions that name it; they are looked through once.
_FIND = """
    DROP TABLE IF EXISTS pg_temp.named;
    CREATE TEMP TABLE named ON COMMIT DROP AS
    SELECT t.{key} AS id, t.partition_date, t.load_id, {differs} AS differs
    FROM {versions} t WHERE t.source_system = %(source)s AND {named};
    ANALYZE pg_temp.named
"""

_COUNT_CURRENT = "SELECT count(*) FROM {current} t WHERE t.source_system = %(source)s AND {named} AND {differs}"

_COUNT_VERSIONS = "SELECT count(*) FROM pg_temp.named WHERE differs"

_REJECTED = "t.source_system = %(source)s AND t.entity = %(entity)s AND {named}"

_COUNT_REJECTED = "SELECT count(*) FROM silver_quarantine.rejected_row t WHERE {rejected} AND {differs}"

_COUNT_FINDINGS = """
    SELECT count(*)
    FROM silver_meta.finding f JOIN silver_meta.finding_rule r USING (source_system, rule)
    JOIN {current} t ON t.source_system = f.source_system AND t.{key} = f.id
    WHERE f.source_system = %(source)s AND f.entity = %(entity)s AND r.column_name = ANY({columns}) AND {named}
"""

_BRONZE_OBJECTS = """
    SELECT DISTINCT o.content ->> 'key'
    FROM (
        SELECT load_id, NULL AS block FROM pg_temp.named
        UNION
        SELECT t.load_id, t.block FROM silver_quarantine.rejected_row t WHERE {rejected}
    ) used
    JOIN silver_meta.load l USING (load_id)
    CROSS JOIN LATERAL jsonb_array_elements(l.bronze_objects) o (content)
    WHERE position('/' IN o.content ->> 'block') = 0 AND coalesce(used.block = o.content ->> 'block', true)
"""

_REDACT_VERSIONS = """
    UPDATE {versions} t SET {assignments} FROM pg_temp.named n
    WHERE n.differs AND t.source_system = %(source)s AND t.{key} = n.id AND t.partition_date = n.partition_date
"""

_REDACT_REJECTED = """
    UPDATE silver_quarantine.rejected_row t SET raw = {raw}, mapped = {mapped}, reasons = {reasons}
    WHERE {rejected} AND {differs}
"""

_AFFECT = """
    DROP TABLE IF EXISTS pg_temp.affected, pg_temp.revised, pg_temp.before, pg_temp.changed;
    CREATE TEMP TABLE affected (id text PRIMARY KEY) ON COMMIT DROP;
    INSERT INTO pg_temp.affected SELECT DISTINCT id FROM pg_temp.named WHERE differs;
    CREATE TEMP TABLE revised ON COMMIT DROP AS SELECT id FROM pg_temp.affected
"""


@dataclass(frozen=True)
class Erased:
    """How many rows of a table hold, or held, personal data of the subject."""

    layer: str
    table: str
    rows: int


@dataclass(frozen=True)
class ErasureReport:
    """What an erasure takes out.

    Attributes:
        erased: Rows by table; tables without any are left out.
        changed: Current rows that are other than before: what Gold takes up next.
        bronze_objects: Keys of the Bronze objects rows of the subject came from. They are not changed.
    """

    erased: Sequence[Erased]
    changed: int
    bronze_objects: Sequence[str]


@dataclass(frozen=True)
class RequestedErasure:
    """One row of the list of erasures."""

    source: str
    entity: str
    id: str
    requested_at: dt.datetime
    reason: str | None


def locks(model: CanonicalModel, source: str) -> list[str]:
    """Names of the advisory locks to hold: of the writers of all entities that name a subject, and of the findings."""
    entities = [entity.entity for entity, _ in _concerned(model)]
    return [*(statements.lock_name(entity, source) for entity in entities), findings_lock(source)]


def erase(
    connection: sa.Connection, model: CanonicalModel, source: str, subject: str, reason: str | None = None
) -> ErasureReport:
    """Take a subject's personal data out of Silver, and keep it out. Again, it takes out what is left.

    Args:
        connection: In a READ COMMITTED transaction that holds `locks`; the caller commits.
        model: The canonical model.
        source: Code of the source.
        subject: Key of the subject in the source.
        reason: A reference, such as the number of the request; None keeps the one that is written down.
    """
    with raw_connection(connection).cursor() as cursor:
        parameters = {"source": source, "subject": SUBJECT, "id": subject, "reason": reason}
        cursor.execute(_REMEMBER, parameters)
        report = _go_through(cursor, model, source, subject, redact=True)
        if report.changed or any(found.layer == "findings" for found in report.erased):
            _refresh_findings(connection, cursor, model, source)
    return report


def preview(connection: sa.Connection, model: CanonicalModel, source: str, subject: str) -> ErasureReport:
    """What `erase` would take out now; nothing is changed, and no lock is taken."""
    with raw_connection(connection).cursor() as cursor:
        return _go_through(cursor, model, source, subject, redact=False)


def requested(connection: sa.Connection, source: str | None = None) -> list[RequestedErasure]:
    """The erasures of a source, or of all, in the order in which they were asked for."""
    c = tables.erasure.c
    query = sa.select(c.source_system, c.entity, c.id, c.requested_at, c.reason)
    if source is not None:
        query = query.where(c.source_system == source)
    return [RequestedErasure(*row) for row in connection.execute(query.order_by(c.requested_at, c.source_system, c.id))]


def _concerned(model: CanonicalModel) -> list[tuple[Entity, Redaction]]:
    pairs = ((entity, redaction_of(entity)) for entity in model.entities.values())
    return [(entity, redaction) for entity, redaction in pairs if redaction is not None]


def _go_through(cursor: Cursor, model: CanonicalModel, source: str, subject: str, *, redact: bool) -> ErasureReport:
    erased: list[Erased] = []
    objects: set[str] = set()
    changed = 0
    for entity, redaction in _concerned(model):
        stored = _Stored(cursor, entity, redaction, {"source": source, "entity": entity.entity, "ids": [subject]})
        erased += stored.find()
        objects |= stored.bronze_objects()
        if redact:
            changed += stored.redact()
    return ErasureReport([found for found in erased if found.rows], changed, sorted(objects))


class _Stored:
    """The stored rows of one entity of a source that are a subject's or name it."""

    def __init__(self, cursor: Cursor, entity: Entity, redaction: Redaction, parameters: dict[str, Any]) -> None:
        self._cursor = cursor
        self._entity = entity
        self._redaction = redaction
        self._parameters = parameters
        self._parts: dict[str, sql.Composable] = {
            "key": sql.Identifier(entity.key),
            "current": sql.Identifier("silver", entity.entity),
            "versions": sql.Identifier("silver_versions", entity.entity),
            "named": redaction.named,
            "differs": redaction.differs,
            "assignments": redaction.assignments,
            "columns": sql.SQL("{}::text[]").format(sql.Literal(list(redaction.columns))),
        }
        self._rejected: dict[str, sql.Composable] = {
            "rejected": sql.SQL(_REJECTED).format(named=redaction.named_rejected),
            "differs": differing_rejected(redaction),
            **redaction.kept_of_rejected,
        }

    def find(self) -> list[Erased]:
        """Look for them, and count those with something to take out."""
        name = self._entity.entity
        refused = f"silver_quarantine.rejected_row: {name}"
        self._execute(_FIND, self._parts)
        return [
            Erased("silver", f"silver.{name}", self._count(_COUNT_CURRENT, self._parts)),
            Erased("silver", f"silver_versions.{name}", self._count(_COUNT_VERSIONS, {})),
            Erased("quarantine", refused, self._count(_COUNT_REJECTED, self._rejected)),
            Erased("findings", f"silver_meta.finding: {name}", self._count(_COUNT_FINDINGS, self._parts)),
        ]

    def bronze_objects(self) -> set[str]:
        """Keys of the Bronze objects they came from."""
        self._execute(_BRONZE_OBJECTS, self._rejected)
        return {key for (key,) in self._cursor.fetchall()}

    def redact(self) -> int:
        """Take out what is found; how many current rows changed."""
        self._execute(_REDACT_REJECTED, self._rejected)
        self._execute(_REDACT_VERSIONS, self._parts)
        if self._cursor.rowcount == 0:
            return 0
        self._execute(_AFFECT, {})
        return renew_current(self._cursor, statements.for_entity(self._entity), self._parameters)

    def _execute(self, template: str, parts: dict[str, sql.Composable]) -> None:
        self._cursor.execute(sql.SQL(template).format(**parts), self._parameters)

    def _count(self, template: str, parts: dict[str, sql.Composable]) -> int:
        self._execute(template, parts)
        row = self._cursor.fetchone()
        return 0 if row is None else int(row[0])


def _refresh_findings(connection: sa.Connection, cursor: Cursor, model: CanonicalModel, source: str) -> None:
    """Find anew what the changed rows have to do with: two rows with one e-mail address are stored under its hash."""
    cursor.execute("SELECT rule FROM silver_meta.finding_rule WHERE source_system = %(source)s", {"source": source})
    rules = finding_rules(model)
    known = [rules[name] for (name,) in cursor.fetchall() if name in rules]
    if known:
        refresh_findings(connection, source, model, frozenset[str]().union(*(rule.needs for rule in known)))
