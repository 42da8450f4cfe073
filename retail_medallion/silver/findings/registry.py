"""All finding rules of a model, those that hold for a source, and the changes they want to hear of."""

from __future__ import annotations

from collections.abc import Collection

from retail_medallion.errors import ModelError
from retail_medallion.model import CanonicalModel
from retail_medallion.silver.findings.generic import generic_rules
from retail_medallion.silver.findings.rules import FindingRule, declared_rules


def finding_rules(model: CanonicalModel) -> dict[str, FindingRule]:
    """All rules of the model by id.

    Raises:
        ModelError: A rule contradicts the model, or two have the same id.
    """
    rules: dict[str, FindingRule] = {}
    for rule in (*generic_rules(model), *declared_rules(model)):
        if rule.id in rules:
            raise ModelError("A finding is declared twice.", where=rule.id)
        rules[rule.id] = rule
    return rules


def active_rules(model: CanonicalModel, entities: Collection[str]) -> dict[str, FindingRule]:
    """The rules that hold for a source that maps these entities."""
    mapped = set(entities)
    return {name: rule for name, rule in finding_rules(model).items() if rule.needs <= mapped}


def consumed(model: CanonicalModel) -> set[tuple[str, str]]:
    """(entity, role) of every change the rules want to hear of."""
    return {driver for rule in finding_rules(model).values() for driver in rule.drivers}
