"""The relation a block's expressions are evaluated over: Bronze columns as DuckDB sees them, filtered and exploded."""

# ruff: noqa: S608 - this module writes SQL: names are quoted, expressions come from the guard

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa
from duckdb import DuckDBPyConnection
from duckdb import Error as DuckDBError

from retail_medallion.errors import MappingError, SchemaDriftError
from retail_medallion.mapping.engine import new_duckdb, quoted, readable_schema

RELATION = "bronze"
"""Name of the Bronze relation in compiled SQL, and of the row an expression sees."""

_FREE = threading.local()

EXTRACTED_AT = "_extracted_at"
DELETED = "_deleted"
"""Column of a compared block's objects: the row says that its key is gone, and nothing else."""
ROW = "bronze_row"

_WHERE = "where?"
_ITEMS = "items?"
_UUID_BYTES = 16
_JSON_TYPES = frozenset({b"json", b"jsonb"})
_EXACT = "exact:"


def exact_json_column(name: str) -> str:
    """Name of the column of `row` that holds a JSON text whose numbers keep all of their digits."""
    return _EXACT + name


@dataclass(frozen=True)
class BronzeColumns:
    """The columns of a Bronze object, and how DuckDB has to look at them.

    Attributes:
        names: Columns an expression may use.
        json: Columns that hold JSON as text.
        floats: Columns of floating point.
        uuids: Columns that hold a uuid as 16 bytes.
    """

    schema: pa.Schema
    names: tuple[str, ...]
    json: frozenset[str]
    floats: frozenset[str]
    uuids: frozenset[str]

    @classmethod
    def of(cls, schema: pa.Schema) -> Self:
        """Look at a schema.

        Raises:
            SchemaDriftError: The extraction time is missing, a name is taken by the platform, or two names are the same
                to DuckDB.
        """
        seen: dict[str, str] = {}
        for name in schema.names:
            if name.lower() in seen:
                raise SchemaDriftError(
                    f"The columns {seen[name.lower()]!r} and {name!r} differ only in upper and lower case.",
                    fix="Select them with other names in the extract's `query`.",
                )
            seen[name.lower()] = name
            if name.lower() in {ROW, _WHERE, _ITEMS} or name.lower().startswith(_EXACT):
                raise SchemaDriftError(
                    f"The column name {name!r} is taken by the platform.", fix="Select it with another name in `query`."
                )
        if EXTRACTED_AT not in schema.names:
            raise SchemaDriftError(f"The Bronze object has no column {EXTRACTED_AT}.", fix="Materialise it again.")
        return cls(
            schema=readable_schema(schema),
            names=tuple(name for name in schema.names if name != EXTRACTED_AT),
            json=frozenset(f.name for f in schema if _postgres_type(f) in _JSON_TYPES and _is_text(f.type)),
            floats=frozenset(f.name for f in schema if pa.types.is_floating(f.type)),
            uuids=frozenset(f.name for f in schema if _is_raw_uuid(f)),
        )


def _postgres_type(field: pa.Field) -> bytes | None:
    value: bytes | None = (field.metadata or {}).get(b"postgres_type")
    return value


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_raw_uuid(field: pa.Field) -> bool:
    """A uuid that lost its Arrow extension type; DuckDB reads one that has it by itself."""
    kind = field.type
    sixteen = bool(pa.types.is_fixed_size_binary(kind)) and kind.byte_width == _UUID_BYTES
    return sixteen and _postgres_type(field) in {b"uuid", None}


@dataclass
class Frame:
    """The FROM side of a compiled block, built step by step.

    Attributes:
        columns: Bronze columns.
        used: Those the block needs.
        exact: Those it also reads as JSON.
        condition: SQL of `where`, or None.
        line: Name of the exploded array, or None.
        array: SQL of the array, or None.
    """

    columns: BronzeColumns
    used: set[str] = field(default_factory=set)
    exact: set[str] = field(default_factory=set)
    condition: str | None = None
    line: str | None = None
    array: str | None = None

    def steps(self, *, filtered: bool = True, probe: bool = False) -> str:
        """`WITH ...` that ends in the relation `row`.

        Args:
            filtered: False stops before `where`, with its verdict in the last relation (`read` or `tested`).
            probe: Every row passes and every array has one element, so that a row of NULLs reaches the end.
        """
        wanted = [name for name in self.columns.schema.names if name in self.used]
        selected = [self._read(name) for name in wanted]
        selected += [
            f"exact_json(CAST({RELATION}.{quoted(name)} AS VARCHAR)) AS {quoted(exact_json_column(name))}"
            for name in wanted
            if name in self.exact
        ]
        selected += [f"{RELATION}.{ROW}", f"{RELATION}.{quoted(EXTRACTED_AT)}"]
        steps = [f"read AS (\n  SELECT {', '.join(selected)}\n  FROM {RELATION}\n)"]
        if self.condition is not None:
            verdict = "TRUE" if probe else f"TRY({{'v': {self.condition}}})"
            steps.append(f"tested AS (\n  SELECT *, {verdict} AS {quoted(_WHERE)}\n  FROM read AS {RELATION}\n)")
        if not filtered:
            return "WITH " + ",\n".join(steps)
        last = "read"
        if self.condition is not None:
            steps.append(f"selected AS (\n  SELECT *\n  FROM tested\n  WHERE {'TRUE' if probe else self.selects}\n)")
            last = "selected"
        if self.line is not None:
            steps.extend(self._explode(last, probe=probe))
            last = "exploded"
        steps.append(f"row AS (\n  SELECT *\n  FROM {last}\n)")
        return "WITH " + ",\n".join(steps)

    @property
    def selects(self) -> str:
        """Whether the row is taken. One whose condition cannot be computed is, so that it is rejected with a reason."""
        verdict = quoted(_WHERE)
        return "TRUE" if self.condition is None else f"({verdict} IS NULL OR struct_extract({verdict}, 'v') IS TRUE)"

    @property
    def verdicts(self) -> list[str]:
        """Columns of `row` that are NULL where the row as a whole could not be read."""
        found = [] if self.condition is None else [_WHERE]
        return found if self.line is None else [*found, f"{self.line}.pos"]

    def _read(self, name: str) -> str:
        column = f"{RELATION}.{quoted(name)}"
        return f"CAST(lower(hex({column})) AS UUID) AS {quoted(name)}" if name in self.columns.uuids else column

    def _explode(self, source: str, *, probe: bool) -> list[str]:
        items, value, pos = quoted(_ITEMS), quoted(f"{self.line}.value"), quoted(f"{self.line}.pos")
        whole = f"struct_extract({items}, 'v')"
        # What is there and is no array gives one row without a position, which is rejected: nothing vanishes.
        elements = (
            f"CASE WHEN {items} IS NULL THEN [CAST(NULL AS JSON)] WHEN {whole} IS NULL THEN CAST([] AS JSON[])"
            f" WHEN json_type({whole}) = 'NULL' THEN CAST([] AS JSON[])"
            f" WHEN json_type({whole}) = 'ARRAY' THEN json_extract({whole}, '$[*]') ELSE [CAST(NULL AS JSON)] END"
        )
        positions = (
            f"CASE WHEN {items} IS NULL THEN [CAST(NULL AS BIGINT)] WHEN {whole} IS NULL THEN CAST([] AS BIGINT[])"
            f" WHEN json_type({whole}) = 'NULL' THEN CAST([] AS BIGINT[])"
            f" WHEN json_type({whole}) = 'ARRAY' THEN range(CAST(json_array_length({whole}) AS BIGINT))"
            " ELSE [CAST(NULL AS BIGINT)] END"
        )
        # Without a value the array counts as unreadable, which gives one element.
        array = "CAST(NULL AS STRUCT(v JSON))" if probe else f"TRY({{'v': CAST({self.array} AS JSON)}})"
        both = f"unnest({elements}) AS {value}, unnest({positions}) AS {pos}"
        return [
            f"arrays AS (\n  SELECT *, {array} AS {items}\n  FROM {source} AS {RELATION}\n)",
            f"exploded AS (\n  SELECT * EXCLUDE ({items}), {both}\n  FROM arrays\n)",
        ]


class Describer:
    """Asks DuckDB for types and for constants, on one row of NULLs with the Bronze schema."""

    def __init__(self, columns: BronzeColumns) -> None:
        free: list[DuckDBPyConnection] = _FREE.__dict__.setdefault("connections", [])
        self._connection = free.pop() if free else new_duckdb("200MB", threads=1)
        schema = columns.schema.append(pa.field(ROW, pa.int64()))
        nulls = pa.Table.from_arrays([pa.nulls(1, field.type) for field in schema], names=schema.names)
        self._connection.register(RELATION, nulls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._connection.close()
            return
        self._connection.unregister(RELATION)
        _FREE.connections.append(self._connection)

    def types(self, select: str) -> dict[str, str]:
        """Column name to DuckDB type of a SELECT.

        Raises:
            duckdb.Error: It does not bind.
        """
        return {row[0]: str(row[1]) for row in self._connection.execute(f"DESCRIBE {select}").fetchall()}

    def type_of(self, expression: str, frame: Frame, *, where: str, shown: str) -> str:
        """DuckDB type of an expression over a frame.

        Raises:
            MappingError: It does not bind: wrong argument types, for example.
        """
        try:
            kind = self.types(f"{frame.steps()}\nSELECT {expression} AS v FROM row AS {RELATION}")["v"]
            # Some constants, a regular expression for one, are only read when a row comes by.
            probe = f"{frame.steps(probe=True)}\nSELECT TRY({{'v': {expression}}}) FROM row AS {RELATION}"
            self._connection.execute(probe).fetchall()
        except DuckDBError as error:
            why = str(error).split("\n\nLINE", 1)[0].strip()
            raise MappingError(
                f"DuckDB cannot evaluate the expression {shown!r}.",
                where=where,
                why=why,
                fix="Cast the operands to types that go together.",
            ) from None
        return kind

    def types_of(self, expressions: list[str], frame: Frame) -> list[str | None]:
        """Types of several expressions; None for one that cannot stand alone."""
        wanted = ", ".join(f"{expression} AS v{i}" for i, expression in enumerate(expressions))
        try:
            return list(self.types(f"{frame.steps()}\nSELECT {wanted} FROM row AS {RELATION}").values())
        except DuckDBError:
            if len(expressions) == 1:
                return [None]
            half = len(expressions) // 2
            return self.types_of(expressions[:half], frame) + self.types_of(expressions[half:], frame)

    def fits(self, constant: str, kind: str) -> bool:
        """Whether a constant keeps its value as that type."""
        rows = self._connection.execute(
            f"SELECT TRY(CAST(CAST({constant} AS {kind}) AS VARCHAR) = CAST({constant} AS VARCHAR)"
            f" OR TRY_CAST(CAST({constant} AS {kind}) AS DECIMAL(38,10)) = TRY_CAST({constant} AS DECIMAL(38,10)))"
        ).fetchall()
        return bool(rows[0][0])
