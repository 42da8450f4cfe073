"""Hostile and mistaken expressions."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retail_medallion.errors import MappingError
from retail_medallion.mapping import guard as guard_module
from retail_medallion.mapping.functions import CALLS, OPERATORS
from retail_medallion.mapping.guard import guard

COLUMNS = ("a", "b", "orderPlacedAt", "user", 'we"ird')


def refusal(text: str) -> str:
    with pytest.raises(MappingError) as caught:
        guard(text, where="shop.yml:3:7", columns=COLUMNS, line="line")
    assert caught.value.where == "shop.yml:3:7"
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(SELECT 1)", "subquery"),
        ("a IN (SELECT 1)", "subquery"),
        ("EXISTS (SELECT 1)", "subquery"),
        ("a = (FROM secrets)", "subquery"),
        ("row_number() OVER ()", "window"),
        ("sum(a)", "aggregate"),
        ("count(*)", "not allowed"),
        ("*", "`*`"),
        ("a.*", "`*`"),
        ("COLUMNS('a')", "COLUMNS"),
        ("?", "parameter"),
        ("$1", "parameter"),
        (":a", "parameter"),
        ("#1", "position"),
        ("a b", "alias"),
        ("a AS b", "alias"),
        ("a; DROP TABLE x", "not one expression"),
        ("DROP TABLE x", "statement"),
        ("a) FROM bronze; DROP TABLE x; SELECT (a", "does not parse"),
        ("a), (b", "does not parse"),
        ("a, b", "does not parse"),
        ("", "not one expression"),
        ("-- nothing", "not one expression"),
        ("now()", "'now'"),
        ("current_timestamp", "current_timestamp"),
        ("CURRENT_DATE", "current_date"),
        ("today()", "current_date"),
        ("random()", "rand"),
        ("uuid()", "uuid"),
        ("gen_random_uuid()", "not on the list"),
        ("getenv('HOME')", "'getenv'"),
        ("getvariable('x')", "'getvariable'"),
        ("current_setting('x')", "not on the list"),
        ("read_text('/etc/passwd')", "'read_text'"),
        ("nextval('s')", "not on the list"),
        ("query('SELECT 1')", "'query'"),
        ("error('x')", "'error'"),
        ("uper(a)", "Did you mean 'upper'?"),
        ("list_transform([a], x -> x)", "lambda arrow"),
        ("x -> x + 1", "lambda arrow"),
        ("a.upper()", "through a dot"),
        ("main.upper(a)", "through a dot"),
        ("system.main.getenv('x')", "through a dot"),
        ("other.a", "a column of 'other'"),
        ("line.price", "there are line.value and line.pos"),
        ("x.y.z", "too many parts"),
        ("a::hugething", "type"),
        ("CAST(a AS STRUCT(x INT))", "type"),
        ("a COLLATE nocase", "collate"),
        ("orderplaced", "Did you mean 'orderPlacedAt'?"),
        ("a\x00b", "NUL"),
        ("(" * 3000 + "a" + ")" * 3000, "deep"),
        ("+".join(["a"] * 3000), "levels"),
        ("a" * 20_000, "too long"),
    ],
)  # fmt: skip
def test_what_is_no_scalar_of_its_own_row_is_refused(text: str, words: str) -> None:
    assert words in refusal(text)


@pytest.mark.parametrize("text", [*CALLS, *OPERATORS])
def test_everything_on_the_list_is_allowed(text: str) -> None:
    guard(text, where="x:1:1", columns=tuple("abcdef"))


def test_columns_are_quoted_and_spelt_as_in_bronze() -> None:
    guarded = guard('ORDERPLACEDAT || user || "we""ird"', where="x:1:1", columns=COLUMNS)
    assert guarded.sql == '"bronze"."orderPlacedAt" || "bronze"."user" || "bronze"."we""ird"'
    assert guarded.columns == {"orderPlacedAt", "user", 'we"ird'}


def test_json_arrows_bind_tighter_than_every_other_operator() -> None:
    with duckdb.connect() as connection:
        connection.execute("""CREATE TABLE bronze AS SELECT '{"x": "5", "y": [1, 2]}' AS a, NULL AS b""")
        for text in (
            "a ->> '$.x' = '5' AND a -> '$.z' IS NULL",
            "a ->> '$.x' BETWEEN '4' AND '6'",
            "a ->> '$.x' || '!' IN ('5!')",
            "NOT a ->> '$.x' LIKE '6%'",
            "(a -> '$.y' -> 1) ->> 0 IS NULL",
            "json_type(a -> '$.y') = 'ARRAY' AND coalesce(a -> '$.y', b) IS NOT NULL",
        ):
            sql = guard(text, where="x:1:1").sql
            assert connection.execute(f"SELECT {sql} FROM bronze").fetchall() == [(True,)], sql  # noqa: S608


def test_comments_do_not_reach_the_statement() -> None:
    assert guard("a /* x */ + -- y\n b", where="x:1:1").sql == '"bronze"."a" + "bronze"."b"'


def test_the_second_lock_holds_where_the_first_is_open(monkeypatch) -> None:
    everything = type("Everything", (), {"__contains__": lambda _self, _item: True})()
    monkeypatch.setattr(guard_module, "_allowed_nodes", lambda: everything)
    monkeypatch.setattr(guard_module, "function_names", lambda: everything)
    assert "'getenv'" in refusal("getenv('HOME')")
    assert "OPERATOR_TRY" in refusal("try(a)")


PIECES = st.sampled_from(
    [
        "a", "b", '"', "'", "''", '""', ";", "--", "/*", "*/", "$$", "$x$", "(", ")", ",", "SELECT", "FROM bronze",
        "UNION", "DROP TABLE x", "1", "1.5", "+", "||", "->", "->>", "'$.x'", "::", "INT", "CASE", "WHEN", "THEN",
        "END", "IN",
        "NULL", "NOT", "lambda x:", "list_transform(", "coalesce(", "E'\\'", "\\", "\n", " ", "{", "}", "[", "]", ":",
        "?", "AS", "OVER ()", "x'00'", "U&'", "COPY", "ATTACH", "PRAGMA", "SET", "line.value", ".", "%", "@", "~",
    ]
)  # fmt: skip
HOSTILE = st.one_of(
    st.lists(PIECES, max_size=12).map(" ".join), st.lists(PIECES, max_size=12).map("".join), st.text(max_size=40)
)


@settings(max_examples=600, deadline=None)
@given(HOSTILE)
@example("a) UNION SELECT (b")
@example("'a' || '\\' || b --'")
def test_whatever_passes_is_one_expression_of_one_select(text: str) -> None:
    try:
        guarded = guard(text, where="x:1:1", line="line")
    except MappingError:
        return
    (statement,) = duckdb.extract_statements(f"SELECT {guarded.sql} AS v FROM bronze")  # noqa: S608
    assert statement.type is duckdb.StatementType.SELECT


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=100).filter(lambda name: "\x00" not in name))
@example('"; DROP TABLE x; --')
@example("$$")
def test_a_hostile_column_name_stays_a_name(name: str) -> None:
    guarded = guard('"' + name.replace('"', '""') + '"', where="x:1:1", columns=(name,))
    assert guarded.columns == {name}
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE bronze (" + '"' + name.replace('"', '""') + '" INTEGER)')
        connection.execute("INSERT INTO bronze VALUES (7)")
        assert connection.execute(f"SELECT {guarded.sql} FROM bronze").fetchall() == [(7,)]  # noqa: S608
