"""The checks of Silver: what they show of a run, and that they fail when what is stored is not what was promised."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.model import load_model
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.checks import CONTRACT, FINDINGS
from retail_medallion.silver.shown import shown_key
from retail_medallion_tests.platform import QUIET, Platform, copied, days

DAYS = days(3)


def evaluated(platform: Platform, entity: str, wanted: Sequence[Any], *checks: str) -> dict[str, Any]:
    """Run checks of an entity for some days, alone, and give back their evaluations by name."""
    asset = keys.asset_key(platform.source, keys.SILVER, entity)
    selected = [dg.AssetCheckKey(asset, name) for name in checks]
    job = dg.define_asset_job("checks", dg.AssetSelection.checks(*selected), partitions_def=None)
    definitions = dg.Definitions.merge(platform.definitions, dg.Definitions(jobs=[job]))
    tags = {
        "dagster/asset_partition_range_start": str(wanted[0]),
        "dagster/asset_partition_range_end": str(wanted[-1]),
    }
    with platform.active():
        result = definitions.resolve_job_def("checks").execute_in_process(
            instance=platform.instance, tags=tags, run_config=QUIET, raise_on_error=False
        )
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


@pytest.fixture
def spoiled(loaded: Platform, postgres_server: EmbeddedPostgres) -> Iterator[Platform]:
    """A copy of a loaded platform."""
    with copied(loaded, postgres_server) as platform:
        yield platform


def test_each_run_leaves_the_numbers_of_its_days_with_every_entity(loaded: Platform) -> None:
    for entity in loaded.mappings[loaded.source].entities:
        found = evaluated(loaded, entity, DAYS, CONTRACT)[CONTRACT]
        assert found.passed, found.description
        [(read, accepted, rejected)] = loaded.ask(
            "SELECT sum(rows_read), sum(accepted), sum(rejected) FROM silver_meta.partition_state WHERE entity = %s",
            entity,
        )
        numbers = {name: found.metadata[name].value for name in ("rows_read", "accepted", "rejected")}
        assert numbers == {"rows_read": read, "accepted": accepted, "rejected": rejected}


def test_the_worst_rows_are_named_without_their_values(loaded: Platform) -> None:
    found = evaluated(loaded, "sale_items", DAYS, CONTRACT)[CONTRACT]
    records = found.metadata["worst_offenders"].records
    assert records
    assert set(records[0].data) == {"day", "block", "row", "key", "reasons"}
    for record in records:
        shown = {name: str(value) for name, value in record.data.items()}
        [(key, raw, mapped)] = loaded.ask(
            "SELECT source_key, raw, mapped FROM silver_quarantine.rejected_row WHERE entity = 'sale_items'"
            " AND partition_date = %s AND block = %s AND bronze_row = %s ORDER BY mapped_row LIMIT 1",
            *(shown["day"], shown["block"], shown["row"]),
        )
        # The key and the place in Bronze lead to the row; nothing else does.
        assert shown.pop("key") == (key or "")
        words = set(re.findall(r"[^\s;,]+", " ".join((shown["reasons"], shown["block"]))))
        values = {str(value) for value in [*raw.values(), *mapped.values()] if value not in (None, "", True, False)}
        assert values
        assert not {value for value in values if value in words or (len(value) > 6 and value in shown["reasons"])}


def test_a_key_that_is_contact_data_is_not_shown(spoiled: Platform) -> None:
    spoiled.execute("UPDATE silver_quarantine.rejected_row SET source_key = 'guest|ana@example.com|' || bronze_row")
    # Of each rule only the worst are shown: this one is alone.
    spoiled.execute("DELETE FROM silver_meta.finding WHERE entity = 'sale_items'")
    spoiled.execute(
        "INSERT INTO silver_meta.finding (source_system, entity, rule, id, scope, as_of_partition, expected, actual,"
        " severity) SELECT source_system, entity, rule, 'ana @ example.com', 'x', %s, 'b@example.com',"
        " '+49 171 1234567', 'warn' FROM silver_meta.finding_rule WHERE entity = 'sale_items' LIMIT 1",
        DAYS[0],
    )
    shown = evaluated(spoiled, "sale_items", DAYS, CONTRACT, FINDINGS)
    for check in (CONTRACT, FINDINGS):
        told = str([record.data for record in shown[check].metadata["worst_offenders"].records])
        assert "[e-mail]" in told
        assert "ana" not in told
        assert "@" not in told
        assert "1234567" not in told


def test_a_key_of_digits_is_hidden_only_where_the_rows_are_people() -> None:
    model = load_model()
    sales, customers = model.entity("sales"), model.entity("customers")
    assert shown_key(sales, "1000023456") == "1000023456"
    assert shown_key(customers, "0171 1234567") == "[phone]"
    assert shown_key(customers, "4711") == "4711"
    assert shown_key(sales, "anã@local") == "***"
    assert shown_key(sales, None) is None


def test_a_version_removed_behind_the_writers_back_breaks_the_contract(spoiled: Platform) -> None:
    spoiled.execute(
        "DELETE FROM silver_versions.sales WHERE (sale_id, partition_date) IN"
        " (SELECT sale_id, partition_date FROM silver_versions.sales LIMIT 1)"
    )
    found = evaluated(spoiled, "sales", DAYS, CONTRACT)[CONTRACT]
    assert not found.passed
    assert "versions stored" in (found.description or "")
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert found.blocking


def test_a_cent_changed_behind_the_writers_back_breaks_the_contract(spoiled: Platform) -> None:
    spoiled.execute(
        "UPDATE silver_versions.sales SET total_amount = total_amount + 0.01 WHERE (sale_id, partition_date) IN"
        " (SELECT sale_id, partition_date FROM silver_versions.sales WHERE op = 'U' LIMIT 1)"
    )
    found = evaluated(spoiled, "sales", DAYS, CONTRACT)[CONTRACT]
    assert not found.passed
    assert "total_amount accepted and stored" in (found.description or "")


def test_a_day_that_was_never_loaded_breaks_the_contract(spoiled: Platform) -> None:
    spoiled.execute("DELETE FROM silver_meta.partition_state WHERE entity = 'sales' AND partition_date = %s", DAYS[1])
    found = evaluated(spoiled, "sales", DAYS, CONTRACT)[CONTRACT]
    assert not found.passed
    assert str(DAYS[1]) in (found.description or "")


def test_findings_are_brought_up_to_date_and_warn(spoiled: Platform) -> None:
    spoiled.execute(
        "WITH gone AS (DELETE FROM silver.customers WHERE customer_id IN"
        " (SELECT customer_id FROM silver.sales WHERE NOT is_deleted AND customer_id IS NOT NULL LIMIT 1)"
        " RETURNING source_system, customer_id)"
        " INSERT INTO meta.pending (consumer, source_system, role, id)"
        " SELECT DISTINCT 'findings', source_system, c.role, customer_id FROM gone, meta.consumer c"
        " WHERE c.consumer = 'findings' AND c.entity = 'customers'"
    )
    found = evaluated(spoiled, "sales", DAYS, FINDINGS)[FINDINGS]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert not found.blocking
    rules = {record.data["rule"] for record in found.metadata["by_rule"].records}
    assert any("customer_id" in rule for rule in rules), rules
