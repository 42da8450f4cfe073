"""A warehouse follows the canonical model: what can be added is added, everything else is said and left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.errors import SchemaDriftError
from retail_medallion.gold.schema import ensure_schema as ensure_gold
from retail_medallion.migrations import books, compare, due, migrate, prepare
from retail_medallion.migrations.checks import same_check
from retail_medallion.model import CanonicalModel
from retail_medallion_tests.models import copy_of_model, edited_model
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on
from retail_medallion_tests.silver.days import DAYS, MODEL, Day, Warehouse

NOTE = ("  quantity: {", "  gift_note: {type: text, standardise: text, meaning: what the giver wrote}\n  quantity: {")
VENDORS = """
entity: vendors
description: One vendor.
key: vendor_id
columns:
  vendor_id: {type: text, required: true, standardise: key, meaning: source key}
"""
CONTENT = Day({"1": ("U", "A", 1), "2": ("U", "B", 2)})


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Iterator[sa.Engine]:
    engine = sa.create_engine(fresh_database.url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def template(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """Name of a database of the shipped model with two lines, and Gold beside it."""
    with fresh_database_on(postgres_server) as database:
        engine = sa.create_engine(database.url, poolclass=sa.pool.NullPool)
        with engine.begin() as connection:
            prepare(connection, MODEL)
            ensure_gold(connection)
        Warehouse(engine).write(DAYS[0], CONTENT)
        yield database.name


@pytest.fixture
def filled(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Warehouse]:
    """A copy of it."""
    with fresh_database_on(postgres_server, prefix="copy", template=template) as database:
        yield Warehouse(sa.create_engine(database.url, poolclass=sa.pool.NullPool), create=False)


def told(engine: sa.Engine, model: CanonicalModel) -> list[str]:
    steps: list[str] = []
    with engine.begin() as connection:
        migrate(connection, model, tell=steps.append)
    return steps


def columns(warehouse: Warehouse, schema: str = "silver") -> list[str]:
    with warehouse.engine.connect() as connection:
        return [c["name"] for c in sa.inspect(connection).get_columns("sale_items", schema=schema)]


def test_a_new_warehouse_is_made_from_the_model_and_at_the_newest_revision(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        assert due(connection, MODEL).is_empty
        prepare(connection, MODEL)
        assert compare(connection, MODEL) == []
        assert books.revision(connection) == books.newest_revision() == "0001"
        assert not due(connection, MODEL).is_due
        ensure_gold(connection)
        assert compare(connection, MODEL) == []
    assert told(engine, MODEL) == []


def test_a_warehouse_from_before_there_were_revisions_is_taken_as_it_is(engine: sa.Engine) -> None:
    Warehouse(engine)
    with engine.begin() as connection:
        assert books.revision(connection) is None
        prepare(connection, MODEL)
        assert books.revision(connection) == books.newest_revision()


def test_where_nothing_changed_one_look_at_the_books_is_enough(
    filled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("compared")

    monkeypatch.setattr("retail_medallion.migrations.upkeep.compare", never)
    with filled.engine.begin() as connection:
        prepare(connection, MODEL)


def test_a_new_column_stops_runs_until_migrate_adds_it_and_the_next_load_fills_it(
    filled: Warehouse, tmp_path: Path
) -> None:
    model = edited_model(tmp_path, "sale_items", NOTE)
    with filled.engine.begin() as connection, pytest.raises(SchemaDriftError) as refused:
        prepare(connection, model)
    assert "silver.sale_items.gift_note: the column is missing (text)" in str(refused.value)
    assert "retail-medallion migrate" in str(refused.value)
    before = filled.rows("SELECT sale_item_id, record_hash, load_id FROM silver.sale_items ORDER BY 1")

    steps = told(filled.engine, model)
    assert {step.split(":")[0] for step in steps} == {
        "silver.sale_items.gift_note",
        "silver_versions.sale_items.gift_note",
        "silver.sale_items_history",
    }
    assert filled.rows("SELECT sale_item_id, record_hash, load_id FROM silver.sale_items ORDER BY 1") == before != []
    assert "gift_note" in columns(filled)
    assert "gift_note" in columns(filled, "silver_versions")
    assert filled.rows(
        "SELECT col_description('silver.sale_items'::regclass, attnum) FROM pg_attribute"
        " WHERE attrelid = 'silver.sale_items'::regclass AND attname = 'gift_note'"
    ) == [("what the giver wrote",)]
    with filled.engine.begin() as connection:
        prepare(connection, model)
        assert not due(connection, model).is_due
    assert told(filled.engine, model) == []

    followed = Warehouse(filled.engine, model, create=False)
    followed.write(DAYS[0], CONTENT, model_version="2", gift_note="with love")
    assert followed.rows("SELECT DISTINCT gift_note FROM silver.sale_items") == [("with love",)]
    assert followed.rows("SELECT DISTINCT gift_note FROM silver.sale_items_history") == [("with love",)]


def test_the_recomputation_does_not_mind_where_a_column_stands(filled: Warehouse, tmp_path: Path) -> None:
    from retail_medallion.silver.recompute import differing_rows

    model = edited_model(tmp_path, "sale_items", NOTE)
    told(filled.engine, model)
    with filled.engine.connect() as connection:
        assert differing_rows(connection, "a", model.entity("sale_items")) == 0
        connection.execute(sa.text("UPDATE silver.sale_items SET quantity = 77 WHERE sale_item_id = '1'"))
        assert differing_rows(connection, "a", model.entity("sale_items")) == 1


def test_a_queue_from_before_keys_had_a_time_gets_one_that_later_changes_leave(filled: Warehouse) -> None:
    execute(filled, "ALTER TABLE meta.pending DROP COLUMN since; DELETE FROM migrations.shape")
    pending = filled.rows("SELECT consumer, role, id, seq FROM meta.pending ORDER BY seq")
    assert pending
    with filled.engine.begin() as connection, pytest.raises(SchemaDriftError):
        prepare(connection, MODEL)
    assert told(filled.engine, MODEL) == ["meta.pending.since: the column is missing (timestamp)"]
    assert filled.rows("SELECT consumer, role, id, seq FROM meta.pending ORDER BY seq") == pending
    with filled.engine.begin() as connection:
        assert compare(connection, MODEL) == []

    execute(filled, "UPDATE meta.pending SET since = since - interval '1 day'")
    since = dict(filled.rows("SELECT ROW(consumer, role, id)::text, since FROM meta.pending"))
    filled.write(DAYS[0], Day({"1": ("U", "A", 9), "2": ("U", "B", 9), "3": ("U", "C", 3)}))
    raised = filled.rows("SELECT consumer, role, id, seq FROM meta.pending WHERE id = 'A' ORDER BY seq")
    assert min(seq for *_, seq in raised) > max(seq for *_, seq in pending)
    kept = dict(filled.rows("SELECT ROW(consumer, role, id)::text, since FROM meta.pending"))
    assert {name: kept[name] for name in since} == since
    assert {at > max(since.values()) for name, at in kept.items() if name not in since} == {True}


def test_a_source_from_before_it_had_settings_for_gold_has_the_defaults(filled: Warehouse) -> None:
    names = ("fiscal_first_month", "fiscal_pattern", "shows_personal_data")
    execute(filled, "DELETE FROM migrations.shape")
    execute(
        filled, "INSERT INTO silver_meta.source VALUES ('a', 't', 'a', 'UTC', 'EUR', 'DE', 'de', '2026-06-01', 'v')"
    )
    for name in names:
        execute(filled, f"ALTER TABLE silver_meta.source DROP COLUMN {name}")
    with filled.engine.begin() as connection, pytest.raises(SchemaDriftError):
        prepare(connection, MODEL)
    assert [line.split(":")[0] for line in told(filled.engine, MODEL)] == [f"silver_meta.source.{n}" for n in names]
    assert filled.rows(f"SELECT {', '.join(names)} FROM silver_meta.source") == [(1, "calendar", False)]  # noqa: S608
    with filled.engine.begin() as connection:
        assert compare(connection, MODEL) == []


def test_a_new_entity_is_added(filled: Warehouse, tmp_path: Path) -> None:
    from retail_medallion.model import load_model

    folder = copy_of_model(tmp_path)
    (folder / "entities" / "vendors.yml").write_text(VENDORS)
    model = load_model(folder)
    with filled.engine.begin() as connection:
        assert due(connection, model).stops_runs
    steps = told(filled.engine, model)
    assert [step for step in steps if "the table is missing" in step] == [
        "silver.vendors: the table is missing",
        "silver_versions.vendors: the table is missing",
    ]
    with filled.engine.begin() as connection:
        assert compare(connection, model) == []
        # The other way round it is not in the model any more; its rows stay and nobody is stopped.
        back = due(connection, MODEL)
        assert not back.stops_runs
        assert {str(d).split(":")[0] for d in back.left_alone} == {"silver.vendors", "silver_versions.vendors"}


def test_another_description_is_due_but_stops_nobody(filled: Warehouse, tmp_path: Path) -> None:
    model = edited_model(tmp_path, "sale_items", ("description: ", "description: Truly, "))
    with filled.engine.begin() as connection:
        found = due(connection, model)
        assert found.is_due
        assert not found.stops_runs
        prepare(connection, model)
    assert all("description" in step or "view" in step for step in told(filled.engine, model))
    with filled.engine.begin() as connection:
        assert compare(connection, model) == []


def test_a_missing_index_is_made(filled: Warehouse) -> None:
    with filled.engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX silver.sale_items_by_sale_id"))
    assert told(filled.engine, MODEL) == ["silver.sale_items.sale_items_by_sale_id: the index is missing"]
    assert told(filled.engine, MODEL) == []


def execute(warehouse: Warehouse, statement: str) -> None:
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text(statement))


def test_a_missing_check_is_made_where_every_row_keeps_it(filled: Warehouse) -> None:
    execute(filled, "ALTER TABLE silver_versions.sale_items DROP CONSTRAINT sale_items_op")
    line = "silver_versions.sale_items.sale_items_op: the check is missing (op IN ('U', 'D', 'P'))"
    with filled.engine.begin() as connection:
        assert due(connection, MODEL).stops_runs
    assert told(filled.engine, MODEL) == [line]
    with filled.engine.begin() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(sa.text("UPDATE silver_versions.sale_items SET op = 'X'"))
    with filled.engine.begin() as connection:
        assert compare(connection, MODEL) == []

    execute(filled, "ALTER TABLE silver_versions.sale_items DROP CONSTRAINT sale_items_op")
    execute(filled, "UPDATE silver_versions.sale_items SET op = 'X'")
    with filled.engine.begin() as connection, pytest.raises(SchemaDriftError) as refused:
        migrate(connection, MODEL, tell=lambda _: None)
    assert f"{line}, and rows break it" in str(refused.value)


@pytest.mark.parametrize("condition", ["op IN ('U', 'D')", "op IN ('U', 'D', 'p')", "op <> 'X'"])
def test_another_check_of_the_same_name_stops_runs(filled: Warehouse, condition: str) -> None:
    execute(filled, "ALTER TABLE silver_versions.sale_items DROP CONSTRAINT sale_items_op")
    execute(filled, f"ALTER TABLE silver_versions.sale_items ADD CONSTRAINT sale_items_op CHECK ({condition})")
    execute(filled, "DELETE FROM migrations.shape")
    for attempt in (prepare, lambda c, m: migrate(c, m, tell=lambda _: None)):
        with filled.engine.begin() as connection, pytest.raises(SchemaDriftError) as refused:
            attempt(connection, MODEL)
        assert "silver_versions.sale_items.sale_items_op: the check is" in str(refused.value)
        assert "has to be op IN ('U', 'D', 'P')" in str(refused.value)


def test_a_check_somebody_added_is_left_alone(filled: Warehouse) -> None:
    execute(filled, "ALTER TABLE silver.sale_items ADD CONSTRAINT positive CHECK (quantity > -1000)")
    with filled.engine.begin() as connection:
        found = due(connection, MODEL)
        assert not found.is_due
        assert [str(d) for d in found.left_alone] == ["silver.sale_items.positive: the check is not in the model"]


@pytest.mark.parametrize(
    ("printed", "written", "same"),
    [
        ("op = ANY (ARRAY['U'::bpchar, 'D'::bpchar])", "op IN ('U', 'D')", True),
        ("op <> ALL (ARRAY['U'::bpchar, 'D'::bpchar])", "op NOT IN ('U', 'D')", True),
        ("(quantity >= (0)::numeric)", "quantity >= 0", True),
        ("((a > 1) AND ((b < 2) OR (c = 3)))", "a > 1 AND (b < 2 OR c = 3)", True),
        ("((a > 1) AND ((b < 2) OR (c = 3)))", "(a > 1 AND b < 2) OR c = 3", False),
        ("op = ANY (ARRAY['U'::bpchar])", "op IN ('U', 'D')", False),
        ("op = 'u'::bpchar", "op = 'U'", False),
    ],
)
def test_checks_are_compared_as_conditions(printed: str, written: str, same: bool) -> None:
    assert same_check(printed, written) is same


DANGEROUS = {
    "another type": (
        ("  quantity: {type: 'numeric(18,3)'", "  quantity: {type: 'numeric(18,2)'"),
        "silver.sale_items.quantity: the type is numeric(18, 3) and has to be numeric(18, 2)",
    ),
    "a column taken out": (
        ("  tax_rate: {", "  vat_rate: {"),
        "silver.sale_items.tax_rate: is not in the model",
    ),
    "a required column": (
        (NOTE[0], NOTE[1].replace("standardise: text", "standardise: text, required: true")),
        "silver.sale_items.gift_note: the column is missing (text); it is required, and the table has rows",
    ),
    "a value that became required": (
        ("  tax_rate: {", "  tax_rate: {required: true, "),
        "silver.sale_items.tax_rate: is required now, and has rows without a value",
    ),
}


@pytest.mark.parametrize("case", DANGEROUS)
def test_what_could_lose_something_is_listed_and_never_done(filled: Warehouse, tmp_path: Path, case: str) -> None:
    edit, line = DANGEROUS[case]
    model = edited_model(tmp_path, "sale_items", edit)
    before = columns(filled)
    for attempt in (prepare, lambda c, m: migrate(c, m, tell=lambda _: None)):
        with filled.engine.begin() as connection, pytest.raises(SchemaDriftError) as refused:
            attempt(connection, model)
        assert line in str(refused.value)
        assert "Write a revision" in str(refused.value)
    assert columns(filled) == before
    assert filled.rows("SELECT count(*) FROM silver.sale_items") == [(2,)]


def test_a_value_that_became_required_is_tightened_where_every_row_has_one(filled: Warehouse, tmp_path: Path) -> None:
    with filled.engine.begin() as connection:
        connection.execute(sa.text("UPDATE silver.sale_items SET tax_rate = 0"))
    model = edited_model(tmp_path, "sale_items", ("  tax_rate: {", "  tax_rate: {required: true, "))
    assert told(filled.engine, model) == ["silver.sale_items.tax_rate: is required now"]
    assert told(filled.engine, MODEL) == ["silver.sale_items.tax_rate: may be empty now"]


PAGE = Path(__file__).parents[2] / "docs" / "migrations.md"


@pytest.fixture
def with_revision(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("migrations")
    shutil.copytree(Path(books.__file__).parent, folder, dirs_exist_ok=True)
    [revision] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (folder / "versions" / "two_places.py").write_text(revision)
    monkeypatch.setattr(books, "__file__", str(folder / "books.py"))


@pytest.mark.usefixtures("with_revision")
def test_a_revision_written_by_hand_is_run_once_and_the_rest_is_added_after_it(
    filled: Warehouse, tmp_path: Path
) -> None:
    with filled.engine.begin() as connection:
        # The warehouse was made when there was only the first revision.
        connection.execute(sa.text("UPDATE migrations.version SET version_num = '0001'"))
    model = edited_model(tmp_path, "sale_items", DANGEROUS["another type"][0], NOTE)
    with filled.engine.begin() as connection, pytest.raises(SchemaDriftError):
        prepare(connection, model)
    steps = told(filled.engine, model)
    assert steps[0] == "revision 0002: Keep quantities to two places."
    assert "silver.sale_items.gift_note: the column is missing (text)" in steps
    with filled.engine.begin() as connection:
        prepare(connection, model)
        assert compare(connection, model) == []
        assert books.revision(connection) == "0002"
    assert told(filled.engine, model) == []
    assert filled.rows("SELECT count(*) FROM silver.sale_items_history") == [(2,)]


def test_a_warehouse_of_a_newer_version_is_refused(filled: Warehouse) -> None:
    with filled.engine.begin() as connection:
        connection.execute(sa.text("UPDATE migrations.version SET version_num = '9999'"))
    with filled.engine.begin() as connection, pytest.raises(SchemaDriftError, match="9999"):
        prepare(connection, MODEL)
