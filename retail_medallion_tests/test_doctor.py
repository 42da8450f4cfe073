"""What `retail-medallion doctor` and `migrate` say and do, in a shell's words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from retail_medallion import migrations
from retail_medallion.cli import main
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.errors import SchemaDriftError
from retail_medallion.model import CanonicalModel, load_model
from retail_medallion.orchestration.resources import Warehouse
from retail_medallion_tests.platform import Platform, platform_on
from retail_medallion_tests.servers import FreshDatabase

LOOKED_AT = ("canonical model", "mapping demo", "source demo", "warehouse", "migration", "gold", "S3")


@pytest.fixture
def platform(
    postgres_server: EmbeddedPostgres, s3_server: EmbeddedS3, fresh_database: FreshDatabase, tmp_path: Path
) -> Iterator[Platform]:
    with platform_on(postgres_server, s3_server, fresh_database, tmp_path) as platform, platform.active():
        yield platform


def shell(*arguments: str, **variables: str) -> Result:
    with mock.patch.dict(os.environ, variables):
        return CliRunner().invoke(main, list(arguments))


def wrong(result: Result) -> list[str]:
    """What a doctor that found something names as wrong."""
    return [line.split()[1].rstrip(":") for line in result.stdout.splitlines() if line.startswith("WRONG")]


def prepare() -> None:
    Warehouse(load_model(), {}).prepare()


@pytest.mark.usefixtures("platform")
def test_where_all_is_well_the_doctor_has_a_line_for_each_thing_and_nothing_else() -> None:
    result = shell("doctor")
    assert result.exit_code == 0, result.output
    assert [line[6:].split(":")[0] for line in result.stdout.splitlines()] == list(LOOKED_AT)
    assert "the first run makes it" in result.stdout
    prepare()
    result = shell("doctor")
    assert result.exit_code == 0, result.output
    assert "migration: none is due" in result.stdout
    assert "gold: as declared" in result.stdout


@pytest.mark.usefixtures("platform")
def test_one_thing_that_is_wrong_does_not_hide_the_others(tmp_path: Path) -> None:
    result = shell("doctor", S3_BUCKET_NAME="no-such-bucket-anywhere", DEMO_DB_NAME="nowhere")
    assert result.exit_code == 1
    assert wrong(result) == ["source", "S3"]
    assert all(what in result.stdout for what in LOOKED_AT)
    assert wrong(shell("doctor", WAREHOUSE_DB_PORT="many")) == ["warehouse", "migration", "gold"]
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "demo.yml").write_text("mapping: v1\nsource: {code: demo}\n")
    result = shell("doctor", RETAIL_SOURCES_DIR=str(sources))
    assert wrong(result) == ["mapping"]
    assert "demo.yml" in result.stdout
    assert wrong(shell("doctor", RETAIL_SOURCES="nobody")) == ["mapping"]


@pytest.mark.usefixtures("platform")
def test_no_password_is_shown() -> None:
    result = shell("doctor", WAREHOUSE_DB_PASSWORD="not-the-password", DEMO_DB_HOST="127.0.0.1", DEMO_DB_PORT="1")
    assert wrong(result)[0] == "source"
    assert "not-the-password" not in result.output


def test_a_migration_that_is_due_is_named_by_the_doctor_and_the_run_and_done_by_migrate(platform: Platform) -> None:
    prepare()
    platform.execute("DROP VIEW silver.sale_items_history")
    platform.execute("ALTER TABLE silver.sale_items DROP COLUMN tax_rate")
    # Another model, as an update brings: what was found before does not count.
    platform.execute("DELETE FROM migrations.shape")
    line = "silver.sale_items.tax_rate: the column is missing (numeric(9, 6))"

    result = shell("doctor")
    assert result.exit_code == 1
    assert wrong(result) == ["migration"]
    assert line in result.stdout
    with pytest.raises(SchemaDriftError, match="retail-medallion migrate"):
        prepare()

    dry = shell("migrate", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert f"add: {line}" in dry.stdout
    assert shell("doctor").exit_code == 1

    done = shell("migrate")
    assert done.exit_code == 0, done.output
    assert f"add: {line}" in done.stdout
    assert "Done." in done.stdout
    assert shell("doctor").exit_code == 0
    assert "has the shape" in shell("migrate").stdout
    prepare()


def test_migrate_lists_what_needs_a_revision_and_fails(platform: Platform) -> None:
    prepare()
    platform.execute("ALTER TABLE silver.sale_items ADD COLUMN colour text")
    for arguments in (["migrate"], ["migrate", "--dry-run"]):
        result = shell(*arguments)
        assert result.exit_code == 1
        assert "silver.sale_items.colour: is not in the model" in result.stdout
        assert "Write a revision" in result.stderr
    assert "needs a revision written by hand" in shell("doctor").stdout


def test_migrate_also_shows_what_is_due_only_once_the_revisions_are_done(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare()
    migrate = migrations.migrate

    def revise_first(connection: sa.Connection, model: CanonicalModel, *, tell: Callable[[str], None]) -> None:
        connection.execute(sa.text("DROP INDEX silver.sale_items_by_sale_id"))
        migrate(connection, model, tell=tell)

    monkeypatch.setattr(migrations, "migrate", revise_first)
    platform.execute("COMMENT ON TABLE silver.sales IS 'something else'")
    shown = shell("migrate").stdout.splitlines()
    assert [line for line in shown if "index" in line] == [
        "silver.sale_items.sale_items_by_sale_id: the index is missing"
    ]
    assert len([line for line in shown if "another description" in line]) == 1, shown


def test_migrate_makes_an_empty_warehouse(platform: Platform) -> None:
    assert "Done." in shell("migrate").stdout
    assert platform.ask("SELECT count(*) FROM silver.sales") == [(0,)]
