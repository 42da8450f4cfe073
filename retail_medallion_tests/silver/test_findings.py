"""Findings: what each rule finds, and that any order of writes and refreshes finds the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.silver.findings import finding_rules
from retail_medallion_tests.servers import fresh_database_on
from retail_medallion_tests.silver.finding_examples import EXAMPLES, Example, Rows
from retail_medallion_tests.silver.findings_world import MODEL, World

RULES = finding_rules(MODEL)
_numbers = count()


@pytest.fixture(scope="module")
def world(postgres_server: EmbeddedPostgres) -> Iterator[World]:
    with fresh_database_on(postgres_server, prefix="findings") as database:
        made = World(database.url)
        yield made
        made.engine.dispose()


@pytest.fixture
def source() -> str:
    return f"shop{next(_numbers)}"


def mended(example: Example) -> Rows:
    """The rows with those of the cure in place of the ones of the same key."""
    result = {}
    for entity in {**example.rows, **example.cure}:
        key = MODEL.entity(entity).key
        rows = (*example.rows.get(entity, []), *example.cure.get(entity, []))
        result[entity] = list({row[key]: row for row in rows}.values())
    return result


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.rule}: {RULES[e.rule].message}")
def test_the_rule_speaks_of_the_row_and_is_silent_when_it_is_mended(
    world: World, source: str, example: Example
) -> None:
    found = "SELECT id, expected, actual FROM silver_meta.finding WHERE source_system = :source AND rule = :rule"
    entities = RULES[example.rule].needs
    for rows, speaks in ((mended(example), False), (example.rows, True), (mended(example), False)):
        for entity in mended(example):
            world.write(source, entity, rows.get(entity, []))
        world.refresh(source, entities)
        stored = world.rows(found, source=source, rule=example.rule)
        assert ((example.id, example.expected, example.actual) in stored) is speaks
        assert (example.id in {key for key, _, _ in stored}) is speaks
        assert world.differing(source, entities) == 0


def test_every_declared_rule_has_an_example() -> None:
    declared = {f"{entity.entity}.{finding.id}" for entity in MODEL.entities.values() for finding in entity.findings}
    assert {example.rule for example in EXAMPLES} == declared
