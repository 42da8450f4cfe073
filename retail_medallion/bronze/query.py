"""The SQL of an extract: names quoted and checked against the catalogue, window bounds as typed literals."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg2.extensions
import pyarrow as pa
from psycopg2 import sql

from retail_medallion.bronze.block import DELETED, EXTRACTED_AT, ExtractBlock, Mode
from retail_medallion.bronze.windows import Window
from retail_medallion.errors import AccessDeniedError, MappingError, SourceSchemaError
from retail_medallion.storage.postgres.failures import translated
from retail_medallion.storage.postgres.types import QueryColumn, describe_query

# What must be stepped over to find a placeholder: texts, quoted names, comments, casts.
_TOKENS = re.compile(
    r"""
      (?P<skip> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | \$(?P<tag>[A-Za-z_\x80-\uffff]?[A-Za-z0-9_\x80-\uffff]*)\$.*?\$(?P=tag)\$
        | --[^\n]* | /\*.*?\*/ | :: )
    | (?P<placeholder> :(?:window_start|window_end)\b )
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME_PART = re.compile(r'(?:"((?:[^"]|"")+)"|([A-Za-z_\x80-\uffff][\w$\x80-\uffff]*))(?:\.|\Z)')
_MAX_NAME_PARTS = 2
_WATERMARK_TYPES = ("date", "timestamp", "timestamptz")
_KEY_TYPES_REFUSED = (pa.types.is_nested, pa.types.is_null)


@dataclass(frozen=True)
class ExtractPlan:
    """A block, checked against the database it is to be read from.

    Attributes:
        block: The block.
        columns: Names and types of the columns, in the order of the table or query.
        watermark_type: PostgreSQL type of the watermark that cuts the days; None where the query places the window.
    """

    block: ExtractBlock
    columns: tuple[QueryColumn, ...]
    watermark_type: str | None

    def column(self, name: str) -> QueryColumn:
        """Return a column by its name, which the plan has checked."""
        return next(column for column in self.columns if column.name == name)

    def select(self, window: Window | None, *, ordered: bool = True) -> sql.Composed:
        """Build the SELECT of one window, or of everything.

        Args:
            window: Which rows; None for all.
            ordered: Whether the order of the rows matters to the reader.
        """
        parts = [_selected(self.block), _relation(self.block, window), sql.SQL(" AS extract")]
        condition = _window_condition(self, window)
        if condition is not None:
            parts += [sql.SQL(" WHERE "), condition]
        if ordered:
            parts += [sql.SQL(" ORDER BY "), sql.SQL(", ").join(self._order_terms())]
        return sql.Composed(parts)

    def _order_terms(self) -> list[sql.Composable]:
        # The merge compares what was sent, so the order is that of the values sent: texts by their bytes.
        terms: list[sql.Composable] = []
        for name in self.block.order:
            column = sql.Identifier(name)
            if pa.types.is_string(self.column(name).field.type):
                terms.append(sql.SQL('{}::text COLLATE "C" ASC NULLS LAST').format(column))
            else:
                terms.append(sql.SQL("{} ASC NULLS LAST").format(column))
        return terms


def plan_extract(
    connection: psycopg2.extensions.connection,
    block: ExtractBlock,
    *,
    look: Callable[[ExtractPlan], None] | None = None,
) -> ExtractPlan:
    """Check a block against the catalogue of its source.

    Args:
        connection: A session on the source.
        block: What to extract.
        look: Given the columns, with a plan of the whole table, before anything is asked of them.

    Raises:
        SourceSchemaError: The table, or a column of the key, does not exist, or a type cannot be used.
        AccessDeniedError: The table may not be read.
        MappingError: The block has no way to tell the rows of a day.
    """
    where = f"block {block.name}"
    if block.table is not None:
        _require_readable(connection, block.table, where)
    empty = sql.Composed([_selected(block), _relation(block, None), sql.SQL(" AS extract")])
    columns = tuple(describe_query(connection, empty))
    if look is not None:
        look(ExtractPlan(block, columns, None))
    _check_columns(block, columns, where)
    _check_window(block, where)
    watermark_type = None
    placed = block.query is not None and _has_placeholders(block.query)
    if block.mode.is_windowed and block.watermark is not None and not placed:
        probe = sql.Composed(
            [sql.SQL("SELECT ("), _raw(block.watermark), sql.SQL("\n) AS watermark FROM "), _relation(block, None)]
        ) + sql.SQL(" AS extract")
        found = describe_query(connection, probe)[0].type
        if not found.is_builtin(*_WATERMARK_TYPES):
            raise SourceSchemaError(
                f"The watermark is of type {found.text}.",
                where=where,
                why="It has to say when a row was recorded: a date, a timestamp or a timestamp with time zone.",
                fix="Convert it in the watermark's expression.",
            )
        watermark_type = found.name
    return ExtractPlan(block, columns, watermark_type)


def _check_columns(block: ExtractBlock, columns: Sequence[QueryColumn], where: str) -> None:
    known = {column.name: column for column in columns}
    added = {EXTRACTED_AT, *([DELETED] if block.mode is Mode.COMPARED else [])}
    for name in added & known.keys():
        raise SourceSchemaError(
            f"The extract has a column {name!r} of its own.", where=where, fix="Rename it in a query."
        )
    for name in block.order:
        if name not in known:
            raise SourceSchemaError(
                f"The extract has no column {name!r}, which its key or document names.",
                where=where,
                why=f"columns found: {', '.join(known)}",
            )
        if any(refused(known[name].field.type) for refused in _KEY_TYPES_REFUSED):
            raise SourceSchemaError(
                f"Column {name!r} of type {known[name].type.text} cannot identify a row.",
                where=where,
                fix="Cast it to text in a query.",
            )


def _check_window(block: ExtractBlock, where: str) -> None:
    if not block.mode.is_windowed:
        return
    placed = block.query is not None and _has_placeholders(block.query)
    if block.watermark is None and not placed:
        raise MappingError(
            "The extract cannot tell the rows of a day.",
            where=where,
            why=f"Mode {block.mode.value} needs a watermark.",
            fix="Name a watermark, or put :window_start and :window_end into the query.",
        )


def _require_readable(connection: psycopg2.extensions.connection, table: str, where: str) -> None:
    name = ".".join(_quoted_parts(table))
    with translated(where), connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relkind::text, has_any_column_privilege(c.oid, 'SELECT'), "
            "has_schema_privilege(c.relnamespace, 'USAGE') "
            "FROM pg_catalog.pg_class c WHERE c.oid = to_regclass(%s)",
            (name,),
        )
        found = cursor.fetchone()
    if found is None:
        raise SourceSchemaError(
            f"There is no table or view {table}.",
            where=where,
            why="It was dropped or renamed, or is not in the search path.",
            fix="Name it with its schema.",
        )
    kind, readable, schema_usable = found
    if kind not in {"r", "v", "m", "p", "f"}:
        raise SourceSchemaError(f"{table} is not a table or view.", where=where)
    if not (readable and schema_usable):
        raise AccessDeniedError(
            f"The table {table} may not be read.", where=where, fix="GRANT USAGE on its schema and SELECT on it."
        )


def name_parts(table: str) -> list[str]:
    """Split `schema.table` into its parts, folding and unquoting as PostgreSQL does.

    Raises:
        MappingError: The name is malformed.
    """
    parts: list[str] = []
    position = 0
    while position < len(table):
        match = _NAME_PART.match(table, position)
        if match is None:
            break
        quoted, plain = match.groups()
        parts.append(quoted.replace('""', '"') if quoted is not None else plain.lower())
        position = match.end()
    if position < len(table) or table.endswith(".") or not 1 <= len(parts) <= _MAX_NAME_PARTS:
        raise MappingError(f"{table!r} is not the name of a table.", fix="Write schema.table, quoting parts as in SQL.")
    return parts


def _quoted_parts(table: str) -> list[str]:
    return ['"' + part.replace('"', '""') + '"' for part in name_parts(table)]


def _raw(text: str) -> sql.SQL:
    # Mapping files are code of the one who runs this; the mapping's guard has read it, and the session is read-only.
    return sql.SQL(text)


def _selected(block: ExtractBlock) -> sql.Composable:
    if block.mode is not Mode.KEYS:
        return sql.SQL("SELECT * FROM ")
    return sql.SQL("SELECT {} FROM ").format(sql.SQL(", ").join(map(sql.Identifier, block.key)))


def _relation(block: ExtractBlock, window: Window | None) -> sql.Composable:
    if block.table is not None:
        return sql.Identifier(*name_parts(block.table))
    text = (block.query or "").strip().rstrip(";")
    return sql.Composed([sql.SQL("("), *_placed(text, window), sql.SQL("\n)")])


def _has_placeholders(query: str) -> bool:
    return any(match.lastgroup == "placeholder" for match in _TOKENS.finditer(query))


def _placed(query: str, window: Window | None) -> list[sql.Composable]:
    parts: list[sql.Composable] = []
    position = 0
    for match in _TOKENS.finditer(query):
        if match["placeholder"] is None:
            continue
        parts.append(_raw(query[position : match.start()]))
        if match["placeholder"] == ":window_start":
            parts.append(_bound(window.start if window else None, "-infinity", "timestamptz"))
        else:
            parts.append(_bound(window.end if window else None, "infinity", "timestamptz"))
        position = match.end()
    parts.append(_raw(query[position:]))
    return parts


def _bound(instant: datetime | None, otherwise: str, postgres_type: str) -> sql.Composable:
    if instant is None:
        text = otherwise
    elif postgres_type == "timestamptz":
        text = instant.isoformat()
    elif postgres_type == "timestamp":
        text = instant.replace(tzinfo=None).isoformat()
    else:
        text = instant.date().isoformat()
    return sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(postgres_type))


def _window_condition(plan: ExtractPlan, window: Window | None) -> sql.Composable | None:
    watermark = plan.block.watermark
    if window is None or watermark is None or plan.watermark_type is None:
        return None
    expression = sql.Composed([sql.SQL("("), _raw(watermark), sql.SQL("\n)")])
    before_end = expression + sql.SQL(" < ") + _bound(window.end, "infinity", plan.watermark_type)
    if window.start is None:
        return sql.SQL("(") + before_end + sql.SQL(" OR ") + expression + sql.SQL(" IS NULL)")
    from_start = expression + sql.SQL(" >= ") + _bound(window.start, "-infinity", plan.watermark_type)
    return from_start + sql.SQL(" AND ") + before_end
