"""Tells the Gold tables that read another Gold table which of its rows changed."""

from __future__ import annotations

from collections.abc import Callable

from psycopg2 import sql

from retail_medallion.gold.definition import GoldTable, Notifies
from retail_medallion.gold.keys import NOT_APPLICABLE

Run = Callable[..., int]
"""Executes a template with its parts."""

_TELL = """
INSERT INTO meta.pending (consumer, source_system, role, id)
SELECT {consumer}, %(source)s, {role}, told.id
FROM (SELECT DISTINCT images.id::text AS id FROM ({images}) images) told
WHERE told.id IS NOT NULL AND told.id <> {nobody}
ORDER BY 4
ON CONFLICT (consumer, source_system, role, id) DO UPDATE SET seq = nextval('meta.pending_seq')
"""


def tell(run: Run, table: GoldTable, before: sql.Composable, after: sql.Composable | None) -> None:
    """Make the changed rows of a table pending for its readers, under the values of both images.

    Args:
        run: Executes a statement in the writer's transaction.
        table: The table whose rows change.
        before: Query of the changed rows as they are stored.
        after: Table or query of the rows that replace them; None where they only go.
    """
    for told in table.notifies:
        run(
            _TELL,
            consumer=sql.Literal(told.consumer),
            role=sql.Literal(told.role),
            images=_images(table, told, before, after),
            nobody=sql.Literal(str(NOT_APPLICABLE)),
        )


def _images(table: GoldTable, told: Notifies, before: sql.Composable, after: sql.Composable | None) -> sql.Composable:
    value = sql.SQL(told.value) if told.value else sql.Identifier(told.role)
    if after is None:
        return sql.SQL("SELECT {} AS id FROM ({}) r").format(value, before)
    compared: list[sql.Composable] = []
    if told.columns:
        compared = [sql.Identifier(name) for name in (*table.primary_key, *told.columns)]
    selected = sql.SQL(", ").join([sql.SQL("{} AS id").format(value), *compared])
    images = {
        "old": sql.SQL("SELECT {} FROM ({}) r").format(selected, before),
        "new": sql.SQL("SELECT {} FROM {} s").format(selected, after),
    }
    if not compared:
        return sql.SQL("{old} UNION {new}").format(**images)
    return sql.SQL("(({old}) EXCEPT ({new})) UNION (({new}) EXCEPT ({old}))").format(**images)
