"""The functions and operators an expression may use.

Each is given as a call. The calls are parsed once, by sqlglot and by DuckDB: what the two make of them is what the
guard lets pass. So the list below is the whole list, and it is written in the words people use.

Not here, and why: anything that reads the clock, chance, settings, files or other rows; anything of floating point
(`sqrt`, `exp`); `error`; aggregates and window functions.
"""

from __future__ import annotations

from functools import cache

CALLS: tuple[str, ...] = (
    # macros
    "minor(a, 'EUR')", "tr(a, 'en')", "key(a, b)", "divide_exact(a, b)",
    # any type
    "coalesce(a, b)", "ifnull(a, b)", "nullif(a, b)", "if(a, b, c)", "greatest(a, b)", "least(a, b)",
    # text
    "lower(a)", "upper(a)", "trim(a)", "trim(a, 'x')", "ltrim(a)", "rtrim(a)", "length(a)", "left(a, 1)", "right(a, 1)",
    "substring(a, 1, 2)", "substr(a, 1)", "replace(a, 'x', 'y')", "lpad(a, 3, '0')", "rpad(a, 3, ' ')",
    "concat(a, b)", "concat_ws('-', a, b)", "split_part(a, ',', 1)", "string_split(a, ',')", "strpos(a, 'x')",
    "starts_with(a, 'x')", "ends_with(a, 'x')", "contains(a, 'x')", "reverse(a)", "translate(a, 'x', 'y')",
    "strip_accents(a)", "nfc_normalize(a)", "chr(32)", "md5(a)", "sha256(a)",
    "regexp_matches(a, 'x')", "regexp_full_match(a, 'x')", "regexp_extract(a, 'x', 1)",
    "regexp_replace(a, 'x', 'y', 'g')",
    "url_decode(a)",
    # numbers
    "abs(a)", "round(a, 2)", "round(a)", "ceil(a)", "floor(a)", "trunc(a)", "sign(a)", "mod(a, 2)",
    # times
    "strptime(a, '%Y')", "try_strptime(a, '%Y')", "strftime(a, '%Y')", "date_trunc('day', a)", "date_part('year', a)",
    "extract(year FROM a)", "date_diff('day', a, b)", "date_add(a, INTERVAL 1 DAY)", "date_sub('day', a, b)",
    "make_date(a, b, c)", "make_timestamp(a, b, c, d, e, f)", "to_timestamp(a)", "epoch_ms(a)", "timezone('UTC', a)",
    "year(a)", "month(a)", "day(a)", "hour(a)", "last_day(a)", "isodow(a)",
    "to_days(a)", "to_hours(a)", "to_minutes(a)", "to_seconds(a)", "to_months(a)", "to_years(a)",
    # JSON
    "json_extract(a, '$.x')", "json_extract_string(a, '$.x')", "json_array_length(a)", "json_type(a)", "json_keys(a)",
    "json_object('k', a)", "json_array(a, b)", "to_json(a)", "json_exists(a, '$.x')", "json_value(a, '$.x')",
    "json_contains(a, 'x')",
    # lists
    "list_contains(a, 'x')", "list_distinct(a)", "list_sort(a)", "list_extract(a, 1)", "array_to_string(a, ',')",
    "list_transform(a, lambda x: x)", "list_filter(a, lambda x: x)", "list_concat(a, b)", "len(a)", "list_value(a, b)",
)  # fmt: skip

OPERATORS: tuple[str, ...] = (
    "a + b", "a - b", "a * b", "a / b", "a // b", "a % b", "-a", "(a)", "a || b",
    "a = b", "a <> b", "a < b", "a <= b", "a > b", "a >= b", "a IS NULL", "a IS NOT NULL", "a IS TRUE",
    "a IS DISTINCT FROM b", "a IS NOT DISTINCT FROM b", "a AND b", "a OR b", "NOT a",
    "a BETWEEN 1 AND 2", "a IN ('x', 'y')", "a LIKE 'x'", "a ILIKE 'x'", "a LIKE 'x' ESCAPE '!'", "a ~ 'x'",
    "CASE WHEN a THEN b ELSE c END", "CASE a WHEN 1 THEN b END", "CAST(a AS DECIMAL(18, 4))", "TRY_CAST(a AS INTEGER)",
    "a::VARCHAR[]", "a -> '$.x'", "a ->> '$.x'", "a -> 0", "a[1]", "a[1:2]", "[a, b]", "a AT TIME ZONE 'UTC'",
    "DATE '2026-01-01'", "TIMESTAMP '2026-01-01 00:00:00'", "a + INTERVAL 1 DAY", "a + INTERVAL '1 day'",
    "'x'", "1", "1.5", "TRUE", "NULL",
)  # fmt: skip

TYPES = frozenset(
    {
        "ARRAY",
        "BIGINT",
        "BOOLEAN",
        "CHAR",
        "DATE",
        "DECIMAL",
        "DOUBLE",
        "FLOAT",
        "INT",
        "INT128",
        "INTERVAL",
        "JSON",
        "LIST",
        "SMALLINT",
        "TEXT",
        "TIME",
        "TIMESTAMP",
        "TIMESTAMPLTZ",
        "TIMESTAMPNTZ",
        "TIMESTAMPTZ",
        "TINYINT",
        "UBIGINT",
        "UINT",
        "USMALLINT",
        "UTINYINT",
        "UUID",
        "VARCHAR",
    }
)
"""sqlglot's names of the types a CAST may name."""


@cache
def function_names() -> tuple[str, ...]:
    """Names of the functions, for suggestions and documentation."""
    return tuple(sorted({call.split("(", 1)[0] for call in CALLS}))
