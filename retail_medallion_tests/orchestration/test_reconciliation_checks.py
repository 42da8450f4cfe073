"""The checks over whole layers: exactly what was planted breaks a reconciliation, and nothing wrong is missed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import psycopg2
import pytest
import sqlalchemy as sa

from retail_medallion import config
from retail_medallion.checks.rules import active, evaluate
from retail_medallion.checks.silver_rules import RULES, STOCK_TOLERANCE_PERCENT
from retail_medallion.demo.generator import planted_keys
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.gold.recompute import compare, hold_tables
from retail_medallion.gold.registry import TABLES
from retail_medallion.model import load_model
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.reconciliation_checks import LAYERS
from retail_medallion.orchestration.upkeep_checks import FULL_RECOMPUTE, PENDING
from retail_medallion.silver.findings import recompute_findings
from retail_medallion.storage.postgres.session import engine
from retail_medallion_tests.platform import QUIET, Platform, copied, days
from retail_medallion_tests.servers import FreshDatabase

Ask = Callable[..., list[tuple[Any, ...]]]
Evaluations = dict[tuple[str, str], dg.AssetCheckEvaluation]

BY_NAME = {rule.name: rule for rule in RULES}
PORTAL_TOTAL = ("portal_does_not_add_up", "portal_pays")

# Invoices that are not paid, or not what they say: the demo has them as any retailer has.
OPEN_INVOICES = """
SELECT o.id::text FROM shop.orders o
LEFT JOIN shop.payments p ON p.order_id = o.id AND p.state = 'ok' AND p.id::text <> ALL(%s)
WHERE o.status = 40 AND NOT o.training AND o.voided_at IS NULL AND o.channel <> 'intern' AND o.id::text <> ALL(%s)
GROUP BY o.id, o.grand_total
HAVING abs(o.grand_total - coalesce(sum(CASE WHEN p.kind IN (1, 3) THEN p.amount - p.change_given
                                             WHEN p.kind IN (4, 6) THEN p.amount END), 0)) > 0.02
"""


def expected(source: Any, ask: Ask) -> dict[str, set[str]]:
    """Ids that have to break each reconciliation, from what was planted in the source."""
    planted = {name: set(found) for name, found in planted_keys(source).items()}

    def sales_of(*names: str) -> set[str]:
        return {key.partition("#")[0] for name in names for key in planted[name]}

    completed = {key for (key,) in ask("SELECT sale_id FROM silver.sales WHERE status = 'completed'")}
    refused = planted["card_number"] | planted["no_amount"]
    with source.cursor() as cursor:
        cursor.execute(OPEN_INVOICES, (sorted(refused), sorted(planted["order_in_the_future"])))
        badly_paid = {key for (key,) in cursor.fetchall()}
    return {
        "r1_headers_add_up": sales_of(*PORTAL_TOTAL),
        "r2_lines_add_up": sales_of("portal_gross", "portal_discount"),
        "r3_payments_cover_sales": badly_paid | (sales_of(*PORTAL_TOTAL) & completed),
        "r4_stock_not_below_zero": planted["below_zero"],
        "r4_issued_as_sold": set(),
        "r5_points_balance": planted["wrong_balance"],
        "r6_coupons_within_limits": planted["overused"],
        "r7_returned_not_above_sold": planted["portal_returned"],
    }


def offenders(connection: sa.Connection) -> dict[str, set[str]]:
    """Ids that break each reconciliation."""
    return {rule.name: {row.id for row in evaluate(connection, "demo", rule, worst=10**6).worst} for rule in RULES}


def pairs_of(movements: set[str], ask: Ask) -> set[str]:
    """Product and location of stock movements: what is never there was planted, not the sale that shows it."""
    query = "SELECT product_id || '/' || location_id FROM silver.stock_movements WHERE stock_movement_id = ANY(%s)"
    return {pair for (pair,) in ask(query, sorted(movements))}


def checked(platform: Platform, job: str, *selected: dg.AssetCheckKey) -> Evaluations:
    """Run a job of checks alone and give back the evaluations by table and check."""
    definitions = platform.definitions
    if selected:
        made = dg.define_asset_job(job, dg.AssetSelection.checks(*selected))
        definitions = dg.Definitions.merge(definitions, dg.Definitions(jobs=[made]))
    with platform.active():
        result = definitions.resolve_job_def(job).execute_in_process(instance=platform.instance, run_config=QUIET)
    return {(found.asset_key.path[-1], found.check_name): found for found in result.get_asset_check_evaluations()}


def gold(name: str, check: str) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(keys.asset_key("demo", keys.GOLD, name), check)


@pytest.fixture
def spoiled(loaded: Platform, postgres_server: EmbeddedPostgres) -> Iterator[Platform]:
    """A copy of a loaded platform."""
    with copied(loaded, postgres_server) as platform:
        yield platform


@contextlib.contextmanager
def warehouse(platform: Platform) -> Iterator[sa.Connection]:
    with platform.active(), engine(config.warehouse_database()).begin() as connection:
        yield connection


def test_exactly_what_was_planted_breaks_each_reconciliation(demo_database: FreshDatabase, loaded: Platform) -> None:
    with contextlib.closing(demo_database.connect()) as source:
        wanted = expected(source, loaded.ask)
    assert sum(map(len, wanted.values())) > 3
    with warehouse(loaded) as connection:
        found = offenders(connection)
    found["r4_stock_not_below_zero"] = pairs_of(found["r4_stock_not_below_zero"], loaded.ask)
    assert found == wanted


SPOILED = {
    "r1_headers_add_up": (
        (
            "UPDATE silver.sales SET other_amount = other_amount + 0.05 * (SELECT count(*) + 1 FROM silver.sale_items i"
            " WHERE i.sale_id = sales.sale_id) WHERE sale_id = %s"
        ),
        "SELECT min(sale_id) FROM silver.sales WHERE NOT is_deleted AND NOT is_test AND channel = 'store'",
    ),
    "r2_lines_add_up": (
        (
            "UPDATE silver.sale_items SET gross_amount = gross_amount + 1 WHERE sale_item_id ="
            " (SELECT min(sale_item_id) FROM silver.sale_items WHERE sale_id = %s AND NOT is_deleted)"
        ),
        (
            "SELECT min(s.sale_id) FROM silver.sales s JOIN silver.sale_items i USING (sale_id) WHERE NOT s.is_deleted"
            " AND NOT i.is_deleted AND NOT s.is_test AND s.channel = 'store'"
        ),
    ),
    "r3_payments_cover_sales": (
        (
            "UPDATE silver.transactions SET amount = amount + 1 WHERE transaction_id = (SELECT min(transaction_id)"
            " FROM silver.transactions WHERE sale_id = %s AND transaction_type IN ('payment', 'capture')"
            " AND status = 'succeeded')"
        ),
        (
            "SELECT min(s.sale_id) FROM silver.sales s JOIN silver.transactions t USING (sale_id)"
            " WHERE t.status = 'succeeded' AND transaction_type = 'payment'"
            " AND NOT s.is_deleted AND NOT s.is_test AND s.status = 'completed'"
            " AND s.payment_status = 'paid' AND s.channel = 'store'"
        ),
    ),
    "r4_stock_not_below_zero": (
        "UPDATE silver.stock_movements SET quantity = -1000000 WHERE stock_movement_id = %s",
        "SELECT min(stock_movement_id) FROM silver.stock_movements WHERE movement_type = 'sale_issue'",
    ),
    "r4_issued_as_sold": (
        (
            "UPDATE silver.stock_movements m SET quantity = quantity - 1000 FROM silver.sales s"
            " WHERE s.sale_id = m.sale_id AND s.location_id || ' on ' || s.business_date = %s"
            " AND m.movement_type = 'sale_issue'"
        ),
        (
            "SELECT min(s.location_id || ' on ' || s.business_date) FROM silver.sales s JOIN silver.stock_movements m"
            " USING (sale_id) WHERE NOT s.is_test AND NOT s.is_deleted AND s.status = 'completed'"
            " AND m.movement_type = 'sale_issue'"
        ),
    ),
    "r5_points_balance": (
        "UPDATE silver.loyalty_transactions SET balance_after = balance_after + 1 WHERE loyalty_transaction_id = %s",
        "SELECT min(loyalty_transaction_id) FROM silver.loyalty_transactions WHERE balance_after IS NOT NULL",
    ),
    "r6_coupons_within_limits": (
        "UPDATE silver.coupons SET usage_limit = 0 WHERE coupon_id = %s",
        (
            "SELECT min(c.coupon_id) FROM silver.coupons c JOIN silver.sales s ON s.coupon_ids @> ARRAY[c.coupon_id]"
            " AND NOT s.is_deleted AND NOT s.is_test AND s.status = 'completed' AND s.sale_type = 'sale'"
        ),
    ),
    "r7_returned_not_above_sold": (
        "UPDATE silver.sale_items SET returned_quantity = quantity + 1 WHERE sale_item_id = %s",
        (
            "SELECT min(i.sale_item_id) FROM silver.sale_items i JOIN silver.sales s USING (sale_id)"
            " WHERE NOT i.is_deleted AND NOT s.is_deleted AND NOT s.is_test AND i.line_type = 'sale'"
        ),
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_one_wrong_figure_breaks_its_reconciliation(spoiled: Platform, name: str) -> None:
    statement, which = SPOILED[name]
    with warehouse(spoiled) as connection:
        before = offenders(connection)
        [(wrong,)] = spoiled.ask(which)
        assert wrong not in before[name]
        assert spoiled.execute(statement, wrong) >= 1
    with warehouse(spoiled) as connection:
        recompute_findings(connection, "demo", load_model(), load_model().entities)
        assert offenders(connection)[name] == {*before[name], wrong}
        found = evaluate(connection, "demo", BY_NAME[name])
        assert found.offenders == len(before[name]) + 1
        assert found.compared >= found.offenders


def test_every_reconciliation_has_a_case() -> None:
    assert set(SPOILED) == set(BY_NAME)
    assert str(STOCK_TOLERANCE_PERCENT) in BY_NAME["r4_issued_as_sold"].title


def test_a_reconciliation_holds_only_where_its_entities_are_mapped() -> None:
    assert {rule.id for rule in active(RULES, {"sales", "sale_items"})} == {"R1", "R2", "R7"}
    assert {rule.id for rule in active(RULES, {"loyalty_transactions"})} == {"R5"}
    assert active(RULES, {"sales"}) == []


def test_verify_runs_every_check_and_all_that_is_ours_holds(loaded: Platform) -> None:
    found = checked(loaded, keys.verify_job("demo"))
    mapped = loaded.mappings["demo"].entities
    own = {table.name for table in TABLES.values() if table.has_source}
    assert {table for table, check in found if check == FULL_RECOMPUTE} == {*mapped, *own}
    assert {table for table, check in found if check == PENDING} == own
    assert {check for _, check in found} >= {rule.name for rule in RULES}
    for (table, check), evaluation in found.items():
        if check in {FULL_RECOMPUTE, PENDING, LAYERS}:
            assert evaluation.passed, f"{table} {check}: {evaluation.description}"
        elif check in BY_NAME:
            assert evaluation.severity is dg.AssetCheckSeverity.WARN
            assert evaluation.passed == (evaluation.metadata["offenders"].value == 0)
    shown = found["transactions", "r3_payments_cover_sales"]
    assert not shown.passed
    assert {"by_day", "worst_offenders"} <= shown.metadata.keys()
    listed: Any = shown.metadata["by_day"]
    by_day = [record.data for record in listed.records]
    assert sum(int(day["offenders"] or 0) for day in by_day) == shown.metadata["offenders"].value


def test_the_daily_run_leaves_out_only_what_is_too_dear(loaded: Platform) -> None:
    daily = loaded.definitions.resolve_job_def(keys.daily_job("demo"))
    names = {check.name for check in daily.asset_layer.asset_graph.asset_check_keys}
    assert names == {"contract", "findings", PENDING, LAYERS, *BY_NAME}


def test_the_daily_run_evaluated_them_after_gold(loaded: Platform) -> None:
    evaluated = [
        entry.dagster_event.asset_check_evaluation_data
        for entry in loaded.instance.all_logs(
            loaded.instance.get_runs()[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
        if entry.dagster_event
    ]
    names = {(evaluation.asset_key.path[-1], evaluation.check_name) for evaluation in evaluated}
    assert ("fct_sale", LAYERS) in names
    assert {name for name, check in names if check == PENDING} == {t.name for t in TABLES.values() if t.has_source}
    assert not [evaluation for evaluation in evaluated if evaluation.check_name == PENDING and not evaluation.passed]


def test_a_run_of_picked_assets_does_not_compute_everything_anew(spoiled: Platform) -> None:
    asset = keys.asset_key("demo", keys.GOLD, "dim_supplier")
    job = spoiled.definitions.resolve_job_def(keys.daily_job("demo"))
    with spoiled.active():
        result = job.execute_in_process(
            instance=spoiled.instance,
            asset_selection=[asset],
            partition_key=str(days(3)[-1]),
            run_config=QUIET,
        )
    assert result.success
    assert {found.check_name for found in result.get_asset_check_evaluations()} == {PENDING}


@pytest.mark.parametrize("layer", ["silver.sales", "gold.fct_sale"])
def test_a_cent_more_in_one_layer_is_an_error_of_ours(spoiled: Platform, layer: str) -> None:
    spoiled.execute(
        f"UPDATE {layer} SET total_amount = total_amount + 0.01"  # noqa: S608 one of two names
        f" WHERE sale_id = (SELECT min(sale_id) FROM gold.fct_sale)"
    )
    found = checked(spoiled, "one", gold("fct_sale", LAYERS))["fct_sale", LAYERS]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert found.metadata["days_that_differ"].value == 1
    with warehouse(spoiled) as connection:
        connection.execute(
            sa.text(
                "INSERT INTO meta.pending (consumer, source_system, role, id)"
                " SELECT 'fct_sale', 'demo', 'sale_id', min(sale_id) FROM gold.fct_sale"
            )
        )
    found = checked(spoiled, "one", gold("fct_sale", LAYERS))["fct_sale", LAYERS]
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert "1 changed sales to take up" in (found.description or "")


def test_rows_that_left_the_books_of_silver_are_an_error_of_ours(spoiled: Platform) -> None:
    spoiled.execute(
        "UPDATE silver_meta.partition_state SET accepted = accepted - 1 WHERE entity = 'sales' AND partition_date = %s",
        days(1)[0],
    )
    found = checked(spoiled, "one", gold("fct_sale", LAYERS))["fct_sale", LAYERS]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert found.metadata["comparisons_that_do_not_hold"].value == 1


def test_pending_names_how_many_keys_and_since_when(spoiled: Platform) -> None:
    spoiled.execute(
        "INSERT INTO meta.pending (consumer, source_system, role, id, since)"
        " SELECT 'fct_sale', 'demo', 'sale_id', sale_id, '2026-06-01 12:00:00+00' FROM silver.sales LIMIT 2"
    )
    wanted = gold("fct_sale", PENDING), gold("dim_product", PENDING)
    found = checked(spoiled, "pending", *wanted)
    assert found["dim_product", PENDING].passed
    told = found["fct_sale", PENDING]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told.description == "2 keys are pending, the oldest since 2026-06-01 12:00:00 UTC"
    assert told.metadata["pending_keys"].value == 2


def test_a_line_that_waits_for_its_sale_is_named_and_does_not_fail(spoiled: Platform) -> None:
    spoiled.execute("DELETE FROM meta.pending WHERE consumer = 'fct_sale_item'")
    spoiled.execute(
        "INSERT INTO silver.sale_items SELECT (jsonb_populate_record(i,"
        ' \'{"sale_item_id": "lost", "sale_id": "nowhere"}\')).* FROM silver.sale_items i WHERE NOT is_deleted LIMIT 1'
    )
    spoiled.execute(
        "INSERT INTO meta.pending (consumer, source_system, role, id)"
        " VALUES ('fct_sale_item', 'demo', 'sale_id', 'nowhere')"
    )
    told = checked(spoiled, "pending", gold("fct_sale_item", PENDING))["fct_sale_item", PENDING]
    assert told.passed
    assert told.description == "nothing is pending; 1 keys wait for a parent that is not in Gold"
    assert told.metadata["waiting_for_parent"].value == 1


RECOMPUTED = {
    "UPDATE silver.products SET product_name = product_name || '!' WHERE product_id ="
    " (SELECT min(product_id) FROM silver.products)": {"products", "dim_product"},
    "UPDATE gold.fct_sale SET net_revenue = net_revenue + 0.01 WHERE sale_id ="
    " (SELECT min(sale_id) FROM gold.fct_sale)": {"fct_sale"},
}


@pytest.mark.parametrize("statement", RECOMPUTED)
def test_the_full_recomputation_finds_a_row_changed_behind_its_back(spoiled: Platform, statement: str) -> None:
    assert spoiled.execute(statement) == 1
    found = checked(spoiled, keys.verify_job("demo"))
    failed = {table for (table, check), of in found.items() if check == FULL_RECOMPUTE and not of.passed}
    assert RECOMPUTED[statement] <= failed
    wrong = [of for (table, check), of in found.items() if check == FULL_RECOMPUTE and table in failed]
    assert {of.severity for of in wrong} == {dg.AssetCheckSeverity.ERROR}
    # What the command says is what the check says.
    with warehouse(spoiled) as connection:
        assert {name for name, difference in compare(connection, "demo").items() if difference} == failed - set(
            load_model().entities
        )
    assert not spoiled.reconcile().holds


def test_a_rebuild_waits_for_whoever_compares(spoiled: Platform) -> None:
    with warehouse(spoiled) as connection:
        hold_tables(connection)
        spoiled.execute("UPDATE gold.fct_sale SET status = status")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            spoiled.execute("SET lock_timeout = '200ms'; TRUNCATE gold.mart_daily_sales")


def test_a_difference_that_is_pending_is_no_error(spoiled: Platform) -> None:
    [(sale,)] = spoiled.ask("SELECT min(sale_id) FROM gold.fct_sale")
    spoiled.execute("UPDATE gold.fct_sale SET net_revenue = net_revenue + 0.01 WHERE sale_id = %s", sale)
    spoiled.execute(
        "INSERT INTO meta.pending (consumer, source_system, role, id) VALUES ('fct_sale', 'demo', 'sale_id', %s)", sale
    )
    told = checked(spoiled, "one", gold("fct_sale", FULL_RECOMPUTE))["fct_sale", FULL_RECOMPUTE]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "changes are pending for fct_sale" in (told.description or "")
