"""What to look at when a mapping is reviewed: coverage, lineage, open points, and what changed."""

from __future__ import annotations

from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.mapping import check_mapping
from retail_medallion.model import Entity
from retail_medallion.workbook.contents import names
from retail_medallion.workbook.contents.codes import unlisted
from retail_medallion.workbook.contents.maps import place
from retail_medallion.workbook.inputs import Inputs
from retail_medallion.workbook.rows import MapRow
from retail_medallion.workbook.sheets import Column, Link, Row, Sheet, Value, join_key

COVERAGE_COLUMNS = (
    Column("entity", 24),
    Column("source", 14),
    Column("columns", 9, note="Columns of the entity without its key."),
    Column("mapped", 9),
    Column("defaulted", 10, note="Filled by the model where the source brings nothing."),
    Column("missing", 9),
    Column("required and missing", 11),
    Column("defaulted columns", 60, wrap=True, mono=True),
    Column("missing columns", 70, wrap=True, mono=True),
    Column("unused source columns", 60, wrap=True, mono=True, note="Columns of the extracts that no expression reads."),
)
LINEAGE_COLUMNS = (
    Column("source", 12),
    Column("from block", 34, mono=True),
    Column("from column", 30, mono=True),
    Column("to entity", 24),
    Column("to column", 28, mono=True, note="* stands for which rows there are."),
    Column("kind", 10, note="DIRECT: the value is made of it. INDIRECT: it decides about rows."),
    Column("transformation", 16),
)
OPEN_COLUMNS = (
    Column("number", 9),
    Column("source", 12),
    Column("kind", 18),
    Column("about", 46, mono=True),
    Column("what is open", 100, wrap=True),
)
CHANGE_COLUMNS = (
    Column("number", 9),
    Column("date", 12),
    Column("author", 22),
    Column("commit", 12, mono=True),
    Column(names.MAP_ID_TITLE, 46, mono=True),
    Column("what", 14),
    Column("old", 44, wrap=True, mono=True),
    Column("new", 44, wrap=True, mono=True),
    Column("reason", 60, wrap=True),
)


def coverage_sheet(inputs: Inputs) -> Sheet:
    """Entity by source: what is mapped, what the model fills, and what is missing."""
    rows = []
    for name, entity in inputs.model.entities.items():
        link = Link(name, names.map_sheet(name, inputs.model))
        for code, mapping in inputs.mappings.items():
            if name not in mapping.entities:
                rows.append(
                    Row((link, code, len(entity.columns) - 1, *[None] * 7), join_key((name, code)), colour="grey")
                )
                continue
            mapped, defaulted, missing = _covered(entity, mapping)
            required = [column for column in missing if entity.columns[column].required]
            values: tuple[Value, ...] = (
                link,
                code,
                len(entity.columns) - 1,
                len(mapped),
                len(defaulted),
                len(missing),
                len(required),
                ", ".join(defaulted),
                ", ".join(missing),
                ", ".join(_unused(inputs, mapping, name)),
            )
            rows.append(Row(values, join_key((name, code)), colour="red" if required else None))
    return Sheet(
        names.COVERAGE,
        "How much of each entity each source brings. Grey: the source does not have the entity.",
        COVERAGE_COLUMNS,
        tuple(rows),
        frozen=2,
        group="review",
        key=("entity", "source"),
    )


def _covered(entity: Entity, mapping: SourceMapping) -> tuple[list[str], list[str], list[str]]:
    fetched = {name for block in mapping.entities[entity.entity] for name in block.columns}
    mapped, defaulted, missing = [], [], []
    for column in entity:
        if column.name == entity.key:
            continue
        if column.name in fetched:
            mapped.append(column.name)
        elif column.default is not None or column.source_default or column.when_missing or column.of:
            defaulted.append(column.name)
        else:
            missing.append(column.name)
    return mapped, defaulted, missing


def _unused(inputs: Inputs, mapping: SourceMapping, entity: str) -> list[str]:
    """Columns of the extracts that nothing reads; empty where the extracts are not known."""
    found = []
    for block in mapping.entities[entity]:
        facts = inputs.block_facts(mapping.source.code, block)
        if facts is None:
            continue
        read = {edge.source.casefold() for edge in inputs.edges[mapping.source.code, entity, block.name]}
        read |= {name.casefold() for name in (*block.extract.key, *block.extract.document)}
        found += [f"{block.name}.{name}" for name in facts.columns if name.casefold() not in read]
    return found


def lineage_sheet(inputs: Inputs) -> Sheet:
    """Every edge from a column of an extract to a column of Silver."""
    rows = []
    for (source, entity, block), edges in inputs.edges.items():
        for edge in edges:
            values = (source, f"{entity}/{block}", edge.source, entity, edge.target, edge.kind, edge.transformation)
            rows.append(Row(values, join_key(values[:6])))
    return Sheet(
        names.LINEAGE,
        "Which columns of the sources each column of Silver is made of, and which decide about its rows.",
        LINEAGE_COLUMNS,
        tuple(rows),
        frozen=2,
        group="review",
        key=("source", "from block", "from column", "to entity", "to column", "kind"),
    )


def open_points_sheet(inputs: Inputs) -> Sheet:
    """What somebody still has to decide."""
    found: list[tuple[str, str, Value, str]] = []
    for code, mapping in inputs.mappings.items():
        found += [
            (code, f"check: {problem.severity}", place(problem.where), problem.what)
            for problem in check_mapping(mapping, inputs.model)
        ]
        facts = inputs.facts_of(code)
        for name, code_map in mapping.codes.items():
            for value in unlisted(code_map, name, facts):
                what = f"{facts.code_values[name, value]} rows have the value {value!r}, which the map does not list."
                found.append((code, "unmapped code", Link(name, names.CODE_MAPS), what))
    for row in (row for rows in inputs.rows.values() for row in rows):
        if remark := _open(row):
            sheet = names.map_sheet(row.block.entity, inputs.model)
            found.append((row.source, "draft", Link(row.map_id, sheet), remark))
    values = [(number, *point) for number, point in enumerate(found, 1)]
    return Sheet(
        names.OPEN_POINTS,
        "What the check finds, values without a translation, and rows that are still drafts.",
        OPEN_COLUMNS,
        tuple(Row(row, str(row[0]), colour="red" if "error" in str(row[2]) else None) for row in values),
        group="review",
        key=("number",),
    )


def _open(row: MapRow) -> str | None:
    if row.mapped is None or row.mapped.status != "draft":
        return None
    return row.mapped.note or "The mapping is a draft."


def change_log_sheet(inputs: Inputs) -> Sheet:
    """What was changed in the mapping files, newest first."""
    rows = []
    for number, change in enumerate(inputs.changes, 1):
        values: tuple[Value, ...] = (
            number,
            change.day,
            change.author,
            change.commit,
            change.map_id,
            change.setting,
            change.old,
            change.new,
            change.reason,
        )
        rows.append(Row(values, str(number)))
    return Sheet(
        names.CHANGE_LOG,
        "From the history of the mapping files, newest first; empty where they are not kept in git.",
        CHANGE_COLUMNS,
        tuple(rows),
        group="review",
        key=("number",),
    )
