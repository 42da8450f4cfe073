"""What a real run gives the workbook, and that no personal data is in it."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion.workbook.exporting import export, gather
from retail_medallion.workbook.inputs import MASKED
from retail_medallion.workbook.run_facts import run_facts
from retail_medallion_tests.workbook.books import MAPPING, SMALL, Shop, shop

PEOPLE = [("1", "Ann Ahorn", "ann@private.example", "Ulm"), ("2", "Bo Birke", "+49 170 1234567", "bo@private.example")]
SECRETS = ("Ahorn", "Birke", "private.example", "1234567")


def field(name: str, type_: pa.DataType, postgres: str) -> pa.Field:
    return pa.field(name, type_, metadata={"postgres_type": postgres})


@pytest.fixture
def acme(tmp_path: Path) -> Shop:
    return shop(tmp_path, MAPPING.replace('"*": unknown', '"30": completed'))


@pytest.fixture
def store(s3_client, fresh_bucket: str) -> ParquetStore:
    made = ParquetStore(s3_client, fresh_bucket)
    moment = dt.datetime(2026, 6, 18, 9, 30, tzinfo=dt.UTC)
    at = pa.timestamp("us", "UTC")
    extracted = pa.field("_extracted_at", at)
    people = pa.table(
        [pa.array(list(column)) for column in zip(*PEOPLE, strict=True)] + [pa.array([moment] * 2, at)],
        schema=pa.schema([*(field(n, pa.string(), "text") for n in ("id", "name", "mail", "town")), extracted]),
    )
    orders = pa.table(
        {
            "id": ["7", "8", "9"],
            "state": ["10", "10", "99"],
            "kind": ["S", "S", "R"],
            "placed_at": pa.array([moment] * 3, at),
            "total": pa.array([19, 20, 21], pa.decimal128(12, 2)),
            "tax": pa.array([3, 3, 3], pa.decimal128(12, 2)),
            "client_id": ["1", "2", None],
            "_extracted_at": pa.array([moment] * 3, at),
        }
    )
    for entity, block, rows in (("customers", "people", people), ("sales", "orders", orders)):
        made.write(f"p/bronze/acme/{entity}/insertion_date=2026-06-18/{block}.parquet", rows.to_reader())
    return made


def test_examples_types_and_values_come_from_the_newest_bronze_objects(acme: Shop, store: ParquetStore) -> None:
    told: list[str] = []
    facts = run_facts(acme.inputs.mappings["acme"], SMALL, store, "p", told.append)
    assert told == []
    assert facts.examples["acme/sales/orders/total_amount"] == ("total: 19.00", "19.0000")
    assert facts.examples["acme/sales/orders/status"] == ("state: 10", "pending")
    assert facts.code_values == {("state", "10"): 2, ("state", "99"): 1, ("kind", "S"): 2, ("kind", "R"): 1}
    people = facts.blocks["customers", "people"]
    assert (people.rows, people.day, people.columns["mail"].postgres_type) == (2, dt.date(2026, 6, 18), "text")


def test_no_personal_value_is_in_the_workbook(acme: Shop, store: ParquetStore) -> None:
    mapping = acme.inputs.mappings["acme"]
    facts = run_facts(mapping, SMALL, store, "p", pytest.fail)
    assert facts.examples["acme/customers/people/full_name"] == (MASKED, MASKED)
    content = export(gather([acme.file], SMALL, {"acme": facts}, with_history=False))
    book = openpyxl.load_workbook(io.BytesIO(content))
    texts = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert MASKED in texts
    assert not [text for text in texts for secret in SECRETS if secret in text]
    unlisted = [row for row in book["41 Code maps"].iter_rows(min_row=4, values_only=True) if row[2] == "99"]
    assert [(row[4], row[5]) for row in unlisted] == [(None, 1)]
    assert "unmapped code" in [row[2] for row in book["70 Open points"].iter_rows(min_row=4, values_only=True)]
    result = acme.plan(content)
    assert (result.edits, result.remarks) == ([], [])


def test_a_source_without_bronze_has_no_examples(acme: Shop, store: ParquetStore) -> None:
    facts = run_facts(acme.inputs.mappings["acme"], SMALL, store, "elsewhere", pytest.fail)
    assert (facts.examples, facts.blocks, facts.code_values) == ({}, {}, {})
