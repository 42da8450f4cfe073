"""Under which user PostgreSQL runs: it refuses to run as root."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NOBODY = "65534"


@dataclass(frozen=True)
class Privileges:
    """How a program is started so that it does not see itself as root.

    Attributes:
        prefix: Arguments put before the program.
        user: User number to change to; None keeps the current one.
        group: Group number to change to.
    """

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def give(self, path: Path) -> None:
        """Make the program's user the owner of a file or a folder (not of what is in it)."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


def privileges_for(data_directory: Path) -> Privileges:
    """Decide how PostgreSQL is to be started on this data directory.

    An ordinary user starts it as it is. Root starts it as the owner of the data directory when that is somebody else;
    else in a user namespace in which root appears as nobody, which needs no change of owner and works below a closed
    folder; else, where namespaces are forbidden, as the user nobody.
    """
    if os.geteuid() != 0:
        return Privileges()
    if data_directory.exists() and (owner := data_directory.stat()).st_uid != 0:
        return Privileges(user=owner.st_uid, group=owner.st_gid)
    prefix = _namespace_prefix()
    if prefix:
        return Privileges(prefix=prefix)
    nobody = pwd.getpwnam("nobody")
    return Privileges(user=nobody.pw_uid, group=nobody.pw_gid)


def is_reachable_by_others(path: Path) -> bool:
    """Whether a user without rights of its own can pass through all folders above this path."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.absolute().parents if folder.exists())


@functools.cache
def _namespace_prefix() -> tuple[str, ...]:
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    prefix = (unshare, "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
    try:
        allowed = subprocess.run([*prefix, "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return prefix if allowed else ()
