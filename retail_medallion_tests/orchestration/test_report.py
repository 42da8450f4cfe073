"""What people look at: the pictures in the metadata of the marts, and the page with all of them."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from retail_medallion.cli import main
from retail_medallion.orchestration.pictures import DRAWN
from retail_medallion_tests.platform import Platform

PICTURE = re.compile(r"!\[\w+\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)")


def test_a_run_shows_a_picture_of_each_mart_that_has_one(loaded: Platform) -> None:
    first = loaded.instance.get_runs()[-1]
    shown = {}
    for entry in loaded.instance.all_logs(first.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.asset_materialization
        if event is not None and "picture" in event.metadata:
            found = PICTURE.fullmatch(str(event.metadata["picture"].value))
            assert found is not None
            shown[event.asset_key.path[-1]] = base64.b64decode(found[1])
    assert set(shown) == set(DRAWN)
    assert all(picture.startswith(b"\x89PNG") for picture in shown.values())


def test_the_report_is_one_page_that_needs_no_network(loaded: Platform, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    with loaded.active():
        done = CliRunner().invoke(main, ["report", "--source", "demo", "--output", str(target)])
    assert done.exit_code == 0, done.output
    page = target.read_text(encoding="utf-8")
    assert page.count("<svg") == len(DRAWN)
    assert set(re.findall(r'(?:src|href)="([^#"]*)', page)) == set()
    assert "@import" not in page
    (sales,) = loaded.ask(
        "SELECT sum(sale_count)::text FROM gold.mart_store_day m JOIN gold.dim_source s USING (source_key)"
        " WHERE s.source_system = 'demo' AND m.currency_code = 'EUR'"
        " AND m.sale_date > (SELECT max(partition_date) - 7 FROM silver_meta.partition_state)"
    )
    assert f"<span>Sales</span><b>{int(sales[0]):,}</b>" in page


@pytest.mark.parametrize("arguments", [["--source", "nobody"]])
def test_a_report_on_nothing_says_what_to_do(loaded: Platform, tmp_path: Path, arguments: list[str]) -> None:
    target = tmp_path / "page.html"
    with loaded.active():
        done = CliRunner().invoke(main, ["report", *arguments, "--output", str(target)])
    assert done.exit_code == 1
    assert "retail-medallion run --source" in done.output + (done.stderr or "")
    assert not target.exists()
