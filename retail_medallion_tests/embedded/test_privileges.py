from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import retail_medallion
from retail_medallion.embedded import Servers, binaries, postgres, privileges
from retail_medallion.embedded.postgres import binary
from retail_medallion.embedded.processes import working_in
from retail_medallion.errors import ServiceUnavailableError

NOBODY = 65534
CHECKOUT = Path(retail_medallion.__file__).parents[1]
ROUND = """
import os, pathlib, sys
from contextlib import closing
from retail_medallion.embedded import Servers
servers = Servers(pathlib.Path(sys.argv[1]), environ={}).up()
with closing(servers.postgres.connect("retail_demo")) as session:
    session.cursor().execute("CREATE TABLE IF NOT EXISTS kept (number integer)")
servers.s3.client().put_object(Bucket="retail-medallion", Key="kept", Body=b"x")
print(os.geteuid(), *(entry.state for entry in servers.status()))
servers.down()
print(*(entry.state for entry in servers.status()))
"""

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="retail_privileges_"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def unprivileged_python() -> list[str]:
    """A command that runs Python without root's rights.

    As the user nobody, with an interpreter of this version which that user can reach; else with this interpreter in a
    user namespace without any capability.
    """
    unshare, setpriv = shutil.which("unshare"), shutil.which("setpriv")
    if setpriv:
        prefix = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
            command = [*prefix, "/bin/sh", "-c", f"exec {python} -c ''"]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return [*prefix, python]
    if unshare:
        return [unshare, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", sys.executable]
    pytest.skip("neither setpriv nor unshare is here")


def test_an_ordinary_user_starts_and_stops_both(open_folder):
    python = [sys.executable]
    if os.geteuid() == 0:
        python = unprivileged_python()
        if "setpriv" in python[0]:
            os.chown(open_folder, NOBODY, NOBODY)
    done = subprocess.run(
        [*python, "-c", ROUND, str(open_folder / "home")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), *sys.path]))},
        cwd=open_folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.split()[1:] == ["running", "running"]
    assert first.split()[0] != "0"
    assert second.split() == ["stopped", "stopped"]


@root_only
def test_root_runs_postgres_in_a_namespace_below_a_closed_folder(tmp_path):
    if not privileges._namespace_prefix():
        pytest.skip("user namespaces are forbidden here")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    servers = Servers(closed / "home", environ={})
    try:
        process = servers.up().postgres.process
        assert process is not None
        assert Path(f"/proc/{process.pid}/uid_map").read_text().split() == [str(NOBODY), "0", "1"]
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        servers.down()


@root_only
@pytest.mark.parametrize("home_is_reachable", [True, False])
def test_without_namespaces_root_hands_postgres_to_nobody(monkeypatch, open_folder, tmp_path, home_is_reachable):
    monkeypatch.setattr(privileges, "_namespace_prefix", tuple)
    home = (open_folder if home_is_reachable else tmp_path) / "home"
    servers = Servers(home, environ={})
    data = servers.postgres.data_directory
    try:
        process = servers.up().postgres.process
        assert process is not None
        assert Path(f"/proc/{process.pid}").stat().st_uid == NOBODY
        assert data.is_relative_to(home) is home_is_reachable
        assert data.stat().st_uid == NOBODY
        with closing(servers.postgres.connect("retail_demo")) as session:
            session.cursor().execute("CREATE TABLE kept (number integer)")
        servers.down()
        assert working_in(data) == []
        monkeypatch.undo()
        with closing(Servers(home, environ={}).up().postgres.connect("retail_demo")) as session:
            session.cursor().execute("TABLE kept")
    finally:
        servers.down()
        if not home_is_reachable:
            shutil.rmtree(data.parent)


@root_only
def test_programs_that_nobody_cannot_reach_are_copied_with_their_libraries(monkeypatch, open_folder):
    monkeypatch.setattr(privileges, "_namespace_prefix", tuple)
    monkeypatch.setattr(postgres, "is_reachable_by_others", lambda path: binaries._package_folder() not in path.parents)
    servers = Servers(open_folder / "home", environ={})
    outside = servers.postgres._outside
    try:
        process = servers.up().postgres.process
        assert process is not None
        assert outside in Path(f"/proc/{process.pid}/exe").readlink().parents
        assert outside not in binary("postgres").parents
    finally:
        servers.down()
        shutil.rmtree(outside)


def test_a_server_that_cannot_start_says_so_with_its_log(tmp_path):
    servers = Servers(tmp_path / "home", environ={})
    servers.up()
    servers.down()
    (servers.postgres.data_directory / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServiceUnavailableError, match="no_such_setting"):
        servers.up()
    servers.down()
