"""Erasing customers, in any order with loads, against real tables and with real concurrent connections."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.errors import ModelError
from retail_medallion.mapping import new_duckdb
from retail_medallion.migrations import migrate
from retail_medallion.model import Entity, load_model
from retail_medallion.silver import erasure, quarantine
from retail_medallion.silver.findings import differing_findings, refresh_findings
from retail_medallion.silver.hashing import record_hash
from retail_medallion.silver.recompute import differing_rows
from retail_medallion.silver.redaction import ERASED, redaction_of
from retail_medallion.silver.schema import ensure_schema
from retail_medallion.silver.writer import SilverPartition, SilverWriter
from retail_medallion.storage.postgres.transactions import in_transaction
from retail_medallion_tests.servers import fresh_database_on
from retail_medallion_tests.silver.cells import HandMade, accepted_table, cell

MODEL = load_model()
CUSTOMERS, REVIEWS, TRANSACTIONS = (MODEL.entity(name) for name in ("customers", "product_reviews", "transactions"))
DAYS = [dt.date(2026, 5, 31) + dt.timedelta(days=n) for n in range(3)]
AT = dt.datetime(2026, 5, 31, 8, tzinfo=dt.UTC)
CANARY = "canary"
"""Part of every personal value of these tests, so that whatever of them is left can be found."""


class Refusing(HandMade):
    """Rows written down in a test, rejected ones included."""

    def __init__(
        self, entity: Entity, rows: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]]
    ) -> None:
        super().__init__(entity, rows, [], len(rejected))
        self._rows = list(rejected)

    def rejected(self) -> pa.RecordBatchReader:
        return pa.Table.from_pylist(self._rows, schema=quarantine.SCHEMA).to_reader()


def refused(row: int, key: str | None, mapped: Mapping[str, Any]) -> dict[str, Any]:
    reason = {"rule": "G02", "column": "birth_date", "value": f"{CANARY} 31.02.", "message": "cannot be read"}
    return {
        "block": "b",
        "bronze_row": row,
        "source_key": key,
        "raw": json.dumps({"mail": f"{CANARY}@example.com", "row": row}),
        "mapped": json.dumps(mapped),
        "reasons": json.dumps([reason, {**reason, "rule": "G04"}]),
    }


def partition(
    entity: Entity, day: dt.date, rows: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]] = ()
) -> SilverPartition:
    @contextmanager
    def opened() -> Iterator[Any]:
        yield Refusing(entity, rows, rejected)

    made = cell(entity, day, rows, rejected=len(rejected))
    (bronze,) = made.objects
    return replace(made, objects=[replace(bronze, key=f"{entity.entity}/{day}")], transform=opened)


def person(key: str, mark: object = "", **more: Any) -> dict[str, Any]:
    return {
        "customer_id": key,
        "customer_type": "person",
        "full_name": f"{CANARY} {key} {mark}",
        "email": f"{CANARY}{mark}@example.com",
        "identity_hash": b"canary0123456789",
        "birth_date": dt.date(1980, 2, 3),
        "gender": "female",
        "is_guest": False,
        "is_active": True,
        "registered_at": AT,
        "extras": json.dumps({"nickname": CANARY}),
        **more,
    }


def review(key: str, customer: str | None, mark: object = "", **more: Any) -> dict[str, Any]:
    return {
        "review_id": key,
        "product_id": "p",
        "customer_id": customer,
        "rating": Decimal("4.00"),
        "rating_raw": Decimal("4.000"),
        "rating_scale_max": Decimal("5.000"),
        "body": f"{CANARY} {mark}",
        "status": "approved",
        "helpful_count": 0,
        "unhelpful_count": 0,
        "submitted_at": AT,
        "business_date": AT.date(),
        "extras": json.dumps({"signed": CANARY}),
        **more,
    }


class Warehouse:
    """Silver, with what waits for Gold and for findings."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        with engine.begin() as connection:
            ensure_schema(connection, MODEL)
            connection.execute(sa.text("INSERT INTO meta.consumer VALUES ('dim', 'customers', 'customer_id')"))

    def clear(self) -> None:
        names = [f"{schema}.{e.entity}" for schema in ("silver", "silver_versions") for e in (CUSTOMERS, REVIEWS)]
        more = ("partition_state", "load", "load_run", "scope_seen", "erasure", "finding", "finding_rule")
        names += [*(f"silver_meta.{name}" for name in more), "silver_quarantine.rejected_row", "meta.pending"]
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"TRUNCATE {', '.join(names)}"))

    def writer(self, entity: Entity, content: SilverPartition, mapping: str = "1") -> SilverWriter:
        return SilverWriter(
            entity, "a", mapping_version=mapping, model_version="1", open_partition=lambda _: content, run_id="r"
        )

    def write(self, entity: Entity, content: SilverPartition, mapping: str = "1") -> Any:
        with self.engine.begin() as connection:
            return self.writer(entity, content, mapping).write(connection, content.day.isoformat())

    def erase(self, customer: str) -> erasure.ErasureReport:
        with self.engine.begin() as connection:
            return erasure.erase(connection, MODEL, "a", customer)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def tables(self) -> dict[str, list[str]]:
        """Every row of what a schedule may not change, to the bit."""
        found = {}
        for entity in (CUSTOMERS, REVIEWS):
            for schema in ("silver", "silver_versions"):
                name = f"{schema}.{entity.entity}"
                found[name] = f"SELECT t::text FROM {name} t"  # noqa: S608 a name of the model
        found["rejected"] = "SELECT t::text FROM silver_quarantine.rejected_row t"
        found["erasure"] = "SELECT source_system || entity || id FROM silver_meta.erasure"
        found["state"] = "SELECT t::text FROM silver_meta.partition_state t"
        return {name: [row[0] for row in self.rows(f"{query} ORDER BY 1")] for name, query in found.items()}

    def traces(self, text: str = CANARY) -> list[str]:
        """Tables of the whole database in which the text stands in some row."""
        names = self.rows(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname IN ('meta', 'silver', 'silver_versions', 'silver_meta',"
            " 'silver_quarantine') ORDER BY 1"
        )
        ask = "SELECT 1 FROM {} t WHERE strpos(t::text, '{}') > 0 LIMIT 1"
        return [name for (name,) in names if self.rows(ask.format(name, text))]


@pytest.fixture(scope="module")
def warehouse(postgres_server: Any) -> Iterator[Warehouse]:
    with fresh_database_on(postgres_server) as database:
        engine = sa.create_engine(database.url, poolclass=sa.pool.NullPool)
        yield Warehouse(engine)
        engine.dispose()


CONTENT = {
    CUSTOMERS.entity: {
        DAYS[0]: ([person("1", 0), person("2", 0), person("3", 0, merged_into_customer_id="1")], []),
        DAYS[1]: (
            [person("2", 1), {"customer_id": "3", "op": "D"}],
            [
                refused(0, "1", {"customer_id": "1", "full_name": CANARY}),
                refused(
                    1, "4", {"customer_id": "4", "merged_into_customer_id": "\u00a0 2\u0001\t", "full_name": CANARY}
                ),
            ],
        ),
        DAYS[2]: ([person("1", 2), person("3", 2), {"customer_id": "2", "op": "P"}], []),
    },
    REVIEWS.entity: {
        DAYS[0]: ([review("a", "1"), review("b", "2"), review("c", None)], []),
        # Two rows of one Bronze row, numbered by what is taken out of them.
        DAYS[1]: (
            [review("a", "2", 1)],
            [
                refused(0, "d", {"review_id": "d", "customer_id": " 1 ", "body": "z", "title": CANARY}),
                refused(0, "d", {"review_id": "d", "customer_id": "1", "body": "a", "title": CANARY}),
            ],
        ),
        DAYS[2]: ([review("b", "3", 2), {"review_id": "c", "op": "D"}], []),
    },
}
CELLS = [(name, day) for name, days in CONTENT.items() for day in days]
_step = st.one_of(
    st.tuples(st.just("load"), st.sampled_from(CELLS), st.sampled_from(["0", "1"])),
    st.tuples(st.just("erase"), st.sampled_from(["1", "2", "3"])),
)


def load(warehouse: Warehouse, at: tuple[str, dt.date], mapping: str = "1") -> None:
    name, day = at
    rows, rejected = CONTENT[name][day]
    warehouse.write(MODEL.entity(name), partition(MODEL.entity(name), day, rows, rejected), mapping)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_step, max_size=8), ending=st.permutations(CELLS), erased=st.sets(st.sampled_from("123")))
def test_loads_and_erasures_in_any_order_give_the_same_tables(
    warehouse: Warehouse, steps: list[tuple[Any, ...]], ending: list[tuple[str, dt.date]], erased: set[str]
) -> None:
    wanted = erased | {step[1] for step in steps if step[0] == "erase"}
    warehouse.clear()
    for at in CELLS:
        load(warehouse, at)
    for customer in sorted(wanted):
        warehouse.erase(customer)
    expected = warehouse.tables()

    warehouse.clear()
    for step in steps:
        if step[0] == "load":
            load(warehouse, step[1], step[2])
        else:
            warehouse.erase(step[1])
    half = len(ending) // 2
    for at in ending[:half]:
        load(warehouse, at)
    for customer in sorted(erased, reverse=True):
        warehouse.erase(customer)
    for at in ending[half:]:
        load(warehouse, at)
    assert warehouse.tables() == expected
    with warehouse.engine.connect() as connection:
        assert [differing_rows(connection, "a", entity) for entity in (CUSTOMERS, REVIEWS)] == [0, 0]


def test_nothing_personal_is_left_anywhere_in_silver(warehouse: Warehouse) -> None:
    warehouse.clear()
    for at in CELLS:
        load(warehouse, at)
    before = warehouse.traces()
    assert {"silver.customers", "silver_quarantine.rejected_row"} <= set(before)
    assert "silver.customers" in warehouse.traces("63616e61-7279-3031")
    for customer in ("1", "2", "3"):
        warehouse.erase(customer)
    # A review without an author is nobody's.
    warehouse.write(REVIEWS, partition(REVIEWS, DAYS[0], [review("a", "1"), review("b", "2")]))
    assert warehouse.traces() == []
    assert warehouse.traces(b"canary0123456789".hex()[:8]) == []
    assert warehouse.rows("SELECT DISTINCT birth_date, gender FROM silver.customers") == [(None, "female")]


def test_the_rows_of_others_stay_as_they_are(warehouse: Warehouse) -> None:
    warehouse.clear()
    for at in CELLS:
        load(warehouse, at)
    ask = "SELECT t::text FROM silver_versions.customers t WHERE customer_id = '2' ORDER BY 1"
    before = warehouse.rows(ask)
    warehouse.erase("1")
    assert warehouse.rows(ask) == before
    assert warehouse.rows("SELECT review_id FROM silver.product_reviews WHERE body IS NULL") == []
    # The version that named the customer is without its text; the one that names another has its own.
    assert warehouse.rows(
        "SELECT partition_date FROM silver_versions.product_reviews WHERE body IS NULL AND op = 'U'"
    ) == [(DAYS[0],)]


def test_the_hash_of_an_erased_row_is_that_of_a_row_that_never_had_the_values(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.clear()
    row = person("1", registered_at=dt.datetime(2026, 5, 1, 23, 59, 59, 120, tzinfo=dt.UTC), marketing_opt_in=True)
    warehouse.write(CUSTOMERS, partition(CUSTOMERS, DAYS[0], [row]))
    warehouse.erase("1")
    personal = {column.name for column in CUSTOMERS if column.pii}
    bare = accepted_table(CUSTOMERS, [{name: value for name, value in row.items() if name not in personal}])
    with new_duckdb("500MB", 1, tmp_path) as connection:
        connection.register("bare", bare)
        cleaned = f"SELECT {record_hash(CUSTOMERS)} FROM bare"  # noqa: S608 made of the model
        ((expected,),) = connection.execute(cleaned).fetchall()
    ((found,),) = warehouse.rows("SELECT replace(record_hash::text, '-', '') FROM silver.customers")
    assert found == expected.hex()


def test_the_report_counts_rows_by_table_and_names_the_bronze_objects(warehouse: Warehouse) -> None:
    warehouse.clear()
    for at in CELLS:
        load(warehouse, at)
    with warehouse.engine.connect() as connection:
        foreseen = erasure.preview(connection, MODEL, "a", "1")
    assert warehouse.rows("SELECT count(*) FROM silver_meta.erasure") == [(0,)]
    done = warehouse.erase("1")
    assert done.erased == foreseen.erased
    assert {found.table: found.rows for found in done.erased} == {
        "silver.customers": 1,
        "silver_versions.customers": 3,
        "silver_quarantine.rejected_row: customers": 1,
        "silver_versions.product_reviews": 1,
        "silver_quarantine.rejected_row: product_reviews": 2,
    }
    assert foreseen.changed == 0
    assert done.changed == 1
    wanted = ["customers/2026-05-31", "customers/2026-06-01", "customers/2026-06-02"]
    assert done.bronze_objects == [*wanted, "product_reviews/2026-05-31", "product_reviews/2026-06-01"]
    again = warehouse.erase("1")
    assert (again.erased, again.changed, again.bronze_objects) == ([], 0, done.bronze_objects)


def test_gold_is_told_of_the_erased_customer_and_of_nobody_else(warehouse: Warehouse) -> None:
    warehouse.clear()
    load(warehouse, (CUSTOMERS.entity, DAYS[0]))
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM meta.pending"))
    warehouse.erase("2")
    assert warehouse.rows("SELECT role, id FROM meta.pending WHERE consumer = 'dim'") == [("customer_id", "2")]
    warehouse.erase("nobody")
    assert warehouse.rows("SELECT count(*) FROM meta.pending WHERE consumer = 'dim'") == [(1,)]


def test_a_shared_address_is_no_finding_any_more(warehouse: Warehouse) -> None:
    warehouse.clear()
    load(warehouse, (CUSTOMERS.entity, DAYS[0]))
    with warehouse.engine.begin() as connection:
        refresh_findings(connection, "a", MODEL, {"customers"})
    ask = "SELECT id FROM silver_meta.finding WHERE rule = 'G09.customers.email' ORDER BY 1"
    assert warehouse.rows(ask) == [("1",), ("2",), ("3",)]
    warehouse.erase("2")
    assert warehouse.rows(ask) == [("1",), ("3",)]
    # The account 3 was merged into 1, and no address is left to share.
    report = warehouse.erase("1")
    assert {found.rows for found in report.erased if found.layer == "findings"} == {4}
    assert warehouse.rows(ask) == []
    with warehouse.engine.connect() as connection:
        assert differing_findings(connection, "a", MODEL, {"customers"}) == 0


def test_an_identical_run_is_still_skipped(warehouse: Warehouse) -> None:
    warehouse.clear()
    content = partition(CUSTOMERS, DAYS[0], [person("1")])
    warehouse.write(CUSTOMERS, content)
    warehouse.erase("1")
    assert warehouse.write(CUSTOMERS, content).skipped
    assert not warehouse.write(CUSTOMERS, content, "2").skipped
    assert warehouse.traces() == []


def test_an_erasure_waits_for_a_load_that_runs_and_takes_its_rows_too(warehouse: Warehouse) -> None:
    warehouse.clear()
    content = partition(CUSTOMERS, DAYS[0], [person("1")])
    writer, written, go_on = warehouse.writer(CUSTOMERS, content), threading.Event(), threading.Event()

    def slow(connection: sa.Connection) -> None:
        writer.write(connection, DAYS[0].isoformat())
        written.set()
        go_on.wait(60)

    def erase(connection: sa.Connection) -> None:
        erasure.erase(connection, MODEL, "a", "1")

    assert _one_after_the_other(
        warehouse, (slow, list(writer.locks(DAYS[0].isoformat()))), (erase, erasure.locks(MODEL, "a")), written, go_on
    )
    assert warehouse.rows("SELECT count(*) FROM silver.customers") == [(1,)]
    assert warehouse.traces() == []


def test_a_load_waits_for_an_erasure_that_runs_and_obeys_it(warehouse: Warehouse) -> None:
    warehouse.clear()
    content = partition(CUSTOMERS, DAYS[0], [person("1")], [refused(0, "1", {"full_name": CANARY})])
    writer, written, go_on = warehouse.writer(CUSTOMERS, content), threading.Event(), threading.Event()

    def slow(connection: sa.Connection) -> None:
        erasure.erase(connection, MODEL, "a", "1")
        written.set()
        go_on.wait(60)

    def write(connection: sa.Connection) -> None:
        writer.write(connection, DAYS[0].isoformat())

    assert _one_after_the_other(
        warehouse, (slow, erasure.locks(MODEL, "a")), (write, list(writer.locks(DAYS[0].isoformat()))), written, go_on
    )
    assert warehouse.rows("SELECT count(*) FROM silver.customers") == [(1,)]
    assert warehouse.traces() == []


def test_a_warehouse_from_before_gets_the_list_by_migration(warehouse: Warehouse) -> None:
    told: list[str] = []
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE silver_meta.erasure"))
        migrate(connection, MODEL, tell=told.append)
    assert [line for line in told if "erasure" in line] == ["silver_meta.erasure: the table is missing"]
    assert warehouse.rows("SELECT count(*) FROM silver_meta.erasure") == [(0,)]


def _one_after_the_other(
    warehouse: Warehouse, first: Any, second: Any, written: threading.Event, go_on: threading.Event
) -> bool:
    """Begin the second transaction while the first is open; whether it was seen waiting for its lock."""
    threads = [
        threading.Thread(target=in_transaction, args=(warehouse.engine, locks, work), kwargs={"where": "a test"})
        for work, locks in (first, second)
    ]
    threads[0].start()
    assert written.wait(60)
    threads[1].start()
    waiting = False
    for _ in range(200):
        waiting = bool(
            warehouse.rows(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )
        if waiting:
            break
        threads[1].join(0.05)
    go_on.set()
    for thread in threads:
        thread.join(60)
    return waiting


def test_a_required_text_gets_a_mark_and_another_required_type_is_refused() -> None:
    described = {
        "entity": "pets",
        "description": "A pet.",
        "key": "pet_id",
        "columns": {
            "pet_id": {"type": "text", "required": True, "standardise": "key", "meaning": "key"},
            "customer_id": {"type": "text", "standardise": "reference", "references": "customers", "meaning": "whose"},
            "call_name": {"type": "text", "required": True, "standardise": "name", "pii": True, "meaning": "name"},
        },
    }
    redaction = redaction_of(Entity.model_validate(described))
    assert redaction is not None
    assert ERASED in repr(redaction.assignments)
    described["columns"]["call_name"].update(type="date", standardise="date")  # type: ignore[index]
    with pytest.raises(ModelError, match="has to be text"):
        redaction_of(Entity.model_validate(described))


def test_entities_that_name_no_customer_have_nothing_to_redact() -> None:
    named = {name for name, entity in MODEL.entities.items() if redaction_of(entity) is not None}
    assert {"customers", "sales", "transactions", "product_reviews", "shopping_carts"} <= named
    assert named.isdisjoint({"products", "suppliers", "sale_items", "inventory_locations"})
    personal = redaction_of(TRANSACTIONS)
    assert personal is not None
    assert personal.columns == ("masked_account",)
