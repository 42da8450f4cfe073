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

MAY_HOLD_A_CARD = "[0-9]([ .-]?[0-9]){11}"
"""Pattern that every text with a card number matches: most texts need not be looked at closely."""

_MAY_HOLD_CONTACTS = r"[@\x{FF20}\x{FE6B}\p{Nd}]|[(\[]\s?(?i:at|ät)"


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
    return Cleaning((*_without_markup(fetched), {"v": clean_token(fetched.prepared)}))


def public_text(fetched: Fetched) -> Cleaning:
    """Text for everybody to read: without markup, its e-mail addresses and phone numbers masked.

    A card number refuses the row. It is looked for before anything is masked, which would hide it.
    """
    plain = fetched.at("p")
    maskable = f"regexp_matches({plain}, {literal(_MAY_HOLD_CONTACTS)})"
    card = f"CASE WHEN regexp_matches({plain}, {literal(MAY_HOLD_A_CARD)}) THEN holds_card_number({plain}) END"
    steps = (
        *_without_markup(fetched),
        {"p": clean_token(fetched.prepared)},
        {"v": f"CASE WHEN {maskable} THEN mask_contacts({plain}) ELSE {plain} END"},
    )
    return Cleaning(steps, (Check("G11", card, "holds a payment card number", "reject"),))


def _without_markup(fetched: Fetched) -> tuple[dict[str, str], ...]:
    read = fetched.fetched
    # What is invisible goes first: between the signs of a tag it would hide the tag.
    stripped = f"CASE WHEN regexp_matches({read}, '[<&]') THEN strip_html({clean_text(read)}) ELSE {read} END"
    return {"t": fetched.text()}, {"in": stripped}


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


def json_list(fetched: Fetched) -> Cleaning:
    """A JSON array; the keys of objects in it become lower snake_case, in one canonical writing."""
    return _json(fetched, "canonical_list", "is not a JSON array")


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
    return Cleaning(({"v": _hashed(fetched.settings.tenant, address)},), needs_country=True)


def session(fetched: Fetched) -> Cleaning:
    """Hash of source and session token: carts of one session meet, and nobody can take the session over."""
    return _text(fetched, clean_key, _hashed(fetched.settings.source, fetched.prepared))


def _hashed(owner: str, value: str) -> str:
    """First 128 bits of SHA-256 over owner, U+001F and value; NULL for NULL."""
    hashed = f"unhex(substr(sha256({literal(owner)} || chr(31) || {value}), 1, 32))"
    return f"CASE WHEN {value} IS NOT NULL THEN {hashed} END"
