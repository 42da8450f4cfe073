from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import psycopg2
import pytest
from psycopg2 import sql

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.errors import SchemaDriftError
from retail_medallion.gold import keys, registry, schema
from retail_medallion.gold.definition import Check, Column, GoldTable
from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.rebuild import Rebuilt, rebuild
from retail_medallion.gold.recompute import compare, digest
from retail_medallion.gold.reshape import difference
from retail_medallion.model.currencies import minor_units
from retail_medallion_tests.gold.warehouse import Warehouse
from retail_medallion_tests.servers import fresh_database_on

Declare = Callable[..., GoldTable]
NOTE = Column("note", "text", "a remark", nullable=True)


@pytest.fixture(scope="module")
def furnished(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """Name of a warehouse that is filled, to be copied."""
    with fresh_database_on(postgres_server, prefix="gold") as database:
        made = Warehouse(database.url)
        made.add_source("shop")
        made.put("shop", "sales", "s", customer_id="u")
        made.put("shop", "sale_items", "i", sale_id="s", product_id="p")
        made.put("shop", "customers", "w")
        made.run_all("shop")
        made.execute("CREATE VIEW public.report AS SELECT sale_id, total_amount FROM gold.fct_sale")
        made.engine.dispose()
        yield database.name


@pytest.fixture
def own_warehouse(furnished: str, postgres_server: EmbeddedPostgres) -> Iterator[Warehouse]:
    with fresh_database_on(postgres_server, prefix="gold") as database:
        session = postgres_server.connect()
        session.autocommit = True
        with session.cursor() as cursor:
            own = sql.Identifier(database.name)
            cursor.execute(sql.SQL("DROP DATABASE {}").format(own))
            cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(own, sql.Identifier(furnished)))
        session.close()
        made = Warehouse(database.url)
        yield made
        made.engine.dispose()


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    def changed(table: str, **values: object) -> GoldTable:
        made = dataclasses.replace(registry.TABLES[table], **values)  # type: ignore[arg-type] # fields of the class
        monkeypatch.setitem(registry.TABLES, table, made)
        return made

    return changed


def declare_again(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        schema.ensure_schema(connection)


def rebuilt(warehouse: Warehouse) -> Rebuilt:
    with warehouse.engine.begin() as connection:
        return rebuild(connection)


def digests(warehouse: Warehouse) -> dict[str, str]:
    """Digests of what the rebuild computes from Silver; the calendar is long."""
    with warehouse.engine.begin() as connection:
        return {name: digest(connection, name) for name, table in registry.TABLES.items() if table.has_source}


def identities(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """What tells a table that was altered from one that was dropped and made again."""
    return warehouse.execute(
        "SELECT relname, oid FROM pg_class"
        " WHERE relnamespace = 'gold'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1"
    )


def test_an_unchanged_declaration_changes_nothing(own_warehouse: Warehouse) -> None:
    declare_again(own_warehouse)
    assert own_warehouse.pending("shop") == set()


@pytest.mark.parametrize("is_written_down", [True, False])
def test_a_table_just_made_is_as_declared(own_warehouse: Warehouse, *, is_written_down: bool) -> None:
    with own_warehouse.engine.begin() as connection, cursor_of(connection) as cursor:
        for table in registry.TABLES.values():
            cursor.execute("SELECT written FROM meta.gold_declaration WHERE table_name = %s", (table.name,))
            ((written,),) = cursor.fetchall()
            found = difference(cursor, table, written if is_written_down else None)
            assert not any(vars(found).values()), found


def test_changed_sql_makes_everything_pending_and_changed_words_do_not(
    own_warehouse: Warehouse, declare: Declare
) -> None:
    declare("fct_sale", question="?", grain="another grain")
    declare_again(own_warehouse)
    assert own_warehouse.pending("shop") == set()
    assert own_warehouse.execute("SELECT obj_description('gold.fct_sale'::regclass)") == [("Another grain.",)]

    declare("fct_sale", select=registry.TABLES["fct_sale"].select + " ")
    declare_again(own_warehouse)
    assert own_warehouse.pending("shop") == {("fct_sale", "*", "")}
    assert own_warehouse.run("fct_sale", "shop").skipped


def with_note(table: GoldTable, value: str) -> dict[str, object]:
    return {
        "columns": (*table.columns, dataclasses.replace(NOTE, inferred="'none'")),
        "select": f"SELECT noted.*, {value} AS note FROM ({table.select}) noted",  # noqa: S608 constants only
    }


@pytest.mark.parametrize("name", ["fct_sale", "fct_sale_item", "dim_customer", "dim_date"])
def test_a_new_column_is_added_and_filled_as_in_a_new_warehouse(
    own_warehouse: Warehouse, declare: Declare, name: str
) -> None:
    own_warehouse.execute("CREATE ROLE reader; GRANT SELECT ON ALL TABLES IN SCHEMA gold TO reader")
    try:
        tables = identities(own_warehouse)
        declare(name, **with_note(registry.TABLES[name], "'noted'"))
        declare_again(own_warehouse)
        assert identities(own_warehouse) == tables
        assert own_warehouse.execute("SELECT has_table_privilege('reader', %s, 'SELECT')", (f"gold.{name}",)) == [
            (True,)
        ]
        assert own_warehouse.execute("SELECT sale_id FROM public.report") == [("s",)]
        own_warehouse.run_all("shop")
        notes = own_warehouse.execute(f"SELECT note, count(*) FROM gold.{name} GROUP BY 1 ORDER BY 1")  # noqa: S608
        wanted = {"dim_customer": [("none", 3), ("noted", 1)], "dim_date": [("noted", 73414)]}
        assert notes == wanted.get(name, [("noted", 1)])
        after = digests(own_warehouse)
        rebuilt(own_warehouse)
        assert digests(own_warehouse) == after
        with own_warehouse.engine.begin() as connection:
            assert not any(compare(connection, "shop").values())
    finally:
        own_warehouse.execute("DROP OWNED BY reader; DROP ROLE reader")


def test_a_new_index_check_unique_and_more_digits_take_effect_on_the_rows_there_are(
    own_warehouse: Warehouse, declare: Declare
) -> None:
    columns = tuple(
        dataclasses.replace(c, type="numeric(12,6)") if c.name == "latitude" else c
        for c in registry.TABLES["dim_location"].columns
    )
    declare("dim_location", columns=columns)
    sale = registry.TABLES["fct_sale"]
    declare(
        "fct_sale",
        unique=(*sale.unique, ("sale_key", "sale_date")),
        checks=(*sale.checks, Check("channel_is_known", "channel <> 'moon'")),
        indexes=(*sale.indexes, (("status",), ("total_amount",))),
        brin=(*sale.brin, "silver_partition"),
    )
    tables = identities(own_warehouse)
    declare_again(own_warehouse)
    assert identities(own_warehouse) == tables
    assert own_warehouse.execute(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'gold.dim_location'::regclass AND attname = 'latitude'"
    ) == [("numeric(12,6)",)]
    found = {n for (n,) in own_warehouse.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'fct_sale'")}
    assert {"fct_sale_unique_1", "fct_sale_by_status", "fct_sale_brin_silver_partition"} <= found
    with pytest.raises(psycopg2.IntegrityError, match="channel_is_known"):
        own_warehouse.execute("UPDATE gold.fct_sale SET channel = 'moon'")


def without(table: GoldTable, name: str) -> tuple[Column, ...]:
    return tuple(column for column in table.columns if column.name != name)


def retyped(table: GoldTable, name: str, **values: object) -> tuple[Column, ...]:
    return tuple(dataclasses.replace(c, **values) if c.name == name else c for c in table.columns)  # type: ignore[arg-type]


REFUSED: list[tuple[str, str, Callable[[GoldTable], dict[str, object]]]] = [
    ("dim_supplier", "dim_supplier_unique_0 is declared otherwise, or no longer", lambda _: {"unique": ()}),
    ("fct_sale", "column sale_number is not declared", lambda t: {"columns": without(t, "sale_number")}),
    (
        "fct_sale",
        "new column note, which may not be empty",
        lambda t: {"columns": (*t.columns, dataclasses.replace(NOTE, nullable=False))},
    ),
    (
        "fct_sale",
        "column sale_number is text, declared text not null",
        lambda t: {"columns": retyped(t, "sale_number", nullable=False)},
    ),
    (
        "fct_sale",
        "column sale_hour is smallint not null, declared integer not null",
        lambda t: {"columns": retyped(t, "sale_hour", type="integer")},
    ),
    (
        "dim_location",
        "column latitude is numeric(9,6), declared numeric(9,5)",
        lambda t: {"columns": retyped(t, "latitude", type="numeric(9,5)")},
    ),
    (
        "fct_sale",
        "fct_sale_item_count_not_negative is declared otherwise",
        lambda t: {"checks": (*t.checks[:1], Check("item_count_not_negative", "item_count >= -1"), *t.checks[2:])},
    ),
    ("fct_sale_item", "partitioned by another column", lambda _: {"partition_column": None}),
]


@pytest.mark.parametrize(("name", "why", "change"), REFUSED, ids=[why for _, why, _ in REFUSED])
def test_any_other_change_is_refused_by_name_and_nothing_is_lost(
    own_warehouse: Warehouse,
    declare: Declare,
    name: str,
    why: str,
    change: Callable[[GoldTable], dict[str, object]],
) -> None:
    before, tables = digests(own_warehouse), identities(own_warehouse)
    declared = registry.TABLES[name]
    declare("dim_category", **with_note(registry.TABLES["dim_category"], "'noted'"))
    declare(name, **change(declared))
    with pytest.raises(SchemaDriftError, match="rebuild-gold") as refused:
        declare_again(own_warehouse)
    assert refused.value.where == f"gold.{name}"
    assert why in str(refused.value.why)
    declare(name, **vars(declared))
    declare("dim_category", columns=registry.TABLES["dim_category"].columns[:-1])
    assert digests(own_warehouse) == before
    assert identities(own_warehouse) == tables


def test_a_rebuild_makes_a_refused_change_in_the_tables_that_are_there(
    own_warehouse: Warehouse, declare: Declare
) -> None:
    own_warehouse.put("shop", "sale_items", "waits", sale_id="unknown")
    own_warehouse.run_all("shop")
    pending = own_warehouse.pending("shop")
    tables = identities(own_warehouse)
    sale = registry.TABLES["fct_sale"]
    columns = [c for c in retyped(sale, "sale_hour", type="integer") if c.name != "sale_number"]
    required = dataclasses.replace(NOTE, nullable=False)
    declare(
        "fct_sale",
        columns=(*columns, required),
        select=f"SELECT noted.*, 'noted' AS note FROM ({sale.select}) noted",  # noqa: S608 constants only
        checks=(*sale.checks[1:], Check("sale_hour_range", "sale_hour >= 0")),
        indexes=sale.indexes[1:],
    )
    done = rebuilt(own_warehouse)
    assert done.dropped == ["fct_sale.sale_number"]
    assert (done.rows["fct_sale"], done.rows["mart_daily_sales"]) == (1, 1)
    assert identities(own_warehouse) == tables
    assert own_warehouse.execute("SELECT sale_id FROM public.report") == [("s",)]
    assert own_warehouse.execute("SELECT note FROM gold.fct_sale") == [("noted",)]
    assert own_warehouse.pending("shop") == pending
    with own_warehouse.engine.begin() as connection, cursor_of(connection) as cursor:
        assert not any(compare(connection, "shop").values())
        for table in registry.TABLES.values():
            assert not any(vars(difference(cursor, table, None)).values())
    declare_again(own_warehouse)
    assert own_warehouse.pending("shop") == pending


def test_a_rebuild_without_a_change_gives_the_same_rows(own_warehouse: Warehouse) -> None:
    before = digests(own_warehouse)
    rebuilt(own_warehouse)
    assert digests(own_warehouse) == before


def test_a_view_on_a_changed_column_is_named_and_kept(own_warehouse: Warehouse, declare: Declare) -> None:
    sale = registry.TABLES["fct_sale"]
    declare("fct_sale", columns=without(sale, "total_amount"))
    with pytest.raises(SchemaDriftError, match="view report depends on column total_amount"):
        rebuilt(own_warehouse)
    assert own_warehouse.execute("SELECT sale_id FROM public.report") == [("s",)]
    assert len(own_warehouse.rows("fct_sale", "shop")) == 1


def test_a_constraint_the_rows_break_is_refused_without_quoting_a_row(
    own_warehouse: Warehouse, declare: Declare
) -> None:
    sale = registry.TABLES["fct_sale"]
    declare("fct_sale", checks=(*sale.checks, Check("no_shop", "channel <> 'store'")))
    with pytest.raises(SchemaDriftError, match="fct_sale_no_shop"):
        declare_again(own_warehouse)


def test_a_rebuild_holds_no_more_locks_for_many_sources_than_for_few(own_warehouse: Warehouse) -> None:
    def locks() -> int:
        with own_warehouse.engine.begin() as connection, cursor_of(connection) as cursor:
            rebuild(connection)
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype IN ('relation', 'object')"
            )
            return int((cursor.fetchone() or (0,))[0])

    own_warehouse.execute("DELETE FROM silver_meta.source WHERE source_system <> 'shop'")
    few = locks()
    for number in range(3):
        own_warehouse.add_source(f"other{number}")
        own_warehouse.put(f"other{number}", "sales", "s", customer_id="u")
    assert locks() <= few


def test_a_table_that_is_not_declared_any_more_is_dropped_only_by_a_rebuild(
    own_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(registry.TABLES, "mart_daily_sales")
    for name in ("fct_sale", "fct_sale_item"):
        monkeypatch.setitem(registry.TABLES, name, dataclasses.replace(registry.TABLES[name], notifies=()))
    with pytest.raises(SchemaDriftError, match=r"gold\.mart_daily_sales"):
        declare_again(own_warehouse)
    assert own_warehouse.execute("SELECT count(*) FROM gold.mart_daily_sales") == [(1,)]
    assert rebuilt(own_warehouse).dropped == ["mart_daily_sales"]
    assert own_warehouse.execute("SELECT to_regclass('gold.mart_daily_sales')") == [(None,)]
    declare_again(own_warehouse)


def test_a_change_waits_for_a_writer_of_the_old_shape(own_warehouse: Warehouse, declare: Declare) -> None:
    declare("fct_sale", **with_note(registry.TABLES["fct_sale"], "NULL::text"))
    lock = registry.writing_lock("dim_customer", "shop")
    with own_warehouse.engine.connect() as writer, own_warehouse.engine.begin() as connection:
        with cursor_of(writer) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (lock,))
        with cursor_of(connection) as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            schema.ensure_schema(connection)
        connection.rollback()


def test_gold_counts_in_the_coins_of_the_one_list_of_currencies(own_warehouse: Warehouse) -> None:
    digits = minor_units()
    found = own_warehouse.execute("SELECT c, gold.minor_digits(c) FROM unnest(%s) c", (list(digits),))
    assert dict(found) == digits


def test_a_changed_function_makes_everything_pending(own_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CREATE_FUNCTIONS", keys.CREATE_FUNCTIONS + "-- another")
    declare_again(own_warehouse)
    assert ("fct_sale", "*", "") in own_warehouse.pending("shop")
