from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import psycopg2
import pyarrow as pa
import pytest

from retail_medallion.demo.faults import FAULTS
from retail_medallion.demo.generator import planted_keys
from retail_medallion.mapping import Mapping, check_mapping, compile_block, load_mapping
from retail_medallion.model import load_model
from retail_medallion.silver.rules import GENERIC_RULES
from retail_medallion.silver.transform import PartitionCounts, transform
from retail_medallion_tests.demo.bronze import everything
from retail_medallion_tests.servers import FreshDatabase

LAST_DAY = dt.date(2026, 6, 30)
NOT_PLANTED: frozenset[str] = frozenset()
"""Rules that no row of the demo breaks on purpose."""


def shipped(source: str) -> Mapping:
    return load_mapping(Path(str(resources.files("retail_medallion"))) / "sources" / f"{source}.yml")


@pytest.mark.parametrize("source", ["demo", "northwind"])
def test_shipped_mappings_check_clean(source):
    assert check_mapping(shipped(source), load_model()) == []


def test_every_block_compiles_against_the_generated_database(demo):
    mapping, model = shipped("demo"), load_model()
    inputs = everything(demo, mapping)
    for entity, blocks in mapping.entities.items():
        for block in blocks:
            seen = inputs[block.complete.seen].schema if block.complete and block.complete.seen else None
            compiled = compile_block(mapping, block, model, inputs[f"{entity}/{block.name}"].schema, seen)
            assert "DOUBLE" not in compiled.types.values(), f"{entity}/{block.name}"


@dataclass(frozen=True)
class Cleaned:
    """One entity of the demo, all of it cleaned as one partition."""

    counts: PartitionCounts
    accepted: pa.Table
    rejected: pa.Table
    recorded: int


@pytest.fixture(scope="module")
def silver(demo_database: FreshDatabase) -> dict[str, Cleaned]:
    """Every entity of the demo; cleaning takes longest, so it is done once."""
    mapping, model = shipped("demo"), load_model()
    with contextlib.closing(demo_database.connect()) as connection:
        inputs = everything(connection, mapping)
    cleaned = {}
    for entity, blocks in mapping.entities.items():
        chosen = [inputs[f"{entity}/{block.name}"] for block in blocks]
        with transform(mapping, model, entity, LAST_DAY, chosen, inputs) as made:
            tables = made.accepted().read_all(), made.rejected().read_all()
            cleaned[entity] = Cleaned(made.counts, *tables, recorded=sum(bronze.rows for bronze in chosen))
    return cleaned


def planted_in(connection: psycopg2.extensions.connection, severity: str) -> dict[str, Counter[tuple[str, str]]]:
    """Keys and rules of the planted faults of a severity, by entity."""
    keys = planted_keys(connection)
    connection.rollback()
    found: dict[str, Counter[tuple[str, str]]] = {entity: Counter() for entity in load_model().entities}
    for name, fault in FAULTS.items():
        if fault.severity == severity:
            assert keys[name], f"{name} was not planted"
            found[fault.entity].update((key, fault.rule) for key in keys[name])
    return found


def test_every_canonical_entity_is_mapped():
    assert set(shipped("demo").entities) == set(load_model().entities)


def test_every_column_of_every_entity_is_filled(silver: dict[str, Cleaned]):
    empty = {
        f"{entity}.{column.name}"
        for entity, cleaned in silver.items()
        for column in load_model().entity(entity)
        if cleaned.accepted[column.name].null_count == len(cleaned.accepted)
    }
    assert empty == set()


def test_exactly_the_planted_rows_are_rejected(demo, silver: dict[str, Cleaned]):
    planted = planted_in(demo, "reject")
    for entity, cleaned in silver.items():
        keys, reasons = (cleaned.rejected[name].to_pylist() for name in ("source_key", "reasons"))
        found = Counter(
            (key, rule)
            for key, listed in zip(keys, reasons, strict=True)
            for rule in {reason["rule"] for reason in json.loads(listed)}
        )
        assert found == planted[entity], entity


def test_every_planted_warning_is_flagged_with_its_rule(demo, silver: dict[str, Cleaned]):
    planted = planted_in(demo, "warn")
    for entity, cleaned in silver.items():
        keys = cleaned.accepted[load_model().entity(entity).key].to_pylist()
        flags = dict(zip(keys, cleaned.accepted["dq_flags"].to_pylist(), strict=True))
        missed = [(key, rule) for key, rule in planted[entity] if rule not in flags.get(key, ())]
        assert missed == [], entity


def test_every_rule_of_a_row_is_broken_somewhere(demo):
    planted = {
        rule for severity in ("reject", "warn") for keys in planted_in(demo, severity).values() for _, rule in keys
    }
    own = {f"{entity.entity}.{rule.id}" for entity in load_model().entities.values() for rule in entity.rules}
    generic = set(GENERIC_RULES)
    assert (own | generic) - planted == NOT_PLANTED


def test_what_was_read_is_accepted_rejected_or_superseded_in_rows_and_money(silver: dict[str, Cleaned]):
    for entity, cleaned in silver.items():
        counts = cleaned.counts
        assert counts.rows_read == cleaned.recorded, entity
        assert counts.mapped == counts.accepted + counts.rejected + counts.superseded, entity
        assert (counts.accepted, counts.rejected) == (len(cleaned.accepted), len(cleaned.rejected)), entity
        for column, total in counts.totals.items():
            assert total.mapped == total.accepted + total.rejected + total.superseded, f"{entity}.{column}"
            stored = [value for value in cleaned.accepted[column].to_pylist() if value is not None]
            assert total.accepted == sum(stored), f"{entity}.{column}"


def test_a_transfer_leaves_one_place_and_arrives_at_the_other(silver: dict[str, Cleaned]):
    moves = {row["stock_movement_id"]: row for row in silver["stock_movements"].accepted.to_pylist()}
    departures = [key for key in moves if key.endswith("/out")]
    assert len(departures) > 5
    for key in departures:
        left, came = moves[key], moves[key.replace("/out", "/in")]
        assert left["quantity"] == -came["quantity"] < 0
        assert (left["location_id"], left["counterpart_location_id"]) == (
            came["counterpart_location_id"],
            came["location_id"],
        )


def test_untidy_text_is_clean_in_silver(silver: dict[str, Cleaned]):
    table = silver["customers"].accepted
    for column in ("first_name", "last_name", "company_name", "city"):
        values = [value for value in table[column].to_pylist() if value is not None]
        assert not [value for value in values if value != " ".join(value.split()) or "\u200b" in value], column
    assert {value for value in table["email"].to_pylist() if value and value != value.lower()} == set()
    assert all(value.startswith("+") for value in table["phone"].to_pylist() if value)
    bodies = [body for body in silver["product_reviews"].accepted["body"].to_pylist() if body]
    assert not [body for body in bodies if "@" in body or "<" in body or "3456789" in body]
    assert any("[phone]" in body for body in bodies)


def test_a_province_is_read_in_the_country_the_parcel_goes_to(silver: dict[str, Cleaned]):
    parcels = silver["sale_fulfilments"].accepted
    pairs = zip(*(parcels[f"destination_{name}_code"].to_pylist() for name in ("country", "region")), strict=True)
    read = [(country, region) for country, region in pairs if region]
    assert all(region.startswith(f"{country}-") for country, region in read)
    assert len({country for country, _ in read}) > 3
