"""Functions that mapping files have beside DuckDB's own.

They are DuckDB macros: inlined, vectorised, and seen through by the type check. Where a value cannot be read they fail
with a conversion error, which the compiled SELECT turns into a row of `failed`; `divide_exact` alone gives NULL
instead, because the model's own expressions use it outside of that.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from retail_medallion.model.currencies import minor_units

MAXIMUM_KEY_PARTS = 6
MAXIMUM_LANGUAGES = 6

_EXACT_DIGITS = 15

_BETWEEN_PARTS = " || '/' || "


def register_macros(connection: DuckDBPyConnection) -> None:
    r"""Make the macros known to a connection.

    `minor(amount, currency)`
        Whole minor units (cents) as DECIMAL(18,4) in units of the currency. Fails on a fraction of a minor unit, on
        anything that is not a number, and where the currency is missing or ISO 4217 gives it no minor unit.
    `tr(translations, language, ...)`
        First text that is there and not blank, of a JSON object of language to text; a JSON text is itself. NULL where
        no language has one.
    `key(part, part, ...)`
        Composite key: parts as text, `\` and `/` escaped by `\`, joined by `/`; NULL where a part is NULL.
    `divide_exact(a, b)`
        Exact quotient as DECIMAL(18,4), half away from zero, of operands with at most 12 decimals; NULL for a divisor
        of 0 and where a number does not fit.
    `exact_json(text)`
        The JSON text with its long decimals in quotes, because DuckDB would read them as DOUBLE. For compiled SQL only;
        the guard does not let it pass.
    """
    for statement in (_minor(), _translation(), _key(), *_divide_exact(), _exact_json()):
        connection.execute(statement)


def _minor() -> str:
    by_digits: dict[int, list[str]] = {}
    for currency, digits in minor_units().items():
        by_digits.setdefault(digits, []).append(f"'{currency}'")
    factors = {0: "1.0000", 2: "0.0100", 3: "0.0010", 4: "0.0001"}
    code = "upper(trim(CAST(currency AS VARCHAR)))"
    whens = " ".join(
        f"WHEN {code} IN ({', '.join(codes)}) THEN CAST({factors[digits]} AS DECIMAL(5,4))"
        for digits, codes in sorted(by_digits.items(), key=lambda item: -len(item[1]))
    )
    text = "trim(CAST(amount AS VARCHAR))"
    # A cast of the text alone would round a fraction silently, so what is not whole is made unreadable on purpose.
    whole = (
        f"CASE WHEN regexp_full_match({text}, '[+-]?[0-9]+([.]0+)?')"
        f" THEN CAST(split_part({text}, '.', 1) AS DECIMAL(22,0))"
        f" ELSE CAST('not whole: ' || {text} AS DECIMAL(22,0)) END"
    )
    factor = (
        f"CASE {whens} WHEN amount IS NOT NULL"
        " THEN CAST('no minor unit: ' || coalesce(CAST(currency AS VARCHAR), '') AS DECIMAL(5,4)) END"
    )
    return f"CREATE MACRO minor(amount, currency) AS CAST(({whole}) * ({factor}) AS DECIMAL(18,4))"


def _translation() -> str:
    def overload(count: int) -> str:
        names = [f"language{i}" for i in range(count)]
        choices = ", ".join(f"nullif(trim(CAST(translations AS JSON) ->> {name}), '')" for name in names)
        plain = (
            "CASE WHEN json_type(CAST(translations AS JSON)) = 'VARCHAR' THEN CAST(translations AS JSON) ->> '$' END"
        )
        return f"(translations, {', '.join(names)}) AS coalesce({choices}, nullif(trim({plain}), ''))"

    return "CREATE MACRO tr " + ", ".join(overload(count) for count in range(1, MAXIMUM_LANGUAGES + 1))


def _key() -> str:
    def overload(count: int) -> str:
        names = [f"part{i}" for i in range(count)]
        escaped = [rf"replace(replace(CAST({name} AS VARCHAR), '\', '\\'), '/', '\/')" for name in names]
        return f"({', '.join(names)}) AS {_BETWEEN_PARTS.join(escaped)}"

    return "CREATE MACRO key " + ", ".join(overload(count) for count in range(2, MAXIMUM_KEY_PARTS + 1))


def _divide_exact() -> tuple[str, str]:
    # Twelve decimals as a whole number, in two steps: one multiplication would need more than 38 digits.
    scaled = (
        "CREATE MACRO scaled_to_whole(n) AS TRY_CAST(CAST(TRY_CAST(n AS DECIMAL(30,12)) * CAST(1000000 AS DECIMAL(7,0))"
        " AS DECIMAL(31,6)) * CAST(1000000 AS DECIMAL(7,0)) AS HUGEINT)"
    )
    numerator = "abs(scaled_to_whole(a)) * 20000::HUGEINT + abs(scaled_to_whole(b))"
    quotient = f"TRY_CAST(({numerator}) // nullif(2::HUGEINT * abs(scaled_to_whole(b)), 0) AS DECIMAL(18,0))"
    sign = "CASE WHEN (a < 0) <> (b < 0) THEN CAST(-1 AS DECIMAL(1,0)) ELSE CAST(1 AS DECIMAL(1,0)) END"
    divide = (
        f"CREATE MACRO divide_exact(a, b) AS CAST({quotient} * CAST(0.0001 AS DECIMAL(5,4)) * {sign} AS DECIMAL(18,4))"
    )
    return scaled, divide


def _exact_json() -> str:
    # Up to 15 significant digits survive DOUBLE, and integers are kept as they are.
    fractions = [rf"[0-9]{{{n}}}\.[0-9]{{{_EXACT_DIGITS + 1 - n},}}" for n in range(1, _EXACT_DIGITS + 1)]
    many = [rf"[0-9]{{{_EXACT_DIGITS + 1},}}\.[0-9]+", rf"[0-9]{{{_EXACT_DIGITS + 1},}}[eE][+-]?[0-9]+"]
    exponent = r"(?:[eE][+-]?[0-9]+)?"
    long = rf"(-?(?:{'|'.join([*fractions, *many])}){exponent})"
    other = rf'("(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?{exponent})'
    # A control character cannot stand in JSON, so it marks places; around a text or a short number it marks nothing.
    mark = "chr(1)"
    marked = rf"regexp_replace(json, '{long}|{other}', {mark} || '\1' || {mark} || '\2', 'g')"
    maybe = rf"regexp_matches(json, '[0-9.]{{{_EXACT_DIGITS + 1}}}[0-9.eE]') AND NOT contains(json, {mark})"
    rewritten = f"replace(replace({marked}, {mark} || {mark}, ''), {mark}, '\"')"
    return f"CREATE MACRO exact_json(json) AS CASE WHEN {maybe} THEN {rewritten} ELSE json END"
