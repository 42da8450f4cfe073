"""What a write tells: the ids of whatever it changed, under the roles that consumers ask for.

A role is the key of the entity or a column with keys of other rows, whose values before and after a change both count;
or one of those made here for what no column says: that a key has no row any more, that its history is another, that
most rows of the entity are.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql

from retail_medallion.model import Entity

# Only the state as of the written day can be another: later states keep what they say, and where a later one begins is
# visible by what it says. Where no consumer asks, nothing is read.
REMEMBER_REVISED = """
    INSERT INTO pg_temp.revised
    SELECT w.id
    FROM (
        SELECT coalesce(o.{key}, n.{key}) AS id, o.record_hash AS before, n.record_hash AS after
        FROM (SELECT {key}, record_hash FROM {versions}
              WHERE source_system = %(source)s AND partition_date = %(day)s AND op = 'U') o
        FULL JOIN (SELECT {key}, record_hash FROM pg_temp.accepted WHERE op = 'U') n ON n.{key} = o.{key}
    ) w
    LEFT JOIN LATERAL (
        SELECT v.record_hash FROM {versions} v
        WHERE v.source_system = %(source)s AND v.{key} = w.id AND v.partition_date < %(day)s AND v.op = 'U'
          AND (w.before IS NULL OR w.after IS NULL)
        ORDER BY v.partition_date DESC LIMIT 1
    ) earlier ON true
    WHERE coalesce(w.before, earlier.record_hash) IS DISTINCT FROM coalesce(w.after, earlier.record_hash)
      AND EXISTS (SELECT FROM meta.consumer c WHERE c.entity = %(entity)s AND c.role = {version_of})
"""

REMEMBER_CHANGES = """
    CREATE TEMP TABLE changed ON COMMIT DROP AS
    SELECT {before_links}, {after_links}
    FROM pg_temp.before b
    FULL JOIN (
        SELECT {images} FROM {current} c JOIN pg_temp.affected a ON a.id = c.{key} WHERE c.source_system = %(source)s
    ) n ON n.{key} = b.{key}
    WHERE b IS DISTINCT FROM n
"""

# Where most rows changed, and where a consumer has to look at all of them anyway, it is told EVERYTHING in place of
# ids. What is pending already is raised by inserting it, so that it appears again if the consumer takes it off
# meanwhile. The ids are made distinct before each consumer gets its copy: many lines name few sales.
INSERT_PENDING = """
    WITH asked AS MATERIALIZED (
        SELECT c.consumer, c.role, coalesce(
            (SELECT min(p.id) FROM meta.pending p
             WHERE p.consumer = c.consumer AND p.source_system = %(source)s AND p.role = {everything}
               AND (p.id = '' OR p.id = %(entity)s AND c.role <> {departed})),
            CASE WHEN %(in_bulk)s AND c.role <> {departed} THEN %(entity)s END) AS everything_of
        FROM meta.consumer c WHERE c.entity = %(entity)s
    ), named AS (
        SELECT DISTINCT r.role, r.id
        FROM pg_temp.changed x
        CROSS JOIN LATERAL ({images_of_links}) r (role, id)
        WHERE r.id IS NOT NULL AND r.role IN (SELECT a.role FROM asked a WHERE a.everything_of IS NULL)
          AND EXISTS (SELECT FROM asked a WHERE a.everything_of IS NULL AND a.role <> {departed})
        UNION ALL
        SELECT {departed}, x.before_0 FROM pg_temp.changed x WHERE x.after_0 IS NULL
        UNION ALL
        SELECT {version_of}, v.id FROM pg_temp.revised v
    )
    INSERT INTO meta.pending (consumer, source_system, role, id)
    SELECT a.consumer, %(source)s, n.role, n.id FROM asked a JOIN named n ON n.role = a.role
    WHERE a.everything_of IS NULL
    UNION ALL
    SELECT DISTINCT a.consumer, %(source)s, {everything}, a.everything_of FROM asked a
    WHERE a.everything_of IS NOT NULL
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (consumer, source_system, role, id) DO UPDATE SET seq = nextval('meta.pending_seq')
"""

COUNT_CURRENT = "SELECT count(*) FROM {current} WHERE source_system = %(source)s"

EVERYTHING = "*"
"""Role under which a consumer is told to look at all of a source's rows: of the entity that is the id, of every entity
where the id is empty. Of the rows that are there: keys without one are told one by one, see `departed`."""


def departed(key: str) -> str:
    """The role under which a key is pending whose row is in the current table no more, not even as deleted."""
    return f"departed_{key}"


def version_of(key: str) -> str:
    """The role under which a key is pending whose states over time are others, whether or not its current row is."""
    return f"version_of_{key}"


def link_columns(entity: Entity) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The key and the columns with one key of another row, and those with a list of keys."""
    links = [c.name for c in entity if c.standardise == "reference"]
    lists = [c.name for c in entity if c.standardise == "reference_list"]
    return (entity.key, *links), tuple(lists)


def parts(links: tuple[str, ...], lists: tuple[str, ...]) -> dict[str, sql.Composable]:
    """What the statements here need beside the names of the entity's tables.

    Args:
        links: The key and the columns with one key.
        lists: The columns with a list of keys.
    """
    return {
        "everything": sql.Literal(EVERYTHING),
        "departed": sql.Literal(departed(links[0])),
        "version_of": sql.Literal(version_of(links[0])),
        "before_links": _numbered("b", "before", (*links, *lists)),
        "after_links": _numbered("n", "after", (*links, *lists)),
        "images_of_links": _images_of_links(links, lists),
    }


def _numbered(table: str, image: str, columns: Sequence[str]) -> sql.Composed:
    named = [
        sql.SQL("{} AS {}").format(sql.Identifier(table, name), sql.Identifier(f"{image}_{i}"))
        for i, name in enumerate(columns)
    ]
    return sql.SQL(", ").join(named)


def _images_of_links(links: tuple[str, ...], lists: tuple[str, ...]) -> sql.Composed:
    """Query of (role, id) from a changed row `x`: the keys it named before and names now."""
    single = [
        sql.SQL("({}, {})").format(sql.Literal(name), sql.Identifier("x", f"{image}_{i}"))
        for i, name in enumerate(links)
        for image in ("before", "after")
    ]
    several = [
        sql.SQL("SELECT {}, unnest({})").format(sql.Literal(name), sql.Identifier("x", f"{image}_{i}"))
        for i, name in enumerate(lists, start=len(links))
        for image in ("before", "after")
    ]
    return sql.SQL(" UNION ALL ").join([sql.SQL("VALUES {}").format(sql.SQL(", ").join(single)), *several])
