"""Processes that outlive the one that started them: started apart, recognised again, stopped for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.05

# Children of this very process have to be reaped here, or they stay visible as zombies until it ends.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that cannot be mistaken for a later one that was given the same number.

    Attributes:
        pid: Process number.
        started: When the process started, as the operating system writes it; only compared, never parsed.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """The identity of the process that has this number now, or None if there is none."""
        started = _start_mark(pid)
        return None if started is None else cls(pid, started)

    def is_alive(self) -> bool:
        """Whether exactly this process still runs; a zombie does not."""
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None:
            del _children[self.pid]
        return _start_mark(self.pid) == self.started


def start_detached(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    user: int | None = None,
    group: int | None = None,
) -> ProcessIdentity:
    """Start a process in a session of its own, so that Ctrl-C in the terminal does not reach it.

    Args:
        command: Program and arguments.
        environment: Its whole environment; nothing is inherited.
        directory: Its working directory.
        log: Where its output is appended.
        user: Run as this user, without supplementary groups; None keeps the current one.
        group: Run as this group.

    Returns:
        The identity to recognise it by.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
    _children[child.pid] = child
    return ProcessIdentity.of(child.pid) or ProcessIdentity(child.pid, "ended at once")


def stop(identity: ProcessIdentity, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Stop a process, kindly first.

    Args:
        identity: The process.
        steps: Signals to send, each with the seconds to wait for its effect.
    """
    for number, seconds in steps:
        if not identity.is_alive():
            return
        try:
            os.kill(identity.pid, number)
        except ProcessLookupError:
            return
        if wait_until(lambda: not identity.is_alive(), seconds):
            return


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again until the condition holds; False if it never did within the given seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def working_in(directory: Path) -> list[ProcessIdentity]:
    """Processes whose working directory is this one (Linux; elsewhere the list is empty).

    The sessions of a PostgreSQL server whose main process was killed are found this way: they keep the data directory
    in use but carry neither its path in their command line nor its process group.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == directory:
                identity = ProcessIdentity.of(int(entry.name))
                if identity is not None:
                    found.append(identity)
        except OSError:
            continue
    return found


def _start_mark(pid: int) -> str | None:
    try:
        # The name in parentheses may itself hold blanks and parentheses: fields are counted from the last one.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _start_mark_by_ps(pid) if not Path("/proc/self/stat").exists() else None
    state, ticks_since_boot = fields[0], fields[19]
    return None if state in "ZX" else f"{_boot()}/{ticks_since_boot}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown boot"


def _start_mark_by_ps(pid: int) -> str | None:
    listing = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = listing.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()
