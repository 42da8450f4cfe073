"""Surrogate keys: the first 128 bits of SHA-256 over (entity, source, source key), as a uuid.

The same function exists here and, as `gold.member_key`, in the warehouse. A key depends on nothing but its row's own
identity, so whatever order days are loaded in, and whether a dimension row or the fact that refers to it comes first,
the key is the same.
"""

from __future__ import annotations

import hashlib
import uuid

from retail_medallion.model.currencies import minor_units

SEPARATOR = "\x1f"
"""Between the parts of a key. Source keys never hold control characters, so no two tuples serialise alike."""

NOT_APPLICABLE = uuid.UUID(int=0)
"""Member every dimension has for a reference that is empty, such as the buyer of an anonymous sale."""

INVALID = uuid.UUID(int=1)
"""Member every dimension has for a reference that cannot be one."""


def member_key(entity: str, source_system: str, id_: str | None) -> uuid.UUID:
    """The key of one business object of one source.

    Args:
        entity: Canonical entity, such as `products`.
        source_system: Code of the source.
        id_: The object's key in the source; None gives the member *not applicable*.
    """
    if id_ is None:
        return NOT_APPLICABLE
    content = SEPARATOR.join((entity, source_system, id_)).encode()
    return uuid.UUID(bytes=hashlib.sha256(content).digest()[:16])


# decode(.., 'escape') is immutable where convert_to() is not, so that the planner folds the function into the query:
# called row by row it would cost more than the hash. Its result is UTF-8 because the database is (checked when the
# schema is made); the doubled backslashes undo the only escape it knows.
_CREATE_MEMBER_KEY = r"""
CREATE OR REPLACE FUNCTION gold.member_key(entity text, source_system text, id text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN id IS NULL THEN '00000000-0000-0000-0000-000000000000'::uuid
        ELSE encode(substring(sha256(decode(replace(entity || chr(31) || source_system || chr(31) || id, '\', '\\'),
                                            'escape')) FROM 1 FOR 16), 'hex')::uuid END
$$;
COMMENT ON FUNCTION gold.member_key(text, text, text) IS
    'Surrogate key: first 128 bits of sha256(entity, U+001F, source_system, U+001F, id); nil for no id.';
"""

_USUAL_DIGITS = 2


def _create_minor_digits() -> str:
    by_digits: dict[int, list[str]] = {}
    for code, digits in minor_units().items():
        by_digits.setdefault(digits, []).append(f"'{code}'")
    cases = [
        f"WHEN currency_code IN ({', '.join(codes)}) THEN {digits}"
        for digits, codes in sorted(by_digits.items())
        if digits != _USUAL_DIGITS
    ]
    return f"""
CREATE OR REPLACE FUNCTION gold.minor_digits(currency_code text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE {" ".join(cases)} ELSE {_USUAL_DIGITS} END $$;
COMMENT ON FUNCTION gold.minor_digits(text) IS 'Decimal digits of the smallest unit of an ISO 4217 currency.'
"""


CREATE_FUNCTIONS = _CREATE_MEMBER_KEY + _create_minor_digits()
"""SQL that makes the functions the SELECTs of the tables use."""
