"""What the histories of dimensions have in common: the states of a key over time, out of Silver's versions."""

from __future__ import annotations

from collections.abc import Mapping

from retail_medallion.gold.definition import Check, Column, Exclusion, provenance_columns

_SELECT = """
WITH states AS (
    SELECT v.source_system, v.{key} AS id, v.partition_date, {tracked},
           md5(ROW({hashed})::text)::uuid AS change_hash
    FROM {{scope}} scope
    JOIN silver_versions.{entity} v ON v.source_system = %(source)s AND v.{key} = scope.id
    WHERE v.op = 'U'
), compared AS (
    SELECT s.*, lag(s.change_hash) OVER (PARTITION BY s.id ORDER BY s.partition_date) AS change_hash_before
    FROM states s
), changes AS (
    SELECT c.*, row_number() OVER (PARTITION BY c.id ORDER BY c.partition_date) AS version_no,
           lead(c.partition_date) OVER (PARTITION BY c.id ORDER BY c.partition_date) AS next_change
    FROM compared c WHERE c.change_hash IS DISTINCT FROM c.change_hash_before
)
SELECT gold.member_key('{entity}', c.source_system, c.id) AS {member}, c.id AS {member}_of,
       CASE c.version_no WHEN 1 THEN '-infinity' ELSE c.partition_date END AS valid_from,
       coalesce(c.next_change, 'infinity') AS valid_to, c.next_change IS NULL AS is_current, c.version_no,
       gold.member_key('sources', c.source_system, c.source_system) AS source_key, {shown},
       c.partition_date AS silver_partition
FROM changes c
"""


def columns(member: str, dimension: str, attributes: tuple[Column, ...]) -> tuple[Column, ...]:
    """The stored columns.

    Args:
        member: Column of the key of the dimension's member.
        dimension: The dimension.
        attributes: What is followed over time.
    """
    return (
        Column(member, "uuid", "the member, whichever of its versions", references=dimension),
        Column("valid_from", "date", "first day of the version; -infinity for the first one known"),
        Column("valid_to", "date", "day after its last; infinity for the one that holds"),
        Column("is_current", "boolean", "no later version is known"),
        Column("version_no", "integer", "1 for the first version known"),
        *provenance_columns(),
        *attributes,
        Column("silver_partition", "date", "first partition that says so"),
    )


def select(entity: str, key: str, member: str, attributes: Mapping[str, str]) -> str:
    """The versions of the keys in the scope; states in a row that say the same of the attributes are one.

    Args:
        entity: Silver entity.
        key: Its key.
        member: Column of the surrogate key.
        attributes: Column of Silver to the expressions over a state `c` that show it, with their names.
    """
    return _SELECT.format(
        entity=entity,
        key=key,
        member=member,
        tracked=", ".join(f"v.{name}" for name in attributes),
        hashed=", ".join(f"v.{name}" for name in attributes),
        shown=", ".join(attributes.values()),
    )


def reference(column: str, key: str, entity: str) -> str:
    """Expressions of a reference to a member of another dimension, and of the source's key behind it."""
    return f"gold.member_key('{entity}', c.source_system, c.{column}) AS {key}, c.{column} AS {key}_of"


def all_ids(entity: str, key: str, *, of_day: bool = False) -> str:
    """Keys that have a state at all, or one of the day."""
    day = " AND partition_date = %(day)s" if of_day else ""
    return f"""
SELECT DISTINCT {key} AS id FROM silver_versions.{entity} WHERE source_system = %(source)s AND op = 'U'{day}
"""  # noqa: S608 names of the model


CHECKS = (Check("begins_before_it_ends", "valid_from < valid_to"), Check("numbered_from_one", "version_no >= 1"))


def no_overlap(member: str) -> Exclusion:
    """A member has one version a day."""
    return Exclusion("no_overlap", f"USING gist ({member} WITH =, daterange(valid_from, valid_to) WITH &&)")
