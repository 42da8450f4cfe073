"""Numbers. Text is read only where it can mean one thing: '1.234,56' and '1,234.56' are refused, never guessed."""

from __future__ import annotations

from retail_medallion.silver.standardisers.base import (
    Check,
    Cleaning,
    Fetched,
    clean_token,
    literal,
    not_readable,
    numeric_type,
    text_steps,
)

_PLAIN_NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)"
_WHOLE_NUMBER = r"[+-]?[0-9]+([.]0*)?"
_TRUE = ("t", "true", "y", "yes", "1", "on")
_FALSE = ("f", "false", "n", "no", "0", "off")
_RATING_SCALE = 8


def _number_steps(fetched: Fetched, pattern: str, *, floats: bool) -> tuple[dict[str, str], ...]:
    """Steps up to `n`, which DuckDB can cast: it takes texts and decimals to DECIMAL half away from zero."""
    if fetched.family in {"text", "json"}:
        shaped = f"CASE WHEN regexp_full_match({fetched.prepared}, {literal(pattern)}) THEN {fetched.prepared} END"
        return *text_steps(fetched, clean_token), {"n": shaped}
    if fetched.family not in {"decimal", "integer", "null", *({"float"} if floats else ())}:
        raise fetched.unfit("exact numbers (DECIMAL, integers) or text")
    return {"t": fetched.sql}, {"in": fetched.fetched}, {"n": fetched.prepared}


def _exact(fetched: Fetched, *, floats: bool = False) -> Cleaning:
    wanted = numeric_type(fetched.column)
    value = f"TRY_CAST({fetched.at('n')} AS {wanted})"
    if fetched.column.absolute and fetched.column.sign is None:
        value = f"CAST(abs({value}) AS {wanted})"
    steps = *_number_steps(fetched, _PLAIN_NUMBER, floats=floats), {"v": value}
    return Cleaning(steps, (not_readable(fetched, "G02", f"is not a number that fits {fetched.column.type}"),))


def money(fetched: Fetched) -> Cleaning:
    """An amount: exact on the whole way, half away from zero at the fourth decimal."""
    return _exact(fetched)


def quantity(fetched: Fetched) -> Cleaning:
    """A quantity, exact."""
    return _exact(fetched)


def points(fetched: Fetched) -> Cleaning:
    """Loyalty points, exact."""
    return _exact(fetched)


def decimal(fetched: Fetched) -> Cleaning:
    """A measured number, such as a coordinate, which may come as a floating-point number."""
    return _exact(fetched, floats=True)


def rate(fetched: Fetched) -> Cleaning:
    """A rate as a fraction. More than 1 and up to 100 is read as percent, and said to be."""
    wanted = numeric_type(fetched.column)
    wide = fetched.at("w")
    percent = f"{wide} > 1 AND {wide} <= 100"
    fraction = f"CAST({wide} * CAST('0.01' AS DECIMAL(2,2)) AS {wanted})"
    value = f"CASE WHEN {percent} THEN {fraction} ELSE TRY_CAST({fetched.at('n')} AS {wanted}) END"
    return Cleaning(
        (
            *_number_steps(fetched, _PLAIN_NUMBER, floats=True),
            {"w": f"TRY_CAST({fetched.at('n')} AS DECIMAL(36,28))"},
            {"v": value},
        ),
        (
            not_readable(fetched, "G02", f"is not a number that fits {fetched.column.type}"),
            Check("G13", percent, "is above 1 and was read as percent", "warn"),
        ),
    )


def rating(fetched: Fetched) -> Cleaning:
    """A rating on the scale of 1 to 5: 1 + 4 (raw - lowest) / (highest - lowest), rounded once.

    Worked out in whole numbers, hundredths of the outcome over hundred-millionths of the raw value: a quotient of
    decimals would be a floating-point number, and one rounded to fewer digits first would be rounded twice.
    """
    raw, units, wanted = fetched.at("w"), fetched.at("h"), numeric_type(fetched.column)
    lowest, highest = (int(bound.scaleb(_RATING_SCALE)) for bound in fetched.rating_scale)
    span = highest - lowest
    in_scale = f"{units} BETWEEN {lowest} AND {highest}"
    hundredths = f"100 + (800 * ({units} - {lowest}) + {span}) // {2 * span}"
    value = f"CAST(CAST({hundredths} AS DECIMAL(9,0)) * CAST('0.01' AS DECIMAL(2,2)) AS {wanted})"
    unreadable = f"{fetched.prepared} IS NOT NULL AND {raw} IS NULL"
    named = " to ".join(f"{bound.normalize():f}" for bound in fetched.rating_scale)
    return Cleaning(
        (
            *_number_steps(fetched, _PLAIN_NUMBER, floats=True),
            {"w": f"TRY_CAST({fetched.at('n')} AS DECIMAL(20,{_RATING_SCALE}))"},
            {"h": f"CAST({raw} * {10**_RATING_SCALE} AS HUGEINT)"},
            {"v": f"CASE WHEN {in_scale} THEN {value} END"},
        ),
        (
            Check("G02", unreadable, "is not a number"),
            Check("G13", f"{raw} IS NOT NULL AND {fetched.value} IS NULL", f"is outside of its scale, {named}"),
        ),
        gives={f"{fetched.column.name}_raw": raw, f"{fetched.column.name}_scale_max": str(fetched.rating_scale[1])},
    )


def integer(fetched: Fetched) -> Cleaning:
    """A whole number; a fraction is refused, where a cast would round it in silence."""
    number = fetched.at("n")
    if fetched.family in {"decimal", "float"}:
        number = f"CASE WHEN {number} = trunc({number}) THEN {number} END"
    elif fetched.family in {"text", "json"}:
        number = f"split_part({number}, '.', 1)"
    steps = *_number_steps(fetched, _WHOLE_NUMBER, floats=True), {"v": f"TRY_CAST({number} AS INTEGER)"}
    return Cleaning(steps, (not_readable(fetched, "G02", "is not a whole number that fits integer"),))


def boolean(fetched: Fetched) -> Cleaning:
    """True or false, from the usual words and from 1 and 0."""
    if fetched.family == "boolean":
        return Cleaning(({"t": fetched.sql}, {"in": fetched.fetched}, {"v": fetched.prepared}))
    yes, no = (", ".join(literal(word) for word in words) for words in (_TRUE, _FALSE))
    word = f"lower({fetched.prepared})"
    value = f"CASE WHEN {word} IN ({yes}) THEN true WHEN {word} IN ({no}) THEN false END"
    steps = *text_steps(fetched, clean_token), {"v": value}
    return Cleaning(steps, (not_readable(fetched, "G02", "is neither true nor false"),))
