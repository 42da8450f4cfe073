"""The quarantine command on a platform with planted faults."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from retail_medallion.cli import main
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.orchestration import launch
from retail_medallion_tests.platform import Platform, copied, days, process_environment

FIRST, SECOND, LAST = days(3)


def quarantine(platform: Platform, *arguments: str) -> str:
    with platform.active():
        result = CliRunner().invoke(main, ["quarantine", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_rejected_row_is_counted_under_its_reasons(loaded: Platform):
    listed = quarantine(loaded, "list")
    kinds = loaded.ask("SELECT entity, day, rule, count(*) FROM silver_quarantine.readable GROUP BY 1, 2, 3")
    assert len(kinds) > 3
    lines = [line for line in listed.splitlines() if "demo" in line]
    for entity, day, rule, count in kinds:
        assert any(entity in line and str(day) in line and rule in line and str(count) in line for line in lines)


def test_filters_leave_only_what_fits(loaded: Platform):
    (entity, rule, day, count), *_ = loaded.ask(
        "SELECT entity, rule, day, count(*) FROM silver_quarantine.readable GROUP BY 1, 2, 3 ORDER BY 4 DESC"
    )
    only = ("--source", "demo", "--entity", entity, "--rule", rule)
    lines = [line for line in quarantine(loaded, "list", *only, "--day", str(day)).splitlines() if "demo" in line]
    assert [rule in line and entity in line for line in lines] == [True] * len(lines) != []
    assert f" {count} " in lines[0]
    assert "No rejected rows" in quarantine(loaded, "list", "--source", "nobody")
    assert "No rejected rows" in quarantine(loaded, "list", "--from", "2026-07-01", "--to", "2026-07-02")
    with loaded.active():
        result = CliRunner().invoke(main, ["quarantine", "list", "--day", str(day), "--from", str(day)])
    assert result.exit_code == 1
    assert "contradict" in result.stderr


def test_a_row_is_shown_with_its_reasons_both_its_forms_and_where_it_is_in_bronze(loaded: Platform):
    (entity, day, key, block, row, reason, bronze), *_ = loaded.ask(
        "SELECT entity, day, key, block, bronze_row, reason, bronze_object FROM silver_quarantine.readable"
        " WHERE key IS NOT NULL ORDER BY 1, 2, 3"
    )
    assert bronze in loaded.objects()
    shown = quarantine(loaded, "show", "--entity", entity, "--day", str(day), "--key", key, "--block", block)
    assert reason in shown
    assert f"Bronze object {bronze}, row {row} (from 0)" in shown
    ((raw, mapped),) = loaded.ask(
        "SELECT raw, mapped FROM silver_quarantine.rejected_row"
        " WHERE entity = %s AND partition_date = %s AND block = %s AND bronze_row = %s",
        *(entity, day, block, row),
    )
    heading = next(line for line in shown.splitlines() if "in the source" in line)
    assert "as mapped, before cleaning" in heading
    words = shown.replace("│", " ").split()
    assert set(raw) <= set(words)
    assert set(mapped) <= set(words)


def test_a_row_that_is_not_there_is_an_error(loaded: Platform):
    with loaded.active():
        result = CliRunner().invoke(main, ["quarantine", "show", "--key", "no such key"])
    assert result.exit_code == 1
    assert "no such rejected row" in result.stderr


@pytest.fixture
def spoiled(loaded: Platform, postgres_server: EmbeddedPostgres) -> Iterator[Platform]:
    """A copy whose quarantine has a row too many on the days with rejected rows, and no source to read."""
    with copied(loaded, postgres_server) as copy:
        copy.execute(
            "INSERT INTO silver_quarantine.rejected_row"
            " SELECT source_system, entity, partition_date, block, bronze_row, 999, source_key, raw, mapped, reasons,"
            " load_id FROM silver_quarantine.rejected_row"
        )
        copy.execute("UPDATE silver_meta.partition_state SET load_id = gen_random_uuid()")
        copy.variables["DEMO_DB_NAME"] = "nowhere"
        yield copy


@pytest.mark.slow
def test_a_replay_takes_the_days_through_silver_again_without_the_source(
    spoiled: Platform, loaded: Platform, postgres_server: EmbeddedPostgres
):
    before = spoiled.digests()
    assert before != loaded.digests()
    entities = {entity for (entity,) in loaded.ask("SELECT DISTINCT entity FROM silver_quarantine.rejected_row")}
    with process_environment(spoiled, postgres_server) as environment:
        command = [str(Path(sys.executable).parent / "retail-medallion"), "quarantine", "replay", "--gold"]
        done = subprocess.run(
            [*command, "--source", "demo"], env=environment, capture_output=True, text=True, timeout=280, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    without_books = {t: d for t, d in spoiled.digests().items() if "partition_state" not in t}
    assert without_books == {t: d for t, d in loaded.digests().items() if "partition_state" not in t}
    left = spoiled.ask("SELECT count(*) FROM silver_quarantine.rejected_row")
    assert f"{left[0][0]} rejected rows are left" in done.stdout
    assert "--select 'key:\"demo/silver/" in done.stdout
    for entity in entities:
        assert f"demo/silver/{entity}" in done.stdout
    # Only the days with rejected rows were taken again.
    same = "SELECT count(*) FROM silver_meta.partition_state p WHERE NOT EXISTS (SELECT FROM silver_meta.load l"
    untouched = spoiled.ask(f"{same} WHERE l.load_id = p.load_id)")[0][0]
    replayed = spoiled.ask("SELECT count(DISTINCT (entity, partition_date)) FROM silver_quarantine.rejected_row")[0][0]
    total = spoiled.ask("SELECT count(*) FROM silver_meta.partition_state")[0][0]
    assert untouched == total - replayed > 0


def test_days_are_cut_into_runs_without_gaps_that_want_the_same():
    same, other = frozenset({"sales"}), frozenset({"sales", "customers"})
    assert launch.consecutive({FIRST: same, SECOND: same, LAST: other}) == [([FIRST, SECOND], same), ([LAST], other)]
    assert launch.consecutive({LAST: same, FIRST: same}) == [([FIRST], same), ([LAST], same)]
