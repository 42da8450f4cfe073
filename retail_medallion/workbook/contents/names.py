"""Names of the sheets, in the order in which they stand."""

from __future__ import annotations

from retail_medallion.model import CanonicalModel

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
    """Name of the mapping sheet of an entity."""
    known = list(model.entities)
    number = FIRST_MAP + (known.index(entity) if entity in known else len(known))
    return f"{number} Map {entity}"[:LONGEST]
