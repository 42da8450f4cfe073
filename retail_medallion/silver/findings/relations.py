"""The names in braces that the SQL of a finding may use, and what stands for them in PostgreSQL."""

from __future__ import annotations

import string
from decimal import Decimal

from psycopg2 import sql

from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.model.currencies import minor_units

_USUAL_DIGITS = 2

LIVE = "(SELECT * FROM {} WHERE source_system = %(source)s AND NOT is_deleted)"
KNOWN = "(SELECT * FROM {} WHERE source_system = %(source)s)"
FOUND = "(SELECT * FROM silver_meta.finding WHERE source_system = %(source)s AND rule = %(rule)s)"


def names_in(text: str) -> frozenset[str]:
    """The names in braces of a text."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def relation(text: str, entity: Entity) -> str:
    """The text with the entity's own relations written out."""
    while used := names_in(text) & entity.relations.keys():
        for name in used:
            text = text.replace(f"{{{name}}}", f"({entity.relations[name]})")
    return text


def render(text: str, model: CanonicalModel, *, scope: sql.Composable, wanted: sql.Composable) -> sql.Composed:
    """SQL of a text, with the parameters `source` and `rule`."""
    parts: dict[str, sql.Composable] = {"scope": scope, "wanted": wanted, "findings": sql.SQL(FOUND)}
    for name in names_in(text) - parts.keys():
        entity = model.entity(name.removeprefix("all_"))
        template = KNOWN if name.startswith("all_") else LIVE
        parts[name] = sql.SQL(template).format(sql.Identifier("silver", entity.entity))
    return sql.SQL(text.replace("%", "%%")).format(**parts)


def minor_unit_function() -> str:
    """SQL that makes `silver_meta.minor_unit`: the smallest amount of a currency, from the one list of decimals."""
    by_digits: dict[int, list[str]] = {}
    for code, digits in minor_units().items():
        by_digits.setdefault(digits, []).append(code)
    cases = [
        f"WHEN currency_code IN ({', '.join(repr(code) for code in codes)}) THEN {Decimal(1).scaleb(-digits):f}"
        for digits, codes in sorted(by_digits.items())
        if digits != _USUAL_DIGITS
    ]
    return (
        "CREATE OR REPLACE FUNCTION silver_meta.minor_unit(currency_code text) RETURNS numeric"
        " LANGUAGE sql IMMUTABLE PARALLEL SAFE AS"
        f" $$ SELECT CASE {' '.join(cases)} ELSE {Decimal(1).scaleb(-_USUAL_DIGITS):f} END $$"
    )
