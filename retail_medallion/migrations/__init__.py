"""Bringing an existing warehouse to the shape of the canonical model, without losing anything in silence.

`difference` says what a warehouse lacks, `upkeep` adds what can be added and keeps the books, `versions/` holds the
revisions written by hand for everything else.
"""

from retail_medallion.migrations.difference import Difference, compare
from retail_medallion.migrations.upkeep import Due, due, migrate, prepare, refuse_by_hand

__all__ = ["Difference", "Due", "compare", "due", "migrate", "prepare", "refuse_by_hand"]
