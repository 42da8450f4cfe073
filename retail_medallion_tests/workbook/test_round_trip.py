"""The law of the round trip, over mappings written in every way YAML allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.mapping import load_mapping, read_mapping
from retail_medallion.mapping.check import check_mapping
from retail_medallion.workbook.contents.book import editable_sheets
from retail_medallion.workbook.importing import plan, write
from retail_medallion.workbook.inputs import Inputs
from retail_medallion.workbook.read import Cell, read_workbook
from retail_medallion.workbook.rows import EDITABLE, SETTINGS, shown
from retail_medallion.workbook.sheets import FIRST_ROW
from retail_medallion.workbook.write import write_workbook
from retail_medallion_tests.workbook.books import small_model

MODEL = small_model("suppliers")
"""One entity is enough for a law about cells, and makes the workbook small."""

COLUMNS = [c.name for c in MODEL.entities["suppliers"] if c.standardise in {"text", "name", "code"}]
EXPRESSIONS = st.sampled_from(
    [
        "name",
        '"Name"',
        "upper(name)",
        "a || '#' || b",
        "CASE WHEN a = 1 THEN 'x' ELSE 'y: {z}' END",
        "coalesce(a,\n  b)",
    ]
)
UNSEEN = "".join(map(chr, [*range(9), 11, 12, *range(14, 32), 127, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
"""A mapping file may not hold them."""
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters=UNSEEN), min_size=1, max_size=12
) | st.sampled_from(
    [
        "=1+1",
        "a: b",
        "- x",
        "# no comment",
        "'",
        '"',
        "\\",
        "_x0041_",
        "x\r\ny",
        " padded ",
        "\ttab",
        "true",
        "1.50",
        "😀",
        "\x85",
        "\ufeff",
        "a\nb\n",
    ]
)
CONSTANTS = TEXTS | st.integers(-999, 999) | st.booleans()
STATUS = st.sampled_from(["draft", "reviewed", "approved"])
REMARKS = st.sampled_from(["# agreed", "# see: the manual, {page} 'x' \"y\"", "#"])


@st.composite
def settings_of_a_column(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["expr"] = draw(EXPRESSIONS)
        if draw(st.booleans()):
            found["default"] = draw(CONSTANTS)
        if draw(st.booleans()):
            found["code"] = "words"
    else:
        found["const"] = draw(CONSTANTS)
    for name, values in (("note", TEXTS), ("owner", TEXTS), ("status", STATUS)):
        if draw(st.booleans()):
            found[name] = draw(values)
    return found


def scalar(draw: st.DrawFn, value: Any, *, flow: bool, indent: int) -> str:
    """A value in one of the ways YAML has for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    plain = value.isascii() and value.replace("_", "a").isalnum() and value[0].isalpha()
    ways = ["double"]
    if plain and value not in {"true", "false", "null"}:
        ways.append("plain")
    printable = all(c.isprintable() for c in value)
    if printable and value.strip() == value:
        ways.append("single")
        if not flow:
            ways += ["folded", "literal"]
    way = draw(st.sampled_from(ways))
    if way == "plain":
        return value
    if way == "single":
        return "'{}'".format(value.replace("'", "''"))
    if way in {"folded", "literal"}:
        return f"{'>-' if way == 'folded' else '|-'}\n{' ' * (indent + 2)}{value}"
    escaped = (c if " " <= c <= "~" and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
    return f'"{"".join(escaped)}"'


@st.composite
def mapping_files(draw: st.DrawFn) -> bytes:
    """A mapping file with a source, a code map and one or two blocks."""

    def remark() -> str:
        return f"   {draw(REMARKS)}" if draw(st.integers(0, 3)) == 0 else ""

    def line(indent: int, text: str) -> list[str]:
        above = [f"{' ' * draw(st.integers(0, 9))}{draw(REMARKS)}"] if draw(st.integers(0, 5)) == 0 else []
        above += [""] if draw(st.integers(0, 7)) == 0 else []
        return [*above, f"{' ' * indent}{text}{'' if chr(10) in text else remark()}"]

    lines = [
        "mapping: v1",
        "source: {code: acme, tenant: acme, owner: data@acme.example, timezone: UTC, currency: EUR, country: DE,",
        "         language: de}",
    ]
    words = draw(
        st.dictionaries(st.sampled_from(["1", "2", "a", "ä ö", "*", "no"]), st.sampled_from(["x", "y: z"]), min_size=1)
    )
    if draw(st.booleans()):
        inside = ", ".join(f"{json.dumps(k)}: {scalar(draw, v, flow=True, indent=0)}" for k, v in words.items())
        lines += line(0, f"codes: {{words: {{{inside}}}}}")
    else:
        lines += ["codes:", *line(2, "words:")]
        for key, value in words.items():
            lines += line(4, f"{json.dumps(key)}: {scalar(draw, value, flow=False, indent=4)}")
    lines += [*line(0, "entities:"), "  suppliers:"]
    for number in range(draw(st.integers(1, 2))):
        lines += line(4, f"- block: b{number}")
        lines += line(6, "extract: {table: t, mode: snapshot, key: [id]}")
        lines += line(6, f"key: {{supplier_id: {scalar(draw, draw(EXPRESSIONS), flow=True, indent=6)}}}")
        columns = draw(st.dictionaries(st.sampled_from(COLUMNS), settings_of_a_column(), min_size=1, max_size=5))
        in_flow = draw(st.booleans())
        entries: list[str] = []
        for name, values in columns.items():
            if set(values) == {"expr"} and draw(st.booleans()):
                entries.append(f"{name}: {scalar(draw, values['expr'], flow=in_flow, indent=8)}")
            elif in_flow or draw(st.booleans()):
                inside = ", ".join(f"{k}: {scalar(draw, v, flow=True, indent=0)}" for k, v in values.items())
                entries.append(f"{name}: {{{inside}{draw(st.sampled_from(['', ',', ' , ']))}}}")
            else:
                parts = [
                    part
                    for k, v in values.items()
                    for part in line(10, f"{k}: {scalar(draw, v, flow=False, indent=10)}")
                ]
                entries.append("\n".join([f"{name}:", *parts]))
        if in_flow:
            between = draw(st.sampled_from([", ", ",\n           ", ",   # next\n          "]))
            lines += line(6, f"columns: {{{between.join(entries)}}}")
        else:
            lines += ["      columns:"]
            for entry in entries:
                lines += line(8, entry) if "\n" not in entry else [f"        {entry}"]
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n", "\n# the end\n"]))
    if draw(st.integers(0, 3)) == 0:
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("law") / "acme.yml"


def inputs_of(file: Path, content: bytes) -> Inputs:
    file.write_bytes(content)
    return Inputs({"acme": load_mapping(file)}, MODEL)


COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@settings(max_examples=25, **COMMON)
@given(content=mapping_files())
def test_what_is_written_and_taken_back_unchanged_changes_no_byte(file: Path, content: bytes) -> None:
    inputs = inputs_of(file, content)
    book = write_workbook(editable_sheets(inputs))
    assert write_workbook(editable_sheets(inputs_of(file, content))) == book
    result = plan(book, inputs)
    assert (result.edits, result.remarks, result.after) == ([], [], {})
    write(result)
    assert file.read_bytes() == content


@settings(max_examples=30, **COMMON)
@given(content=mapping_files(), data=st.data())
def test_edits_change_what_they_say_and_nothing_else(file: Path, content: bytes, data: st.DataObject) -> None:
    inputs = inputs_of(file, content)
    sheets = editable_sheets(inputs)
    book: dict[str, Any] = dict(read_workbook(write_workbook(sheets)))
    sheet = next(sheet for sheet in sheets if sheet.name == "10 Map suppliers")
    cells = dict(book[sheet.name])
    wanted: dict[str, dict[str, str]] = {row.map_id: row.cells() for row in inputs.rows["suppliers"]}
    rows = data.draw(st.lists(st.sampled_from(range(len(sheet.rows))), min_size=1, max_size=3, unique=True))
    for at in rows:
        row = inputs.rows["suppliers"][at]
        values = {"expr": data.draw(EXPRESSIONS)} if row.is_key else data.draw(settings_of_a_column() | st.just({}))
        texts = {title: shown(values.get(name), title) for title, name in SETTINGS.items()}
        wanted[row.map_id] = texts
        for title in EDITABLE:
            place = (FIRST_ROW + at, sheet.titles.index(title))
            cells[place] = Cell(texts[title])
    book[sheet.name] = cells

    result = plan_of(book, inputs)
    if result.remarks:
        # An emptied block, or a value the check refuses, keeps the edits out and is named; nothing is written then.
        assert result.after == {}
        assert all(remark.cell.startswith(sheet.name) for remark in result.remarks), result.remarks
        return
    write(result)
    after = read_mapping(file.read_bytes(), file)
    found = {row.map_id: row.cells() for row in Inputs({"acme": after}, MODEL).rows["suppliers"]}
    unix = {
        key: {title: text.replace("\r\n", "\n").replace("\r", "\n") for title, text in row.items()}
        for key, row in wanted.items()
    }
    assert {
        key: {title: text.replace("\r\n", "\n").replace("\r", "\n") for title, text in row.items()}
        for key, row in found.items()
    } == unix
    assert after.codes == inputs.mappings["acme"].codes
    assert after.source == inputs.mappings["acme"].source
    again = plan_of(book, Inputs({"acme": after}, MODEL))
    assert (again.edits, again.remarks) == ([], [])


def plan_of(book: dict[str, Any], inputs: Inputs) -> Any:
    """The plan of a workbook that was read already."""
    with mock.patch("retail_medallion.workbook.importing.read_workbook", return_value=book):
        return plan(b"", inputs)


def test_the_generated_files_are_mappings() -> None:
    """Else the law would hold of nothing."""
    checked: list[int] = []

    @settings(max_examples=20, **COMMON)
    @given(content=mapping_files())
    def every_one(content: bytes) -> None:
        mapping = read_mapping(content)
        checked.append(len(check_mapping(mapping, MODEL)))

    every_one()
    assert len(checked) >= 20
