"""What is wrong in the demo data on purpose is found, row by row, and nothing else is."""

from __future__ import annotations

import contextlib
from collections import defaultdict

from psycopg2 import sql

from retail_medallion.demo.faults import FAULTS
from retail_medallion.demo.generator import planted_keys
from retail_medallion.model import load_model
from retail_medallion_tests.platform import Platform
from retail_medallion_tests.servers import FreshDatabase


def expected(database: FreshDatabase, severity: str) -> dict[str, set[tuple[str, str]]]:
    """Rules by (entity, key) for the faults of a severity."""
    with contextlib.closing(database.connect()) as connection:
        keys = planted_keys(connection)
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for name, fault in FAULTS.items():
        if fault.severity == severity:
            found[fault.entity] |= {(key, fault.rule) for key in keys[name]}
    return {entity: rows for entity, rows in found.items() if rows}


def test_every_planted_invalid_row_is_in_quarantine_and_no_other(demo_database: FreshDatabase, loaded: Platform):
    wanted = expected(demo_database, "reject")
    assert sum(map(len, wanted.values())) > 5
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for entity, key, rule in loaded.ask(
        "SELECT DISTINCT entity, source_key, reason ->> 'rule' FROM silver_quarantine.rejected_row,"
        " jsonb_array_elements(reasons) reason",
    ):
        found[entity].add((key, rule))
    assert dict(found) == wanted


def test_every_planted_doubtful_row_is_flagged_with_its_rule(demo_database: FreshDatabase, loaded: Platform):
    wanted = expected(demo_database, "warn")
    assert sum(map(len, wanted.values())) > 5
    for entity, rows in wanted.items():
        key, table = sql.Identifier(load_model().entity(entity).key), sql.Identifier("silver", entity)
        flagged = loaded.ask(sql.SQL("SELECT {}, unnest(dq_flags) FROM {}").format(key, table))
        assert rows <= set(flagged), entity
