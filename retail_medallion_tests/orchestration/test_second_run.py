"""A second run of the same days does no work twice, and says so."""

from __future__ import annotations

import dagster as dg

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
    assert {(layer, s.days, s.unchanged) for (layer, _), s in summary.assets.items()} == {
        ("bronze", 3, 3),
        ("silver", 3, 3),
        ("gold", 3, 3),
    }
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
