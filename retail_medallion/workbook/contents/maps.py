"""The mapping sheets, one per entity, and the blocks their rows belong to."""

from __future__ import annotations

from retail_medallion.model import Entity
from retail_medallion.workbook import rows as cells
from retail_medallion.workbook.contents import names
from retail_medallion.workbook.contents.codes import CodeMapChoices
from retail_medallion.workbook.contents.gold import GoldTargets
from retail_medallion.workbook.contents.rules import rules_of_column
from retail_medallion.workbook.inputs import Inputs
from retail_medallion.workbook.rows import EDITABLE, MapRow
from retail_medallion.workbook.sheets import Column, Link, Row, Sheet, Value, join_key

MAP_ID = names.MAP_ID_TITLE
STATUSES = ("draft", "reviewed", "approved")

MAP_COLUMNS = (
    Column(MAP_ID, 16, note="Names the row. It never changes."),
    Column("source", 18),
    Column("block", 16, note="The extract that feeds the entity; leads to its row in the sheet of blocks."),
    Column("target column", 25, mono=True),
    Column("target type", 15, mono=True),
    Column("nullable", 9),
    Column("key", 6),
    Column("meaning", 34, wrap=True),
    Column("source columns", 26, wrap=True, mono=True, note="Columns of the extract the expression reads."),
    Column("source type", 22, wrap=True, mono=True, note="Types in the source's database, from the newest load."),
    Column("Bronze dataset and columns", 34, wrap=True),
    Column("Parquet type", 20, wrap=True, mono=True),
    Column(
        cells.EXPRESSION,
        46,
        editable=True,
        wrap=True,
        mono=True,
        note="One DuckDB expression over a row of the extract.",
    ),
    Column(
        cells.CONSTANT, 14, editable=True, mono=True, note="The same value for every row, instead of an expression."
    ),
    Column(cells.CODE, 18, editable=True, mono=True, note="Code map that translates the value."),
    Column(
        cells.DEFAULT,
        14,
        editable=True,
        mono=True,
        note='Value of rows that bring none. Text that looks like a number: "1".',
    ),
    Column("other settings", 22, wrap=True, mono=True, note="Written in the mapping file only."),
    Column("standardiser", 16, mono=True, note="How the fetched value is cleaned; the canonical model says so."),
    Column("DQ rules", 24, wrap=True, note="Rules that may flag or refuse a row because of this column."),
    Column("Gold targets", 44, wrap=True, mono=True),
    Column("example source value", 26, wrap=True, note="From a real run. Personal data is shown as ***."),
    Column("example Silver value", 26, wrap=True, note="What became of it."),
    Column("pii", 9, note="personal where erasing a customer takes the value out."),
    Column(cells.OWNER, 20, editable=True),
    Column(cells.STATUS, 11, editable=True, choices=STATUSES),
    Column(cells.NOTES, 40, editable=True, wrap=True),
    Column("last change", 24, wrap=True),
)

BLOCK_COLUMNS = (
    Column("source", 18),
    Column("entity", 22),
    Column("block", 18),
    Column("from", 60, wrap=True, mono=True, note="Table of the source, or the query with its joins."),
    Column("mode", 12),
    Column("extract key", 20, wrap=True, mono=True),
    Column("watermark", 30, wrap=True, mono=True),
    Column("document", 20, wrap=True, mono=True),
    Column("where", 36, wrap=True, mono=True),
    Column("explode", 30, wrap=True, mono=True),
    Column("tombstone", 10),
    Column("key", 34, wrap=True, mono=True),
    Column("complete within", 18),
    Column("seen by", 22),
    Column("scope value", 26, wrap=True, mono=True),
    Column("place in the file", 22),
)


def map_sheet(entity: str, inputs: Inputs, choices: CodeMapChoices, gold: GoldTargets, blocks: Sheet) -> Sheet:
    """The sheet of one entity: every target column of every block of every source."""
    declared = inputs.model.entities[entity]
    changed = {change.map_id: change for change in reversed(inputs.changes)}
    rows = []
    for row in inputs.rows[entity]:
        change = changed.get(row.map_id)
        last = f"{change.day} {change.author}" if change else ""
        rows.append(_row(row, declared, inputs, choices, gold, blocks, last))
    return Sheet(
        names.map_sheet(entity, inputs.model),
        f"{declared.description} Yellow cells may be changed; `retail-medallion workbook import` takes them back.",
        MAP_COLUMNS,
        tuple(rows),
        frozen=4,
        group="map",
        key=(MAP_ID,),
    )


def _row(
    row: MapRow,
    entity: Entity,
    inputs: Inputs,
    choices: CodeMapChoices,
    gold: GoldTargets,
    blocks: Sheet,
    last_change: str,
) -> Row:
    origins = inputs.origins(row)
    facts = inputs.block_facts(row.source, row.block)
    types = [facts.columns[name] for name in origins if name in facts.columns] if facts else []
    dataset = f"{row.block.entity}/{row.block.name}: {', '.join(origins)}" if origins else ""
    example, result = inputs.facts_of(row.source).examples.get(row.map_id, ("", ""))
    shown = row.cells()
    target = row.target
    values: dict[str, Value] = {
        MAP_ID: row.map_id,
        "source": row.source,
        "block": Link(row.block.name, names.BLOCKS, blocks.row_number(block_key(row)) or 1),
        "target column": row.column,
        "target type": row.type,
        "nullable": "no" if row.is_key or (target and target.required) else "yes",
        "key": "yes" if row.is_key else "",
        "meaning": row.meaning,
        "source columns": ", ".join(origins),
        "source type": "\n".join(f"{c.name} {c.postgres_type}" for c in types),
        "Bronze dataset and columns": dataset,
        "Parquet type": "\n".join(c.parquet_type for c in types),
        **shown,
        "other settings": other_settings(row),
        "standardiser": target.standardise if target else "",
        "DQ rules": ", ".join(rules_of_column(entity, row.column)),
        "Gold targets": ", ".join(gold.of(row.block.entity, row.column)),
        "example source value": example,
        "example Silver value": result,
        "pii": "personal" if target and target.pii else "",
        "last change": last_change,
    }
    of_code = choices.of(row.source)
    needed = bool(target and target.required and not _filled(row))
    return Row(
        tuple(values[column.title] for column in MAP_COLUMNS),
        row.map_id,
        colour="red" if needed else (None if row.is_mapped else "grey"),
        choices={cells.CODE: of_code} if of_code and not row.is_key else {},
        locked=frozenset(EDITABLE) - {cells.EXPRESSION} if row.is_key else frozenset(),
    )


def _filled(row: MapRow) -> bool:
    target = row.target
    by_itself = target is not None and (
        target.default is not None or target.source_default or target.when_missing or target.of
    )
    return row.is_mapped or bool(by_itself)


def block_key(row: MapRow) -> str:
    """What the row of a block is found by."""
    return join_key((row.source, row.block.entity, row.block.name))


def other_settings(row: MapRow) -> str:
    """Settings of a column mapping that have no cell of their own."""
    if row.mapped is None:
        return ""
    found = []
    if row.mapped.timezone:
        found.append(f"timezone: {row.mapped.timezone}")
    if row.mapped.null_values:
        found.append(f"null_values: {', '.join(repr(value) for value in row.mapped.null_values)}")
    if row.mapped.rating_scale:
        found.append(f"rating_scale: {row.mapped.rating_scale.lowest} to {row.mapped.rating_scale.highest}")
    return "\n".join(found)


def blocks_sheet(inputs: Inputs) -> Sheet:
    """Every block: what is read, what is left out, what a row is found by, and what absence means."""
    rows = []
    for code, mapping in inputs.mappings.items():
        for block in mapping.blocks:
            extract, complete = block.extract, block.completeness
            values: tuple[Value, ...] = (
                code,
                names.link_to_map(block.entity, inputs.model),
                block.name,
                extract.table or extract.query,
                extract.mode,
                ", ".join(extract.key),
                extract.watermark,
                ", ".join(extract.document),
                block.where,
                f"{block.explode.alias}: {block.explode.expression}" if block.explode else None,
                "yes" if block.tombstone else None,
                f"{block.key_column} = {block.key_expression}",
                complete.within if complete else None,
                complete.seen if complete else None,
                complete.value if complete else None,
                place(mapping.where_block(block)),
            )
            rows.append(Row(values, join_key((code, block.entity, block.name))))
    return Sheet(
        names.BLOCKS,
        "One extract that feeds one entity. Changed in the mapping file only.",
        BLOCK_COLUMNS,
        tuple(rows),
        frozen=3,
        group="map",
        key=("source", "entity", "block"),
    )


def place(where: str) -> str:
    """File name and line of `file:line:column`, without the folder it is in on this machine."""
    file, line, _ = where.rsplit(":", 2)
    return f"{file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{line}"


def map_sheets(inputs: Inputs, choices: CodeMapChoices, gold: GoldTargets, blocks: Sheet) -> tuple[Sheet, ...]:
    """The sheets of all entities, in the order of the model."""
    return tuple(map_sheet(entity, inputs, choices, gold, blocks) for entity in inputs.rows)
