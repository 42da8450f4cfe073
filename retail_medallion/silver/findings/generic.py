"""The finding rules that follow from the columns of the model: keys nobody has, values several rows share."""

from __future__ import annotations

from collections.abc import Iterator
from string import Template

from retail_medallion.model import CanonicalModel, Column, Entity
from retail_medallion.silver.findings.rules import FindingRule
from retail_medallion.silver.news import departed

UNKNOWN_REFERENCE = "G08"
SHARED_VALUE = "G09"

# OFFSET 0 keeps the planner from asking the referring rows first: nearly every key is known.
_UNKNOWN = Template("""
SELECT k.id AS scope, r."$key" AS id, k.id AS expected, NULL AS actual
FROM (SELECT s.id FROM {scope} s
      WHERE NOT EXISTS (SELECT FROM {all_$target} t WHERE t."$target_key" = s.id) OFFSET 0) k
JOIN {$entity} r ON $holds
""")
_DEPARTED = Template("SELECT w.id FROM {wanted} w WHERE w.role = '$role'")
_KNOWN_BY_NOW = Template("""EXISTS (SELECT FROM {all_$target} t WHERE t."$target_key" = f.scope)""")

# A key that changed may have left a group of which only its former fellows still tell.
_VALUES = Template("""
SELECT r."$column"::text FROM {wanted} w JOIN {$entity} r ON r."$key" = w.id
WHERE w.role = '$key' AND r."$column" IS NOT NULL
UNION
SELECT r."$column"::text FROM {wanted} w JOIN {findings} f ON f.id = w.id JOIN {findings} g ON g.scope = f.scope
JOIN {$entity} r ON r."$key" = g.id WHERE w.role = '$key' AND r."$column" IS NOT NULL
""")
_SHARED = Template("""
SELECT g.stored AS scope, r."$key" AS id, 1 AS expected, g.keys AS actual
FROM (SELECT v.id, $stored AS stored, v.keys
      FROM (SELECT k.id, count(*) AS keys FROM {scope} k JOIN {$entity} o ON o."$column" = k.id::$type
            GROUP BY k.id HAVING count(*) > 1) v) g
JOIN {$entity} r ON r."$column" = g.id::$type
""")


def generic_rules(model: CanonicalModel) -> Iterator[FindingRule]:
    """One rule for every column that refers to another entity, and one for every column that should be distinct."""
    for entity in model.entities.values():
        for column in entity:
            if column.references:
                yield _unknown_reference(entity, column, model.entity(column.references))
        for name in entity.distinct:
            yield _shared_value(entity, entity.columns[name])


def _unknown_reference(entity: Entity, column: Column, target: Entity) -> FindingRule:
    """A live row names a key that has no row at all; a deleted one keeps its row.

    The queue tells of keys that have no row any more; whether one has a row by now is looked up for the findings there
    are. So the many keys that come and that nobody missed cost nothing.
    """
    holds = 'r."{}" @> ARRAY[k.id]' if column.type.endswith("[]") else 'r."{}" = k.id'
    gone = departed(target.key)
    parts = {
        "entity": entity.entity,
        "key": entity.key,
        "target": target.entity,
        "target_key": target.key,
        "holds": holds.format(column.name),
    }
    return FindingRule(
        id=f"{UNKNOWN_REFERENCE}.{entity.entity}.{column.name}",
        entity=entity.entity,
        key=entity.key,
        column=column.name,
        message=f"{column.name} names a key that {target.entity} does not have",
        severity="warn",
        scope=column.name,
        drivers=((entity.entity, column.name), (target.entity, gone)),
        reach=_DEPARTED.substitute(role=gone),
        query=_UNKNOWN.substitute(parts),
        needs=frozenset({entity.entity, target.entity}),
        solved=_KNOWN_BY_NOW.substitute(parts),
    )


def _shared_value(entity: Entity, column: Column) -> FindingRule:
    """Several live rows have the same value; the scope is the value, or its hash where it is personal."""
    stored = "md5(id)" if column.pii else "id"
    parts = {
        "entity": entity.entity,
        "key": entity.key,
        "column": column.name,
        "type": column.type,
        "stored": stored,
    }
    return FindingRule(
        id=f"{SHARED_VALUE}.{entity.entity}.{column.name}",
        entity=entity.entity,
        key=entity.key,
        column=column.name,
        message=f"several rows have the same {column.name}",
        severity="warn",
        scope=f"value of {column.name}",
        drivers=((entity.entity, entity.key),),
        reach=_VALUES.substitute(parts),
        query=_SHARED.substitute(parts),
        needs=frozenset({entity.entity}),
        stored_scope=stored,
        replaces_own=True,
    )
