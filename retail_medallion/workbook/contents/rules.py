"""The rules rows are judged by, in words."""

from __future__ import annotations

from retail_medallion.model import Entity
from retail_medallion.silver.rules import GENERIC_RULES
from retail_medallion.workbook.contents import names
from retail_medallion.workbook.inputs import Inputs
from retail_medallion.workbook.sheets import Column, Link, Sheet, Value, rows_of

COLUMNS = (
    Column("rule", 44, mono=True),
    Column("entity", 24),
    Column("column", 26, mono=True),
    Column("outcome", 12, note="reject: the row is kept out. warn: it is flagged. finding: it needs other rows."),
    Column("fires when", 60, wrap=True),
    Column("condition", 60, wrap=True, mono=True),
)

_OUTCOMES = {
    "G01": "reject",
    "G03": "warn, reject where the code map is strict",
    "G05": "warn",
    "G07": "superseded",
    "G10": "reject",
    "G11": "reject",
    "G14": "warn",
}
_BY_STANDARDISER = {
    "enum": "G03",
    "timestamp": "G04",
    "planned_timestamp": "G04",
    "date": "G04",
    "planned_date": "G04",
    "birth_date": "G04",
    "business_date": "G04",
    "email": "G06",
    "phone": "G06",
    "gtin": "G06",
    "gln": "G06",
    "country": "G06",
    "language": "G06",
    "region": "G06",
    "postal_code": "G06",
    "url": "G06",
    "time_zone": "G06",
}


def rules_of_column(entity: Entity, name: str) -> tuple[str, ...]:
    """Ids of the rules that may fire because of a column."""
    column = entity.columns.get(name)
    if column is None:
        return ()
    found = []
    if column.required:
        found.append("G01")
    if column.type != "text":
        found.append("G02")
    if generic := _BY_STANDARDISER.get(column.standardise):
        found.append(generic)
    if any(name in pair for pair in entity.ordered):
        found.append("G05")
    if column.currency:
        found.append("G10")
    if column.card_guard:
        found.append("G11")
    if column.minimum is not None or column.maximum is not None or column.not_self:
        found.append("G13")
    found += [f"{entity.entity}.{rule.id}" for rule in entity.rules if rule.column == name]
    found += [f"{entity.entity}.{finding.id}" for finding in entity.findings if finding.column == name]
    return tuple(found)


def rules_sheet(inputs: Inputs) -> Sheet:
    """The generic rules, then those of each entity."""
    values: list[tuple[Value, ...]] = [
        (id_, "every entity", None, _OUTCOMES.get(id_, "warn, reject where the column is required"), message, None)
        for id_, message in GENERIC_RULES.items()
    ]
    for entity in inputs.model.entities.values():
        link = Link(entity.entity, names.map_sheet(entity.entity, inputs.model))
        values += [
            (f"{entity.entity}.{rule.id}", link, rule.column, rule.severity, rule.message, rule.when)
            for rule in entity.rules
        ]
        values += [
            (f"{entity.entity}.{finding.id}", link, finding.column, "finding", finding.message, None)
            for finding in entity.findings
        ]
    return Sheet(
        names.RULES,
        "What is wrong with a row, and what happens to it then.",
        COLUMNS,
        rows_of(COLUMNS, ("rule",), values),
        group="silver",
        key=("rule",),
    )
