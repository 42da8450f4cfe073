"""The whole workbook: all sheets in order."""

from __future__ import annotations

from retail_medallion.workbook.contents import codes, gold, maps, reference, review, rules
from retail_medallion.workbook.inputs import Inputs
from retail_medallion.workbook.sheets import Sheet


def editable_sheets(inputs: Inputs) -> tuple[Sheet, ...]:
    """The sheets people may change cells of, without what is only shown there."""
    _, choices = codes.hidden_lists(inputs)
    maps_ = maps.map_sheets(inputs, choices, gold.GoldTargets({}), maps.blocks_sheet(inputs))
    return (*maps_, codes.code_maps_sheet(inputs, codes.code_lists_sheet(inputs)))


def sheets_of(inputs: Inputs) -> tuple[Sheet, ...]:
    """Make every sheet, but for the one that remembers what was written."""
    lists, choices = codes.hidden_lists(inputs)
    code_lists = codes.code_lists_sheet(inputs)
    blocks = maps.blocks_sheet(inputs)
    after = (
        reference.sources_sheet(inputs),
        reference.source_tables_sheet(inputs),
        reference.entities_sheet(inputs),
        reference.canonical_sheet(inputs),
        *maps.map_sheets(inputs, choices, gold.gold_targets(), blocks),
        blocks,
        gold.gold_sheet(),
        code_lists,
        codes.code_maps_sheet(inputs, code_lists),
        rules.rules_sheet(inputs),
        review.coverage_sheet(inputs),
        review.lineage_sheet(inputs),
        review.open_points_sheet(inputs),
        review.change_log_sheet(inputs),
    )
    return (reference.read_me(inputs), reference.index(inputs, after), *after, lists)
