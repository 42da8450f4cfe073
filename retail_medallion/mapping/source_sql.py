"""The pieces of the source's own SQL a mapping file may hold: a query, and the expression that dates a row.

They run in a read-only transaction of the source. What is refused here is what would get out of the place the text is
put into, change or lock something, reach files and other servers, or give other rows when the same day is read again.
"""

from __future__ import annotations

import re
from typing import Any

from sqlglot import Token, TokenType
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError

from retail_medallion.mapping.source_clock import OTHER_ROWS, refuse_clock

MAXIMUM_LENGTH = 50_000

_COMMENT = "has a comment: write it as a YAML comment above, because more SQL is put around this text"
_PLAIN_TEXTS = re.compile(r"'[^']*'|\"[^\"]*\"")
# Looked for in what is left when plain texts and names are taken out, whatever a tokenizer makes of it.
_WAYS_OUT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"--|/\*"), _COMMENT),
    (re.compile(r";"), "has a semicolon: one statement, without its end mark"),
    (re.compile(r"\$[^\W\d]?\w*\$"), "has a text between dollar signs: write '...'"),
    (re.compile(r"\b[eEnNuU]&?(?=\x01)"), "has a text or a name with a prefix (E'...', U&\"...\"): write it plainly"),
    (re.compile(r"\$\d"), "has a parameter: write the value"),
)  # fmt: skip
_OPENING, _CLOSING = TokenType.L_PAREN, TokenType.R_PAREN
_WRITES = frozenset({"insert", "update", "delete", "merge"})
_LOCKS = frozenset({"update", "share", "no", "key"})
_CHANCE = frozenset(
    {
        "random", "random_normal", "normal_rand", "setseed", "array_sample", "array_shuffle",
        "gen_random_uuid", "gen_random_bytes", "gen_salt", "uuidv4", "uuidv7",
        "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4",
        "txid_current", "txid_current_if_assigned", "txid_current_snapshot", "mxid_age",
        "nextval", "currval", "lastval", "setval",
    }
)  # fmt: skip
_BEYOND_ROWS = frozenset(
    {
        "set_config", "current_setting", "version", "ts_stat",
        "inet_server_addr", "inet_server_port", "inet_client_addr", "inet_client_port",
        *(
            f"{what}_to_{form}"
            for what in ("query", "table", "cursor", "schema", "database")
            for form in ("xml", "xmlschema", "xml_and_xmlschema")
        ),
    }
)  # fmt: skip
_BEYOND_ROWS_PREFIX = ("pg_", "lo_", "dblink", "file_fdw")


def one_query(value: Any) -> str:
    """One SELECT of the source's dialect that gives the same rows whenever it reads the same data."""
    tokens = _tokens(value)
    if tokens[0].token_type not in {TokenType.SELECT, TokenType.WITH}:
        raise ValueError(f"starts with {tokens[0].text!r}: a query starts with SELECT or WITH")
    return str(value)


def one_source_expression(value: Any) -> str:
    """One scalar expression of the source's dialect."""
    tokens = _tokens(value)
    if any(token.token_type in {TokenType.SELECT, TokenType.WITH} for token in tokens):
        raise ValueError("has a SELECT inside: compute the watermark in `query` and name its column here")
    if any(token.token_type in {TokenType.FROM, TokenType.WHERE} for token in tokens) and not _within_calls(tokens):
        raise ValueError("is more than an expression: the rows are chosen in `query`")
    if _commas_outside(tokens):
        raise ValueError("is more than one expression: one value dates a row")
    return str(value)


def refuse_catalogue(table: str) -> None:
    """Refuse the tables of the server itself.

    Raises:
        ValueError: It is one of them.
    """
    for part in re.findall(r'"([^"]*)"|(\w+)', table.lower()):
        if _is_catalogue(name := part[0] or part[1]):
            raise ValueError(f"reads {name!r}, which belongs to the server: name a table of the application")


def _is_catalogue(name: str) -> bool:
    """Whether the server keeps it: `pg_stats` alone would tell values of every table."""
    return name == "information_schema" or name.startswith("pg_")


def _tokens(value: Any) -> list[Token]:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {type(value).__name__}; put it in quotes")  # noqa: TRY004 - for pydantic
    if "\x00" in value:
        raise ValueError("contains a NUL character")
    if len(value) > MAXIMUM_LENGTH:
        raise ValueError(f"is longer than {MAXIMUM_LENGTH} characters: make it a view of the source")
    bare = _PLAIN_TEXTS.sub("\x01", value)
    for pattern, reason in _WAYS_OUT:
        if pattern.search(bare):
            raise ValueError(reason)
    if "'" in bare or '"' in bare:
        raise ValueError("is not SQL: a text or a name in quotes does not end")
    try:
        tokens = Dialect.get_or_raise("postgres").tokenize(value)
    except TokenError as error:
        raise ValueError(f"is not SQL: {str(error).splitlines()[0]}") from None
    if not tokens:
        raise ValueError("is empty")
    if any(token.token_type is TokenType.SEMICOLON for token in tokens):
        raise ValueError("has a semicolon: one statement, without its end mark")
    if any(token.comments for token in tokens):
        raise ValueError(_COMMENT)
    _match_parentheses(tokens)
    _refuse_what_is_no_reading(tokens)
    refuse_clock(tokens)
    return tokens


def _match_parentheses(tokens: list[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += (token.token_type is _OPENING) - (token.token_type is _CLOSING)
        if depth < 0:
            break
    if depth:
        raise ValueError("has parentheses that do not match")


def _refuse_what_is_no_reading(tokens: list[Token]) -> None:
    for index, token in enumerate(tokens):
        if token.token_type is TokenType.STRING:
            continue
        word = token.text.lower()
        before = tokens[index - 1] if index else None
        called = index + 1 < len(tokens) and tokens[index + 1].token_type is _OPENING
        quoted = token.token_type is TokenType.IDENTIFIER
        if not quoted:
            _refuse_keyword(word, before)
        if called and word in _CHANCE:
            raise ValueError(f"calls {word}(): {OTHER_ROWS}; make it a column of the source")
        if called and (word in _BEYOND_ROWS or word.startswith(_BEYOND_ROWS_PREFIX)):
            raise ValueError(f"calls {word}(): a mapping reads rows of tables, and nothing else of the server")
        if _is_catalogue(word):
            raise ValueError(f"reads {word!r}, which belongs to the server: name tables of the application")


def _refuse_keyword(word: str, before: Token | None) -> None:
    if word == "tablesample":
        raise ValueError(f"takes a sample (TABLESAMPLE): {OTHER_ROWS}; read all of them")
    if word == "into":
        raise ValueError("writes a table (INTO): a mapping only reads")
    if word in _WRITES and before is not None and before.token_type in {_OPENING, _CLOSING}:
        raise ValueError(f"has {word.upper()} inside: a mapping only reads")
    if word in _LOCKS and before is not None and before.text.lower() == "for":
        raise ValueError("locks rows (FOR UPDATE or FOR SHARE): a mapping only reads")


def _depths(tokens: list[Token]) -> list[int]:
    depths, depth = [], 0
    for token in tokens:
        depth -= token.token_type is _CLOSING
        depths.append(depth)
        depth += token.token_type is _OPENING
    return depths


def _commas_outside(tokens: list[Token]) -> bool:
    return any(
        token.token_type is TokenType.COMMA and depth == 0 for token, depth in zip(tokens, _depths(tokens), strict=True)
    )


def _within_calls(tokens: list[Token]) -> bool:
    """FROM also stands inside of `extract(year FROM at)` and `IS DISTINCT FROM`."""
    for index, (token, depth) in enumerate(zip(tokens, _depths(tokens), strict=True)):
        after_distinct = index > 0 and tokens[index - 1].text.lower() == "distinct"
        if token.token_type is TokenType.WHERE and depth == 0:
            return False
        if token.token_type is TokenType.FROM and depth == 0 and not after_distinct:
            return False
    return True
