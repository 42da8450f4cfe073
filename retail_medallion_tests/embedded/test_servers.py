from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from retail_medallion.embedded import Servers, environment, ports
from retail_medallion.embedded.processes import ProcessIdentity, wait_until, working_in
from retail_medallion.errors import ConfigurationError

LISTENING = "0A"


@pytest.fixture
def servers(tmp_path):
    servers = Servers(tmp_path / "home", environ={})
    yield servers
    try:
        servers.down()
    finally:
        for process in remaining_in(servers):
            os.kill(process.pid, signal.SIGKILL)


def processes_of(servers: Servers) -> list[ProcessIdentity]:
    return [process for process in (servers.postgres.process, servers.s3.process) if process is not None]


def remaining_in(servers: Servers) -> list[ProcessIdentity]:
    return [*working_in(servers.postgres.data_directory.resolve()), *working_in(servers.s3.folder.resolve())]


def write_something(servers: Servers) -> None:
    with closing(servers.postgres.connect("retail_warehouse")) as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (number integer); INSERT INTO kept SELECT generate_series(1, 1000)")
    servers.s3.client().put_object(
        Bucket="retail-medallion", Key="retail/bronze/a=1/data.parquet", Body=b"x" * 100_000, Metadata={"rows": "7"}
    )


def read_it_again(servers: Servers) -> tuple[int, int, dict[str, str]]:
    with closing(servers.postgres.connect("retail_warehouse")) as session, session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kept")
        row = cursor.fetchone()
    found = servers.s3.client().get_object(Bucket="retail-medallion", Key="retail/bronze/a=1/data.parquet")
    return (row or (0,))[0], len(found["Body"].read()), found["Metadata"]


WRITTEN = (1000, 100_000, {"rows": "7"})


def listening_sockets(pid: int) -> set[str]:
    """Addresses, as the kernel writes them, on which a process listens."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = str(descriptor.readlink()) if descriptor.is_symlink() else ""
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in inodes:
                addresses.add(fields[1])
    return addresses


def answer_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - a loopback address of our own
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def run_up_elsewhere(home: Path) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys, pathlib, json\n"
        "from retail_medallion.embedded import Servers\n"
        "servers = Servers(pathlib.Path(sys.argv[1]), environ={}).up()\n"
        "print(json.dumps([[s.name, s.state, s.process, s.address] for s in servers.status()]))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=True, timeout=120
    )


def test_a_second_process_finds_the_servers_of_the_first(servers):
    servers.up()
    found = json.loads(run_up_elsewhere(servers.home.path).stdout)
    assert [entry[1] for entry in found] == ["running", "running"]
    assert [entry[2] for entry in found] == [process.pid for process in processes_of(servers)]


def test_servers_outlive_the_process_that_started_them_and_its_terminal(servers):
    first = json.loads(run_up_elsewhere(servers.home.path).stdout)
    assert [s.process for s in servers.status()] == [entry[2] for entry in first]
    assert all(os.getsid(process.pid) == process.pid for process in processes_of(servers))
    assert [s.state for s in servers.status()] == ["running", "running"]


def test_four_processes_that_start_at_once_get_one_pair_of_servers(servers):
    script = (
        "import sys, pathlib\n"
        "from retail_medallion.embedded import Servers\n"
        "print([s.process for s in Servers(pathlib.Path(sys.argv[1]), environ={}).up().status()])\n"
    )
    racing = [
        subprocess.Popen([sys.executable, "-c", script, str(servers.home.path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    seen = {process.communicate(timeout=120)[0] for process in racing}
    assert len(seen) == 1
    assert all(process.returncode == 0 for process in racing)


@pytest.mark.parametrize("seconds", [0.6, 1.2])
def test_a_start_that_was_killed_on_its_way_is_made_good_by_the_next(servers, seconds):
    script = (
        "import sys, pathlib\n"
        "from retail_medallion.embedded import Servers\n"
        "Servers(pathlib.Path(sys.argv[1]), environ={}).up()\n"
    )
    starting = subprocess.Popen([sys.executable, "-c", script, str(servers.home.path)])
    time.sleep(seconds)
    starting.kill()
    starting.wait()
    servers.up()
    assert [s.state for s in servers.status()] == ["running", "running"]
    servers.down()
    assert remaining_in(servers) == []


def test_after_a_kill_both_start_again_with_rows_and_objects(servers):
    servers.up()
    write_something(servers)
    before = processes_of(servers)
    ports_before = (servers.postgres.port, servers.s3.port)
    for process in before:
        os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not any(process.is_alive() for process in before), 5)
    assert [s.state for s in servers.status()] == ["stopped", "stopped"]
    servers.up()
    assert read_it_again(servers) == WRITTEN
    assert (servers.postgres.port, servers.s3.port) == ports_before


def test_a_session_that_computes_on_after_the_main_process_was_killed_does_not_hinder_the_next_start(servers):
    servers.up()
    main = servers.postgres.process
    with closing(servers.postgres.connect()) as session:
        session.cursor().execute("LOAD 'plpgsql'")
        busy = subprocess.Popen(
            [sys.executable, "-c", BUSY, servers.postgres.dsn("postgres")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert busy.stdout is not None
        busy.stdout.readline()
        os.kill(main.pid, signal.SIGKILL)
    assert wait_until(lambda: not main.is_alive(), 5)
    servers.up()
    assert servers.postgres.answers()
    busy.kill()
    busy.wait()
    busy.stdout.close()


BUSY = (
    "import sys, psycopg2\n"
    "cursor = psycopg2.connect(sys.argv[1]).cursor()\n"
    "print('ready', flush=True)\n"
    "cursor.execute('DO $$ DECLARE n bigint := 0; BEGIN LOOP n := n + 1; END LOOP; END $$')\n"
)


def test_down_leaves_no_process_and_keeps_the_data(servers):
    servers.up()
    write_something(servers)
    before = processes_of(servers)
    assert remaining_in(servers) != []
    servers.down()
    assert not any(process.is_alive() for process in before)
    assert remaining_in(servers) == []
    servers.up()
    assert read_it_again(servers) == WRITTEN


def test_servers_whose_record_was_lost_are_found_by_what_they_wrote_themselves(servers):
    servers.up()
    before = processes_of(servers)
    state = servers.home.path / "state.json"
    remembered = json.loads(state.read_text())
    state.write_text(json.dumps({name: {"port": entry["port"]} for name, entry in remembered.items()}))
    servers.up()
    assert processes_of(servers) == before
    state.unlink()
    servers.up()
    assert [process.is_alive() for process in before] == [False, False]
    assert [s.state for s in servers.status()] == ["running", "running"]


def test_two_homes_have_servers_of_their_own(servers, tmp_path):
    other = Servers(tmp_path / "other", environ={})
    try:
        servers.up()
        other.up()
        write_something(servers)
        numbers = {servers.postgres.port, servers.s3.port, other.postgres.port, other.s3.port}
        assert len(numbers) == 4
        assert "Contents" not in other.s3.client().list_objects_v2(Bucket="retail-medallion")
        other.down()
        assert [s.state for s in servers.status()] == ["running", "running"]
    finally:
        other.down()


def test_a_taken_port_is_left_alone_and_the_new_one_remembered(servers):
    servers.up()
    first = (servers.postgres.port, servers.s3.port)
    servers.down()
    with socket.create_server(("127.0.0.1", first[0])), socket.create_server(("127.0.0.1", first[1])):
        servers.up()
        moved = (servers.postgres.port, servers.s3.port)
        assert not set(moved) & set(first)
        servers.down()
    servers.up()
    assert (servers.postgres.port, servers.s3.port) == moved


def test_a_server_of_another_home_on_the_remembered_port_is_not_mistaken_for_ours(servers, tmp_path):
    other = Servers(tmp_path / "other", environ={})
    try:
        other.up()
        servers.home.create()
        (servers.home.path / "state.json").write_text((other.home.path / "state.json").read_text())
        assert not servers.postgres.answers()
    finally:
        (servers.home.path / "state.json").unlink(missing_ok=True)
        other.down()


def test_both_listen_on_loopback_only(servers):
    servers.up()
    # Listeners for other services than S3 would be opened after the S3 port.
    assert wait_until(lambda: answer_of(f"{servers.s3.endpoint_url}/_ministack/ready") == 200, 30)
    loopback = "0100007F"
    for server in (servers.postgres, servers.s3):
        assert listening_sockets(server.process.pid) == {f"{loopback}:{server.port:04X}"}
    assert "bind" not in servers.s3.log.read_text()


@pytest.mark.parametrize("port", ["5432", "80", "70000", "http", ""])
def test_ports_that_belong_to_others_are_refused(servers, port):
    if port:
        with pytest.raises(ConfigurationError, match="RETAIL_POSTGRES_PORT"):
            Servers(servers.home.path, environ={"RETAIL_POSTGRES_PORT": port}).up()
    else:
        assert 5432 not in set(ports.candidates(servers.home.path, 0, remembered=None))


def test_passwords_can_be_read_by_their_owner_alone(servers):
    servers.up()
    variables = environment(servers, {})
    secrets = [value for name, value in variables.items() if "PASSWORD" in name or "SECRET" in name]
    # Of the warehouse, Dagster, S3 and three demo retailers.
    assert len(secrets) == 6
    for file in (path for path in servers.home.path.rglob("*") if path.is_file()):
        if file.stat().st_mode & 0o077 and not file.is_relative_to(servers.postgres.data_directory):
            content = file.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), file
    for folder in (servers.postgres.data_directory, servers.s3.folder):
        assert folder.stat().st_mode & 0o077 == 0
    command_lines = [Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in processes_of(servers)]
    assert not any(secret.encode() in line for secret in secrets for line in command_lines)
