from __future__ import annotations

import datetime as dt
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from retail_medallion.demo.faults import FAULTS
from retail_medallion.demo.generator import planted_keys
from retail_medallion.mapping import Mapping, check_mapping, compile_block, load_mapping
from retail_medallion.model import load_model
from retail_medallion.silver.transform import transform
from retail_medallion_tests.demo.bronze import everything

LAST_DAY = dt.date(2026, 6, 30)


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


def test_exactly_the_planted_rows_are_rejected(demo):
    mapping, model = shipped("demo"), load_model()
    inputs = everything(demo, mapping)
    keys = planted_keys(demo)
    demo.rollback()
    for entity, blocks in mapping.entities.items():
        expected = Counter(
            key
            for name, fault in FAULTS.items()
            for key in keys[name]
            if fault.entity == entity and fault.severity == "reject"
        )
        with transform(
            mapping, model, entity, LAST_DAY, [inputs[f"{entity}/{block.name}"] for block in blocks], inputs
        ) as silver:
            rejected = Counter(silver.rejected().read_all()["source_key"].to_pylist())
        assert rejected == expected, entity


def test_every_planted_warning_is_flagged_with_its_rule(demo):
    mapping, model = shipped("demo"), load_model()
    inputs = everything(demo, mapping)
    keys = planted_keys(demo)
    demo.rollback()
    for entity, blocks in mapping.entities.items():
        with transform(
            mapping, model, entity, LAST_DAY, [inputs[f"{entity}/{block.name}"] for block in blocks], inputs
        ) as silver:
            table = silver.accepted().read_all()
        flags = dict(zip(table[model.entity(entity).key].to_pylist(), table["dq_flags"].to_pylist(), strict=True))
        for name, fault in FAULTS.items():
            if fault.entity == entity and fault.severity == "warn":
                assert all(fault.rule in flags[key] for key in keys[name]), name


def test_untidy_text_is_clean_in_silver(demo):
    mapping, model = shipped("demo"), load_model()
    inputs = everything(demo, mapping)
    with transform(mapping, model, "customers", LAST_DAY, [inputs["customers/clients"]], inputs) as silver:
        table = silver.accepted().read_all()
    for column in ("first_name", "last_name", "company_name", "city"):
        values = [value for value in table[column].to_pylist() if value is not None]
        assert not [value for value in values if value != " ".join(value.split()) or "\u200b" in value], column
    assert {value for value in table["email"].to_pylist() if value and value != value.lower()} == set()
    assert all(value.startswith("+") for value in table["phone"].to_pylist() if value)
