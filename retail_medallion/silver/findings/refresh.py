"""Keeps the findings of a source up to date with its current Silver.

The Silver writer puts the keys whose rows changed into the pending queue. A refresh takes what is pending, looks again
at the scopes it leads to and replaces their findings. So the stored findings are a function of current Silver, whatever
order rows came in and however often they were looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from retail_medallion.silver.findings import statements
from retail_medallion.silver.findings.registry import active_rules
from retail_medallion.silver.findings.relations import render
from retail_medallion.silver.findings.rules import FindingRule
from retail_medallion.silver.findings.schema import CONSUMER
from retail_medallion.silver.news import EVERYTHING, departed
from retail_medallion.storage.postgres.session import raw_connection

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

    from retail_medallion.model import CanonicalModel

_TAKEN = sql.Identifier("pg_temp", "finding_taken")
_EVERYTHING = sql.Identifier("pg_temp", "finding_everything")


@dataclass
class FindingChanges:
    """What a refresh did.

    Attributes:
        pending: Changed keys read from the queue.
        renewed: Rules computed in full: they are new, their declaration changed, or most rows of an entity did.
        found: Findings written, by rule.
        removed: Findings deleted, by rule; one that is found again counts in both.
    """

    pending: int = 0
    renewed: list[str] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)


def lock_name(source: str) -> str:
    """The advisory lock of the findings of a source."""
    return f"{CONSUMER}|{source}"


def refresh_findings(
    connection: sa.Connection, source: str, model: CanonicalModel, entities: Collection[str]
) -> FindingChanges:
    """Bring the findings of a source up to date with what Silver has committed.

    Takes one lock per source and works in the caller's transaction, which has to be READ COMMITTED. A change of Silver
    that is committed meanwhile stays pending for the next refresh.

    Args:
        connection: On the warehouse; its schema is prepared.
        source: Code of the source.
        model: The canonical model.
        entities: Entities the source maps: a rule that reads another one does not hold for it.
    """
    return _in_order(connection, source, model, entities, forget=False)


def recompute_findings(
    connection: sa.Connection, source: str, model: CanonicalModel, entities: Collection[str]
) -> FindingChanges:
    """Find everything anew, as `refresh_findings` does with rules it has not seen yet."""
    return _in_order(connection, source, model, entities, forget=True)


def recompute_all(
    connection: sa.Connection, source: str, model: CanonicalModel, entities: Collection[str]
) -> set[tuple[Any, ...]]:
    """The findings that current Silver gives, in the columns of `silver_meta.finding`; nothing stored is changed."""
    rules = active_rules(model, entities)
    with raw_connection(connection).cursor() as cursor:
        finder = _Finder(cursor, source, model)
        finder.everything(rules.values())
        found: set[tuple[Any, ...]] = set()
        for rule in rules.values():
            found.update(finder.find(rule))
    return found


def differing_findings(connection: sa.Connection, source: str, model: CanonicalModel, entities: Collection[str]) -> int:
    """Findings of a source that are missing, too many, or other than current Silver gives."""
    wanted = recompute_all(connection, source, model, entities)
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(statements.STORED, {"source": source})
        return len(wanted ^ set(cursor.fetchall()))


def _in_order(
    connection: sa.Connection, source: str, model: CanonicalModel, entities: Collection[str], *, forget: bool
) -> FindingChanges:
    rules = active_rules(model, entities)
    changes = FindingChanges()
    with raw_connection(connection).cursor() as cursor:
        # Before anything is read: what a statement sees is settled when it starts.
        cursor.execute(statements.LOCK, {"name": lock_name(source)})
        cursor.execute(statements.TAKE, {"consumer": CONSUMER, "source": source})
        cursor.execute("SELECT role, count(*) FROM pg_temp.finding_taken GROUP BY role")
        told = dict(cursor.fetchall())
        changes.pending = sum(told.values())
        finder = _Finder(cursor, source, model)
        known = finder.retire(rules)
        cursor.execute("SELECT id FROM pg_temp.finding_taken WHERE role = %s", (EVERYTHING,))
        changed = {entity for (entity,) in cursor.fetchall()}
        new = [r for r in rules.values() if forget or known.get(r.id) != r.version or _depends_on(r, changed, model)]
        if new:
            finder.everything(new)
        for rule in rules.values():
            if rule in new:
                changes.renewed.append(rule.id)
                finder.renew(rule, changes)
            elif told.keys() & {role for _, role in rule.drivers}:
                finder.look_again(rule, changes)
            finder.let_go_of_solved(rule, changes)
        if changes.pending:
            parameters = {"consumer": CONSUMER, "source": source}
            cursor.execute(statements.GIVE_BACK, parameters)
            cursor.execute(statements.SETTLE, parameters)
    return changes


def _depends_on(rule: FindingRule, entities: Collection[str], model: CanonicalModel) -> bool:
    """Whether the rule is told of changed rows of one of these entities; '' stands for all of them."""
    told = {name for name, role in rule.drivers if role != departed(model.entity(name).key)}
    return "" in entities or not told.isdisjoint(entities)


class _Finder:
    """The look-ups of one transaction; a set of scope ids is worked out once for all rules that share it."""

    def __init__(self, cursor: Cursor, source: str, model: CanonicalModel) -> None:
        self._cursor = cursor
        self._source = source
        self._model = model
        self._scopes: dict[tuple[Any, ...], tuple[sql.Identifier, int]] = {}
        # Values become text: what they look like may not depend on the session's settings.
        cursor.execute(statements.SETTINGS)

    def retire(self, rules: dict[str, FindingRule]) -> dict[str, str]:
        """Forget rules that do not hold for the source any more; the versions of the others."""
        self._cursor.execute(statements.VERSIONS, {"source": self._source})
        known: dict[str, str] = dict(self._cursor.fetchall())
        for name in known.keys() - rules.keys():
            self._cursor.execute(statements.RETIRE, {"source": self._source, "rule": name})
        return {name: version for name, version in known.items() if name in rules}

    def everything(self, rules: Collection[FindingRule]) -> None:
        """Make the relation of all keys the rules could be told of."""
        self._cursor.execute(statements.CREATE_EVERYTHING)
        for entity, role in sorted({driver for rule in rules for driver in rule.drivers}):
            columns = self._model.entity(entity).columns
            if role in columns:
                listed = columns[role].type.endswith("[]")
                column = sql.Identifier(role)
                self._cursor.execute(
                    sql.SQL(statements.ADD_TO_EVERYTHING).format(
                        table=sql.Identifier("silver", entity),
                        value=sql.SQL("unnest({})").format(column) if listed else column,
                    ),
                    {"source": self._source, "role": role},
                )
        self._cursor.execute("ANALYZE pg_temp.finding_everything")

    def find(self, rule: FindingRule) -> list[tuple[Any, ...]]:
        """All findings of a rule, in the columns of `silver_meta.finding`."""
        self._cursor.execute(self._finding(rule, _EVERYTHING), self._parameters(rule))
        return self._cursor.fetchall()

    def renew(self, rule: FindingRule, changes: FindingChanges) -> None:
        """Replace all findings of a rule."""
        self._replace(rule, _EVERYTHING, sql.SQL("true"), changes)
        self._cursor.execute(
            statements.REMEMBER_RULE,
            {
                **self._parameters(rule),
                "column": rule.column,
                "message": rule.message,
                "version": rule.version,
            },
        )

    def look_again(self, rule: FindingRule, changes: FindingChanges) -> None:
        """Replace the findings of the scopes that what is pending leads to."""
        scope, ids = self._scope(rule, _TAKEN)
        own: sql.Composable = sql.SQL("false")
        if rule.replaces_own:
            own = sql.SQL("f.id IN (SELECT t.id FROM {} t WHERE t.role = {})").format(_TAKEN, sql.Literal(rule.key))
        elif not ids:
            return
        looked_at: sql.Composable = sql.SQL("true")
        if rule.by_scope:
            looked_at = sql.SQL("f.scope IN (SELECT {} FROM {}) OR {}").format(sql.SQL(rule.stored_scope), scope, own)
        self._replace(rule, _TAKEN, looked_at, changes)

    def let_go_of_solved(self, rule: FindingRule, changes: FindingChanges) -> None:
        """Delete findings that do not hold any more and of which no queue tells."""
        if rule.solved is None:
            return
        solved = render(rule.solved, self._model, scope=_TAKEN, wanted=_TAKEN)
        self._delete(rule, solved, changes)

    def _finding(self, rule: FindingRule, wanted: sql.Identifier) -> sql.Composed:
        scope, _ = self._scope(rule, wanted)
        return sql.SQL(statements.FIND).format(
            query=render(rule.query, self._model, scope=scope, wanted=wanted),
            table=sql.Identifier("silver", rule.entity),
            key=sql.Identifier(rule.key),
        )

    def _replace(
        self, rule: FindingRule, wanted: sql.Identifier, looked_at: sql.Composable, changes: FindingChanges
    ) -> None:
        # The scope is worked out before anything is deleted: what leads to it may be found so far.
        found = self._finding(rule, wanted)
        self._delete(rule, looked_at, changes)
        self._cursor.execute(sql.SQL(statements.STORE).format(found=found), self._parameters(rule))
        if self._cursor.rowcount:
            changes.found[rule.id] = changes.found.get(rule.id, 0) + self._cursor.rowcount

    def _delete(self, rule: FindingRule, condition: sql.Composable, changes: FindingChanges) -> None:
        self._cursor.execute(sql.SQL(statements.DELETE).format(condition=condition), self._parameters(rule))
        if self._cursor.rowcount:
            changes.removed[rule.id] = changes.removed.get(rule.id, 0) + self._cursor.rowcount

    def _scope(self, rule: FindingRule, wanted: sql.Identifier) -> tuple[sql.Identifier, int]:
        shared = "{findings}" not in (rule.reach or "")
        group = (wanted.strings, rule.scope, rule.reach, None if shared else rule.id)
        if group not in self._scopes:
            scope = sql.Identifier("pg_temp", f"finding_scope_{len(self._scopes)}")
            reach: sql.Composable = sql.SQL("")
            if rule.reach is not None:
                reach = sql.SQL(" UNION ({})").format(render(rule.reach, self._model, scope=wanted, wanted=wanted))
            self._cursor.execute(
                sql.SQL(statements.OPEN_SCOPE).format(
                    scope=scope, name=sql.Identifier(scope.strings[-1]), wanted=wanted, reach=reach
                ),
                {**self._parameters(rule), "role": rule.scope},
            )
            self._scopes[group] = scope, self._cursor.rowcount
            self._cursor.execute(sql.SQL("ANALYZE {}").format(scope))
        return self._scopes[group]

    def _parameters(self, rule: FindingRule) -> dict[str, Any]:
        return {"source": self._source, "rule": rule.id, "entity": rule.entity, "severity": rule.severity}
