"""The workbook as it is written: its sheets, its cells, and that the same input gives the same bytes."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest

from retail_medallion.mapping import mapping_files
from retail_medallion.model import load_model
from retail_medallion.workbook.checking import made_twice
from retail_medallion.workbook.contents import names
from retail_medallion.workbook.contents.book import sheets_of
from retail_medallion.workbook.exporting import export, gather
from retail_medallion.workbook.inputs import Inputs
from retail_medallion.workbook.sheets import LISTS, META

MODEL = load_model()
SOURCES = ["demo", "northwind"]


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return gather(list(mapping_files(only=SOURCES).values()), MODEL)


@pytest.fixture(scope="module")
def content(inputs: Inputs) -> bytes:
    return export(inputs)


@pytest.fixture(scope="module")
def book(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_every_sheet_is_there_in_its_order(book: openpyxl.Workbook) -> None:
    maps = [name for name in book.sheetnames if " Map " in name]
    assert maps == [f"{number} Map {entity}" for number, entity in enumerate(MODEL.entities, 10)]
    others = [name for name in book.sheetnames if name not in maps]
    assert others == [
        *(names.READ_ME, names.INDEX, names.SOURCES, names.SOURCE_TABLES, names.ENTITIES, names.CANONICAL),
        *(names.BLOCKS, names.GOLD, names.CODE_LISTS, names.CODE_MAPS, names.RULES),
        *(names.COVERAGE, names.LINEAGE, names.OPEN_POINTS, names.CHANGE_LOG, LISTS, META),
    ]
    assert [name for name in book.sheetnames if book[name].sheet_state != "visible"] == [LISTS, META]


def test_the_same_input_gives_the_same_bytes(inputs: Inputs, content: bytes) -> None:
    assert export(inputs) == content


def test_another_process_gives_the_same_bytes(content: bytes, tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from retail_medallion.mapping import mapping_files\n"
        "from retail_medallion.model import load_model\n"
        "from retail_medallion.workbook.exporting import export, gather\n"
        "made = export(gather(list(mapping_files(only=sys.argv[2:]).values()), load_model()))\n"
        "pathlib.Path(sys.argv[1]).write_bytes(made)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "again.xlsx"), *SOURCES], check=True)
    is_equal = (tmp_path / "again.xlsx").read_bytes() == content  # A difference of a megabyte takes minutes to show.
    assert is_equal


def test_no_cell_is_a_formula_and_no_part_leads_outside(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode()
            if name.startswith("xl/worksheets/sheet"):
                assert "<f>" not in text
                assert "<f " not in text
            assert 'TargetMode="External"' not in text
        assert {info.date_time[:3] for info in archive.infolist()} == {(1980, 1, 1)}


def test_headers_stay_in_sight_with_a_filter_and_only_yellow_cells_are_open(book: openpyxl.Workbook) -> None:
    for sheet in book:
        assert sheet.protection.sheet
        assert sheet.freeze_panes is not None
        assert re.fullmatch(r"[A-Z]+4", sheet.freeze_panes), sheet.title
        if sheet.max_row >= 4:
            assert sheet.auto_filter.ref.startswith("A3:")
    sales = book["21 Map sales"]
    titles = {cell.value: index for index, cell in enumerate(sales[3])}
    for row in sales.iter_rows(min_row=4):
        assert not row[titles["expression"]].protection.locked
        assert row[titles["target column"]].protection.locked
        assert row[titles["status"]].protection.locked == (row[titles["key"]].value == "yes")


def test_drop_downs_offer_the_words_that_are_allowed(book: openpyxl.Workbook) -> None:
    offered = {validation.formula1 for validation in book["21 Map sales"].data_validations.dataValidation}
    assert '"draft,reviewed,approved"' in offered
    assert any(LISTS in formula for formula in offered)
    maps = book[names.CODE_MAPS]
    row = next(row for row in maps.iter_rows(min_row=4) if row[1].value == "order_status")
    validation = next(v for v in maps.data_validations.dataValidation if row[4].coordinate in v.sqref)
    sheet, place = validation.formula1.split("!")
    first, last = (int(part) for part in re.findall(r"\d+", place))
    listed = book[sheet.strip("'")]
    assert [listed.cell(r, 2).value for r in range(first, last + 1)] == [*MODEL.codes["sale_status"], "unknown"]


def test_every_target_column_of_every_block_has_one_row(inputs: Inputs) -> None:
    for sheet in (sheet for sheet in sheets_of(inputs) if " Map " in sheet.name):
        entity = MODEL.entities[sheet.name.split(" Map ")[1]]
        ids = [row.key for row in sheet.rows]
        assert len(set(ids)) == len(ids)
        for mapping in inputs.mappings.values():
            for block in mapping.entities.get(entity.entity, ()):
                head = f"{mapping.source.code}/{entity.entity}/{block.name}/"
                wanted = {block.key_column} if block.only_keys else {*entity.columns, *block.columns}
                assert {f"{head}{name}" for name in wanted} <= set(ids)


def test_links_lead_to_places_that_exist(book: openpyxl.Workbook) -> None:
    followed = 0
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.hyperlink:
                    assert cell.hyperlink.target is None
                    name, place = cell.hyperlink.location.rsplit("!", 1)
                    assert book[name.strip("'")][place].value is not None
                    followed += 1
    assert followed > 200


TEXTS = ("=1+1", "{=SUM(A1)}", "+1", "-x", "@now", "00123", "1E5", "http://example.org", "_x0041_", "a\r\nb")

HEAD = """mapping: v1
source: {code: acme, tenant: acme, owner: data@acme.example, timezone: UTC, currency: EUR, country: DE, language: de}
entities:
  suppliers:
"""


def _quoted(text: str) -> str:
    return "".join(c if c.isprintable() and c not in '"\\' else f"\\x{ord(c):02x}" for c in text)


def test_a_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    blocks = [
        f"    - block: b{index}\n      extract: {{table: t, mode: snapshot, key: [id]}}\n"
        "      key: {supplier_id: id}\n"
        f'      columns: {{supplier_name: {{expr: "name", note: "{_quoted(text)}"}}}}\n'
        for index, text in enumerate(TEXTS)
    ]
    (tmp_path / "acme.yml").write_text(HEAD + "".join(blocks), encoding="utf-8")
    made = export(gather([tmp_path / "acme.yml"], MODEL, with_history=False))
    sheet = openpyxl.load_workbook(io.BytesIO(made), read_only=True)["24 Map suppliers"]
    rows = list(sheet.iter_rows(min_row=3))
    at = [cell.value for cell in rows[0]].index("notes")
    cells = [row[at] for row in rows[1:] if row[3].value == "supplier_name"]
    assert [cell.data_type for cell in cells] == ["s"] * len(TEXTS)
    plain = len(TEXTS) - 2  # the others are written in the file format's own escapes
    assert [cell.value for cell in cells][:plain] == list(TEXTS)[:plain]


@pytest.mark.slow
def test_all_shipped_sources_make_one_workbook_that_changes_nothing() -> None:
    files = list(mapping_files().values())
    result = made_twice(files, MODEL)
    assert (result.edits, result.remarks, result.after) == ([], [], {})
