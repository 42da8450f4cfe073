"""What Dagster is told: keys, groups, kinds, tags, owners, dependencies, partitions, policies, columns."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from retail_medallion.definitions import build_definitions
from retail_medallion.errors import ConfigurationError
from retail_medallion.gold.registry import TABLES
from retail_medallion.mapping import Mapping, load_mappings
from retail_medallion.model import load_model
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.column_lineage import of_bronze, of_gold, of_silver, source_tables
from retail_medallion.orchestration.keys import source_table
from retail_medallion.orchestration.partitions import DAILY
from retail_medallion_tests.platform import dagster_home

DEMO_ENTITIES = set(load_model().entities)


@pytest.fixture(scope="module")
def mappings() -> dict[str, Mapping]:
    return load_mappings(only=["demo", "northwind"])


@pytest.fixture(scope="module")
def definitions(mappings: dict[str, Mapping]) -> dg.Definitions:
    return build_definitions(mappings)


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def assets_of(definitions: dg.Definitions) -> list[dg.AssetsDefinition]:
    return [asset for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition)]


def test_every_source_has_each_entity_in_bronze_and_silver_and_each_table_in_gold(specs, mappings):
    wanted = {f"shared/gold/{table.name}" for table in TABLES.values() if not table.has_source}
    for code, mapping in mappings.items():
        wanted |= {f"{code}/{layer}/{entity}" for entity in mapping.entities for layer in ("bronze", "silver")}
        wanted |= {f"{code}/gold/{table.name}" for table in TABLES.values() if table.has_source}
        tables = {table for entity in mapping.entities for table in source_tables(mapping, entity)}
        wanted |= {source_table(code, table).to_user_string() for table in tables}
    assert "source/demo/shop/order_lines" in wanted
    assert set(specs) == wanted
    assert {key.split("/")[2] for key in specs if key.startswith("demo/bronze/")} == DEMO_ENTITIES


def test_lineage_goes_from_the_source_to_bronze_to_silver_to_gold(specs, mappings):
    def deps(key: str) -> set[str]:
        return {dep.asset_key.to_user_string() for dep in specs[key].deps}

    for code, mapping in mappings.items():
        for entity in mapping.entities:
            tables = source_tables(mapping, entity)
            assert deps(f"{code}/bronze/{entity}") == {source_table(code, table).to_user_string() for table in tables}
            assert f"{code}/bronze/{entity}" in deps(f"{code}/silver/{entity}")
        for table in TABLES.values():
            if table.has_source:
                silver = {f"{code}/silver/{name}" for name in table.silver_inputs if name in mapping.entities}
                gold = {
                    f"{code}/gold/{name}" if TABLES[name].has_source else f"shared/gold/{name}"
                    for name in table.gold_inputs
                }
                assert deps(f"{code}/gold/{table.name}") == silver | gold
    # Which lines an order still has is told by the extract of the lines itself.
    assert deps("demo/silver/sale_items") == {"demo/bronze/sale_items"}
    assert deps("demo/gold/mart_daily_sales") == {"demo/gold/fct_sale", "demo/gold/fct_sale_item"}
    assert deps("demo/gold/dim_supplier") == {"demo/silver/suppliers"}


def test_every_asset_says_where_it_belongs_and_who_owns_it(specs, mappings):
    for key, spec in specs.items():
        if key.startswith("source/"):
            assert spec.group_name == f"{key.split('/')[1]}_source"
            continue
        source, layer, _ = key.split("/")
        assert spec.group_name == f"{source}_{layer}", key
        assert spec.kinds == ({"s3", "parquet"} if layer == "bronze" else {"postgres"}), key
        assert spec.description, key
        if source != "shared":
            assert (spec.tags["source"], spec.tags["layer"]) == (source, layer), key
            assert list(spec.owners) == [mappings[source].source.owner], key


def test_silver_and_gold_show_their_columns_with_meanings(specs):
    for key, spec in specs.items():
        source, layer, name = key.split("/")[:3]
        if layer == "bronze" or source in {"shared", "source"}:
            continue
        schema = spec.metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema), key
        assert schema.columns, key
        if layer == "gold":
            assert [c.name for c in schema.columns] == [c.name for c in TABLES[name].columns]
            assert all(column.description for column in schema.columns), key


def test_all_daily_assets_share_one_partitions_definition_and_take_a_range_in_one_run(definitions):
    assets = assets_of(definitions)
    assert len(assets) > 40
    whole = {table.name for table in TABLES.values() if table.is_whole}
    for asset in assets:
        assert asset.key.path[-1] in whole or asset.partitions_def is DAILY
        assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_no_asset_is_stored_by_a_pickling_io_manager(definitions):
    resources = dict(definitions.resources or {})
    # Dagster's default, which pickles to disk, is what an asset gets that names no IO manager.
    assert "io_manager" not in resources
    for asset in assets_of(definitions):
        named = {output.io_manager_key for output in asset.op.output_defs}
        layer = asset.key.path[1]
        assert named == {"bronze_io_manager" if layer == "bronze" else "warehouse_io_manager"}
    names = {type(resources[name]).__name__ for name in ("bronze_io_manager", "warehouse_io_manager")}
    assert names == {"S3ParquetIOManager", "PostgresIOManager"}


def test_a_mart_over_the_whole_history_has_no_days(definitions):
    whole = {table.name for table in TABLES.values() if table.is_whole}
    for asset in assets_of(definitions):
        assert (asset.partitions_def is None) == (asset.key.path[-1] in whole)


def test_each_column_of_gold_leads_back_to_columns_of_the_sources_tables(mappings):
    mapping, model = mappings["demo"], load_model()
    column = of_gold(mapping, TABLES["fct_sale_item"]).deps_by_column["net_revenue"]
    line = keys.asset_key("demo", keys.SILVER, "sale_items")
    assert dg.TableColumnDep(line, "gross_amount") in column
    silver = of_silver(mapping, model.entity("sale_items")).deps_by_column["gross_amount"]
    bronze = keys.asset_key("demo", keys.BRONZE, "sale_items")
    assert dg.TableColumnDep(bronze, "gross") in silver
    origins = of_bronze(mapping, model.entity("sale_items")).deps_by_column["gross"]
    assert list(origins) == [dg.TableColumnDep(source_table("demo", "shop.order_lines"), "gross")]


def test_each_source_has_a_daily_job_of_its_own_assets(definitions, specs):
    for source in ("demo", "northwind"):
        job = definitions.resolve_job_def(f"{source}_daily")
        selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
        assert selected == {key for key in specs if key.startswith(f"{source}/")}
        assert job.partitions_def == DAILY


@pytest.mark.slow
def test_dagster_validates_the_definitions(tmp_path: Path):
    # No variable of any server is set: a missing one breaks the step that needs it, not the code location.
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("WAREHOUSE_", "DEMO_", "AWS_", "S3_", "RETAIL_"))}
    home = dagster_home(tmp_path)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    command = [str(Path(sys.executable).parent / "dagster"), "definitions", "validate"]
    done = subprocess.run(
        [*command, "-m", "retail_medallion.definitions"],
        env={**kept, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_code_location_can_be_limited_to_some_sources(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RETAIL_SOURCES", " northwind ,")
    assert {spec.key.path[0] for spec in build_definitions().resolve_all_asset_specs()} == {
        "northwind",
        "shared",
        "source",
    }
    monkeypatch.setenv("RETAIL_SOURCES", "demo,nobody")
    with pytest.raises(ConfigurationError, match="nobody"):
        build_definitions()


def test_mapping_files_of_another_directory_replace_those_shipped(
    mappings: dict[str, Mapping], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    text = Path(mappings["northwind"].path).read_text().replace("code: northwind", "code: another")
    (tmp_path / "another.yml").write_text(text)
    monkeypatch.delenv("RETAIL_SOURCES", raising=False)
    monkeypatch.setenv("RETAIL_SOURCES_DIR", str(tmp_path))
    assert {spec.key.path[0] for spec in build_definitions().resolve_all_asset_specs()} == {
        "another",
        "shared",
        "source",
    }
