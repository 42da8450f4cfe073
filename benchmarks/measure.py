"""Runs the sides of a comparison, each in a process of its own, in turns, and keeps what each took.

A side is either a program (psql) or a function of this package, which starts the clock itself once its imports are
done. What imports heavy libraries stays out of this process: by the kernel's count a program's peak memory is never
below that of the process that started it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MIB = 1 << 20


class Clock:
    """What a measured function uses to say when its work begins and ends.

    Attributes:
        seconds: Wall clock of the work.
        cpu_seconds: CPU time of this process meanwhile, threads included; the servers' is not in it.
        base_bytes: Memory of the process when the work began: the interpreter and the imports.
        detail: Further figures, by name.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.base_bytes = 0
        self.detail: dict[str, float] = {}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Measure a block; several blocks add up."""
        self.base_bytes = self.base_bytes or _status("VmRSS")
        began, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - began
        self.cpu_seconds += time.process_time() - cpu

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a part of the work under a name."""
        began = time.perf_counter()
        yield
        self.detail[name] = self.detail.get(name, 0.0) + time.perf_counter() - began


@dataclass(frozen=True)
class Measured:
    """One run of one side.

    Attributes:
        seconds: Wall clock of the work.
        rows: Rows handled.
        peak_bytes: Largest resident memory of the process, imports included.
        base_bytes: Resident memory before the work began; 0 for a program.
        cpu_seconds: CPU time of the process.
        detail: Further figures.
    """

    seconds: float
    rows: int
    peak_bytes: int
    base_bytes: int = 0
    cpu_seconds: float = 0.0
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One way of doing the work.

    Attributes:
        label: How the report calls it.
        work: `module:function` of a function `(given, clock) -> rows`, or the arguments of a program.
        given: What the function is given; must survive JSON.
        environment: Variables of the process, on top of this one's.
        before: Called here before each run, unmeasured; what it returns is merged into `given`.
        after: Called here after each run, unmeasured.
        rows: Rows a program handles; a function returns them.
        runs: How often, where it is not as often as the others.
    """

    label: str
    work: str | Sequence[str]
    given: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], Mapping[str, Any]] | None = None
    after: Callable[[], None] | None = None
    rows: int = 0
    runs: int | None = None

    def run(self) -> Measured:
        """Run it once in a new process.

        Raises:
            RuntimeError: It failed; its last words are in the message.
        """
        given = {**self.given, **(self.before() if self.before else {})}
        try:
            if isinstance(self.work, str):
                return _run_function(self.work, given, self.environment)
            return _run_program(self.work, self.environment, self.rows)
        finally:
            if self.after:
                self.after()


@dataclass
class Comparison:
    """Several ways of doing the same, the first of which the others are compared with.

    Attributes:
        name: Names it in the report.
        sides: The ways; the reference first.
        targets: What the ratio of a side should reach, by label; printed beside it.
        runs: All runs made, by label.
    """

    name: str
    sides: Sequence[Side]
    targets: Mapping[str, float] = field(default_factory=dict)
    runs: dict[str, list[Measured]] = field(default_factory=dict)

    def measure(self, times: int, tell: Callable[[str], None]) -> None:
        """Run all sides in turns."""
        for turn in range(times):
            for side in self.sides:
                if side.runs is not None and turn >= side.runs:
                    continue
                measured = side.run()
                self.runs.setdefault(side.label, []).append(measured)
                load = os.getloadavg()[0]
                tell(
                    f"  {self.name}, {side.label}: {measured.seconds:.2f} s, {measured.rows:,} rows,"
                    f" {measured.peak_bytes // MIB} MB (load {load:.1f})"
                )

    def summary(self) -> list[dict[str, Any]]:
        """The medians, one entry per side; `ratio` is its rate as a share of the reference's."""
        reference = self.sides[0].label
        base = _rate(self.runs[reference])
        found = []
        for side in self.sides:
            runs = self.runs[side.label]
            seconds = sorted(run.seconds for run in runs)
            found.append(
                {
                    "what": side.label,
                    "against": "" if side.label == reference else reference,
                    "rows": runs[-1].rows,
                    "runs": len(runs),
                    "seconds": statistics.median(seconds),
                    "fastest": seconds[0],
                    "slowest": seconds[-1],
                    "ratio": _rate(runs) / base,
                    "target": self.targets.get(side.label),
                    "peak_mib": max(run.peak_bytes for run in runs) / MIB,
                    "base_mib": max(run.base_bytes for run in runs) / MIB,
                    "cpu_seconds": statistics.median(run.cpu_seconds for run in runs),
                    "detail": _medians([run.detail for run in runs]),
                }
            )
        return found


def _rate(runs: Sequence[Measured]) -> float:
    return runs[-1].rows / statistics.median(run.seconds for run in runs)


def _medians(details: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = [name for name in details[0] if all(name in one for one in details)] if details else []
    return {name: statistics.median(one[name] for one in details) for name in names}


def call(work: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> Measured:
    """Run a function of this package in a process of its own, without being part of a comparison."""
    return _run_function(work, given, environment)


def _run_function(work: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> Measured:
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        answer = Path(directory) / "answer.json"
        command = [sys.executable, "-m", "benchmarks.measure", work, str(answer)]
        _, usage = _wait(command, environment, stdin=json.dumps(dict(given)))
        found = json.loads(answer.read_text())
    # Where the kernel tells the peak of this process alone, that is taken: ru_maxrss knows its parent's, too.
    return Measured(**{**found, "peak_bytes": found["peak_bytes"] or usage.ru_maxrss * 1024})


def _run_program(command: Sequence[str], environment: Mapping[str, str], rows: int) -> Measured:
    seconds, usage = _wait(command, environment, stdin="")
    return Measured(seconds, rows, usage.ru_maxrss * 1024, 0, usage.ru_utime + usage.ru_stime)


def _wait(command: Sequence[str], environment: Mapping[str, str], *, stdin: str) -> tuple[float, Any]:
    with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as entry:
        entry.write(stdin.encode())
        entry.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=entry, stdout=subprocess.DEVNULL, stderr=words, env={**os.environ, **environment}
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            words.seek(0)
            told = words.read().decode(errors="replace").strip()[-4000:]
            raise RuntimeError(f"{command[0]} ended with {process.returncode}: {told}")
    return seconds, usage


def _status(name: str) -> int:
    """A size the kernel tells of this process, in bytes; 0 where it tells none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def _main() -> None:
    work, answer = sys.argv[1:]
    module, name = work.split(":")
    given = json.load(sys.stdin)
    clock = Clock()
    rows = getattr(importlib.import_module(module), name)(given, clock)
    measured = Measured(clock.seconds, rows, _status("VmHWM"), clock.base_bytes, clock.cpu_seconds, clock.detail)
    Path(answer).write_text(json.dumps(asdict(measured)))


if __name__ == "__main__":
    # The function's module imports Clock from here under its full name.
    _main()
