"""A program that stands in for the command that started it, until one of them is told to stop."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path


def stand_in(command: Sequence[str], *, folder: Path) -> int:
    """Run a program in a folder and wait for it.

    `dagster dev` ends the processes it started when it is interrupted, and leaves them behind when it is terminated. So
    being terminated is handed on as an interruption. Ctrl-C reaches both: a terminal interrupts the whole group.

    Returns:
        What the program exits with.
    """
    # With a handler of this process the program begins with the default: a shell in the background has it ignored.
    signal.signal(signal.SIGINT, lambda *_: None)
    program = subprocess.Popen(command, cwd=folder)
    signal.signal(signal.SIGTERM, lambda *_: program.send_signal(signal.SIGINT))
    return program.wait()
