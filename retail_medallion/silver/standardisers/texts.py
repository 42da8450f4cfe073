"""Texts: keys, references, names, codes, enumerations, texts with markup, JSON."""

from __future__ import annotations

from collections.abc import Callable

from retail_medallion.silver.standardisers.base import (
    Check,
    Cleaning,
    Fetched,
    clean_key,
    clean_text,
    clean_token,
    literal,
    not_readable,
    quoted,
    text_steps,
)


def _text(fetched: Fetched, clean: Callable[[str], str], value: str | None = None, *checks: Check) -> Cleaning:
    return Cleaning((*text_steps(fetched, clean), {"v": value or fetched.prepared}), checks)


def key(fetched: Fetched) -> Cleaning:
    """The source's key: case, leading zeros and inner blanks are part of it."""
    return _text(fetched, clean_key)


def reference(fetched: Fetched) -> Cleaning:
    """The key of another row, cleaned exactly as that row's key is, so that the two meet."""
    return _text(fetched, clean_key)


def reference_list(fetched: Fetched) -> Cleaning:
    """Keys of other rows, sorted and distinct: a list, a JSON array, or a single key. No key at all is NULL."""
    if fetched.family == "list":
        read = {"t": f"CAST({fetched.sql} AS VARCHAR[])"}, {"in": fetched.fetched}
    elif fetched.family in {"json", "text"}:
        single = "t ->> '$'" if fetched.family == "json" else "t"
        single = single.replace("t", fetched.fetched, 1)
        array = f"CASE WHEN json_valid({fetched.fetched}) THEN CAST({fetched.fetched} ->> '$[*]' AS VARCHAR[]) END"
        items = f"CASE WHEN starts_with(trim({fetched.fetched}), '[') THEN {array} ELSE [{single}] END"
        read = (
            {"t": f"CAST({fetched.sql} AS VARCHAR)"},
            {"in": f"CASE WHEN {fetched.fetched} IS NOT NULL THEN {items} END"},
        )
    else:
        read = {"t": fetched.text()}, {"in": f"CASE WHEN {fetched.fetched} IS NOT NULL THEN [{fetched.fetched}] END"}
    nulls = ", ".join(literal(value) for value in ("", *fetched.null_values))
    cleaned = f"list_transform({fetched.prepared}, lambda x: {clean_key('x')})"
    kept = f"list_filter({fetched.at('k')}, lambda x: x IS NOT NULL AND x NOT IN ({nulls}))"
    value = f"CASE WHEN len({fetched.at('d')}) > 0 THEN list_sort(list_distinct({fetched.at('d')})) END"
    check = Check("G02", f"{fetched.fetched} IS NOT NULL AND {fetched.prepared} IS NULL", "is not a list of keys")
    return Cleaning((*read, {"k": cleaned}, {"d": kept}, {"v": value}), (check,))


def text(fetched: Fetched) -> Cleaning:
    """Free text on one line, never cut."""
    return _text(fetched, clean_token)


def name(fetched: Fetched) -> Cleaning:
    """A name. Only the empty text means nothing: people are called Null."""
    return _text(fetched, clean_text)


def code(fetched: Fetched) -> Cleaning:
    """A business code, in upper case; never a number, so leading zeros stay."""
    return _text(fetched, clean_token, f"upper({fetched.prepared})")


def compact_code(fetched: Fetched) -> Cleaning:
    """A code whose blanks are only layout, such as a VAT number."""
    return _text(fetched, clean_token, f"upper(replace({fetched.prepared}, ' ', ''))")


def sku(fetched: Fetched) -> Cleaning:
    """A stock keeping unit: a code without blanks around its hyphens."""
    return _text(fetched, clean_token, f"upper(regexp_replace({fetched.prepared}, ' *- *', '-', 'g'))")


def lower_text(fetched: Fetched) -> Cleaning:
    """Free text in lower case."""
    return _text(fetched, clean_token, f"lower({fetched.prepared})")


def html_text(fetched: Fetched) -> Cleaning:
    """Text without its markup."""
    read, plain = fetched.fetched, fetched.prepared
    stripped = f"CASE WHEN regexp_matches({read}, '[<&]') THEN strip_html({read}) ELSE {read} END"
    steps = {"t": fetched.text()}, {"in": stripped}, {"v": clean_token(plain)}
    return Cleaning(steps)


def enum(fetched: Fetched) -> Cleaning:
    """A value of the canonical code list; anything else is `unknown`, and said to be."""
    cleaned = fetched.prepared
    branches = " ".join(f"WHEN {literal(value.lower())} THEN {literal(value)}" for value in fetched.codes)
    value = f"CASE lower({cleaned}) {branches} ELSE CASE WHEN {cleaned} IS NOT NULL THEN 'unknown' END END"
    not_listed = f"{fetched.value} = 'unknown' AND lower({cleaned}) <> 'unknown'"
    return _text(fetched, clean_token, value, Check("G03", not_listed, "has no canonical value", "warn"))


def url(fetched: Fetched) -> Cleaning:
    """An absolute http or https address."""
    pattern = r"(?i)https?://[^\s/?#:@]+(:[0-9]{1,5})?([/?#]\S*)?"
    value = f"CASE WHEN regexp_full_match({fetched.prepared}, {literal(pattern)}) THEN {fetched.prepared} END"
    return _text(fetched, clean_token, value, not_readable(fetched, "G06", "is not an absolute http address"))


def json(fetched: Fetched) -> Cleaning:
    """A JSON object whose keys become lower snake_case, in one canonical writing."""
    return _json(fetched, "canonical_attributes", "is not a JSON object")


def json_as_is(fetched: Fetched) -> Cleaning:
    """JSON with the keys the source gave it, in one canonical writing."""
    return _json(fetched, "canonical_json", "is not JSON")


def _json(fetched: Fetched, function: str, message: str) -> Cleaning:
    if fetched.family in {"struct", "list"}:
        read = f"CAST(to_json({fetched.sql}) AS VARCHAR)"
    elif fetched.family in {"json", "text", "null"}:
        read = f"CAST({fetched.sql} AS VARCHAR)"
    else:
        raise fetched.unfit("JSON")
    prepared = f"nullif(nullif(trim({fetched.fetched}), ''), 'null')"
    steps = {"t": read}, {"in": prepared}, {"v": f"{function}({fetched.prepared})"}
    return Cleaning(steps, (not_readable(fetched, "G02", message),))


def identity(fetched: Fetched) -> Cleaning:
    """Hash of tenant and e-mail; never fetched, always made from the row's own cleaned e-mail."""
    address = quoted("v:email")
    hashed = f"unhex(substr(sha256({literal(fetched.settings.tenant)} || chr(31) || {address}), 1, 32))"
    return Cleaning(({"v": f"CASE WHEN {address} IS NOT NULL THEN {hashed} END"},), needs_country=True)
