"""Temporary folders that do not outlive their process for long, even where it is killed.

A folder is held by a lock that the operating system lets go when the process ends, however it ends. A folder whose lock
can be taken is nobody's any more; the next process that needs one removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "retail_medallion-"
_LOCK_FILE = ".lock"
_UNFINISHED_SECONDS = 3600.0

_looked_through: set[str] = set()
_looking = threading.Lock()


@contextmanager
def temporary_folder(parent: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """A private folder that is gone afterwards, named `retail_medallion-<host>-<pid>-<random>`.

    The first call of a process for a parent folder removes there what killed processes of this user and host left.

    Args:
        parent: Where to make it; the system's temporary folder where None.
    """
    place = tempfile.gettempdir() if parent is None else os.fspath(parent)
    with _looking:
        if place not in _looked_through:
            _looked_through.add(place)
            remove_abandoned(place)
    with (
        tempfile.TemporaryDirectory(prefix=f"{_prefix_of_host()}{os.getpid()}-", dir=place) as name,
        _held(Path(name)),
    ):
        yield Path(name)


def remove_abandoned(parent: str | os.PathLike[str]) -> list[str]:
    """Remove the folders that killed processes of this user and host left in a folder.

    Returns:
        Their names.
    """
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        # Locks of another host need not be visible here.
        ours = [entry for entry in entries if entry.name.startswith(_prefix_of_host())]
        return [entry.name for entry in ours if _remove_if_abandoned(entry)]
    return []


def _remove_if_abandoned(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
        if not entry.is_dir(follow_symlinks=False) or status.st_uid != os.getuid():
            return False
        lock = os.open(Path(entry.path) / _LOCK_FILE, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _remove_if_never_used(Path(entry.path))
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Held until all is gone, so that of two processes one removes it.
        shutil.rmtree(entry.path, ignore_errors=True)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _remove_if_never_used(folder: Path) -> bool:
    """A process killed before it had its lock leaves next to nothing; one that is alive has it within moments."""
    with contextlib.suppress(OSError):
        if time.time() - folder.stat().st_mtime > _UNFINISHED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
            return True
    return False


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    unlocked = folder / f"{_LOCK_FILE}-new"
    with unlocked.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Nobody ever sees a lock file that is not locked.
        unlocked.rename(folder / _LOCK_FILE)
        yield


def _prefix_of_host() -> str:
    return f"{_PREFIX}{re.sub('[^A-Za-z0-9.]', '_', socket.gethostname())}-"
