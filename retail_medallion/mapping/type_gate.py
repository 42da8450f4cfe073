"""Which DuckDB types a canonical column takes. Money and quantities never come from floating point."""

from __future__ import annotations

from sqlglot import exp

from retail_medallion.errors import MappingError
from retail_medallion.mapping.bronze_frame import BronzeColumns, Describer, Frame
from retail_medallion.model.canonical import TECHNICAL_COLUMNS, Entity

EXACT = "exact number"
_KINDS: dict[str, tuple[str, ...]] = {
    EXACT: ("DECIMAL", "INTEGER", "TEXT"),
    "whole number": ("DECIMAL", "INTEGER", "TEXT"),
    "point in time": ("TIMESTAMP", "DATE", "TEXT"),
    "day": ("DATE", "TIMESTAMP", "TEXT"),
    "truth": ("BOOLEAN", "INTEGER", "TEXT"),
    "list of keys": ("LIST", "JSON", "TEXT"),
    "JSON": ("JSON", "TEXT", "LIST", "STRUCT"),
    "key": ("TEXT", "INTEGER", "DECIMAL", "UUID", "BOOLEAN", "DATE", "TIMESTAMP", "JSON"),
    "text": ("TEXT", "INTEGER", "DECIMAL", "UUID", "BOOLEAN", "DATE", "TIMESTAMP", "JSON", "FLOAT"),
}
_KIND_OF_STANDARDISER = {
    **dict.fromkeys(("money", "quantity", "points", "rate", "decimal"), EXACT),
    "integer": "whole number",
    **dict.fromkeys(("timestamp", "planned_timestamp"), "point in time"),
    **dict.fromkeys(("date", "birth_date", "business_date", "planned_date"), "day"),
    "boolean": "truth",
    "reference_list": "list of keys",
    "json": "JSON",
    **dict.fromkeys(("key", "reference"), "key"),
}
_KIND_OF_TECHNICAL = {"boolean": "truth", "timestamptz": "point in time", "jsonb": "JSON"}
_INTEGERS = frozenset(
    {
        "BIGINT",
        "HUGEINT",
        "INTEGER",
        "SMALLINT",
        "TINYINT",
        "UBIGINT",
        "UHUGEINT",
        "UINTEGER",
        "USMALLINT",
        "UTINYINT",
    }
)
_FAMILIES = {"VARCHAR": "TEXT", "DOUBLE": "FLOAT", '"NULL"': "NULL", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}
_HOW_TO_BE_EXACT = (
    "Cast a float column itself, CAST(price AS DECIMAL(18,4)), and compute with the result. Write divide_exact(a, b) "
    "instead of a / b, minor(a, currency) for amounts in minor units, and decimals without an exponent."
)


def family(kind: str) -> str:
    """The family of a DuckDB type: TEXT, INTEGER, DECIMAL, FLOAT, TIMESTAMP, LIST, ..."""
    if kind.endswith("[]"):
        return "LIST"
    if kind in _INTEGERS:
        return "INTEGER"
    if kind.startswith("TIMESTAMP"):
        return "TIMESTAMP"
    return _FAMILIES.get(kind, kind.split("(", 1)[0])


def kind_of_target(entity: Entity, column: str) -> str:
    """What a canonical or technical column holds, as one of the kinds this module knows."""
    if column in TECHNICAL_COLUMNS:
        return _KIND_OF_TECHNICAL[TECHNICAL_COLUMNS[column]]
    return _KIND_OF_STANDARDISER.get(entity.columns[column].standardise, "text")


def require_family(kind: str, found: str, *, column: str, shown: str, where: str) -> None:
    """Refuse a type the column cannot take.

    Raises:
        MappingError: The type is of another family.
    """
    if family(found) in {*_KINDS[kind], "NULL"}:
        return
    fix = _HOW_TO_BE_EXACT if family(found) == "FLOAT" else f"Cast it to one of: {', '.join(_KINDS[kind])}."
    article = "an" if kind[0] in "aeiou" else "a"
    raise MappingError(f"The column {column!r} takes {article} {kind}, and {shown!r} is {found}.", where=where, fix=fix)


def require_exact(
    tree: exp.Expr, columns: BronzeColumns, frame: Frame, describer: Describer, *, column: str, shown: str, where: str
) -> None:
    """Refuse floating point anywhere inside an expression, not only in its result.

    `CAST(price_cents / 100 AS DECIMAL(18,4))` is a decimal in the end and has been a DOUBLE on the way.

    Raises:
        MappingError: Some part is FLOAT or DOUBLE, other than a float column that is cast to a decimal as it is.
    """
    parts = [node for node in tree.walk() if _stands_alone(node) and not _is_exact_text_of_float(node, columns)]
    for node, found in zip(parts, describer.types_of([part.sql("duckdb") for part in parts], frame), strict=True):
        if found is not None and family(found) == "FLOAT":
            part = node.sql("duckdb").replace('"bronze".', "")
            raise MappingError(
                f"The column {column!r} takes an exact number, and {part} in {shown!r} is {found}.",
                where=where,
                fix=_HOW_TO_BE_EXACT,
            )


def _stands_alone(node: exp.Expr) -> bool:
    if node.find_ancestor(exp.Lambda, exp.Interval, exp.DataType, exp.JSONPath):
        return False
    if isinstance(node, exp.If | exp.Paren | exp.DataType | exp.Var | exp.JSONPath | exp.Interval | exp.JSONKeyValue):
        return False
    return isinstance(node, exp.Column | exp.Literal | exp.Func | exp.Binary | exp.Neg | exp.Case | exp.Bracket)


def _is_exact_text_of_float(node: exp.Expr, columns: BronzeColumns) -> bool:
    return (
        isinstance(node, exp.Column)
        and node.name in columns.floats
        and isinstance(node.parent, exp.Cast)
        and node.parent.to.is_type(*exp.DataType.TEXT_TYPES)
    )
