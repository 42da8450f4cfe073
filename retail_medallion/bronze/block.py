"""What to extract: one block of one entity of one source."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum

from retail_medallion.errors import MappingError

EXTRACTED_AT = "_extracted_at"
"""Column added to every row: when the snapshot it was read from was taken (timestamp, microseconds, UTC)."""

DELETED = "_deleted"
"""Column added in mode compared: the row is no state but says that its key is gone; its other columns are NULL."""

_BLOCK_NAME = re.compile(r"[a-z0-9_]{1,63}\Z")


class Mode(Enum):
    """How the rows of a day are found, and what extracting the day again does.

    Attributes:
        CHANGED: Rows whose watermark falls in the day; extracted again, nothing once seen is lost.
        APPENDED: Rows inserted in the day; extracted again, nothing once seen is lost.
        DOCUMENTS: All rows of every document whose watermark falls in the day; a document extracted again replaces
            itself whole.
        SNAPSHOT: The whole table, as it is when it is read.
        COMPARED: Of the whole table, what differs from what it was when it was read before: rows that are new or other,
            and the keys that are gone.
        KEYS: The keys of the whole table, as they are when they are read: which rows there are, not what they say.
    """

    CHANGED = "changed"
    APPENDED = "appended"
    DOCUMENTS = "documents"
    SNAPSHOT = "snapshot"
    COMPARED = "compared"
    KEYS = "keys"

    @property
    def is_windowed(self) -> bool:
        """Whether a day's rows are told by a watermark, so that any day can be read at any time."""
        return self not in {Mode.SNAPSHOT, Mode.COMPARED, Mode.KEYS}


@dataclass(frozen=True)
class ExtractBlock:
    """One extract that feeds an entity.

    Attributes:
        name: Names the objects written.
        mode: How a day's rows are found.
        key: Columns that identify a row; files are ordered by them.
        table: Table or view to read, `schema.table`, parts quoted as in SQL where needed. Either this or `query`.
        query: Read-only SQL in the source's dialect. The window goes around it, or where it says `:window_start` and
            `:window_end`.
        watermark: SQL expression over the columns of the table or query: when the row was recorded.
        document: Columns that identify the document a row belongs to (mode DOCUMENTS).
        reads: Gives the columns without which the rows are of no use: they may not go, nor lose what their type held,
            from one day to the next. None where any may.
        accept_shrink: Believe a table of which many rows are gone at once (mode COMPARED).
    """

    name: str
    mode: Mode
    key: tuple[str, ...]
    table: str | None = None
    query: str | None = None
    watermark: str | None = None
    document: tuple[str, ...] = ()
    reads: Callable[[], Collection[str]] | None = field(default=None, compare=False)
    accept_shrink: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if not _BLOCK_NAME.match(self.name):
            raise MappingError(
                f"The block name {self.name!r} cannot name a file.", fix="Use a-z, 0-9 and _, at most 63 of them."
            )
        where = f"block {self.name}"
        if (self.table is None) == (self.query is None):
            raise MappingError("An extract reads either a table or a query.", where=where)
        if not self.key:
            raise MappingError("An extract needs the columns of its key.", where=where)
        if (self.mode is Mode.DOCUMENTS) != bool(self.document):
            raise MappingError("Document columns belong to the mode documents, and that mode needs them.", where=where)

    @property
    def order(self) -> tuple[str, ...]:
        """Columns by which files are ordered: the document first, where there is one, then the key."""
        return (*self.document, *(name for name in self.key if name not in self.document))

    @property
    def group(self) -> tuple[str, ...]:
        """Columns of the unit that is replaced as a whole: the document, or the row itself."""
        return self.document or self.key
