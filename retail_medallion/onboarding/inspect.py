"""What the catalogue of a source says about its tables: columns, keys, references and sizes."""

from __future__ import annotations

from dataclasses import dataclass, field

from retail_medallion.onboarding.source import Source, SourceTable

_COLUMNS = """
    SELECT c.oid::bigint, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    ORDER BY 1, a.attnum
"""
_OIDS = """
    SELECT c.oid::bigint, n.nspname, c.relname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
_CONSTRAINTS = """
    SELECT k.conrelid::bigint, k.contype::text, k.confrelid::bigint, array_agg(a.attname::text ORDER BY u.place)
    FROM pg_catalog.pg_constraint k
    CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY u (number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
    WHERE k.contype IN ('p', 'u', 'f')
    GROUP BY k.oid, k.conrelid, k.contype, k.confrelid ORDER BY k.conrelid, k.contype
"""


@dataclass
class Inspected:
    """A table as a draft sees it.

    Attributes:
        table: Its name, kind and size.
        types: Column to PostgreSQL type, in the order of the table.
        required: Columns that are never empty.
        key: Columns of the primary key, else of a unique constraint; empty where there is neither.
        references: Column to the table it points at, of foreign keys of one column.
    """

    table: SourceTable
    types: dict[str, str] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    key: tuple[str, ...] = ()
    references: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`schema.table`."""
        return self.table.qualified


def inspect(source: Source) -> list[Inspected]:
    """All tables of a source with their columns, keys and references."""
    tables = {(table.schema, table.name): table for table in source.tables}
    found = {
        str(oid): Inspected(tables[str(schema), str(name)])
        for oid, schema, name in source.ask(_OIDS)
        if (str(schema), str(name)) in tables
    }
    for oid, column, kind, never_empty in source.ask(_COLUMNS):
        if table := found.get(str(oid)):
            table.types[str(column)] = str(kind)
            if never_empty:
                table.required.add(str(column))
    for oid, kind, target, columns in source.ask(_CONSTRAINTS):
        table = found.get(str(oid))
        if table is None or not isinstance(columns, list):
            continue
        if kind == "f" and len(columns) == 1 and str(target) in found:
            table.references.setdefault(columns[0], found[str(target)].name)
        elif kind == "p" or (kind == "u" and not table.key):
            table.key = tuple(columns)
    return list(found.values())
