"""Names of the sheets, in the order in which they stand."""

from __future__ import annotations

from retail_medallion.model import CanonicalModel
from retail_medallion.workbook.sheets import Link

READ_ME = "00 Read me"
INDEX = "01 Index"
SOURCES = "02 Sources"
SOURCE_TABLES = "03 Source tables"
ENTITIES = "04 Entities"
CANONICAL = "05 Canonical columns"
BLOCKS = "30 Blocks"
GOLD = "31 Silver to Gold"
CODE_LISTS = "40 Code lists"
CODE_MAPS = "41 Code maps"
RULES = "50 DQ rules"
COVERAGE = "60 Coverage"
LINEAGE = "61 Lineage"
OPEN_POINTS = "70 Open points"
CHANGE_LOG = "80 Change log"

MAP_ID_TITLE = "map_id"

FIRST_MAP = 10
LONGEST = 31
"""Characters a spreadsheet program allows in the name of a tab."""


def map_sheet(entity: str, model: CanonicalModel) -> str:
    """Name of the mapping sheet of an entity of the model."""
    return f"{FIRST_MAP + list(model.entities).index(entity)} Map {entity}"[:LONGEST]


def link_to_map(entity: str, model: CanonicalModel) -> Link | str:
    """The name of an entity, leading to its sheet where the model has it."""
    return Link(entity, map_sheet(entity, model)) if entity in model.entities else entity


def is_map(sheet: str) -> bool:
    """Whether a name is that of a mapping sheet."""
    return sheet[:2].isdigit() and sheet[2:7] == " Map "
