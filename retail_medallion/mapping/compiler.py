"""From a block of a mapping file to one DuckDB SELECT over its Bronze rows.

Every expression is evaluated inside of `TRY`: a value that cannot be read gives NULL and names its column in `failed`,
and never stops the load. No text of a mapping file reaches the statement other than through the guard.
"""

# ruff: noqa: S608 - this module writes SQL: names are quoted, expressions come from the guard

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
from duckdb import Error as DuckDBError
from sqlglot import exp

from retail_medallion.errors import MappingError
from retail_medallion.mapping.bronze_frame import DELETED, EXTRACTED_AT, RELATION, ROW, BronzeColumns, Describer, Frame
from retail_medallion.mapping.engine import literal, quoted
from retail_medallion.mapping.expressions import checked, typed
from retail_medallion.mapping.grammar import Block, CodeMap, ColumnMapping, Constant, Mapping
from retail_medallion.mapping.guard import Guarded, guard
from retail_medallion.mapping.type_gate import EXACT, kind_of_target, require_exact, require_family
from retail_medallion.model.canonical import CanonicalModel, Entity

UNKNOWN = "unknown"
SEEN = "seen"
"""Name of the relation `CompiledBlock.scope` reads where the block names another in `complete: {seen: ...}`."""


@dataclass(frozen=True)
class CompiledBlock:
    """A block as SQL.

    `select` reads the relation `bronze` (the Bronze columns and `bronze_row BIGINT`, the position in the file from 0)
    and yields, in the order of the file: `bronze_row BIGINT`, `ingested_at TIMESTAMPTZ`, `source_key VARCHAR`, one
    column per mapped column, and three lists of column names: `failed` (the value could not be read; an unreadable row
    condition or array counts for the key column), `unmapped` (the code map has no such value) and `unmapped_strict`
    (the same, and the map is strict). `strict_values` are the values of the latter, in the same order.

    Attributes:
        select: The rows.
        types: Mapped column to the DuckDB type of its value.
        count: One row `rows_read, selected` from `bronze`; selected are the rows that pass `where`.
        scope: None where absence means nothing; `*` where the extract covers the table; else a SELECT of distinct
            `scope_key` from `seen` or `bronze`.
        scope_relation: `seen` or `bronze`, whichever `scope` reads.
        lineage: Mapped column to the Bronze columns its value comes from.
        filters: Bronze columns that decide which rows there are.
    """

    select: str
    types: dict[str, str]
    count: str
    scope: str | None
    scope_relation: str | None
    lineage: dict[str, frozenset[str]]
    filters: frozenset[str]


def compile_block(
    mapping: Mapping,
    block: Block,
    model: CanonicalModel,
    bronze_schema: pa.Schema,
    seen_schema: pa.Schema | None = None,
) -> CompiledBlock:
    """Compile one block; of a compared one the states, whose keys that are gone `gone_keys` makes a block of.

    Args:
        mapping: The mapping file.
        block: One of its blocks.
        model: The canonical model.
        bronze_schema: Schema of the block's Bronze objects.
        seen_schema: Schema of the Bronze objects of the block named by `complete: {seen: ...}`.

    Raises:
        MappingError: An expression is not allowed, names a column that is not there, does not evaluate or has a type
            the canonical column does not take.
        SchemaDriftError: The Bronze schema cannot be worked with.
    """
    columns = BronzeColumns.of(bronze_schema)
    with Describer(columns) as describer:
        return _Compiler(mapping, block, model.entity(block.entity), columns, describer).compile(seen_schema)


def tells_what_is_gone(block: Block, bronze_schema: pa.Schema) -> bool:
    """Whether some rows of a block's Bronze objects are no states, but keys that are gone."""
    return block.extract.mode == "compared" and not block.tombstone and DELETED in bronze_schema.names


def gone_keys(block: Block) -> Block:
    """What the rows of a compared block that are no states make: a tombstone block of their own."""
    nothing: dict[str, object] = {"columns": {}, "explode": None, "complete": None}
    return block.model_copy(update={"tombstone": True, "where": DELETED, **nothing})


@dataclass(frozen=True)
class _Value:
    """A column on its way: how it is computed, whether that can fail, and what is done with the result."""

    name: str
    guarded: Guarded | None
    computed: str
    can_fail: bool
    final: str
    unmapped: str | None = None
    strict: bool = False
    given: str = "NULL"


class _Compiler:
    def __init__(
        self, mapping: Mapping, block: Block, entity: Entity, columns: BronzeColumns, describer: Describer
    ) -> None:
        self.mapping = mapping
        self.block = block
        self.entity = entity
        self.columns = columns
        self.describer = describer
        self.frame = Frame(columns)
        self.filters: set[str] = set()
        self.array: frozenset[str] = frozenset()

    def compile(self, seen_schema: pa.Schema | None) -> CompiledBlock:
        self._frame()
        key = self._guard(self.block.key_expression, "key", self.block.key_column)
        guarded = {
            name: self._guard(column.expr, "columns", name)
            for name, column in self.block.columns.items()
            if column.expr is not None
        }
        for part in (key, *guarded.values()):
            self.frame.used |= part.columns
        source_key = self._key(key)
        values = [self._value(name, column, guarded.get(name)) for name, column in self.block.columns.items()]
        select = self._select(source_key, values)
        scope, relation = self._scope(seen_schema, guarded)
        described = self._describe(select)
        lineage = {value.name: self._sources(value.guarded) for value in values}
        return CompiledBlock(
            select=select,
            types={value.name: described[value.name] for value in values},
            count=self._count(),
            scope=scope,
            scope_relation=relation,
            lineage={self.block.key_column: self._sources(key), **lineage},
            filters=frozenset(self.filters),
        )

    def _sources(self, guarded: Guarded | None) -> frozenset[str]:
        if guarded is None:
            return frozenset()
        return guarded.columns | (self.array if guarded.line_parts else frozenset())

    def _guard(self, text: str, *path: str, line: bool = True) -> Guarded:
        explode = self.block.explode
        return guard(
            text,
            where=self.mapping.where_block(self.block, *path),
            columns=self.columns.names,
            relation=RELATION,
            line=explode.alias if explode and line else None,
        )

    def _frame(self) -> None:
        if self.block.where is not None:
            condition = self._guard(self.block.where, "where", line=False)
            self.frame.used |= condition.columns
            self.filters |= condition.columns
            text, where = self._evaluated(condition), self.mapping.where_block(self.block, "where")
            found = self.describer.type_of(text, self.frame, where=where, shown=self.block.where)
            if found != "BOOLEAN":
                raise MappingError(f"`where` takes a condition, and {self.block.where!r} is {found}.", where=where)
            self.frame.condition = text
        if tells_what_is_gone(self.block, self.columns.schema):
            self.frame.used.add(DELETED)
            # AND may look at its second operand, and that of a row about a gone key is made of NULLs.
            otherwise = self.frame.condition or "TRUE"
            self.frame.condition = f"CASE WHEN {RELATION}.{quoted(DELETED)} THEN FALSE ELSE {otherwise} END"
        if self.block.explode is not None:
            self._explode(self.block.explode.alias, self.block.explode.expression)

    def _explode(self, alias: str, expression: str) -> None:
        where = self.mapping.where_block(self.block, "explode")
        taken = {name.lower() for name in self.columns.names} | {RELATION}
        if taken & {alias, f"{alias}.value", f"{alias}.pos"}:
            raise MappingError(
                f"The extract has a column called {alias!r} already.", where=where, fix="Choose another `as`."
            )
        array = self._guard(expression, "explode", "from", line=False)
        self.array = array.columns
        self.frame.used |= array.columns
        self.filters |= array.columns
        text = self._evaluated(array, whole=False)
        found = self.describer.type_of(text, self.frame, where=where, shown=expression)
        if found not in {"JSON", "VARCHAR", '"NULL"'}:
            raise MappingError(f"`explode` takes a JSON array, and {expression!r} is {found}.", where=where)
        self.frame.line, self.frame.array = alias, text

    def _evaluated(self, guarded: Guarded, *, whole: bool = True) -> str:
        return checked(typed(guarded, self.frame, whole=whole), self.frame, self.describer)

    def _key(self, key: Guarded) -> str:
        text = self._evaluated(key)
        where = self.mapping.where_block(self.block, "key", self.block.key_column)
        found = self.describer.type_of(text, self.frame, where=where, shown=self.block.key_expression)
        require_family("key", found, column=self.block.key_column, shown=self.block.key_expression, where=where)
        return f"TRY({{'v': CAST({text} AS VARCHAR)}})"

    def _value(self, name: str, column: ColumnMapping, guarded: Guarded | None) -> _Value:
        where = self.mapping.where_block(self.block, "columns", name)
        kind = kind_of_target(self.entity, name)
        if guarded is None:
            constant = constant_sql(column.const if column.const is not None else "")
            found = self.describer.type_of(constant, self.frame, where=where, shown=str(column.const))
            require_family(kind, found, column=name, shown=str(column.const), where=where)
            return _Value(name, None, constant, can_fail=False, final=_computed(name))
        shown = column.expr or ""
        tree = typed(guarded, self.frame)
        text = checked(tree, self.frame, self.describer)
        found = self.describer.type_of(text, self.frame, where=where, shown=shown)
        if column.code is None:
            require_family(kind, found, column=name, shown=shown, where=where)
        if kind == EXACT:
            require_exact(tree, self.columns, self.frame, self.describer, column=name, shown=shown, where=where)
        plain = isinstance(tree.unnest(), exp.Column | exp.Literal | exp.Null | exp.Boolean)
        final = _computed(name) if plain else f"struct_extract({_computed(name)}, 'v')"
        if column.null_values:
            listed = ", ".join(literal(value.strip()) for value in column.null_values)
            final = f"CASE WHEN trim(CAST({final} AS VARCHAR)) IN ({listed}) THEN NULL ELSE {final} END"
        unmapped, strict, given = None, False, final
        if column.code is not None:
            code = self._code_map(column.code, name)
            final, unmapped = _translated(final, code, enum=self._is_enum(name))
            found, strict = "VARCHAR", code.strict
        if column.default is not None:
            # A value that is there and cannot be used is not the same as none.
            unusable = ([] if plain else [f"{_computed(name)} IS NULL"]) + ([unmapped] if unmapped else [])
            final = self._with_default(final, column.default, found, where, name, unusable)
        return _Value(
            name,
            guarded,
            text if plain else f"TRY({{'v': {text}}})",
            can_fail=not plain,
            final=final,
            unmapped=unmapped,
            strict=strict,
            given=f"CAST({given} AS VARCHAR)",
        )

    def _is_enum(self, name: str) -> bool:
        return name in self.entity.columns and self.entity.columns[name].codes is not None

    def _code_map(self, code: str, name: str) -> CodeMap:
        try:
            return self.mapping.codes[code]
        except KeyError:
            raise MappingError(
                f"There is no code map {code!r}.",
                where=self.mapping.where_block(self.block, "columns", name, "code"),
                fix=f"Add it under `codes`, or use one of: {', '.join(self.mapping.codes) or 'none yet'}",
            ) from None

    def _with_default(
        self, final: str, default: Constant, kind: str, where: str, name: str, unusable: list[str]
    ) -> str:
        constant = constant_sql(default)
        if kind != '"NULL"':
            if not self.describer.fits(constant, kind):
                raise MappingError(f"The default {default!s} of {name!r} does not fit its type {kind}.", where=where)
            constant = f"CAST({constant} AS {kind})"
        filled = f"coalesce({final}, {constant})"
        return f"CASE WHEN {' OR '.join(unusable)} THEN {final} ELSE {filled} END" if unusable else filled

    def _select(self, source_key: str, values: list[_Value]) -> str:
        key = self.block.key_column
        broken = [f"{_computed('source_key')} IS NULL", *(f"{_computed(name)} IS NULL" for name in self.frame.verdicts)]
        failed = [f"CASE WHEN {' OR '.join(broken)} THEN {literal(key)} END"]
        failed += [f"CASE WHEN {_computed(v.name)} IS NULL THEN {literal(v.name)} END" for v in values if v.can_fail]
        computed = [
            ROW,
            f"{RELATION}.{quoted(EXTRACTED_AT)} AS ingested_at",
            f"{source_key} AS source_key",
            *(f"{value.computed} AS {quoted(value.name)}" for value in values),
            *(f"{RELATION}.{quoted(name)}" for name in self.frame.verdicts),
        ]
        loose = [f"CASE WHEN {v.unmapped} THEN {literal(v.name)} END" for v in values if v.unmapped and not v.strict]
        strict = [f"CASE WHEN {v.unmapped} THEN {literal(v.name)} END" for v in values if v.unmapped and v.strict]
        refused = [f"CASE WHEN {v.unmapped} THEN {v.given} END" for v in values if v.unmapped and v.strict]
        finished = [
            ROW,
            "ingested_at",
            f"struct_extract({_computed('source_key')}, 'v') AS source_key",
            *(f"{value.final} AS {quoted(value.name)}" for value in values),
            f"{_names(failed)} AS failed",
            f"{_names(loose)} AS unmapped",
            f"{_names(strict)} AS unmapped_strict",
            f"{_names(refused)} AS strict_values",
        ]
        steps = f"{self.frame.steps()},\ncomputed AS (\n  SELECT {_lines(computed)}\n  FROM row AS {RELATION}\n)"
        return f"{steps}\nSELECT {_lines(finished)}\nFROM computed"

    def _count(self) -> str:
        source = "read" if self.frame.condition is None else "tested"
        taken = f"count(*) FILTER (WHERE {self.frame.selects})"
        return f"{self.frame.steps(filtered=False)}\nSELECT count(*) AS rows_read, {taken} AS selected\nFROM {source}"

    def _describe(self, select: str) -> dict[str, str]:
        try:
            return self.describer.types(select)
        except DuckDBError as error:
            where = self.mapping.where_block(self.block)
            raise MappingError("The block does not compile.", where=where, why=str(error).split("\n\n", 1)[0]) from None

    def _scope(self, seen_schema: pa.Schema | None, guarded: dict[str, Guarded]) -> tuple[str | None, str | None]:
        complete = self.block.completeness
        if complete is None:
            return None, None
        if complete.within == "table":
            return "*", None
        own = f"{self.block.entity}/{self.block.name}"
        if complete.seen in {None, own}:
            if complete.value is not None:
                part = self._guard(complete.value, "complete", "value", line=False)
            elif complete.within in guarded and not guarded[complete.within].line_parts:
                part = guarded[complete.within]
            else:
                where = self.mapping.where_block(self.block, "complete")
                raise MappingError(
                    f"`complete` needs `value`: {complete.within!r} names no document by itself.", where=where
                )
            self.filters |= part.columns
            return scope_sql(part, self.columns, self.describer, RELATION), RELATION
        where = self.mapping.where_block(self.block, "complete", "value")
        if seen_schema is None:
            raise MappingError(f"The schema of the Bronze objects of {complete.seen} is not known.", where=where)
        columns = BronzeColumns.of(seen_schema)
        part = guard(complete.value or "", where=where, columns=columns.names, relation=RELATION)
        with Describer(columns) as describer:
            frame = Frame(columns, used=set(part.columns))
            value = checked(typed(part, frame), frame, describer)
            describer.type_of(value, frame, where=where, shown=complete.value or "")
            return scope_sql(part, columns, describer, SEEN), SEEN


def scope_sql(part: Guarded, columns: BronzeColumns, describer: Describer, relation: str) -> str:
    """SELECT of the documents a relation names."""
    frame = Frame(columns, used=set(part.columns))
    value = f"CAST({checked(typed(part, frame), frame, describer)} AS VARCHAR)"
    steps = frame.steps().replace(f"FROM {RELATION}\n", f"FROM {relation} AS {RELATION}\n", 1)
    return f"{steps}\nSELECT DISTINCT {value} AS scope_key\nFROM row AS {RELATION}\nWHERE {value} IS NOT NULL"


def constant_sql(value: Constant) -> str:
    """A constant of the file as a DuckDB literal."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return (
        format(value, "f") if isinstance(value, Decimal) else str(value) if isinstance(value, int) else literal(value)
    )


def _translated(value: str, code: CodeMap, *, enum: bool) -> tuple[str, str]:
    """SQL of the translated value, and of "the map has no such value"."""
    text = f"nullif(trim(CAST({value} AS VARCHAR)), '')"
    whens = " ".join(f"WHEN {literal(key)} THEN {literal(to)}" for key, to in code.values.items() if key)
    listed = ", ".join(literal(key) for key in code.values if key)
    blank = code.values.get("")
    missing = "NULL" if not enum or code.strict else literal(UNKNOWN)
    otherwise = literal(code.otherwise) if code.otherwise is not None else missing
    translated = f"CASE {text} {whens} ELSE {otherwise} END" if whens else otherwise
    if blank is not None:
        raw = f"trim(CAST({value} AS VARCHAR))"
        translated = f"CASE WHEN {raw} = '' THEN {literal(blank)} WHEN {text} IS NOT NULL THEN {translated} END"
    else:
        translated = f"CASE WHEN {text} IS NOT NULL THEN {translated} END"
    if code.otherwise is not None and code.otherwise != UNKNOWN:
        return translated, "FALSE"
    lacking = f"{text} NOT IN ({listed})" if listed else f"{text} IS NOT NULL"
    return translated, f"({lacking}) IS TRUE"


def _computed(name: str) -> str:
    """A column of the step before the last, told apart from the alias of the last step that has its name."""
    return f"computed.{quoted(name)}"


def _names(conditions: list[str]) -> str:
    if not conditions:
        return "CAST([] AS VARCHAR[])"
    return f"list_filter([{', '.join(conditions)}], lambda name: name IS NOT NULL)"


def _lines(expressions: list[str]) -> str:
    return ",\n    ".join(expressions)
