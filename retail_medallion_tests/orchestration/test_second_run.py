"""A second run of the same days does no work twice, and says so."""

from __future__ import annotations

import dagster as dg

from retail_medallion.gold.registry import TABLES
from retail_medallion.orchestration.session import Session
from retail_medallion_tests.platform import Platform, days


def test_a_second_run_writes_nothing_and_says_so(loaded: Platform):
    objects, digests = loaded.objects(), loaded.digests()
    run = loaded.materialise(days(3))
    assert loaded.objects() == objects
    assert loaded.digests() == digests
    session = Session(loaded.mappings, loaded.instance, loaded.definitions)
    summary = session.summary(loaded.source, run)
    assert summary.is_unchanged
    for (_, name), asset in summary.assets.items():
        days_of_asset = 1 if name in TABLES and TABLES[name].is_whole else 3
        assert (asset.days, asset.unchanged) == (days_of_asset, days_of_asset), name
    assert {layer for layer, _ in summary.assets} == {"bronze", "silver", "gold"}
    for entry in loaded.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        told = entry.asset_materialization
        assert told is not None
        metadata = {name: value.value for name, value in told.metadata.items()}
        if told.asset_key.path[1] == "bronze":
            assert metadata["objects_written"] == 0
        else:
            assert metadata["skipped"] is True
        if told.asset_key.path[1] == "gold":
            assert (metadata["written"], metadata["removed"]) == (0, 0)


def test_a_first_run_is_not_called_unchanged(loaded: Platform):
    first = loaded.instance.get_runs()[-1]
    session = Session(loaded.mappings, loaded.instance, loaded.definitions)
    assert not session.summary(loaded.source, first).is_unchanged  # type: ignore[arg-type] # both have a run_id


def test_the_last_day_of_a_run_tells_where_each_column_comes_from(loaded: Platform):
    first = loaded.instance.get_runs()[-1]
    told = {}
    for entry in loaded.instance.all_logs(first.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.asset_materialization
        if event is not None and "dagster/column_lineage" in event.metadata:
            assert event.partition in {days(3)[-1].isoformat(), None}
            lineage = event.metadata["dagster/column_lineage"].value
            assert isinstance(lineage, dg.TableColumnLineage)
            told[event.asset_key.path[-1]] = lineage
    assert {*TABLES, "sales"} - {"dim_date"} <= set(told)
    fact, sales = dg.AssetKey(["demo", "gold", "fct_sale"]), dg.AssetKey(["demo", "silver", "sales"])
    assert dg.TableColumnDep(fact, "sale_key") in told["fct_sale_item"].deps_by_column["sale_key"]
    assert dg.TableColumnDep(sales, "channel") in told["fct_sale"].deps_by_column["channel"]
