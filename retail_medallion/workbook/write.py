"""Writing the sheets as an .xlsx file: the same sheets give the same bytes.

Every text is written as text, so no cell ever becomes a formula, a link or a number. What the file is told by when it
comes back stands in a hidden sheet: a fingerprint of every cell as it was written.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from retail_medallion.workbook.contents import names
from retail_medallion.workbook.sheets import (
    FIRST_ROW,
    MAXIMUM_TEXT,
    META,
    Choice,
    Column,
    Link,
    Row,
    Sheet,
    Value,
    cell_name,
    fingerprint,
    text_of,
    units,
)

VERSION = "1"
TOO_LONG = "(too long for a cell: it stands in the mapping file only)"
META_COLUMNS = (Column("sheet", 30), Column("row key", 60), Column("fingerprints", 60))

_FIXED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
_HEADER, _EDITABLE_HEADER = "#1F3A5F", "#B7791F"
_FILLS = {"red": "#FBD5D5", "amber": "#FDE8C8", "grey": "#EEEEEE"}
_YELLOW = "#FFF9DB"
_TABS = {
    "about": "#6B7280",
    "source": "#2B6CB0",
    "map": "#B7791F",
    "silver": "#718096",
    "gold": "#D69E2E",
    "review": "#9B2C2C",
}
_STATUS = {"draft": "#FDE8C8", "reviewed": "#D6E9FB", "approved": "#D5F0DC"}
_LINE = 15.0
_MOST_LINES, _MOST_OF_LOCKED = 12, 3
_MONO_WIDTH = 1.12


def write_workbook(sheets: Sequence[Sheet]) -> bytes:
    """The bytes of the .xlsx file.

    Args:
        sheets: All sheets in order; the one with the fingerprints is added.
    """
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
            "max_url_length": 2079,
        },
    )
    book.set_properties({"title": "Mapping workbook", "created": _FIXED})
    book.set_size(2400, 1300)
    formats = _Formats(book)
    kept = [shortened(sheet) for sheet in sheets]
    for sheet in (*kept, meta_sheet(kept)):
        _SheetWriter(book.add_worksheet(sheet.name), sheet, formats).write()
    book.close()
    return buffer.getvalue()


def shortened(sheet: Sheet) -> Sheet:
    """The sheet with a remark in place of texts that no cell can hold; such cells cannot be changed."""
    rows = []
    for row in sheet.rows:
        long = {
            column.title
            for column, value in zip(sheet.columns, row.values, strict=True)
            if isinstance(value, str) and units(_escaped(value)) >= MAXIMUM_TEXT
        }
        if long:
            values = tuple(
                TOO_LONG if column.title in long else value
                for column, value in zip(sheet.columns, row.values, strict=True)
            )
            row = Row(values, row.key, row.colour, row.choices, row.locked | long)  # noqa: PLW2901 the shorter one
        rows.append(row)
    return Sheet(
        sheet.name, sheet.purpose, sheet.columns, tuple(rows), sheet.frozen, sheet.group, sheet.key, sheet.hidden
    )


def meta_sheet(sheets: Iterable[Sheet]) -> Sheet:
    """The fingerprints of all cells, row by row, and whether each may be changed."""
    rows = [Row(("", "version", VERSION), "version")]
    for sheet in sheets:
        rows.append(
            Row(
                (sheet.name, "columns", "\n".join((sheet.purpose, "\x1f".join(sheet.key), *sheet.titles))),
                f"{sheet.name}/columns",
            )
        )
        for row in sheet.rows:
            prints = "".join(
                ("+" if column.editable and column.title not in row.locked else "-") + fingerprint(text_of(value))
                for column, value in zip(sheet.columns, row.values, strict=True)
            )
            rows.append(Row((sheet.name, f"={fingerprint(row.key)}", prints), f"{sheet.name}/{row.key}"))
    return Sheet(META, "What was written, to tell what was changed.", META_COLUMNS, tuple(rows), hidden=True)


def _escaped(text: str) -> str:
    """As long as the writer may make it: characters XML cannot hold become seven."""
    return "".join("_x0000_" if ord(c) < ord(" ") and c not in "\n\t" else c for c in text).replace("_x", "_x005F_x")


class _Formats:
    """Cell formats by what they are for, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Format] = {}

    def get(self, **properties: Any) -> Format:
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"font_name": "Calibri", "font_size": 10, **properties})
        return self._made[key]

    def header(self, *, editable: bool) -> Format:
        return self.get(
            bold=True,
            font_color="#FFFFFF",
            bg_color=_EDITABLE_HEADER if editable else _HEADER,
            border=1,
            border_color="#FFFFFF",
            text_wrap=True,
            valign="vcenter",
        )

    def cell(self, column: Column, value: Value, *, fill: str | None, locked: bool) -> Format:
        properties: dict[str, Any] = {
            "valign": "top",
            "border": 1,
            "border_color": "#D9DEE5",
            "text_wrap": column.wrap,
            "locked": locked,
            "num_format": "@",
        }
        if fill:
            properties["bg_color"] = fill
        if column.mono:
            properties["font_name"] = "Consolas"
            properties["font_size"] = 9
        if isinstance(value, dt.date):
            properties["num_format"] = "yyyy-mm-dd"
        elif isinstance(value, int | Decimal):
            properties["num_format"] = "#,##0.##" if isinstance(value, Decimal) else "#,##0"
        elif isinstance(value, Link):
            properties |= {"font_color": "#1D4ED8", "underline": 1}
        return self.get(**properties)


class _SheetWriter:
    """Writes one sheet."""

    def __init__(self, out: Worksheet, sheet: Sheet, formats: _Formats) -> None:
        self._out = out
        self._sheet = sheet
        self._formats = formats

    def write(self) -> None:
        """Title, purpose, headers, rows, and everything that makes them easy to read."""
        sheet, out = self._sheet, self._out
        if sheet.hidden:
            out.hide()
        out.set_tab_color(_TABS[sheet.group])
        self._head()
        for index, row in enumerate(sheet.rows):
            self._row(FIRST_ROW - 1 + index, row)
        self._help()
        self._page()

    def _head(self) -> None:
        sheet, out, formats = self._sheet, self._out, self._formats
        out.write_string(0, 0, sheet.name, formats.get(bold=True, font_size=14, font_color=_HEADER))
        out.write_string(1, 0, sheet.purpose, formats.get(italic=True, font_color="#4B5563"))
        out.set_row(0, 22)
        out.set_row(2, 32)
        for index, column in enumerate(sheet.columns):
            out.set_column(index, index, column.width)
            out.write_string(2, index, column.title, formats.header(editable=column.editable))
            if column.note:
                out.write_comment(2, index, column.note, {"x_scale": 1.6, "author": ""})

    def _row(self, at: int, row: Row) -> None:
        lines = 1
        for index, (column, value) in enumerate(zip(self._sheet.columns, row.values, strict=True)):
            editable = column.editable and column.title not in row.locked
            fill = _YELLOW if editable else _FILLS[row.colour] if row.colour and index < self._sheet.frozen else None
            self._cell(at, index, value, self._formats.cell(column, value, fill=fill, locked=not editable))
            if column.wrap and isinstance(value, str):
                lines = max(lines, min(_lines(value, column), _MOST_LINES if editable else _MOST_OF_LOCKED))
            if editable and (choice := row.choices.get(column.title)):
                self._offer(at, index, choice)
        # Given for every row, because programs do not agree on how high a row of wrapped text is.
        self._out.set_row(at, _LINE * lines)

    def _cell(self, at: int, index: int, value: Value, shape: Format) -> None:
        out = self._out
        if value is None or value == "":
            out.write_blank(at, index, None, shape)
        elif isinstance(value, Link):
            target = "'{}'".format(value.sheet.replace("'", "''"))
            out.write_url(at, index, f"internal:{target}!A{value.row}", shape, text_of(value))
        elif isinstance(value, str):
            out.write_string(at, index, value, shape)
        elif isinstance(value, dt.date):
            out.write_datetime(at, index, dt.datetime(value.year, value.month, value.day), shape)  # noqa: DTZ001 a day
        else:
            out.write_number(at, index, value, shape)

    def _offer(self, at: int, index: int, choice: Choice) -> None:
        letter = cell_name(1, choice.column)[:-1]
        place = f"='{choice.sheet}'!${letter}${choice.first}:${letter}${choice.last}"
        self._out.data_validation(
            at, index, at, index, {"validate": "list", "source": place, "error_title": "Not in the list"}
        )

    def _help(self) -> None:
        sheet, out = self._sheet, self._out
        last = FIRST_ROW - 2 + len(sheet.rows)
        out.freeze_panes(FIRST_ROW - 1, sheet.frozen)
        if sheet.rows:
            out.autofilter(FIRST_ROW - 2, 0, last, len(sheet.columns) - 1)
        for index, column in enumerate(sheet.columns):
            if not column.choices or not sheet.rows:
                continue
            first = FIRST_ROW - 1
            out.data_validation(first, index, last, index, {"validate": "list", "source": list(column.choices)})
            for value, colour in _STATUS.items():
                out.conditional_format(
                    first,
                    index,
                    last,
                    index,
                    {
                        "type": "cell",
                        "criteria": "==",
                        "value": f'"{value}"',
                        "format": self._formats.get(bg_color=colour),
                    },
                )
        out.protect("", {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True})
        if sheet.name not in {names.READ_ME, names.INDEX} and not sheet.hidden:
            # The title leads back to the list of sheets.
            shape = self._formats.get(bold=True, font_size=14, font_color=_HEADER)
            out.write_url(0, 0, f"internal:'{names.INDEX}'!A1", shape, sheet.name, "Back to the list of sheets")

    def _page(self) -> None:
        out = self._out
        out.hide_gridlines(2)
        out.set_landscape()
        out.set_paper(8)
        out.fit_to_pages(1, 0)
        out.repeat_rows(FIRST_ROW - 2)
        out.set_footer("&L&A&RPage &P of &N")
        out.set_margins(0.4, 0.4, 0.5, 0.6)


def _lines(text: str, column: Column) -> int:
    width = column.width / _MONO_WIDTH if column.mono else column.width
    return sum(max(1, -(-len(line) // max(1, int(width)))) for line in text.split("\n"))
