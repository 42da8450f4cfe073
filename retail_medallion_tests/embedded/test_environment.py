from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import boto3
import psycopg2
import pytest
import yaml
from psycopg2 import sql

from retail_medallion.embedded import Servers, default_home, environment
from retail_medallion.embedded.dumps import restore_dump
from retail_medallion.embedded.postgres import binary
from retail_medallion.errors import DataContractError
from retail_medallion_tests.servers import session_home, session_servers


@pytest.fixture
def servers():
    return session_servers().up()


@pytest.mark.parametrize("group", ["WAREHOUSE_DB", "DEMO_DB", "DEMO_JOURNAL_DB", "DEMO_DOCUMENTS_DB", "DAGSTER_PG"])
def test_each_database_is_reachable_with_its_variables_and_owned_by_its_role(servers, group):
    variables = environment(servers, {})
    name = variables.get(f"{group}_NAME") or variables["DAGSTER_PG_DB"]
    with closing(
        psycopg2.connect(
            host=variables[f"{group}_HOST"],
            port=variables[f"{group}_PORT"],
            user=variables[f"{group}_USER"],
            password=variables[f"{group}_PASSWORD"],
            dbname=name,
        )
    ) as session:
        cursor = session.cursor()
        cursor.execute("SELECT current_database(), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)")
        assert cursor.fetchone() == (name, False)
        cursor.execute("CREATE EXTENSION btree_gist")
        cursor.execute("SELECT current_setting('timezone'), current_setting('wal_level'), getdatabaseencoding()")
        assert cursor.fetchone() == ("UTC", "logical", "UTF8")


def test_plain_boto3_reaches_the_bucket_with_the_variables_alone(servers, monkeypatch):
    for name, value in environment(servers, {}).items():
        monkeypatch.setenv(name, value)
    client = boto3.session.Session().client("s3")
    client.put_object(Bucket=os.environ["S3_BUCKET_NAME"], Key="retail/there", Body=b"")
    assert client.list_objects_v2(Bucket=os.environ["S3_BUCKET_NAME"], Prefix="retail/")["KeyCount"] == 1
    client.delete_object(Bucket=os.environ["S3_BUCKET_NAME"], Key="retail/there")


def test_a_variable_that_names_another_server_wins_and_its_group_is_left_alone(servers):
    outside = {"WAREHOUSE_DB_HOST": "db.example.com", "AWS_ENDPOINT_URL": "https://s3.example.com"}
    variables = environment(servers, outside)
    assert not [name for name in variables if name.startswith(("WAREHOUSE_DB", "AWS_", "S3_BUCKET"))]
    assert variables["DEMO_DB_HOST"] == "127.0.0.1"
    entries = Servers(session_home(), environ=outside).status()
    assert [(e.name, e.state) for e in entries] == [
        ("postgres", "running"),
        ("postgres", "external"),
        ("s3", "external"),
    ]
    assert entries[1].detail == "Silver and Gold: WAREHOUSE_DB_HOST is set"


def test_nothing_is_started_when_embedded_servers_are_switched_off(tmp_path):
    servers = Servers(tmp_path / "home", environ={"RETAIL_EMBEDDED": "0"}).up()
    assert {entry.state for entry in servers.status()} == {"external"}
    assert not servers.postgres.folder.exists()
    assert not servers.s3.folder.exists()
    assert set(environment(servers, {"RETAIL_EMBEDDED": "0"})) == {"RETAIL_HOME", "S3_PREFIX", "DAGSTER_HOME"}


def test_a_shell_that_has_the_variables_already_still_counts_as_embedded(servers):
    variables = environment(servers, {})
    assert environment(servers, variables) == variables
    assert {entry.state for entry in Servers(session_home(), environ=variables).status()} == {"running"}


@pytest.mark.parametrize(
    ("known", "external"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}, False),
        ({"S3_BUCKET_NAME": "mine"}, False),
        ({"S3_BUCKET_NAME": "mine", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}, True),
        ({"S3_BUCKET_NAME": "mine", "AWS_PROFILE": "work"}, True),
    ],
)
def test_amazon_is_meant_when_a_bucket_and_credentials_are_named(servers, known, external):
    variables = environment(servers, known)
    assert ("AWS_ENDPOINT_URL" not in variables) is external
    assert external or variables["AWS_ACCESS_KEY_ID"] != known.get("AWS_ACCESS_KEY_ID")


def test_the_shell_file_carries_the_variables_through_quoting(servers):
    home = servers.home.path
    assert (home / "environment.sh").stat().st_mode & 0o777 == 0o600
    command = f". {home}/environment.sh && env -0"
    listing = subprocess.run(["/bin/sh", "-c", command], env={}, capture_output=True, check=True).stdout.decode()
    exported = dict(entry.split("=", 1) for entry in listing.split("\0") if entry)
    assert environment(servers, {}).items() <= exported.items()


def test_dagsters_home_holds_the_template(servers):
    template = Path(environment(servers, {})["DAGSTER_HOME"]) / "dagster.yaml"
    settings = yaml.safe_load(template.read_text())
    assert settings["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"
    assert settings["telemetry"] == {"enabled": False}


def test_dagster_stores_a_run_in_the_embedded_database(servers):
    script = (
        "import dagster as dg\n"
        "@dg.asset\n"
        "def number() -> int: return 1\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    dg.materialize([number], instance=instance)\n"
        "    print(instance.get_runs_count(), instance.run_monitoring_enabled, instance.telemetry_enabled)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], **environment(servers, {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == ["1", "True", "False"]


def test_the_home_is_beside_workspace_yaml_unless_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "workspace.yaml").touch()
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    assert default_home({}) == tmp_path / ".retail_medallion"
    assert default_home({"RETAIL_HOME": "/elsewhere"}) == Path("/elsewhere")


def test_a_dump_is_restored_whole_or_not_at_all(postgres_server, fresh_database, tmp_path):
    with closing(fresh_database.connect()) as session, session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE sale (id integer PRIMARY KEY); INSERT INTO sale SELECT generate_series(1, 500)")
    dump = tmp_path / "shop.dump"
    command = [str(binary("pg_dump")), "--format=custom", f"--file={dump}", "--dbname", fresh_database.dsn]
    subprocess.run(command, check=True)
    copy = f"{fresh_database.name}_copy"
    try:
        restore_dump(postgres_server, dump, copy)
        with pytest.raises(DataContractError, match="exists already"):
            restore_dump(postgres_server, dump, copy)
        restore_dump(postgres_server, dump, copy, replace=True)
        with closing(postgres_server.connect(copy)) as session, session.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sale")
            assert cursor.fetchone() == (500,)
        damaged = tmp_path / "damaged.dump"
        damaged.write_bytes(dump.read_bytes()[:-200])
        with pytest.raises(DataContractError, match="cannot be restored"):
            restore_dump(postgres_server, damaged, copy, replace=True)
        with closing(postgres_server.connect()) as session, session.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", (copy,))
            assert cursor.fetchone() == (0,)
    finally:
        with closing(postgres_server.connect()) as session, session.cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(copy)))
