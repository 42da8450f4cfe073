"""Telling what somebody changed in a workbook, what the repository changed meanwhile, and where the two disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from retail_medallion.errors import WorkbookError
from retail_medallion.workbook.contents import codes, names
from retail_medallion.workbook.read import Cell, Cells
from retail_medallion.workbook.rows import SETTINGS
from retail_medallion.workbook.sheets import (
    FIRST_ROW,
    MAXIMUM_TEXT,
    META,
    Sheet,
    cell_name,
    fingerprint,
    join_key,
    text_of,
    units,
)
from retail_medallion.workbook.write import VERSION

_PRINT = 11
_KINDS: Mapping[str, str] = {
    "formula": "holds a formula; write the value itself",
    "error": "holds an error value",
    "number": "holds a number; format the cell as text and write it again",
    "truth": "holds a truth value; format the cell as text and write it again",
}


@dataclass(frozen=True)
class Remark:
    """Something that keeps a workbook from being taken back.

    Attributes:
        cell: `sheet!cell`, or the sheet.
        what: One sentence.
        kind: A conflict is a cell that both sides changed; a problem is anything else.
    """

    cell: str
    what: str
    kind: Literal["problem", "conflict"] = "problem"

    def __str__(self) -> str:
        return f"{self.cell}: {self.kind}: {self.what}"


@dataclass(frozen=True)
class Edit:
    """One cell that was changed in the workbook alone.

    Attributes:
        cell: `sheet!cell`.
        key: What the row is found by.
        title: Title of the column.
        old: Text in the repository.
        new: Text in the workbook.
    """

    cell: str
    key: str
    title: str
    old: str
    new: str


@dataclass
class Merge:
    """What a workbook asks for.

    Attributes:
        edits: Cells to take back.
        remarks: What stands against it.
    """

    edits: list[Edit] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


@dataclass(frozen=True)
class _Written:
    """What the hidden sheet remembers of one sheet."""

    purpose: str
    key: tuple[str, ...]
    titles: tuple[str, ...]
    rows: Mapping[str, str]


def merge(book: Mapping[str, Cells], sheets: Sequence[Sheet]) -> Merge:
    """Compare a workbook with what it was when it was written, and with what the repository says now.

    Args:
        book: The workbook.
        sheets: The sheets as they would be written now.

    Raises:
        WorkbookError: It was not written by the export, or by another version of it.
    """
    written = _written(book)
    now = {sheet.name: sheet for sheet in sheets}
    result = Merge()
    for name in book:
        if name not in written and name != META:
            result.remarks.append(Remark(name, "the sheet was added; it cannot be taken back"))
    for name, memory in written.items():
        if name not in book:
            result.remarks.append(Remark(name, "the sheet was removed or renamed"))
        else:
            _SheetMerge(name, book[name], memory, now.get(name), result).run()
    return result


def _written(book: Mapping[str, Cells]) -> dict[str, _Written]:
    cells = book.get(META)
    if cells is None:
        raise WorkbookError(
            "The workbook was not written by the export.",
            why=f"the hidden sheet {META} is missing",
            fix="retail-medallion workbook export, and make the changes there.",
        )
    found: dict[str, _Written] = {}
    version = ""
    row = FIRST_ROW
    while any((row, column) in cells for column in range(3)):
        sheet, key, value = (_text(cells.get((row, column))) for column in range(3))
        row += 1
        if not sheet:
            version = value
        elif key == "columns" and value.count("\n") > 1:
            purpose, named, *titles = value.split("\n")
            found[sheet] = _Written(purpose, tuple(named.split("\x1f")), tuple(titles), {})
        elif sheet in found and key not in found[sheet].rows:
            found[sheet].rows[key[1:]] = value  # type: ignore[index] # made here
        else:
            raise WorkbookError(f"The hidden sheet {META} was changed.", where=f"{META}!{cell_name(row - 1, 0)}")
    if version != VERSION:
        raise WorkbookError(
            "The workbook was written by another version.",
            why=f"its format is {version[:20]!r}, this is {VERSION!r}",
            fix="Export it again and make the changes there.",
        )
    return found


class _SheetMerge:
    """Compares one sheet."""

    def __init__(self, name: str, cells: Cells, memory: _Written, now: Sheet | None, result: Merge) -> None:
        self._name = name
        self._cells = cells
        self._memory = memory
        self._result = result
        self._titles = {title: index for index, title in enumerate(memory.titles)}
        self._now = {row.key: row for row in now.rows} if now else {}
        self._now_titles = now.titles if now else ()

    def run(self) -> None:
        """Tell edits from remarks, row by row."""
        if not self._has_its_head():
            return
        seen: set[str] = set()
        columns = len(self._memory.titles)
        last = max((row for row, _ in self._cells), default=0)
        for at in range(FIRST_ROW, last + 1):
            texts = [_text(self._cells.get((at, column))) for column in range(columns)]
            if not any((at, column) in self._cells for column in range(columns)):
                continue
            key = self._key_of(texts)
            mark = fingerprint(key)
            if mark not in self._memory.rows:
                self._remark(at, 0, "the row was added, or what names it was changed")
            elif mark in seen:
                self._remark(at, 0, "the row stands here twice")
            else:
                seen.add(mark)
                self._row(at, key, texts, self._memory.rows[mark])
        if missing := len(self._memory.rows) - len(seen):
            what = f"{missing} rows were removed; clear their yellow cells instead"
            self._result.remarks.append(Remark(self._name, what))
        for row, column in self._cells:
            if column >= columns:
                self._remark(row, column, "the cell lies outside of the table; it cannot be taken back")

    def _has_its_head(self) -> bool:
        expected = {(1, 0): self._name, (2, 0): self._memory.purpose}
        expected |= {(FIRST_ROW - 1, index): title for title, index in self._titles.items()}
        wrong = [place for place, text in expected.items() if _text(self._cells.get(place)) != text_of(text)]
        wrong += [place for place in self._cells if place[0] < FIRST_ROW and place not in expected]
        for row, column in wrong:
            self._remark(row, column, "the title, its remark or a header was changed")
        return not wrong

    def _key_of(self, texts: Sequence[str]) -> str:
        named = [self._titles[title] for title in self._memory.key if title in self._titles] or [0]
        return join_key([texts[index] for index in named])

    def _row(self, at: int, key: str, texts: Sequence[str], prints: str) -> None:
        for title, column in self._titles.items():
            start = column * (_PRINT + 1)
            is_open, base = prints[start : start + 1] == "+", prints[start + 1 : start + 1 + _PRINT]
            cell = self._cells.get((at, column), Cell(""))
            is_open = is_open and self._may_change(title)
            if cell.kind in {"formula", "error"}:
                self._remark(at, column, _KINDS[cell.kind])
            elif fingerprint(texts[column]) == base:
                continue
            elif not is_open:
                self._remark(at, column, f"{title!r} cannot be changed here; it is made from the files")
            elif cell.kind != "text":
                self._remark(at, column, _KINDS[cell.kind])
            elif units(cell.text) >= MAXIMUM_TEXT:
                self._remark(at, column, f"the text is as long as a cell can be ({MAXIMUM_TEXT}), so it may be cut")
            elif any("\ud800" <= character <= "\udfff" for character in cell.text):
                self._remark(at, column, "the text has half a character")
            else:
                self._changed(at, column, key, title, texts[column], base)

    def _may_change(self, title: str) -> bool:
        if self._name == names.CODE_MAPS:
            return title == codes.CANONICAL
        return names.is_map(self._name) and title in SETTINGS

    def _changed(self, at: int, column: int, key: str, title: str, text: str, base: str) -> None:
        row = self._now.get(key)
        if row is None and self._is_new_code(key):
            current = ""
        elif row is None or title not in self._now_titles:
            what = "the row was changed here, and is no longer in the mapping file"
            self._result.remarks.append(Remark(self._place(at, column), what, "conflict"))
            return
        else:
            current = text_of(row.values[self._now_titles.index(title)])
        if current == text:
            return
        if fingerprint(current) != base:
            what = f"{title!r} is {text!r} here and {current!r} in the mapping file, which changed since the export"
            self._result.remarks.append(Remark(self._place(at, column), what, "conflict"))
            return
        self._result.edits.append(Edit(self._place(at, column), key, title, current, text))

    def _is_new_code(self, key: str) -> bool:
        """A value of a code map that is there, and lists other values only."""
        head = join_key([*key.split("\x1f")[:2], ""])
        return self._name == names.CODE_MAPS and any(known.startswith(head) for known in self._now)

    def _place(self, row: int, column: int) -> str:
        return f"{self._name}!{cell_name(row, column)}"

    def _remark(self, row: int, column: int, what: str) -> None:
        self._result.remarks.append(Remark(self._place(row, column), what))


def _text(cell: Cell | None) -> str:
    return text_of(cell.text) if cell else ""


def by_row(edits: Sequence[Edit]) -> Iterator[tuple[str, list[Edit]]]:
    """Edits of each row together, in the order of the workbook."""
    grouped: dict[str, list[Edit]] = {}
    for edit in edits:
        grouped.setdefault(edit.key, []).append(edit)
    yield from grouped.items()
