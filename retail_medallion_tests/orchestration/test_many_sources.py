"""Several retailers in one Dagster instance: one whose server is taken away stops nobody else, and resumes."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from retail_medallion import config
from retail_medallion.definitions import build_definitions
from retail_medallion.embedded.home import Home
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.errors import ServiceUnavailableError, TransientError
from retail_medallion.mapping import Mapping, check_mapping, load_mappings
from retail_medallion.model import load_model
from retail_medallion.orchestration import launch
from retail_medallion.orchestration.io_managers import bronze_store
from retail_medallion.reconciliation import Comparison, Rows, against_bronze, partition_states
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion.storage.postgres.session import engine
from retail_medallion_tests.platform import QUIET, Platform, days, platform_on
from retail_medallion_tests.servers import FreshDatabase, create_database, fresh_database_on

DAYS = days(4)
CHUNKS = [DAYS[0:2], DAYS[2:4]]
LOST = "ledger"
LAYERS = 'key:"{0}/bronze/*" or key:"{0}/silver/*" or key:"{0}/gold/dim_supplier"'

SETTINGS = """
mapping: v1
source: {{code: {code}, tenant: {code}, owner: team:data, timezone: {zone}, currency: {currency}, country: {country},
  language: en, first_day: 2026-06-17}}
entities:
"""

# Tables with watermarks.
NORMAL = """
  suppliers:
    - block: firms
      extract: {table: firms, mode: snapshot, key: [id]}
      key: {supplier_id: "id"}
      columns: {supplier_name: "name"}
  customers:
    - block: people
      extract: {table: people, mode: changed, key: [id], watermark: changed_at}
      key: {customer_id: "id"}
      columns: {first_name: "given", last_name: "family", source_updated_at: "changed_at"}
"""
NORMAL_ROWS = """
CREATE TABLE firms (id int PRIMARY KEY, name text);
INSERT INTO firms VALUES (1, 'Wool and Sons'), (2, 'Glass');
CREATE TABLE people (id int PRIMARY KEY, given text, family text, changed_at timestamptz);
INSERT INTO people SELECT n, 'Ann ' || n, 'Lee', timestamptz '2026-06-17 09:00Z' + n * interval '8 hours'
FROM generate_series(0, 15) n;
"""

# One table of text columns for everybody, without a watermark.
JOURNAL = """
  suppliers:
    - block: vendors
      extract: {query: "SELECT no, label FROM party WHERE kind = 'V'", mode: compared, key: [no]}
      key: {supplier_id: "no"}
      columns: {supplier_name: "label"}
  customers:
    - block: clients
      extract: {query: "SELECT no, label FROM party WHERE kind = 'C'", mode: compared, key: [no]}
      key: {customer_id: "'client:' || no"}
      columns: {full_name: "label"}
    - block: visits
      extract: {table: visit, mode: appended, key: [no, at], watermark: at}
      key: {customer_id: "'visit:' || no"}
      columns: {full_name: "label", source_updated_at: "at"}
"""
JOURNAL_ROWS = """
CREATE TABLE party (no text, kind text, label text);
INSERT INTO party
SELECT 'P' || n, CASE WHEN n % 3 = 0 THEN 'V' ELSE 'C' END, 'party ' || n FROM generate_series(1, 30) n;
CREATE TABLE visit (no text, label text, at timestamp);
INSERT INTO visit SELECT 'W' || n % 7, 'visitor ' || n % 7, timestamp '2026-06-17 10:00' + n * interval '5 hours'
FROM generate_series(0, 25) n;
"""

# JSON documents.
DOCUMENTS = """
  suppliers:
    - block: partners
      extract: {table: document, mode: changed, key: [id], watermark: "(body ->> 'at')::timestamptz"}
      where: "body ->> '$.kind' = 'partner'"
      key: {supplier_id: "id"}
      columns: {supplier_name: "body ->> '$.name.en'", is_deleted: "body ->> '$.gone'"}
  customers:
    - block: accounts
      extract: {table: document, mode: changed, key: [id], watermark: "(body ->> 'at')::timestamptz"}
      where: "body ->> '$.kind' = 'account'"
      key: {customer_id: "id"}
      columns: {full_name: "body ->> '$.name.en'", email: "body ->> '$.mail'"}
"""
DOCUMENTS_ROWS = """
CREATE TABLE document (id uuid PRIMARY KEY, body jsonb);
INSERT INTO document SELECT md5(n::text)::uuid, jsonb_build_object(
    'kind', CASE WHEN n % 2 = 0 THEN 'partner' ELSE 'account' END, 'name', jsonb_build_object('en', 'name ' || n),
    'mail', 'n' || n || '@example.org', 'gone', n % 8 = 0,
    'at', to_char(timestamp '2026-06-17 11:00' + n * interval '6 hours', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
FROM generate_series(0, 22) n;
"""

SOURCES = {
    "alley": (NORMAL, NORMAL_ROWS, {"zone": "Europe/Paris", "currency": "EUR", "country": "FR"}),
    LOST: (JOURNAL, JOURNAL_ROWS, {"zone": "America/New_York", "currency": "USD", "country": "US"}),
    "mall": (DOCUMENTS, DOCUMENTS_ROWS, {"zone": "Asia/Tokyo", "currency": "JPY", "country": "JP"}),
}


@dataclass
class Retailers:
    """The databases of the retailers, one of them on a server of its own, and their mapping files."""

    databases: dict[str, FreshDatabase]
    own_server: EmbeddedPostgres
    mappings: dict[str, Mapping]

    def take_away(self) -> None:
        """Stop the server of the one."""
        with self.own_server.home.locked():
            self.own_server.stop()

    def give_back(self) -> None:
        """Start it again."""
        with self.own_server.home.locked():
            self.own_server.ensure_running()


@dataclass
class Together:
    """All retailers on one platform."""

    platform: Platform
    definitions: dg.Definitions
    failures: dict[tuple[str, dt.date], str] = field(default_factory=dict)

    def backfill(self) -> None:
        """Run the days of all retailers, some days of each at a time; what fails is noted and keeps nobody."""
        for part in CHUNKS:
            for source in SOURCES:
                self.run(source, part)

    def run(self, source: str, part: list[dt.date]) -> None:
        with self.platform.active():
            try:
                launch.materialise(
                    self.definitions, source, part, instance=self.platform.instance, selection=LAYERS.format(source)
                )
            except launch.RunFailedError as error:
                self.failures[source, part[0]] = str(error)

    def days_of(self, source: str) -> set[dt.date]:
        """Days that every entity of a source has in Silver."""
        found = self.platform.ask(
            "SELECT partition_date FROM silver_meta.partition_state WHERE source_system = %s"
            " GROUP BY 1 HAVING count(*) = 2",
            source,
        )
        return {day for (day,) in found}

    def disagreements(self, source: str) -> list[Comparison]:
        """Where the books of Silver, the objects on S3 and what the source counted differ."""
        with self.platform.active(), engine(config.warehouse_database()).connect() as connection:
            states = partition_states(connection, source)
            compared = against_bronze(bronze_store(), states, Rows(), defaultdict(Rows))
        assert compared
        return [one for one in compared if not one.holds]

    def rows_of(self, source: str) -> list[Any]:
        """What all days of a source made of it, in Silver and in Gold."""
        return [
            self.platform.ask(query, source)
            for query in (
                "SELECT to_jsonb(s) - 'ingested_at' FROM silver.suppliers s WHERE source_system = %s ORDER BY 1",
                "SELECT to_jsonb(s) - 'ingested_at' FROM silver.customers s WHERE source_system = %s ORDER BY 1",
                "SELECT to_jsonb(g) FROM gold.dim_supplier g WHERE source_system = %s ORDER BY 1",
            )
        ]


@pytest.fixture(scope="module")
def retailers(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailers]:
    folder = tmp_path_factory.mktemp("sources")
    for code, (entities, _, settings) in SOURCES.items():
        (folder / f"{code}.yml").write_text(SETTINGS.format(code=code, **settings).lstrip() + entities.lstrip("\n"))
    mappings = load_mappings(folder)
    model = load_model()
    for mapping in mappings.values():
        assert [str(problem) for problem in check_mapping(mapping, model) if problem.severity == "error"] == []
    home = Home(Path(tempfile.mkdtemp(prefix="retail_medallion_tests_own_")))
    server = EmbeddedPostgres(home, environ={}, durable=False)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home.path, ignore_errors=True)
        home.create()
        databases: dict[str, FreshDatabase] = {}
        made = Retailers(databases, server, mappings)
        stack.callback(made.take_away)
        made.give_back()
        for code, (_, rows, _) in SOURCES.items():
            if code == LOST:
                databases[code] = create_database(server, prefix=code)
            else:
                databases[code] = stack.enter_context(fresh_database_on(postgres_server, prefix=code))
            with contextlib.closing(databases[code].connect()) as connection, connection, connection.cursor() as cursor:
                cursor.execute(rows)
        yield made


@pytest.fixture
def new_together(
    retailers: Retailers, postgres_server: EmbeddedPostgres, s3_server: EmbeddedS3, tables: str, tmp_path: Path
) -> Iterator[Callable[[], Together]]:
    with contextlib.ExitStack() as stack:

        def make() -> Together:
            first = retailers.databases["alley"]
            platform = stack.enter_context(
                platform_on(postgres_server, s3_server, first, tmp_path, source="alley", template=tables)
            )
            for code, database in retailers.databases.items():
                server = retailers.own_server if code == LOST else postgres_server
                named = {"HOST": server.host, "PORT": str(server.port), "NAME": database.name, "USER": server.user}
                named["PASSWORD"] = server.password
                platform.variables.update({f"{code.upper()}_DB_{name}": value for name, value in named.items()})
            platform.variables["RETAIL_SOURCES"] = ",".join(SOURCES)
            with platform.active():
                return Together(platform, build_definitions(retailers.mappings))

        yield make
        retailers.give_back()


def test_a_retailer_whose_server_goes_in_mid_backfill_keeps_nobody_and_resumes(
    retailers: Retailers, new_together: Callable[[], Together], monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = new_together()
    undisturbed.backfill()
    assert undisturbed.failures == {}

    disturbed = new_together()
    with monkeypatch.context() as patched:
        # The second of the range's two days is being extracted when the server goes; its sessions go with it.
        patched.setattr(ParquetStore, "write", _then(retailers.take_away, after=f"{LOST}/customers/", day=CHUNKS[1][0]))
        disturbed.backfill()

    assert sorted(disturbed.failures) == [(LOST, CHUNKS[1][0])]
    [message] = disturbed.failures.values()
    assert "ServiceUnavailableError: The connection to PostgreSQL could not be made or was lost" in message
    assert f"{LOST}/bronze/customers" in message
    assert "check that the server is up and reachable, then run again" in message
    assert issubclass(ServiceUnavailableError, TransientError)
    for other in {*SOURCES} - {LOST}:
        assert disturbed.days_of(other) == {*DAYS}
        assert disturbed.rows_of(other) == undisturbed.rows_of(other)
    assert disturbed.days_of(LOST) == {*CHUNKS[0]}

    retailers.give_back()
    disturbed.failures.clear()
    disturbed.run(LOST, CHUNKS[1])
    assert disturbed.failures == {}
    assert disturbed.days_of(LOST) == {*DAYS}
    assert all(disturbed.rows_of(LOST))
    assert disturbed.rows_of(LOST) == undisturbed.rows_of(LOST)
    assert disturbed.platform.digests() == undisturbed.platform.digests()
    assert disturbed.disagreements(LOST) == []


def _then(act: Callable[[], None], *, after: str, day: dt.date) -> Callable[..., Any]:
    """`ParquetStore.write` that acts, once, after the object of some day is written."""
    original = ParquetStore.write
    done: list[str] = []

    def write(self: ParquetStore, key: str, *args: Any, **kwargs: Any) -> Any:
        info = original(self, key, *args, **kwargs)
        if after in key and f"={day}/" in key and not done:
            done.append(key)
            act()
        return info

    return write


def test_one_run_of_all_retailers_does_all_it_can_while_a_server_is_away(
    retailers: Retailers, new_together: Callable[[], Together]
) -> None:
    together = new_together()
    retailers.take_away()
    selected = dg.AssetSelection.from_string(" or ".join(LAYERS.format(source) for source in SOURCES))
    graph = together.definitions.resolve_asset_graph()
    with together.platform.active():
        result = together.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=together.platform.instance,
            partition_key=str(DAYS[0]),
            asset_selection=sorted(selected.resolve(graph)),
            raise_on_error=False,
            run_config=QUIET,
        )
    assert not result.success
    failed = {event.step_key.split("__")[0] for event in result.all_events if event.is_step_failure and event.step_key}
    assert failed == {LOST}
    assert {source: together.days_of(source) for source in SOURCES} == {
        source: set() if source == LOST else {DAYS[0]} for source in SOURCES
    }
