"""Workbooks made to do harm are refused before they do any."""

from __future__ import annotations

import io
import random
import re
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from retail_medallion.errors import RetailMedallionError, WorkbookError
from retail_medallion.workbook.merge import merge
from retail_medallion.workbook.read import MAXIMUM_BYTES, read_workbook
from retail_medallion_tests.workbook.books import Shop, shop

BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><sst xmlns="x"><si><t>&c;</t></si></sst>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY file SYSTEM "file:///etc/passwd">]>
<sst xmlns="x"><si><t>&file;</t></si></sst>"""


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def book(acme: Shop) -> bytes:
    return acme.book()


def rewritten(book: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_part(book: bytes, name: str, content: str | bytes) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return rewritten(book, lambda parts: parts.__setitem__(name, raw))


@pytest.mark.parametrize("xml", [BOMB, OUTSIDE])
def test_entities_are_refused_wherever_they_are_declared(book: bytes, xml: str) -> None:
    for part in ("xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
        with pytest.raises(WorkbookError, match="document type or entities"):
            read_workbook(with_part(book, part, xml))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(book: bytes) -> None:
    bomb = with_part(book, "xl/worksheets/sheet1.xml", b"<worksheet>" + b" " * 400_000_000)
    tracemalloc.start()
    with pytest.raises(WorkbookError, match="unpacks to"):
        read_workbook(bomb)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_a_part_that_lies_about_its_size_is_cut_off(book: bytes) -> None:
    honest = with_part(book, "xl/sharedStrings.xml", b"<sst>" + b" " * 50_000_000)
    with zipfile.ZipFile(io.BytesIO(honest)) as archive:
        size = archive.getinfo("xl/sharedStrings.xml").file_size
    lying = honest.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(WorkbookError):
        read_workbook(lying)


def test_formulas_are_found_whatever_they_claim_to_give(acme: Shop, book: bytes) -> None:
    def formula(parts: dict[str, bytes]) -> None:
        name = next(
            name
            for name, content in parts.items()
            if "worksheets/sheet" in name and b"sale_id" not in content and b'r="M24"' in content
        )
        parts[name] = re.sub(
            rb'<c r="M24"[^>]*>(<v>.*?</v>)?(</c>)?',
            b'<c r="M24" t="str"><f>1+1</f><v>id</v></c>',
            parts[name],
            count=1,
        )

    result = acme.plan(rewritten(book, formula))
    assert any("holds a formula" in remark.what for remark in result.remarks)
    assert result.after == {}


@pytest.mark.parametrize(
    "part",
    ["xl/vbaProject.bin", "xl/externalLinks/externalLink1.xml", "xl/embeddings/oleObject1.bin", "xl/connections.xml"],
)
def test_macros_and_links_to_other_files_are_refused(book: bytes, part: str) -> None:
    with pytest.raises(WorkbookError, match="macros, links to other files or embedded objects"):
        read_workbook(with_part(book, part, b"x"))


def test_a_link_that_leads_outside_is_refused(book: bytes) -> None:
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId9" '
        'Type="hyperlink" Target="http://example.org/?stolen" TargetMode="External"/></Relationships>'
    )
    with pytest.raises(WorkbookError, match="leads outside"):
        read_workbook(with_part(book, "xl/worksheets/_rels/sheet1.xml.rels", rels))


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"mapping: v1", b"\xd0\xcf\x11\xe0" + b"\0" * 600, b"\0" * (MAXIMUM_BYTES + 1)]
)
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    with pytest.raises(WorkbookError):
        read_workbook(content)


def test_two_parts_of_one_name_are_refused(book: bytes) -> None:
    buffer = io.BytesIO(book)
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(WorkbookError, match="two of one name"):
        read_workbook(buffer.getvalue())


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="A4" t="s"><v>99999999</v></c>',
        '<c r="A4" t="s"><v>-1</v></c>',
        '<c r="A4" t="s"><v>x</v></c>',
        '<c r="A4"><v>NaN</v></c>',
        '<c r="A4"><v>1e999999999</v></c>',
        '<c r="ZZZZZZ4"><v>1</v></c>',
        '<c r="4A"><v>1</v></c>',
    ],
)
def test_cells_that_mean_nothing_are_refused(book: bytes, cell: str) -> None:
    sheet = f'<worksheet><sheetData><row r="4">{cell}</row></sheetData></worksheet>'
    with pytest.raises(WorkbookError, match="cell"):
        read_workbook(with_part(book, "xl/worksheets/sheet1.xml", sheet))


def test_deep_xml_neither_hangs_nor_crashes(book: bytes) -> None:
    deep = b"<worksheet>" + b"<a>" * 60_000 + b"</a>" * 60_000 + b"</worksheet>"
    started = time.monotonic()
    assert read_workbook(with_part(book, "xl/worksheets/sheet1.xml", deep))
    assert time.monotonic() - started < 20


def test_a_damaged_workbook_is_read_refused_or_reported_and_never_written(acme: Shop, book: bytes) -> None:
    dice = random.Random(5)  # noqa: S311 the same damage in every run
    before = acme.file.read_bytes()
    for _ in range(100):
        damaged = bytearray(book)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            found = merge(read_workbook(bytes(damaged)), [])
        except RetailMedallionError:
            continue
        assert found.edits == []
    assert acme.file.read_bytes() == before


def test_fingerprints_that_were_changed_do_not_open_locked_cells(acme: Shop) -> None:
    def unlock(parts: dict[str, bytes]) -> None:
        parts["xl/sharedStrings.xml"] = re.sub(
            rb"<t>([-+][A-Za-z0-9_-]{11})+</t>",
            lambda match: re.sub(rb"-(?=[A-Za-z0-9_-]{11})", b"+", match[0]),
            parts["xl/sharedStrings.xml"],
        ).replace(b"<t>numeric(18,4)</t>", b"<t>text</t>")

    result = acme.plan(rewritten(acme.book(), unlock))
    assert any("cannot be changed here" in remark.what for remark in result.remarks)
    assert result.after == {}


@pytest.mark.parametrize("number", ["900000000000", "0", "-1", "x", "1e3", ""])
def test_rows_that_no_sheet_has_are_refused(book: bytes, number: str) -> None:
    sheet = f'<worksheet><sheetData><row r="{number}"><c r="A1" t="str"><v>a</v></c></row></sheetData></worksheet>'
    with pytest.raises(WorkbookError, match="has a row"):
        read_workbook(with_part(book, "xl/worksheets/sheet1.xml", sheet))
