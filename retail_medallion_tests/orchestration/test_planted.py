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
    assert sum(map(len, wanted.values())) > 15
    assert len(wanted) > 8
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for entity, key, rule in loaded.ask(
        "SELECT DISTINCT entity, source_key, reason ->> 'rule' FROM silver_quarantine.rejected_row,"
        " jsonb_array_elements(reasons) reason",
    ):
        found[entity].add((key, rule))
    assert dict(found) == wanted


def test_every_planted_doubtful_row_is_flagged_with_its_rule(demo_database: FreshDatabase, loaded: Platform):
    wanted = expected(demo_database, "warn")
    assert sum(map(len, wanted.values())) > 15
    for entity, rows in wanted.items():
        key, table = sql.Identifier(load_model().entity(entity).key), sql.Identifier("silver", entity)
        flagged = loaded.ask(sql.SQL("SELECT {}, unnest(dq_flags) FROM {}").format(key, table))
        assert rows <= set(flagged), entity


def test_what_was_read_of_every_entity_is_accepted_rejected_or_superseded(loaded: Platform):
    books = loaded.ask(
        "SELECT entity, sum(mapped)::bigint, sum(accepted)::bigint, sum(rejected)::bigint, sum(superseded)::bigint"
        " FROM silver_meta.partition_state GROUP BY 1"
    )
    assert {entity for entity, *_ in books} == set(load_model().entities)
    for entity, mapped, accepted, rejected, superseded in books:
        assert mapped == accepted + rejected + superseded, entity
        stored = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("silver_versions", entity))
        assert loaded.ask(stored) == [(accepted,)], entity
    quarantined = dict(loaded.ask("SELECT entity, count(*) FROM silver_quarantine.rejected_row GROUP BY 1"))
    assert {entity: rejected for entity, _, _, rejected, _ in books if rejected} == quarantined


def test_money_of_every_entity_is_accepted_rejected_or_superseded(loaded: Platform):
    totals = loaded.ask(
        "SELECT p.entity, t.key, sum((t.value ->> 'mapped')::numeric), sum((t.value ->> 'accepted')::numeric),"
        " sum((t.value ->> 'rejected')::numeric), sum((t.value ->> 'superseded')::numeric)"
        " FROM silver_meta.partition_state p, jsonb_each(p.control_totals) t GROUP BY 1, 2"
    )
    assert len(totals) > 25
    for entity, column, mapped, accepted, rejected, superseded in totals:
        assert mapped == accepted + rejected + superseded, f"{entity}.{column}"
        stored = sql.SQL("SELECT coalesce(sum({}), 0) FROM {}").format(
            sql.Identifier(column), sql.Identifier("silver_versions", entity)
        )
        assert loaded.ask(stored) == [(accepted,)], f"{entity}.{column}"
