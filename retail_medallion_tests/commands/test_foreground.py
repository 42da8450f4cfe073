"""Whoever ends the command ends the program it stands for, gently."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import time
try:
    print("runs", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise SystemExit(7)
"""
COMMAND = """
import sys
from pathlib import Path
from retail_medallion.commands.foreground import stand_in
sys.exit(stand_in([sys.executable, "-c", sys.argv[1]], folder=Path(sys.argv[2])))
"""


@pytest.mark.parametrize("interrupts", [signal.default_int_handler, signal.SIG_IGN], ids=["", "in the background"])
def test_a_command_that_is_terminated_interrupts_its_program_and_waits_for_it(
    tmp_path: Path, interrupts: signal.Handlers
) -> None:
    before = signal.signal(signal.SIGINT, interrupts)
    try:
        arguments = [sys.executable, "-c", COMMAND, PROGRAM, str(tmp_path)]
        command = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert command.stdout is not None
    assert command.stdout.readline() == "runs\n"
    command.terminate()
    rest, _ = command.communicate(timeout=30)
    assert (rest, command.returncode) == ("interrupted\n", 7)
