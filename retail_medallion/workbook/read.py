"""Reading an .xlsx file that somebody sent: what its cells hold, and nothing else of it.

The file is a ZIP archive of XML. Sizes are checked before anything is unpacked, the XML may have neither document types
nor entities, and parts that run or reach outside are refused. Formulas are found, never computed.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import IO, Any, Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from retail_medallion.errors import WorkbookError
from retail_medallion.workbook.sheets import cell_name

MAXIMUM_BYTES = 30_000_000
MAXIMUM_PARTS = 2_000
MAXIMUM_UNPACKED = 300_000_000
MAXIMUM_RATIO = 200
MAXIMUM_CELLS = 3_000_000
MAXIMUM_SHEETS = 200
MAXIMUM_ROWS = 1_048_576
"""Of a sheet, as the file format has it."""

_RATIO_FROM = 1_000_000
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PLACE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_FORBIDDEN = (
    "xl/vbaproject",
    "xl/externallinks/",
    "xl/embeddings/",
    "xl/activex/",
    "xl/connections",
    "xl/querytables/",
)


@dataclass(frozen=True)
class Cell:
    """What one cell holds.

    Attributes:
        text: Its text; of a number its digits without zeros at the end.
        kind: What the file says it is.
    """

    text: str
    kind: Literal["text", "number", "truth", "error", "formula"] = "text"


Cells = Mapping[tuple[int, int], Cell]
"""Row from 1 and column from 0 to the cell; empty cells are not there."""


def read_workbook(content: bytes) -> dict[str, Cells]:
    """Read all sheets.

    Returns:
        Name of each sheet to its cells, in the order of the file.

    Raises:
        WorkbookError: It is no workbook, too large, or holds what none of ours does.
    """
    if len(content) > MAXIMUM_BYTES:
        raise WorkbookError("The workbook is too large.", why=f"it has more than {MAXIMUM_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _Archive(archive).sheets()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, UnicodeError) as error:
        raise WorkbookError(
            "The file is no workbook.", why=str(error), fix="Save it as Excel 2007-365 (.xlsx), without a password."
        ) from None
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise WorkbookError("The workbook is damaged.", why=str(error)) from None
    except DefusedXmlException:
        raise WorkbookError(
            "The workbook declares a document type or entities, which no spreadsheet program writes."
        ) from None
    except ParseError as error:
        raise WorkbookError("The workbook holds XML that cannot be read.", why=str(error)) from None


class _Archive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = self._checked()
        self._cells = 0

    def _checked(self) -> frozenset[str]:
        """Names of the parts, once what they claim to unpack to is known to be bearable."""
        parts = self._archive.infolist()
        names = frozenset(part.filename for part in parts)
        if len(parts) > MAXIMUM_PARTS or len(names) != len(parts):
            raise WorkbookError("The workbook has too many parts, or two of one name.")
        for part in parts:
            if part.file_size > _RATIO_FROM and part.file_size > MAXIMUM_RATIO * max(1, part.compress_size):
                raise WorkbookError("The workbook unpacks to far more than its size.", where=part.filename)
            if part.filename.lower().startswith(_FORBIDDEN):
                raise WorkbookError(
                    "The workbook holds macros, links to other files or embedded objects.",
                    where=part.filename,
                    fix="Copy the changed cells into a workbook that was exported anew.",
                )
        if sum(part.file_size for part in parts) > MAXIMUM_UNPACKED:
            raise WorkbookError("The workbook unpacks to too much.", why=f"more than {MAXIMUM_UNPACKED} bytes")
        return names

    def sheets(self) -> dict[str, Cells]:
        """The sheets by name."""
        for name in self._names:
            if name.lower().endswith(".rels"):
                self._require_inside(name)
        targets = {
            element.get("Id", ""): element.get("Target", "")
            for element in self._elements("xl/_rels/workbook.xml.rels", "Relationship")
        }
        named = [
            (element.get("name", ""), targets.get(_attribute(element, "id"), ""))
            for element in self._elements("xl/workbook.xml", "sheet")
        ]
        if len(named) > MAXIMUM_SHEETS or len({name for name, _ in named}) != len(named):
            raise WorkbookError("The workbook has too many sheets, or two of one name.")
        texts = self._shared_texts()
        return {name: self._read(name, _part(target), texts) for name, target in named}

    def _require_inside(self, name: str) -> None:
        for element in self._elements(name, "Relationship"):
            if element.get("TargetMode", "").lower() == "external":
                raise WorkbookError(
                    "The workbook has a link that leads outside.",
                    where=name,
                    fix="Remove links to pages and files; links between sheets are fine.",
                )

    def _shared_texts(self) -> list[str]:
        name = "xl/sharedStrings.xml"
        return [_text(element) for element in self._elements(name, "si")] if name in self._names else []

    def _read(self, sheet: str, part: str, texts: list[str]) -> Cells:
        found: dict[tuple[int, int], Cell] = {}
        at = 0
        for row in self._elements(part, "row"):
            at = _row_number(row.get("r"), at, sheet)
            column = -1
            for element in row:
                if _tag(element) != "c":
                    continue
                column = _column(element.get("r"), column)
                self._cells += 1
                if self._cells > MAXIMUM_CELLS:
                    raise WorkbookError("The workbook has too many cells.", why=f"more than {MAXIMUM_CELLS}")
                try:
                    cell = _cell(element, texts)
                except (ValueError, IndexError, InvalidOperation):
                    where = f"{sheet}!{cell_name(at, column)}"
                    raise WorkbookError("The cell cannot be read.", where=where) from None
                if cell is not None:
                    found[at, column] = cell
        return found

    def _elements(self, part: str, tag: str) -> Iterator[Element]:
        """Elements of a name, each complete, without ever holding the whole part."""
        if part not in self._names:
            raise WorkbookError("The file is no workbook.", why=f"it has no part {part!r}")
        with self._archive.open(part) as stream:
            yield from _complete(stream, tag)


def _row_number(told: str | None, before: int, sheet: str) -> int:
    if told is None:
        return before + 1
    if not told.isdecimal() or not 1 <= (at := int(told)) <= MAXIMUM_ROWS:
        raise WorkbookError(f"The sheet has a row {told[:20]!r}.", where=sheet, why=f"rows are 1 to {MAXIMUM_ROWS}")
    return at


def _complete(stream: IO[bytes], tag: str) -> Iterator[Element]:
    above: list[Element] = []
    inside = 0
    for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
        wanted = _tag(element) == tag
        if event == "start":
            above.append(element)
            inside += wanted
            continue
        above.pop()
        inside -= wanted
        if wanted and not inside:
            yield element
        if not inside and above:
            above[-1].remove(element)


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name and "}" in key), "")


def _part(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _column(place: str | None, before: int) -> int:
    if place is None:
        return before + 1
    match = _PLACE.fullmatch(place)
    if match is None:
        raise WorkbookError("A cell has no place.", where=place[:20])
    column = 0
    for letter in match[1]:
        column = 26 * column + ord(letter) - ord("A") + 1
    return column - 1


def _text(element: Element) -> str:
    """The text of a shared or inline string: its own, and that of its runs, without reading aids."""
    parts: list[str] = []
    for child in element:
        if _tag(child) == "t":
            parts.append(child.text or "")
        elif _tag(child) == "r":
            parts += [piece.text or "" for piece in child if _tag(piece) == "t"]
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), "".join(parts))


def _cell(element: Element, texts: list[str]) -> Cell | None:
    children: dict[str, Any] = {_tag(child): child for child in element}
    if "f" in children:
        return Cell("", "formula")
    kind = element.get("t", "n")
    if kind == "inlineStr":
        return _filled(_text(children["is"])) if "is" in children else None
    value = children["v"].text if "v" in children else None
    if value is None:
        return None
    if kind == "s":
        index = int(value)
        if index < 0:
            raise ValueError(value)
        return _filled(texts[index])
    if kind == "str":
        return _filled(_ESCAPED.sub(lambda match: chr(int(match[1], 16)), value))
    if kind == "b":
        return Cell("true" if value.strip() == "1" else "false", "truth")
    if kind == "n":
        number = Decimal(value.strip())
        if not number.is_finite() or abs(number.adjusted()) > 30:  # noqa: PLR2004 no spreadsheet has such a number
            raise ValueError(value)
        return Cell(format(number.normalize(), "f"), "number")
    return Cell(value, "error")


def _filled(text: str) -> Cell | None:
    return Cell(text) if text else None
