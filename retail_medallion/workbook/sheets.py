"""What a sheet of the workbook is made of: the classes its declaration uses.

Belongs here: the vocabulary of the contents, and how a value is told from another one. Does not belong here: any sheet,
any file format.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

MAXIMUM_TEXT = 32_767
"""What a cell holds at most, in UTF-16 code units; spreadsheet programs cut the rest without a word."""

FIRST_ROW = 4
"""Row of the first data row, counted from 1: title, purpose and headers come before it."""

META = "_meta"
"""The hidden sheet of fingerprints."""
LISTS = "_lists"
"""The hidden sheet that drop-downs read."""

_FIRST_DAY = dt.date(1899, 12, 30)


@dataclass(frozen=True)
class Link:
    """Text of a cell that leads to a place in the workbook.

    Attributes:
        text: What the cell shows.
        sheet: The sheet it leads to.
        row: The row there, from 1.
    """

    text: str
    sheet: str
    row: int = 1


Value = str | int | Decimal | dt.date | Link | None
"""What a cell holds; None and the empty text are an empty cell."""


@dataclass(frozen=True)
class Choice:
    """The values a cell offers in a drop-down: a piece of a column of another sheet.

    Attributes:
        sheet: The sheet.
        column: Its column, from 0.
        first: Its first row, from 1.
        last: Its last row, from 1.
    """

    sheet: str
    column: int
    first: int
    last: int


@dataclass(frozen=True)
class Column:
    """One column of a sheet.

    Attributes:
        title: Its header; also the name its values are found under when a workbook is read.
        width: Characters.
        editable: People may change its cells.
        wrap: Long text goes on in the next line of the cell.
        mono: Code, shown in a font of one width.
        choices: The only values allowed, as a drop-down.
        note: What the header tells when it is pointed at.
    """

    title: str
    width: int
    editable: bool = False
    wrap: bool = False
    mono: bool = False
    choices: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a sheet.

    Attributes:
        values: One per column.
        key: What the row is found by when a workbook is read; unique within its sheet.
        colour: Fill of its first cells, by name.
        choices: Drop-downs of single cells, by title of the column.
        locked: Titles of editable columns that nobody may change in this row.
    """

    values: tuple[Value, ...]
    key: str
    colour: Literal["red", "amber", "grey"] | None = None
    choices: dict[str, Choice] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sheet:
    """One sheet: a title, what it is for, and a table.

    Attributes:
        name: Name of the tab.
        purpose: One sentence.
        columns: Columns in order.
        rows: Rows in order.
        frozen: How many columns stay in sight.
        group: What the tab's colour tells: about, source, map, silver, gold or review.
        key: Titles of the columns that make a row's key.
        hidden: Not shown.
    """

    name: str
    purpose: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    frozen: int = 1
    group: Literal["about", "source", "map", "silver", "gold", "review"] = "about"
    key: tuple[str, ...] = ()
    hidden: bool = False

    @property
    def titles(self) -> tuple[str, ...]:
        """Headers in order."""
        return tuple(column.title for column in self.columns)

    def row_number(self, key: str) -> int | None:
        """The row, from 1, of a key."""
        return next((FIRST_ROW + index for index, row in enumerate(self.rows) if row.key == key), None)


def rows_of(columns: Sequence[Column], key: Sequence[str], values: Sequence[Sequence[Value]]) -> tuple[Row, ...]:
    """Rows whose key is made of some of their columns."""
    at = [next(index for index, column in enumerate(columns) if column.title == title) for title in key]
    return tuple(Row(tuple(row), join_key([text_of(row[index]) for index in at])) for row in values)


def join_key(parts: Sequence[str]) -> str:
    """One text out of the values a row is found by."""
    return "\x1f".join(text_of(part) for part in parts)


def text_of(value: Value) -> str:
    """The value as text, the same for a cell that was written and for one that is read.

    Line ends are those of Unix, because programs change them when they save; numbers have no zeros at the end, and
    days are numbers, as they are in the file.
    """
    if value is None:
        return ""
    if isinstance(value, Link):
        return text_of(value.text)
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, dt.date):
        return str((value - _FIRST_DAY).days)
    return format(Decimal(value).normalize(), "f")


def fingerprint(text: str) -> str:
    """Eleven characters that differ where texts differ."""
    return urlsafe_b64encode(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()).decode()[
        :11
    ]


def units(text: str) -> int:
    """Length of a text as spreadsheet programs count it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cell_name(row: int, column: int) -> str:
    """`B7` of a row from 1 and a column from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"
