"""Bronze in, Silver out: defaults, keys, hashes, balance, quarantine, whatever the order of rows."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import unicodedata
import zoneinfo
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_medallion.errors import BalanceError, DataContractError, ServiceUnavailableError, SourceSchemaError
from retail_medallion.mapping import load_mappings
from retail_medallion.silver.counts import BlockCounts, ControlTotals, PartitionCounts, check_block, check_partition
from retail_medallion.silver.transform import BronzeInput, EngineLimits, accepted_schema, transform
from retail_medallion_tests.silver.blocks import (
    DAY,
    EXTRACTED,
    MODEL,
    UPDATED,
    Outcome,
    block,
    bronze,
    cleaned,
    run,
    source_mapping,
    table_of,
)

D = Decimal
NOON = dt.datetime(2026, 6, 20, 10, tzinfo=dt.UTC)
LINE = {"sale_id": "s1", "quantity": D(3), "discount_amount": D("1.00"), "tax_amount": D("0.50")}


# Defaults and computed values


def test_missing_amounts_of_a_line_are_computed_exactly_and_in_order() -> None:
    priced = cleaned("sale_items", {**LINE, "unit_price": D("0.3333")}).row
    assert (priced["gross_amount"], priced["net_amount"]) == (D("0.9999"), D("0.4999"))
    grossed = cleaned("sale_items", {**LINE, "unit_price": None, "gross_amount": D("10.00")}).row
    assert (grossed["unit_price"], grossed["net_amount"]) == (D("3.3333"), D("9.5000"))
    returned = cleaned("sale_items", {**LINE, "unit_price": D("0.05"), "gross_amount": None}, tax_included=True).row
    assert returned["net_amount"] == D("-0.8500")


def test_values_given_by_the_source_are_never_replaced_by_computed_ones() -> None:
    row = cleaned("sale_items", {**LINE, "unit_price": D("1"), "gross_amount": D("7"), "net_amount": D("1")}).row
    assert (row["gross_amount"], row["net_amount"]) == (D(7), D(1))


def test_the_trading_day_is_the_local_day_after_the_cutoff() -> None:
    sale = {"status": "completed", "total_amount": D(1)}
    late = dt.datetime(2026, 6, 20, 1, 59, tzinfo=dt.UTC)  # 03:59 in Berlin
    assert cleaned("sales", {**sale, "sold_at": late}).row["business_date"] == dt.date(2026, 6, 20)
    assert cleaned("sales", {**sale, "sold_at": late}, day_cutoff="04:00").row["business_date"] == dt.date(2026, 6, 19)
    on_time = late + dt.timedelta(minutes=1)
    assert cleaned("sales", {**sale, "sold_at": on_time}, day_cutoff="04:00").row["business_date"] == DAY
    stated = {**sale, "sold_at": late, "business_date": dt.date(2026, 6, 18)}
    assert cleaned("sales", stated, day_cutoff="04:00").row["business_date"] == dt.date(2026, 6, 18)


def test_a_column_may_have_a_time_zone_of_its_own() -> None:
    sale = {"status": "completed", "total_amount": D(1), "sold_at": dt.datetime(2026, 6, 20, 8)}  # noqa: DTZ001
    columns = {"sold_at": {"expr": "sold_at", "timezone": "America/New_York"}}
    assert cleaned("sales", sale, columns=columns).row["sold_at"] == dt.datetime(2026, 6, 20, 12, tzinfo=dt.UTC)


def test_a_full_name_is_built_from_its_parts_and_an_identity_from_tenant_and_email() -> None:
    row = cleaned("customers", {"first_name": " Ana ", "last_name": "Lind", "email": "ANA@Example.com"}).row
    assert row["full_name"] == "Ana Lind"
    assert row["identity_hash"] == hashlib.sha256(b"acme\x1fana@example.com").digest()[:16]
    assert cleaned("customers", {"full_name": "Ana", "email": "no"}).row["identity_hash"] is None


def test_phone_and_region_are_read_with_the_country_of_the_row() -> None:
    rows = [{"full_name": "x", "phone": "044 668 18 00", "region_code": "ZH", "country_code": c} for c in ("CH", None)]
    swiss, other = cleaned("customers", *rows).accepted
    assert (swiss["phone"], swiss["region_code"]) == ("+41446681800", "CH-ZH")
    assert (other["phone"], other["region_code"]) != (swiss["phone"], swiss["region_code"])


def test_deletion_follows_the_mapped_flag_and_else_the_time_of_deletion() -> None:
    rows: list[dict[str, Any]] = [{"k": "a", "deleted_at": NOON}, {"k": "b", "deleted_at": None}]
    named = [{**row, "full_name": "x"} for row in rows]
    assert [row["is_deleted"] for row in cleaned("customers", *named).accepted] == [True, False]
    flagged = [{**row, "is_deleted": flag} for row, flag in zip(named, ("no", "yes"), strict=True)]
    assert [row["is_deleted"] for row in cleaned("customers", *flagged).accepted] == [False, True]


# The hash


def serialised(row: dict[str, Any], entity: str) -> str:
    """The canonical serialisation, written a second time without DuckDB."""
    parts = []
    for column in MODEL.entity(entity):
        value = row[column.name]
        if value is None:
            parts.append("\x1e")
        elif isinstance(value, bool):
            parts.append("true" if value else "false")
        elif isinstance(value, D):
            scale = int(column.type.rstrip(")").split(",")[1])
            parts.append(f"{value:.{scale}f}")
        elif isinstance(value, dt.datetime):
            parts.append(value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z")
        elif isinstance(value, list):
            parts.append("\x1d".join(value))
        elif isinstance(value, bytes):
            parts.append(value.hex())
        else:
            parts.append(unicodedata.normalize("NFC", str(value)))
    return "\x1f".join([*parts, "true" if row["is_deleted"] else "false"])


FULL: dict[str, dict[str, Any]] = {
    "customers": {"full_name": "Zoe\u0308 \u200bÅ", "email": "a@example.com", "birth_date": dt.date(1980, 1, 2),
                  "registered_at": NOON.replace(microsecond=7), "is_guest": True},
    "products": {"product_name": "x", "extra_category_ids": ["b", "a"], "list_price": D("-0.00"), "tax_rate": D("0.19"),
                 "weight_grams": 12, "attributes": '{"Size": "L"}', "gtin": "4006381333931"},
    "product_categories": {"category_name": "x", "sort_order": -3},
    "sales": {"status": "completed", "sold_at": NOON, "total_amount": D("12345678901234.5678"), "deleted_at": NOON},
}  # fmt: skip


@pytest.mark.parametrize("entity", FULL)
def test_the_record_hash_is_what_plain_python_makes_of_the_row(entity: str) -> None:
    row = cleaned(entity, FULL[entity]).row
    assert row["record_hash"] == hashlib.sha256(serialised(row, entity).encode()).digest()[:16]


def test_no_text_looks_like_a_missing_one() -> None:
    empty, marked = cleaned(
        "customers", {"k": "a", "full_name": "x", "city": None}, {"k": "b", "full_name": "x", "city": "\x1e"}
    ).accepted
    assert (empty["city"], marked["city"]) == (None, None)
    shifted = cleaned("customers", {"k": "a", "full_name": "x", "first_name": "y"}).row
    other = cleaned("customers", {"k": "a", "full_name": "x", "last_name": "y"}).row
    assert shifted["record_hash"] != other["record_hash"]


# One row per key


BLANK_CUSTOMER: dict[str, Any] = {
    **dict.fromkeys(MODEL.entity("customers").columns),
    "customer_type": "person",
    "is_guest": False,
    "is_active": True,
    "is_deleted": False,
}
names = st.sampled_from(["a", "b", "c"])
moments = st.none() | st.sampled_from([UPDATED, UPDATED - dt.timedelta(hours=1)])
versions = st.fixed_dictionaries(
    {
        "k": st.sampled_from(["1", "2", " 1"]),
        "full_name": names,
        "city": st.none() | names,
        "source_updated_at": moments,
    }
)


@given(st.lists(versions, min_size=1, max_size=14), st.randoms(use_true_random=False), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_the_winner_of_a_key_is_decided_by_content_and_by_nothing_else(
    rows: list[dict[str, Any]], rng: random.Random, batch_rows: int
) -> None:
    columns = {name: name for name in ("full_name", "city", "source_updated_at")}
    mapping = source_mapping({"customers": [block("customers", columns)]})
    schema = pa.schema(
        [("k", "string"), ("full_name", "string"), ("city", "string"), ("source_updated_at", pa.timestamp("us", "UTC"))]
    )

    def outcome(order: list[dict[str, Any]]) -> Outcome:
        return run(mapping, "customers", [bronze(mapping, "customers", table_of(order, schema), batch_rows=batch_rows)])

    found = outcome(rows)
    best: dict[str, tuple[Any, ...]] = {}
    hashes: dict[str, set[bytes]] = {}
    for row in rows:
        key, moment = row["k"].strip(), row["source_updated_at"]
        record = {**BLANK_CUSTOMER, "customer_id": key, "full_name": row["full_name"], "city": row["city"]}
        hashed = hashlib.sha256(serialised(record, "customers").encode()).digest()[:16]
        hashes.setdefault(key, set()).add(hashed)
        rank = (moment is not None, moment or UPDATED, hashed)
        best[key] = max(best.get(key, rank), rank)
    assert {row["customer_id"]: row["record_hash"] for row in found.accepted} == {k: v[2] for k, v in best.items()}
    assert {row["customer_id"] for row in found.accepted if "G07" in row["dq_flags"]} == {
        k for k, v in hashes.items() if len(v) > 1
    }
    assert found.counts.superseded == len(rows) - len(best)
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert without_position(outcome(shuffled)) == without_position(found)


def without_position(outcome: Outcome) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "bronze_row"} for row in outcome.accepted]


def test_the_order_of_rows_batches_and_threads_decides_nothing() -> None:
    rng = random.Random(7)  # noqa: S311
    columns = {n: n for n in ("sale_id", "quantity", "unit_price", "sku", "source_updated_at")}
    mapping = source_mapping({"sale_items": [block("sale_items", columns)]})
    rows = [
        {
            "k": str(rng.randrange(20)),
            "sale_id": rng.choice(["s1", "s1", ""]),
            "quantity": rng.choice(["1", "1.0", "x"]),
            "unit_price": rng.choice(["1.00", "1"]),
            "sku": rng.choice(["a - b", "A-B", None]),
            "source_updated_at": rng.choice([UPDATED, UPDATED + dt.timedelta(minutes=1)]),
            "_extracted_at": rng.choice([EXTRACTED, EXTRACTED + dt.timedelta(days=1)]),
        }
        for _ in range(400)
    ]
    outcomes = []
    for batch_rows in (400, 33, 1):
        outcome = run(mapping, "sale_items", [bronze(mapping, "sale_items", table_of(rows), batch_rows=batch_rows)])
        outcomes.append((without_position(outcome), outcome.counts, sorted(r["mapped"] for r in outcome.rejected)))
        rng.shuffle(rows)
    assert outcomes[0][1].superseded > 0
    assert outcomes[0][1].rejected > 0
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_a_rejected_row_does_not_take_part_in_the_contest_of_its_key() -> None:
    good = {"k": "1", "full_name": "x", "is_active": "yes", "source_updated_at": UPDATED - dt.timedelta(hours=1)}
    bad = {**good, "is_active": "perhaps", "source_updated_at": UPDATED}
    outcome = cleaned("customers", good, bad)
    assert (len(outcome.accepted), len(outcome.rejected), outcome.counts.superseded) == (1, 1, 0)


# Tombstones and presence


def several(*tables: tuple[dict[str, Any], pa.Table]) -> Outcome:
    mapping = source_mapping({"customers": [definition for definition, _ in tables]})
    return run(mapping, "customers", [bronze(mapping, "customers", t, name=d["block"]) for d, t in tables])


STATE = block("customers", {"full_name": "n"})
GONE = block("customers", {}, name="gone", tombstone=True)
THERE = block("customers", {}, name="there") | {"extract": {"table": "shop.t", "mode": "keys", "key": ["k"]}}


def test_tombstones_and_presence_rows_carry_their_key_and_nothing_else() -> None:
    outcome = several((GONE, table_of([{"k": " 1 "}, {"k": None}])), (THERE, table_of([{"k": "2"}])))
    assert [(r["customer_id"], r["op"], r["is_deleted"]) for r in outcome.accepted] == [
        ("1", "D", True),
        ("2", "P", False),
    ]
    assert {name for name, value in outcome.accepted[0].items() if value not in (None, [])} == {
        "customer_id", "is_deleted", "op", "record_hash", "bronze_row", "ingested_at"
    }  # fmt: skip
    assert outcome.refusals == {("G01", "customer_id")}
    assert outcome.scopes == ["*"]
    assert outcome.counts.accepted == 2


def test_a_row_of_the_key_wins_over_its_mere_presence() -> None:
    outcome = several((THERE, table_of([{"k": "1"}])), (STATE, table_of([{"k": "1", "n": "x"}])))
    assert [(row["op"], row["dq_flags"]) for row in outcome.accepted] == [("U", [])]
    assert outcome.counts.superseded == 1


@pytest.mark.parametrize(("hours_later", "op"), [(1, "D"), (0, "U"), (-1, "U")])
def test_a_tombstone_wins_only_over_rows_that_were_extracted_before_it(hours_later: int, op: str) -> None:
    gone = table_of([{"k": "1", "_extracted_at": EXTRACTED + dt.timedelta(hours=hours_later)}])
    assert several((STATE, table_of([{"k": "1", "n": "x"}])), (GONE, gone)).row["op"] == op


# What was observed and what it covered


def test_a_day_nobody_observed_gives_no_rows_and_tells_nothing_by_absence() -> None:
    definition = block("customers", {"full_name": "n"}) | {"extract": {"table": "t", "mode": "snapshot", "key": ["k"]}}
    mapping = source_mapping({"customers": [definition]})
    table = table_of([{"k": "1", "n": "x"}])
    unobserved = run(mapping, "customers", [bronze(mapping, "customers", table, observed=False)])
    assert (unobserved.accepted, list(unobserved.scopes), unobserved.counts.rows_read) == ([], [], 0)
    assert run(mapping, "customers", [bronze(mapping, "customers", table)]).scopes == ["*"]
    empty = run(mapping, "customers", [bronze(mapping, "customers", table.slice(0, 0))])
    assert (empty.accepted, list(empty.scopes)) == ([], ["*"])


def test_blocks_that_read_their_tables_whole_cover_the_entity_only_together() -> None:
    whole = {"table": "t", "mode": "snapshot", "key": ["k"]}
    blocks = [block("customers", {"full_name": "n"}, name=name) | {"extract": whole} for name in ("persons", "firms")]
    mapping = source_mapping({"customers": blocks})
    persons = bronze(mapping, "customers", table_of([{"k": "1", "n": "x"}]), name="persons")
    firms = table_of([{"k": "2", "n": "y"}])
    both = run(mapping, "customers", [persons, bronze(mapping, "customers", firms, name="firms")])
    assert (len(both.accepted), both.scopes) == (2, ["*"])
    half = run(mapping, "customers", [persons, bronze(mapping, "customers", firms, name="firms", observed=False)])
    assert (len(half.accepted), half.scopes) == (1, [])


def test_documents_covered_are_named_by_all_rows_of_the_block_itself() -> None:
    """Rows that `where` leaves out and rows whose array is empty name their documents too."""
    columns = {"sale_id": "s", "quantity": "q", "unit_price": "q"}
    lines = block("sale_items", columns, where="k IS NOT NULL", complete={"within": "sale_id", "value": "s"})
    mapping = source_mapping({"sale_items": [lines]})
    table = table_of([{"k": "a", "s": "1", "q": D(1)}, {"k": None, "s": "2", "q": None}])
    outcome = run(mapping, "sale_items", [bronze(mapping, "sale_items", table)])
    assert (len(outcome.accepted), outcome.scopes, outcome.counts.filtered) == (1, ["1", "2"], 1)

    exploded = lines | {"where": "s <> '3'", "explode": {"as": "line", "from": "doc"}}
    exploded |= {"key": {"sale_item_id": "line.value ->> '$.id'"}}
    mapping = source_mapping({"sale_items": [exploded]})
    table = table_of([{"s": s, "q": D(1), "doc": doc} for s, doc in (("1", '[{"id": 7}]'), ("2", "[]"), ("3", "[]"))])
    outcome = run(mapping, "sale_items", [bronze(mapping, "sale_items", table)])
    assert (len(outcome.accepted), outcome.scopes) == (1, ["1", "2", "3"])


def test_documents_covered_may_be_named_by_the_rows_of_another_block() -> None:
    lines = block(
        "sale_items",
        {"sale_id": "s", "quantity": "q", "unit_price": "q"},
        complete={"within": "sale_id", "seen": "sales/heads", "value": "k"},
    )
    heads = block("sales", {"status": "k", "sold_at": "at", "total_amount": "q"}, name="heads")
    mapping = source_mapping({"sale_items": [lines], "sales": [heads]})
    head_rows = table_of([{"k": k, "at": NOON, "q": D(1)} for k in (" 1", "2", "2", "")])
    seen = {"sales/heads": bronze(mapping, "sales", head_rows, name="heads")}
    table = table_of([{"k": "a", "s": "1", "q": D(1)}])
    inputs = [bronze(mapping, "sale_items", table)]
    assert run(mapping, "sale_items", inputs, seen).scopes == ["1", "2"]
    unobserved = {"sales/heads": bronze(mapping, "sales", head_rows, name="heads", observed=False)}
    assert run(mapping, "sale_items", inputs, unobserved).scopes == []
    with pytest.raises(DataContractError, match="sales/heads"):
        run(mapping, "sale_items", inputs, {})
    own = block("sale_items", {"sale_id": "s", "quantity": "q", "unit_price": "q"}, complete={"within": "sale_id"})
    mapping = source_mapping({"sale_items": [own]})
    assert run(mapping, "sale_items", [bronze(mapping, "sale_items", table)]).scopes == ["1"]


def test_an_exploding_block_gives_a_row_per_element_and_rejects_what_is_no_array() -> None:
    definition = block(
        "sale_items",
        {"sale_id": "k", "quantity": "CAST(line.value ->> '$.q' AS DECIMAL(18,3))", "unit_price": {"const": 1}},
        explode={"as": "line", "from": "doc"},
        key={"sale_item_id": "k || '#' || CAST(line.pos AS VARCHAR)"},
        where="k <> 'x'",
    )
    mapping = source_mapping({"sale_items": [definition]})
    docs = ['[{"q": "1"}, {"q": "two"}, {"q": ""}]', "[]", "7", '[{"q": "1"}]']
    rows = [{"k": k, "doc": doc} for k, doc in zip("abcx", docs, strict=True)]
    outcome = run(mapping, "sale_items", [bronze(mapping, "sale_items", table_of(rows))])
    counts = outcome.counts
    assert (counts.rows_read, counts.filtered, counts.mapped, counts.accepted, counts.rejected) == (4, 1, 4, 1, 3)
    assert [(r["bronze_row"], r["source_key"]) for r in outcome.rejected] == [(0, "a#1"), (0, "a#2"), (2, None)]


# Balance


def test_an_object_with_fewer_or_more_rows_than_recorded_does_not_balance() -> None:
    mapping = source_mapping({"customers": [block("customers", {"full_name": "n"})]})
    table = table_of([{"k": "1", "n": "x"}])
    with pytest.raises(BalanceError, match="recorded with 2"):
        run(mapping, "customers", [bronze(mapping, "customers", table, rows=2)])


def test_control_totals_add_up_to_the_cent_over_accepted_rejected_and_superseded_rows() -> None:
    rows: list[dict[str, Any]] = [
        {"k": "1", "status": "completed", "sold_at": NOON, "total_amount": D("0.10"), "discount_amount": D("-0.01")},
        {"k": "1", "status": "pending", "sold_at": NOON, "total_amount": D("0.20"), "discount_amount": None},
        {
            "k": "2",
            "status": "completed",
            "sold_at": None,
            "total_amount": D("9007199254740.9931"),
            "discount_amount": None,
        },
        {"k": "3", "status": "completed", "sold_at": NOON, "total_amount": None, "discount_amount": D("0.05")},
    ]
    counts = cleaned("sales", *rows).counts
    total = counts.totals["total_amount"]
    assert total.mapped == D("9007199254741.2931")
    assert total.rejected == D("9007199254740.9931")
    assert {total.accepted, total.superseded} == {D("0.1"), D("0.2")}
    assert counts.totals["discount_amount"].mapped == D("0.06")
    assert (counts.mapped, counts.accepted, counts.rejected, counts.superseded) == (4, 1, 2, 1)


@pytest.mark.parametrize(
    ("rows_read", "selected", "staged", "exploded"),
    [(4, 3, 3, False), (5, 6, 6, False), (5, 4, 5, False), (5, 4, 3, False)],
)
def test_a_block_that_loses_or_multiplies_rows_is_refused(
    rows_read: int, selected: int, staged: int, *, exploded: bool
) -> None:
    with pytest.raises(BalanceError):
        check_block(BlockCounts("b", 5, rows_read, selected, staged, exploded), "here")
    check_block(BlockCounts("b", 5, 5, 4, 9, exploded=True), "here")


def test_a_partition_that_loses_a_row_or_a_cent_is_refused() -> None:
    cent = ControlTotals(D("0.03"), D("0.01"), D("0.01"), D("0.01"))
    check_partition(PartitionCounts(3, 0, 3, 1, 1, 1, totals={"m": cent}), "here")
    with pytest.raises(BalanceError, match="3 rows were mapped"):
        check_partition(PartitionCounts(3, 0, 3, 1, 1, 0), "here")
    lost = ControlTotals(D("0.03"), D("0.01"), D("0.01"), D(0))
    with pytest.raises(BalanceError, match="column m"):
        check_partition(PartitionCounts(3, 0, 3, 1, 1, 1, totals={"m": lost}), "here")


# Quarantine


def test_a_rejected_row_shows_its_bronze_row_exactly_and_every_reason() -> None:
    raw = {
        "amount": pa.array([D("12345678901234567890.1200000000")], pa.decimal128(38, 10)),
        "wide": pa.array([D("1." + "1" * 50)], pa.decimal256(76, 50)),
        "at": pa.array([2**62], pa.timestamp("us")),
        "day": pa.array([dt.date(2026, 1, 2)]),
        "instant": pa.array([dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)], pa.timestamp("us", "UTC")),
        "real": pa.array([float("nan")]),
        "bytes": pa.array([b"\x00\xff"]),
        "big": pa.array([2**62]),
        "flag": pa.array([True]),
        "list": pa.array([["a", None]]),
        "nothing": pa.array([None], pa.string()),
        "k": pa.array(["7"]),
        "n": pa.array([""]),
        "_extracted_at": pa.array([EXTRACTED], pa.timestamp("us", "UTC")),
    }
    mapping = source_mapping({"suppliers": [block("suppliers", {"supplier_name": "n", "lead_time_days": "big"})]})
    outcome = run(mapping, "suppliers", [bronze(mapping, "suppliers", pa.table(raw))])
    (row,) = outcome.rejected
    assert json.loads(row["raw"], parse_int=str) == {
        "amount": "12345678901234567890.1200000000",
        "wide": "1." + "1" * 50,
        "at": str(2**62),
        "day": "2026-01-02",
        "instant": "2026-01-02T03:04:05.000006+00:00",
        "real": "nan",
        "bytes": "\\x00ff",
        "big": str(2**62),
        "flag": True,
        "list": ["a", None],
        "nothing": None,
        "k": "7",
        "n": "",
    }
    assert json.loads(row["mapped"]) == {"supplier_id": "7", "supplier_name": "", "lead_time_days": str(2**62)}
    assert json.loads(row["reasons"]) == [
        {"rule": "G01", "column": "supplier_name", "value": "", "message": "is missing"}
    ]
    assert (row["block"], row["bronze_row"], row["source_key"]) == ("rows", 0, "7")


def test_rejected_rows_lie_beside_their_own_bronze_rows_in_any_batching() -> None:
    mapping = source_mapping({"suppliers": [block("suppliers", {"supplier_name": "n"})]})
    table = table_of([{"k": str(i), "n": "" if i % 3 else "x"} for i in range(50)])
    for batch_rows in (1, 4, 50):
        outcome = run(mapping, "suppliers", [bronze(mapping, "suppliers", table, batch_rows=batch_rows)])
        assert [(r["bronze_row"], json.loads(r["raw"])["k"]) for r in outcome.rejected] == [
            (i, str(i)) for i in range(50) if i % 3
        ]


# Faults


def test_an_error_of_the_object_store_comes_through_as_it_is() -> None:
    mapping = source_mapping({"suppliers": [block("suppliers", {"supplier_name": "n"})]})
    table = table_of([{"k": "1", "n": "x"}])

    def broken() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        raise ServiceUnavailableError("S3 closed the connection.")

    found = mapping.block("suppliers", "rows")
    assert found is not None
    source = BronzeInput(
        found, table.schema, lambda: pa.RecordBatchReader.from_batches(table.schema, broken()), observed=True, rows=1
    )
    with pytest.raises(ServiceUnavailableError, match="closed the connection"):
        run(mapping, "suppliers", [source])


def test_a_bronze_column_with_the_name_of_the_row_number_is_refused() -> None:
    mapping = source_mapping({"suppliers": [block("suppliers", {"supplier_name": "n"})]})
    table = table_of([{"k": "1", "n": "x", "bronze_row": 3}])
    with pytest.raises((SourceSchemaError, DataContractError), match="bronze_row"):
        run(mapping, "suppliers", [bronze(mapping, "suppliers", table)])


def test_readers_may_be_read_side_by_side_and_again() -> None:
    mapping = source_mapping({"suppliers": [block("suppliers", {"supplier_name": "n"})]})
    table = table_of([{"k": str(i), "n": "x" if i % 2 else ""} for i in range(10)])
    with transform(mapping, MODEL, "suppliers", DAY, [bronze(mapping, "suppliers", table)]) as partition:
        accepted, rejected = partition.accepted(), partition.rejected()
        assert accepted.read_next_batch().num_rows + rejected.read_next_batch().num_rows == 10
        assert partition.accepted().read_all().equals(partition.accepted().read_all())


# Whole model, shipped mappings


@pytest.mark.parametrize("entity", MODEL.entities)
def test_accepted_rows_have_the_declared_columns_and_types_even_when_there_are_none(entity: str) -> None:
    column = next(c.name for c in MODEL.entity(entity) if c.standardise in {"name", "sku", "enum"})
    mapping = source_mapping({entity: [block(entity, {column: "n"})]})
    table = table_of([], pa.schema([("k", pa.string()), ("n", pa.string())]))
    with transform(mapping, MODEL, entity, DAY, [bronze(mapping, entity, table)]) as partition:
        found = partition.accepted().read_all()
    assert found.schema == accepted_schema(MODEL.entity(entity))
    assert found.num_rows == 0
    assert found.schema.names[0] == MODEL.entity(entity).key


def test_every_shipped_mapping_names_only_entities_that_can_be_cleaned() -> None:
    for mapping in load_mappings().values():
        assert set(mapping.entities) <= set(MODEL.entities)


# Time zones against another implementation


# Local times around which clocks changed, one hour or half of one, forward or back, and a zone without any change.
CHANGES = [
    ("Europe/Berlin", dt.datetime(2026, 3, 29, 2, 30)),  # noqa: DTZ001
    ("Europe/Berlin", dt.datetime(2025, 10, 26, 2, 30)),  # noqa: DTZ001
    ("America/New_York", dt.datetime(2025, 11, 2, 1, 30)),  # noqa: DTZ001
    ("Australia/Lord_Howe", dt.datetime(2026, 4, 5, 1, 45)),  # noqa: DTZ001
    ("Australia/Lord_Howe", dt.datetime(2025, 10, 5, 2, 15)),  # noqa: DTZ001
    ("America/Sao_Paulo", dt.datetime(2018, 11, 4, 0, 30)),  # noqa: DTZ001
    ("Asia/Kathmandu", dt.datetime(1986, 1, 1, 0, 5)),  # noqa: DTZ001
    ("UTC", dt.datetime(2026, 3, 29, 2, 30)),  # noqa: DTZ001
]


@pytest.mark.parametrize(("zone", "around"), CHANGES)
def test_local_times_become_the_instants_that_zoneinfo_says(zone: str, around: dt.datetime) -> None:
    moments = [
        around + dt.timedelta(minutes=minutes) for minutes in (*range(-150, 151, 5), *range(-600_000, 0, 40_001))
    ]
    rows = [{"k": f"{i:03}", "full_name": "x", "registered_at": moment} for i, moment in enumerate(moments)]
    found = cleaned("customers", *rows, timezone=zone).accepted
    for row, local in zip(found, moments, strict=True):
        assert (row["registered_at"], row["dq_flags"]) == as_zoneinfo_says(local, zoneinfo.ZoneInfo(zone))


def as_zoneinfo_says(local: dt.datetime, zone: zoneinfo.ZoneInfo) -> tuple[dt.datetime, list[str]]:
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    # fold=0 of a skipped hour uses the offset before the change, which is what moving it forward means.
    skipped = first.astimezone(zone).replace(tzinfo=None) != local
    return (first if skipped else max(first, second)), ["G14"] if first != second else []


def test_spilling_to_disk_changes_nothing(tmp_path: Any) -> None:
    columns = {"full_name": "n", "city": "c", "source_updated_at": "u"}
    mapping = source_mapping({"customers": [block("customers", columns)]})
    table = table_of([{"k": str(i % 15_000), "n": f"{i:040}", "c": f"{i:0200}", "u": UPDATED} for i in range(20_000)])
    found = []
    for memory in ("1GB", "45MB"):
        inputs = [bronze(mapping, "customers", table, batch_rows=5_000)]
        limits = EngineLimits(memory=memory, threads=2, spill_to=tmp_path)
        with transform(mapping, MODEL, "customers", DAY, inputs, limits=limits) as partition:
            found.append((partition.counts, partition.accepted().read_all()))
    assert found[0][0].accepted == 15_000
    assert found[0][0] == found[1][0]
    assert found[0][1].equals(found[1][1])
    assert list(tmp_path.iterdir()) == []
