"""A finding rule as it runs, and the rules that the entities of a model declare."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Literal

from retail_medallion.errors import ModelError
from retail_medallion.model import CanonicalModel, Entity, Finding
from retail_medallion.silver.findings import relations, statements
from retail_medallion.silver.findings.relations import names_in, relation


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
        # A set is written in another order by each process.
        own = [sorted(part) if isinstance(part, frozenset) else part for part in astuple(self)]
        meaning = (own, relations.LIVE, relations.KNOWN, relations.minor_unit_function(), statements.FIND)
        return hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]


def declared_rules(model: CanonicalModel) -> Iterator[FindingRule]:
    """The rules written down in the entities.

    Raises:
        ModelError: A rule names an entity, a column or a relation that does not exist, or reads rows of which nobody
            tells it.
    """
    for entity in model.entities.values():
        for finding in entity.findings:
            yield _declared(model, entity, finding)


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
