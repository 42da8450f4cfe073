"""The rules of one row: the generic ones, and the model's own.

A rule is a condition, and what happens to the row when it is true. A row is rejected only on evidence inside itself, so
no rule looks at another row; what needs several rows is found later, in Silver and Gold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from retail_medallion.errors import ModelError
from retail_medallion.model import Column, Entity, Rule
from retail_medallion.silver.standardisers.base import PARTITION_DAY, RowSettings, literal, quoted

GENERIC_RULES: Mapping[str, str] = {
    "G01": "the key or a required value is missing",
    "G02": "the value cannot be read as the column's type, or does not fit it",
    "G03": "the value is not in the code list",
    "G04": "the time or date is outside of what is possible",
    "G05": "two times of the row are in the wrong order",
    "G06": "the e-mail address, phone number, GTIN, country or other value of a standard is not valid",
    "G07": "the key came several times on the day, with different content",
    "G10": "an amount has no currency",
    "G11": "the value holds a payment card number",
    "G13": "the value is outside of what the column declares",
    "G14": "a local time was skipped or repeated by a change of the clocks",
}
"""Rules every entity has, by id. The model's own are named `<entity>.<rule id>`."""

_SETTING = re.compile(r"(?<!:):([a-z_]+)\b")


@dataclass(frozen=True)
class Fired:
    """A condition that was evaluated for every row, under a name.

    Attributes:
        flag: Name of the boolean column that holds the outcome.
        rule: Id of the rule.
        column: Canonical column it is about.
        message: What is wrong, for people.
        severity: What happens to the row.
        when: The condition.
    """

    flag: str
    rule: str
    column: str
    message: str
    severity: Literal["reject", "warn"]
    when: str


def bound(expression: str, settings: RowSettings) -> str:
    """An expression of the model with the source's settings, and the partition's day, in place of `:name`.

    Raises:
        ModelError: The expression names a setting that does not exist.
    """
    known = {
        "day": PARTITION_DAY,
        "tax_included": literal(settings.tax_included),
        "currency": literal(settings.currency),
        "country": literal(settings.country),
        "language": literal(settings.language),
        "timezone": literal(settings.timezone),
    }

    def replace(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ModelError(f"There is no setting :{match[1]} of a source.", fix=f"Use one of: {', '.join(known)}")
        return known[match[1]]

    return _SETTING.sub(replace, expression)


def outside_bounds(column: Column, entity: Entity) -> tuple[str, str] | None:
    """Condition and message of a value outside what its column declares; None where it declares nothing."""
    name = quoted(column.name)
    conditions, words = [], []
    if column.minimum is not None:
        conditions.append(f"{name} < {column.minimum}")
        words.append(f"below {column.minimum}")
    if column.maximum is not None:
        conditions.append(f"{name} > {column.maximum}")
        words.append(f"above {column.maximum}")
    if column.not_self:
        conditions.append(f"{name} = {quoted(entity.key)}")
        words.append("the row itself")
    return (" OR ".join(conditions), f"is {' or '.join(words)}") if conditions else None


def signed(column: Column) -> tuple[str, str] | None:
    """Value with the sign that another column tells, and condition that it came with the other one; None if none does.

    The condition is over the value as it came, so it is judged before the value is set.
    """
    if column.sign is None:
        return None
    name, by = quoted(column.name), quoted(column.sign.by)
    positive, negative = (
        f"{by} IN ({', '.join(literal(value) for value in values)})" if values else "false"
        for values in (column.sign.positive, column.sign.negative)
    )
    otherwise = f"abs({name})" if column.absolute else name
    value = f"CASE WHEN {positive} THEN abs({name}) WHEN {negative} THEN -abs({name}) ELSE {otherwise} END"
    return value, f"({positive} AND {name} < 0) OR ({negative} AND {name} > 0)"


def was_missing(column: str) -> str:
    """Name of the column that says whether a value was missing before `when_missing` gave one."""
    return f"missing:{column}"


def order_checks(entity: Entity) -> list[Fired]:
    """G05 for every pair of columns the model puts in order."""
    return [
        Fired(
            f"r:order:{first}:{second}",
            "G05",
            second,
            f"is before {first}",
            "warn",
            f"{quoted(first)} > {quoted(second)}",
        )
        for first, second in entity.ordered
    ]


def flag_of(rule: Rule) -> str:
    """Name of the column that holds the outcome of a rule of the model."""
    return f"r:model:{rule.id}"


def model_checks(entity: Entity, settings: RowSettings) -> list[Fired]:
    """The model's own rules of an entity."""
    return [
        Fired(
            flag_of(rule),
            f"{entity.entity}.{rule.id}",
            rule.column,
            rule.message,
            rule.severity,
            bound(rule.when, settings)
            if rule.when is not None
            else f"{quoted(was_missing(rule.column))} AND {quoted(rule.column)} IS NOT NULL",
        )
        for rule in entity.rules
    ]
