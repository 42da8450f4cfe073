"""The finding rules of a model as they run: those its entities declare, and those that follow from its columns."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from retail_medallion.errors import ModelError
from retail_medallion.model import CanonicalModel, Column, Entity, Finding
from retail_medallion.silver.findings import relations, statements
from retail_medallion.silver.findings.relations import names_in, relation
from retail_medallion.silver.statements import departed

UNKNOWN_REFERENCE = "G08"
SHARED_VALUE = "G09"


@dataclass(frozen=True)
class FindingRule:
    """One rule, ready to run.

    Attributes:
        id: Full id, such as `sales.items_do_not_add_up` or `G08.sales.customer_id`.
        entity: Entity whose rows it speaks of.
        key: Key column of that entity.
        column: Column it speaks of.
        message: What is wrong, in words.
        severity: `warn` or `error`.
        scope: Name of the queue's role whose ids are scope ids themselves.
        drivers: (entity, role): changes that have to be looked at.
        reach: SQL from `{wanted}` to further scope ids.
        query: SQL of the findings.
        needs: Entities it reads; a source that does not map all of them has no such rule.
        by_scope: Whether the query can be asked for some scope ids alone.
        stored_scope: SQL over `id` that gives the scope a finding is stored under.
        solved: SQL condition on a finding `f` that no longer holds, where no queue tells of it.
        replaces_own: Findings of the changed keys themselves go, whatever their scope.
    """

    id: str
    entity: str
    key: str
    column: str
    message: str
    severity: Literal["warn", "error"]
    scope: str
    drivers: tuple[tuple[str, str], ...]
    reach: str | None
    query: str
    needs: frozenset[str]
    by_scope: bool = True
    stored_scope: str = "id"
    solved: str | None = None
    replaces_own: bool = False

    @property
    def version(self) -> str:
        """Hash of all its findings depend on besides the rows: another one means that all are found anew."""
        meaning = (self, relations.LIVE, relations.KNOWN, relations.minor_unit_function(), statements.FIND)
        return hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]


def finding_rules(model: CanonicalModel) -> dict[str, FindingRule]:
    """All rules of the model by id.

    Raises:
        ModelError: A rule names an entity, a column or a relation that does not exist.
    """
    rules: dict[str, FindingRule] = {}
    for entity in model.entities.values():
        for column in entity:
            if column.references:
                rule = _unknown_reference(entity, column, model.entity(column.references))
                rules[rule.id] = rule
        for name in entity.distinct:
            rule = _shared_value(entity, entity.columns[name])
            rules[rule.id] = rule
        for finding in entity.findings:
            rule = _declared(model, entity, finding)
            if rule.id in rules:
                raise ModelError("A finding is declared twice.", where=rule.id)
            rules[rule.id] = rule
    return rules


def active_rules(model: CanonicalModel, entities: Collection[str]) -> dict[str, FindingRule]:
    """The rules that hold for a source that maps these entities."""
    mapped = set(entities)
    return {name: rule for name, rule in finding_rules(model).items() if rule.needs <= mapped}


def _declared(model: CanonicalModel, entity: Entity, finding: Finding) -> FindingRule:
    where = f"{entity.entity}.{finding.id}"
    drivers = []
    for driver in finding.drivers:
        name, _, column = driver.partition(".")
        column = column or finding.scope
        told = (model.entity(name).key, *(c.name for c in model.entity(name) if c.standardise.startswith("reference")))
        if column not in told:
            raise ModelError(
                f"A change of {name} is never told under {column!r}.",
                where=where,
                fix=f"Use one of: {', '.join(told)}",
            )
        if column != finding.scope and finding.reach is None:
            raise ModelError(f"{driver} leads nowhere.", where=where, fix="Write `reach`.")
        drivers.append((name, column))
    if entity.entity not in {name for name, _ in drivers}:
        raise ModelError(
            "A finding does not depend on the entity it speaks of.",
            where=where,
            fix=f"Add {entity.entity} to its drivers.",
        )
    texts = [relation(text, entity) for text in (finding.reach, finding.query) if text is not None]
    used = set().union(*(names_in(text) for text in texts))
    own = {"scope", "wanted", "findings"}
    read = {name.removeprefix("all_") for name in used - own}
    for name in read:
        model.entity(name)
    if not read <= {name for name, _ in drivers}:
        raise ModelError(
            "A finding reads rows whose change nobody tells it of.",
            where=where,
            why=f"not among the drivers: {', '.join(sorted(read - {name for name, _ in drivers}))}",
        )
    return FindingRule(
        id=where,
        entity=entity.entity,
        key=entity.key,
        column=finding.column,
        message=finding.message,
        severity=finding.severity,
        scope=finding.scope,
        drivers=tuple(drivers),
        reach=relation(finding.reach, entity) if finding.reach is not None else None,
        query=relation(finding.query, entity),
        needs=frozenset(name for name, _ in drivers),
        by_scope="scope" in names_in(relation(finding.query, entity)),
    )


def _unknown_reference(entity: Entity, column: Column, target: Entity) -> FindingRule:
    """A live row names a key that has no row at all; a deleted one keeps its row.

    That a key has no row any more is told; that it has one now is looked up for the findings there are. So the many
    keys that come and are referred to by nobody cost nothing.
    """
    holds = "r.{0} @> ARRAY[k.id]" if column.type.endswith("[]") else "r.{0} = k.id"
    return FindingRule(
        id=f"{UNKNOWN_REFERENCE}.{entity.entity}.{column.name}",
        entity=entity.entity,
        key=entity.key,
        column=column.name,
        message=f"{column.name} names a key that {target.entity} does not have",
        severity="warn",
        scope=column.name,
        drivers=((entity.entity, column.name), (target.entity, departed(target.key))),
        reach=f"SELECT id FROM {{wanted}} w WHERE role = '{departed(target.key)}'",
        # OFFSET 0 keeps the planner from asking the referring rows first: nearly every key is known.
        query=f"SELECT k.id AS scope, r.{entity.key} AS id, k.id AS expected, NULL AS actual"
        f" FROM (SELECT s.id FROM {{scope}} s WHERE NOT EXISTS"
        f" (SELECT FROM {{all_{target.entity}}} t WHERE t.{target.key} = s.id) OFFSET 0) k"
        f" JOIN {{{entity.entity}}} r ON {holds.format(column.name)}",
        needs=frozenset({entity.entity, target.entity}),
        solved=f"EXISTS (SELECT FROM {{all_{target.entity}}} t WHERE t.{target.key} = f.scope)",
    )


def _shared_value(entity: Entity, column: Column) -> FindingRule:
    """Several live rows have the same value; the scope is the value, or its hash where it is personal.

    A key that changed may have left a group of which only its former fellows still tell.
    """
    key, name = entity.key, column.name
    stored = "md5(id)" if column.pii else "id"
    own = f"{{{entity.entity}}}"
    return FindingRule(
        id=f"{SHARED_VALUE}.{entity.entity}.{name}",
        entity=entity.entity,
        key=key,
        column=name,
        message=f"several rows have the same {name}",
        severity="warn",
        scope=f"value of {name}",
        drivers=((entity.entity, key),),
        reach=f"SELECT r.{name}::text AS id FROM {{wanted}} w JOIN {own} r ON r.{key} = w.id"
        f" WHERE w.role = '{key}' AND r.{name} IS NOT NULL"
        f" UNION SELECT r.{name}::text FROM {{wanted}} w JOIN {{findings}} f ON f.id = w.id"
        f" JOIN {{findings}} g ON g.scope = f.scope JOIN {own} r ON r.{key} = g.id"
        f" WHERE w.role = '{key}' AND r.{name} IS NOT NULL",
        query=f"SELECT {stored.replace('id', 'g.id')} AS scope, r.{key} AS id, 1 AS expected, g.keys AS actual"
        f" FROM (SELECT k.id, count(*) AS keys FROM {{scope}} k JOIN {own} r ON r.{name} = k.id::{column.type}"
        f" GROUP BY k.id HAVING count(*) > 1) g JOIN {own} r ON r.{name} = g.id::{column.type}",
        needs=frozenset({entity.entity}),
        stored_scope=stored,
        replaces_own=True,
    )


def consumed(model: CanonicalModel) -> Iterator[tuple[str, str]]:
    """(entity, role) of every change the rules want to hear of."""
    yield from sorted({driver for rule in finding_rules(model).values() for driver in rule.drivers})
