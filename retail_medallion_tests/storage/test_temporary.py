"""What a killed process leaves in the temporary folder is removed by the next one, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from retail_medallion.storage.temporary import remove_abandoned, temporary_folder

HOLD = """
import sys
from retail_medallion.storage.parquet_file import workspace
with workspace() as folder:
    (folder / "rows.parquet").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


def start(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a workspace until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env={**os.environ, "TMPDIR": str(parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("")
    assert process.returncode == 0


def test_the_next_process_removes_what_a_killed_one_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    living, kept = start(tmp_path)
    killed, left = start(tmp_path)
    assert f"-{killed.pid}-" in left.name
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert (left / "rows.parquet").exists()

    next_one, own = start(tmp_path)
    assert not left.exists()
    assert (kept / "rows.parquet").exists()
    end(next_one)
    assert not own.exists()
    end(living)
    assert list(tmp_path.iterdir()) == []


def test_folders_of_this_process_are_its_own_however_many(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as one, temporary_folder(tmp_path) as other:
        assert remove_abandoned(tmp_path) == []
        assert one.is_dir()
        assert other.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_only_folders_of_this_host_that_were_once_held_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("socket.gethostname", lambda: "elsewhere")
        with temporary_folder(tmp_path) as folder:
            elsewhere = tmp_path / f"{folder.name}x"
    with temporary_folder(tmp_path) as folder:
        being_made, link, abandoned = (tmp_path / f"{folder.name}{suffix}" for suffix in "abc")
    target = tmp_path / "precious"
    for made in (elsewhere, abandoned, target):
        made.mkdir()
        (made / ".lock").touch()
    being_made.mkdir()
    link.symlink_to(target)
    unrelated = tmp_path / "retail_medallion_other"
    unrelated.mkdir()
    assert remove_abandoned(tmp_path) == [abandoned.name]
    assert sorted(tmp_path.iterdir()) == sorted([elsewhere, being_made, link, target, unrelated])
    os.utime(being_made, (0, 0))
    assert remove_abandoned(tmp_path) == [being_made.name]
