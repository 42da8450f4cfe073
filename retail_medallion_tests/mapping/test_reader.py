"""Mapping files that are wrong: every error says where, what is allowed, and what was probably meant."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retail_medallion.errors import ConfigurationError, MappingError
from retail_medallion.mapping import load_mapping, load_mappings, read_mapping
from retail_medallion.mapping.yaml_text import MAXIMUM_BYTES, read_yaml
from retail_medallion_tests.mapping.bronze import FILES

SHOP = (FILES / "normalised.yml").read_text()
PLACE = re.compile(r".+:[1-9][0-9]*:[1-9][0-9]*")


def refusal(text: str | bytes) -> MappingError:
    with pytest.raises(MappingError) as caught:
        read_mapping(text if isinstance(text, bytes) else text.encode(), "shop.yml")
    assert caught.value.where is not None
    assert PLACE.fullmatch(caught.value.where)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("mode: changed", "mode: changd", 9, "Did you mean 'changed'? Allowed: changed, appended"),
        ("extract: {table", "extrakt: {table", 9, "Did you mean 'extract'? Allowed: block, extract, explode"),
        ("{const: EUR}", "{konst: EUR}", 15, "Did you mean 'const'?"),
        ("tenant: acme", "tennant: acme", 3, "Did you mean 'tenant'?"),
        ("Europe/Berlin", "Europe/Berlinn", 3, "Did you mean 'Europe/Berlin'?"),
        ("currency: EUR", "currency: euro", 3, "ISO 4217"),
        ("country: DE", "country: Germany", 3, "ISO 3166-1"),
        ("language: de", "language: german", 3, "language tag"),
        ("owner: data@acme.example", "owner: somebody", 3, "team:name"),
        ("code: normalised", "code: My Shop", 3, "is not a name"),
        ("language: de}", "language: de, day_cutoff: 25:00}", 3, "time of day"),
        ("table: shop.orders", "table: 'shop.orders; drop table x'", 9, "is not a table"),
        ("language: de}", "language: de, fiscal_calendar: {pattern: 4-4-4}}", 3, "Allowed: calendar, 4-4-5"),
        ("language: de}", "language: de, fiscal_calendar: {first_month: 13}}", 3, "less than or equal to 12"),
        ("language: de}", "language: de, fiscal_calendar: {first_month: May}}", 3, "valid integer"),
        ("language: de}", "language: de, fiscal_calendar: {month: 4}}", 3, "Allowed: first_month, pattern"),
        ("language: de}", "language: de, fiscal_calendar: 4-4-5}", 3, "first_month, pattern"),
        ("language: de}", "language: de, personal_data: show}", 3, "Did you mean 'shown'?"),
        (", mode: changed", ", query: select 1, mode: changed", 9, "either `table` or `query`"),
        ("mode: changed", "mode: snapshot", 9, "`watermark` has no meaning"),
        ("document: [order_id]", "document: []", 22, "mode documents needs it"),
        ("select l.*,", "delete from x; select l.*,", 23, "has a semicolon"),
        ("select l.*,", "select l.*, -- all\n          1,", 23, "has a comment"),
        ("select l.*,", "update l set", 23, "starts with 'update'"),
        ('greatest(updated_at, lines_touched_at)"', 'updated_at) or (true"', 9, "do not match"),
        ("value: \"id\"}", "}", 31, "needs `value`"),
        ('"*": unknown', 'strict: true, "*": unknown', 5, "keep one of the two"),
        ('"30": completed', '"30": 3', 5, "must be text"),
        ('"30": completed', '"10": completed', 5, "stands here twice"),
        ('customer_id: "client_id"', "customer_id: {note: later}", 14, "either `expr` or `const`"),
        ('customer_id: "client_id"', "customer_id: {const: 1, default: 2}", 14, "have no meaning"),
        ('customer_id: "client_id"', "customer_id: [a]", 14, "customer_id"),
        ("mapping: v1", "mapping: v2", 2, "Allowed: v1"),
        ('key: {sale_id: "id"}', "key: id", 10, "`name: value`"),
        ('key: {sale_id: "id"}', "key: {a: x, b: y}", 10, "key"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in SHOP
    error = refusal(SHOP.replace(old, new, 1))
    assert words in str(error)
    assert error.where is not None
    assert error.where.startswith(f"shop.yml:{line}:")


def test_all_mistakes_of_a_file_are_named_at_once() -> None:
    error = refusal(SHOP.replace("country: DE", "country: Germany").replace("mode: changed", "mode: changd"))
    assert error.where == "shop.yml:3:108"
    assert "shop.yml:9:37: entities.sales.0.extract.mode" in str(error.why)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("just text", "starts with"),
        ("a: [1, 2", "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "tag"),
        ("a: !secret x", "tag"),
        ("a: &a [*a]", "contains it"),
        ("a: &x {b: 1}\nc: {<<: *x}", "<<"),
        ("? [1, 2]\n: 3", "single word"),
        ("a: 1\n---\nb: 2", "second YAML document"),
        ("[" * 30_000, "nested more than"),
        ("a: " + "{b: " * 100, "nested more than"),
        ("a: &a [x]\nb: [" + "*a, " * 60 + "]", "aliases"),
        (b"a: \xff\xfe", "not UTF-8"),
        ("a: \x07", "control character"),
        (b"#" * (MAXIMUM_BYTES + 1), "longer than"),
    ],
)
def test_yaml_beyond_what_a_mapping_needs_is_refused(text: str | bytes, words: str) -> None:
    assert words in str(refusal(text))


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 7)]
    assert "expands to more than" in str(refusal("\n".join(levels)))


def test_values_are_what_is_written() -> None:
    text = "{a: NO, b: 010, c: 12:30, d: 2026-01-01, e: 1.10, f: yes, g: true, h: ~, i: 1e5, j: '1', 08: on, k: .inf}"
    assert read_yaml(text.encode(), "x").data == {
        "a": "NO", "b": "010", "c": "12:30", "d": "2026-01-01", "e": Decimal("1.10"), "f": "yes", "g": True, "h": None,
        "i": "1e5", "j": "1", "08": "on", "k": ".inf",
    }  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))))
@example(b"\x85")
@example("\ufeff\u2028:".encode())
def test_any_bytes_give_a_mapping_error_with_a_place(text: bytes) -> None:
    refusal(text)


LINES = SHOP.splitlines(keepends=True)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, len(LINES) - 1), st.integers(0, 60), st.sampled_from([*"{}[]:,&*!|>'\"%@`#\t\x00\n", "- ", "x: "])
)
def test_any_slip_of_the_pen_gives_a_mapping_or_an_error_with_a_place(line: int, column: int, slip: str) -> None:
    lines = list(LINES)
    lines[line] = lines[line][:column] + slip + lines[line][column:]
    place = "shop.yml:1:1"
    try:
        read_mapping("".join(lines).encode(), "shop.yml")
    except MappingError as error:
        place = str(error.where)
    assert PLACE.fullmatch(place)


def test_the_version_follows_what_a_mapping_yields_and_nothing_else() -> None:
    version = read_mapping(SHOP.encode()).version
    same = SHOP.replace("data@acme.example", "team:other").replace(
        'customer_id: "client_id"', "customer_id: {expr: client_id, note: new, status: approved}"
    )
    assert read_mapping(("# a comment\n\n" + same).encode()).version == version
    shown = SHOP.replace("language: de}", "language: de, personal_data: shown, fiscal_calendar: {first_month: 4}}")
    assert shown != SHOP
    assert read_mapping(shown.encode()).version == version
    for old, new in [
        ("client_id", "buyer_id"),
        ("cancelled", "returned"),
        ("EUR}", "USD}"),
        ("updated_at", "changed_at"),
    ]:
        assert read_mapping(SHOP.replace(old, new).encode()).version != version


def test_mappings_are_found_by_their_file_names(tmp_path: Path) -> None:
    (tmp_path / "normalised.yml").write_text(SHOP)
    (tmp_path / "broken.yml").write_text("a: 1")
    (tmp_path / "notes.txt").write_text("not a mapping")
    assert list(load_mappings(tmp_path, only=["normalised"])) == ["normalised"]
    with pytest.raises(MappingError, match=r"broken\.yml:1:1"):
        load_mappings(tmp_path)
    with pytest.raises(ConfigurationError, match="Did you mean 'normalised'"):
        load_mappings(tmp_path, only=["normalized"])
    (tmp_path / "broken.yml").write_text(SHOP)
    with pytest.raises(MappingError, match=r"Call it normalised\.yml"):
        load_mappings(tmp_path)
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_mappings(tmp_path / "nowhere")


def test_the_shipped_mappings_are_read() -> None:
    assert {"demo", "northwind"} <= load_mappings().keys()


def test_a_missing_file_is_an_error_with_a_place(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping(tmp_path / "none.yml")
