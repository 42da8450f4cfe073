from __future__ import annotations

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.orchestration import keys
from retail_medallion_tests.platform import QUIET, Platform, copied, days

FOUND = "SELECT sum(findings) FROM gold.mart_data_quality"


def test_data_quality_has_the_findings_of_current_silver_where_no_check_looked_for_them(
    loaded: Platform, postgres_server: EmbeddedPostgres
) -> None:
    with copied(loaded, postgres_server) as platform:
        ((before,),) = platform.ask(FOUND)
        assert before > 0
        platform.execute("DELETE FROM silver_meta.finding")
        platform.execute("UPDATE silver_meta.finding_rule SET version = 'of another time'")
        with platform.active():
            result = platform.definitions.resolve_job_def(keys.daily_job("demo")).execute_in_process(
                instance=platform.instance,
                asset_selection=[keys.asset_key("demo", keys.GOLD, "mart_data_quality")],
                partition_key=str(days(3)[-1]),
                run_config=QUIET,
            )
        assert result.success
        assert platform.ask(FOUND) == [(before,)]
        assert platform.ask("SELECT count(*) FROM silver_meta.finding") == [(before,)]
