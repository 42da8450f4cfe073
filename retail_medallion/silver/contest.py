"""One row per key: which of several rows of a key wins the day.

The winner is the row the source changed last, and among equals the one with the greater hash: content decides, never
the order of rows. A row that only proves presence (`P`) never wins over one that says something. A tombstone says no
time, so it wins over states only when it was extracted after all of them: seen in one snapshot with the row, the row
was made anew after its deletion. What still ties differs in nothing Silver compares, and is settled by the rest of the
content, then by position.
"""

# ruff: noqa: S608 - this module writes SQL: names are quoted, values are literals, expressions come from the model

from __future__ import annotations

from retail_medallion.model import Entity
from retail_medallion.silver.standardisers.base import quoted

SUPERSEDED = "SELECT s.* FROM staged s JOIN contest c ON c.row = s.rowid WHERE c.place > 1"
"""Rows whose key another row won."""


def steps(entity: Entity) -> dict[str, str]:
    """Tables, with the rows they take one after the other, that settle the keys that came several times.

    These are few: they are gathered in `rivals`, and `contest` says which place each of their rows takes.
    """
    key = quoted(entity.key)
    repeated = f"SELECT {key} FROM staged WHERE NOT refused GROUP BY {key} HAVING count(*) > 1"
    rank = """
        CASE op WHEN 'P' THEN 3 WHEN 'U' THEN 1
        ELSE CASE WHEN ingested_at > max(ingested_at) FILTER (WHERE op = 'U') OVER (PARTITION BY id) THEN 0 ELSE 2 END
        END
    """
    return {
        "rivals": f"""
        SELECT rowid AS row, {key} AS id, op, record_hash, source_updated_at, deleted_at, source_created_at, extras,
               dq_flags, ingested_at, block, bronze_row
        FROM staged WHERE NOT refused AND {key} IN ({repeated})
        """,
        "contest": f"""
        SELECT row,
               row_number() OVER (
                   PARTITION BY id
                   ORDER BY rank, source_updated_at DESC NULLS LAST, record_hash DESC, deleted_at DESC NULLS LAST,
                            source_created_at DESC NULLS LAST, extras DESC NULLS LAST, dq_flags DESC, ingested_at DESC,
                            block, bronze_row
               ) AS place,
               min(record_hash) FILTER (WHERE op <> 'P') OVER (PARTITION BY id)
                   <> max(record_hash) FILTER (WHERE op <> 'P') OVER (PARTITION BY id) AS differ
        FROM (SELECT *, {rank} AS rank FROM rivals)
        """,
    }


def accepted(entity: Entity) -> str:
    """SELECT of the rows that go into Silver, with G07 among the flags of a winner over different content."""
    columns = ", ".join(f"s.{quoted(name)}" for name in (*entity.columns, *_PROVENANCE))
    return f"""
        SELECT {columns},
               CASE WHEN c.differ THEN list_sort(list_append(s.dq_flags, 'G07')) ELSE s.dq_flags END AS dq_flags
        FROM staged s LEFT JOIN contest c ON c.row = s.rowid
        WHERE NOT s.refused AND coalesce(c.place, 1) = 1
    """


_PROVENANCE = (
    "is_deleted",
    "deleted_at",
    "source_created_at",
    "source_updated_at",
    "op",
    "record_hash",
    "bronze_row",
    "ingested_at",
    "extras",
)
