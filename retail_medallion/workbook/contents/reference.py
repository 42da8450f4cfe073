"""What the workbook is about: the first page, the sources, their tables, and the canonical model."""

from __future__ import annotations

from collections.abc import Sequence

from retail_medallion.mapping import Block
from retail_medallion.model import Column as ModelColumn
from retail_medallion.model import Entity
from retail_medallion.model.canonical import TECHNICAL_COLUMNS
from retail_medallion.workbook.contents import names
from retail_medallion.workbook.contents.maps import place
from retail_medallion.workbook.inputs import Inputs
from retail_medallion.workbook.rows import EDITABLE
from retail_medallion.workbook.sheets import Column, Link, Row, Sheet, Value, join_key, rows_of

README_COLUMNS = (Column("topic", 24), Column("what to know", 110, wrap=True))
INDEX_COLUMNS = (
    Column("sheet", 32),
    Column("what it holds", 84, wrap=True),
    Column("rows", 9),
    Column("mapped", 9, note="Target columns something is fetched for."),
    Column("draft", 9),
    Column("reviewed", 10),
    Column("approved", 10),
    Column("without status", 10),
)
SOURCE_COLUMNS = (
    Column("source", 18),
    Column("tenant", 14),
    Column("owner", 28),
    Column("time zone", 20),
    Column("currency", 9),
    Column("country", 9),
    Column("language", 10),
    Column("day starts at", 11),
    Column("prices contain tax", 11),
    Column("first day", 12, note="First daily partition; it takes everything before it."),
    Column("loaded from", 12, note="First day loaded into Silver."),
    Column("loaded up to", 12),
    Column("entities", 9),
    Column("blocks", 9),
    Column("mapped columns", 10),
    Column("database settings", 30, wrap=True, note="Environment variables that name the database. No secret is here."),
    Column("mapping file", 22),
    Column("mapping version", 19, mono=True),
)
TABLE_COLUMNS = (
    Column("source", 18),
    Column("entity", 22),
    Column("block", 18),
    Column("table or query", 60, wrap=True, mono=True),
    Column("mode", 12, note="How a day's rows are found."),
    Column("key", 20, wrap=True, mono=True),
    Column("watermark", 30, wrap=True, mono=True),
    Column("document", 20, wrap=True, mono=True),
    Column("deletes are seen by", 40, wrap=True),
    Column("rows at the last load", 12),
    Column("day of the last load", 12),
    Column("Bronze dataset", 60, wrap=True),
    Column("columns", 60, wrap=True, mono=True),
)
ENTITY_COLUMNS = (
    Column("entity", 24),
    Column("definition", 60, wrap=True),
    Column("key", 26, mono=True),
    Column("Silver tables", 44, wrap=True, mono=True),
    Column("columns", 9),
    Column("required", 9),
    Column("rules", 8),
    Column("findings", 9),
    Column("sources", 40, wrap=True),
    Column("rows in Silver", 14, note="Rows that are not deleted, of all sources shown here."),
)
CANONICAL_COLUMNS = (
    Column("entity", 24),
    Column("column", 28, mono=True),
    Column("type", 16, mono=True),
    Column("required", 9),
    Column("meaning", 60, wrap=True),
    Column("standardiser", 18, mono=True),
    Column("code list", 24),
    Column("refers to", 24),
    Column("currency column", 18, mono=True),
    Column("default", 14, mono=True),
    Column("where it is missing", 40, wrap=True, mono=True),
    Column("smallest", 10),
    Column("largest", 10),
    Column("pii", 10),
)

_DELETES = {
    "changed": "a flag, a tombstone block or a list of keys; else not at all",
    "appended": "none are expected",
    "documents": "absence within the document",
    "snapshot": "absence from the table",
    "compared": "comparison with the state before",
    "keys": "absence from the list of keys",
}


def read_me(inputs: Inputs) -> Sheet:
    """Conventions and legend."""
    topics: Sequence[tuple[str, Value]] = (
        ("What this is", "Where every column of Silver comes from, for every source, on one page per entity."),
        ("Where the truth is", "In the mapping files. This workbook is made from them and can be made again."),
        (
            "What may be changed",
            (
                f"Yellow cells of the sheets Map ...: {', '.join(EDITABLE)}. In {names.CODE_MAPS}: canonical value. "
                "Everything else is made from the files; a change elsewhere is refused on import, with its cell."
            ),
        ),
        (
            "Adding a mapping",
            (
                "Fill in the expression (or the constant) of a grey or red row. Clearing all yellow cells of a row "
                "takes the mapping out."
            ),
        ),
        (
            "Text and numbers",
            'Cells hold text. In constant and default, 1 is a number, true is a truth and "1" in quotes is text.',
        ),
        ("Personal data", "Example values of personal data are shown as ***."),
        ("Rows and columns", "Rows may be filtered. Neither rows nor columns are added, removed or renamed."),
        (
            "Taking changes back",
            "retail-medallion workbook import FILE. With --dry-run it only tells what it would do.",
        ),
        (
            "Changes on both sides",
            (
                "A cell that was changed here and in the mapping file meanwhile is a conflict: nothing is written, "
                "and both values are listed."
            ),
        ),
        ("Colours", "Yellow: may be changed. Red: something is missing. Grey: nothing is mapped."),
        ("Status", "draft: somebody's proposal. reviewed: somebody else agrees. approved: the owner signed it."),
        ("Contents", Link(names.INDEX, names.INDEX)),
        ("Sources", ", ".join(inputs.mappings)),
        ("Model version", inputs.model.version),
        ("Last change of the mapping files", inputs.commit or "not known"),
    )
    return Sheet(
        names.READ_ME, "Start here.", README_COLUMNS, rows_of(README_COLUMNS, ("topic",), topics), key=("topic",)
    )


def index(inputs: Inputs, sheets: Sequence[Sheet]) -> Sheet:
    """All sheets, with how far the mapping of each entity is agreed."""
    entity_of = {names.map_sheet(entity, inputs.model): entity for entity in inputs.rows}
    values: list[tuple[Value, ...]] = []
    for sheet in sheets:
        counts: list[Value] = [None] * 5
        if sheet.name in entity_of:
            mapped = [row for row in inputs.rows[entity_of[sheet.name]] if row.is_mapped and not row.is_key]
            statuses = [row.mapped.status if row.mapped else None for row in mapped]
            counts = [len(mapped), *(statuses.count(one) for one in ("draft", "reviewed", "approved", None))]
        values.append((Link(sheet.name, sheet.name), sheet.purpose, len(sheet.rows), *counts))
    return Sheet(
        names.INDEX,
        "All sheets; click on a name.",
        INDEX_COLUMNS,
        rows_of(INDEX_COLUMNS, ("sheet",), values),
        key=("sheet",),
    )


def sources_sheet(inputs: Inputs) -> Sheet:
    """The retailers' databases and what holds for all of their rows."""
    values = []
    for code, mapping in inputs.mappings.items():
        source, facts = mapping.source, inputs.facts_of(code)
        values.append(
            (
                code,
                source.tenant,
                source.owner,
                source.timezone,
                source.currency,
                source.country,
                source.language,
                source.day_cutoff.strftime("%H:%M"),
                "yes" if source.tax_included else "no",
                source.first_day,
                facts.first_day,
                facts.last_day,
                len(mapping.entities),
                len(mapping.blocks),
                sum(len(block.columns) for block in mapping.blocks),
                f"{code.upper()}_DB_HOST, _PORT, _NAME, _USER, _PASSWORD",
                place(mapping.where()).rsplit(":", 1)[0],
                mapping.version,
            )
        )
    return Sheet(
        names.SOURCES,
        "One row per application database.",
        SOURCE_COLUMNS,
        rows_of(SOURCE_COLUMNS, ("source",), values),
        group="source",
        key=("source",),
    )


def source_tables_sheet(inputs: Inputs) -> Sheet:
    """What is read from each source, how, and what the last load found."""
    rows = []
    for code, mapping in inputs.mappings.items():
        for block in mapping.blocks:
            facts = inputs.block_facts(code, block)
            values: tuple[Value, ...] = (
                code,
                names.link_to_map(block.entity, inputs.model),
                block.name,
                block.extract.table or block.extract.query,
                block.extract.mode,
                ", ".join(block.extract.key),
                block.extract.watermark,
                ", ".join(block.extract.document),
                _deletes(block),
                facts.rows if facts else None,
                facts.day if facts else None,
                facts.dataset if facts else None,
                "\n".join(f"{c.name} {c.postgres_type}" for c in facts.columns.values()) if facts else None,
            )
            rows.append(Row(values, join_key((code, block.entity, block.name))))
    return Sheet(
        names.SOURCE_TABLES,
        "What is read in each source's database.",
        TABLE_COLUMNS,
        tuple(rows),
        frozen=3,
        group="source",
        key=("source", "entity", "block"),
    )


def _deletes(block: Block) -> str:
    if block.tombstone:
        return "its rows are deletions"
    if "is_deleted" in block.columns or "deleted_at" in block.columns:
        return "the source's own flag"
    return _DELETES[block.extract.mode]


def entities_sheet(inputs: Inputs) -> Sheet:
    """The canonical entities."""
    values: list[tuple[Value, ...]] = []
    for name, entity in inputs.model.entities.items():
        feeding = [code for code, mapping in inputs.mappings.items() if name in mapping.entities]
        counts = [inputs.facts_of(code).rows[name] for code in feeding if name in inputs.facts_of(code).rows]
        values.append(
            (
                Link(name, names.map_sheet(name, inputs.model)),
                entity.description,
                entity.key,
                f"silver.{name}, silver_versions.{name}",
                len(entity.columns),
                sum(column.required for column in entity),
                len(entity.rules),
                len(entity.findings),
                ", ".join(feeding),
                sum(counts) if counts else None,
            )
        )
    return Sheet(
        names.ENTITIES,
        "What one row of each entity is.",
        ENTITY_COLUMNS,
        rows_of(ENTITY_COLUMNS, ("entity",), values),
        group="silver",
        key=("entity",),
    )


def canonical_sheet(inputs: Inputs) -> Sheet:
    """The dictionary of Silver."""
    values: list[tuple[Value, ...]] = []
    for name, entity in inputs.model.entities.items():
        link = Link(name, names.map_sheet(name, inputs.model))
        values += [(link, *_described(column, entity)) for column in entity]
        values += [
            (link, technical, type_, "no", "every entity has it", *[None] * 9)
            for technical, type_ in TECHNICAL_COLUMNS.items()
        ]
    return Sheet(
        names.CANONICAL,
        "Every column of Silver, its type and how it is cleaned.",
        CANONICAL_COLUMNS,
        rows_of(CANONICAL_COLUMNS, ("entity", "column"), values),
        frozen=2,
        group="silver",
        key=("entity", "column"),
    )


def _described(column: ModelColumn, entity: Entity) -> tuple[Value, ...]:
    default: object = column.default
    if default is None and column.source_default:
        default = f"the source's {column.source_default}"
    return (
        column.name,
        column.type,
        "key" if column.name == entity.key else "yes" if column.required else "no",
        column.meaning,
        column.standardise,
        column.codes,
        column.references,
        column.currency,
        None if default is None else str(default).lower() if isinstance(default, bool) else str(default),
        column.when_missing,
        column.minimum,
        column.maximum,
        "personal" if column.pii else None,
    )
