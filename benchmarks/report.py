"""Prints what was measured: a table, and the machine it was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

_HEADINGS = ("what", "rows", "runs", "seconds", "spread", "rows/s", "ratio", "target", "peak MB", "imports MB", "CPU s")


def machine() -> dict[str, str]:
    """What the figures depend on."""
    found = {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="minutes"),
        "cpus": str(os.cpu_count()),
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load average": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }
    found |= {name: version(name) for name in ("pyarrow", "psycopg2-binary", "pgpq", "duckdb", "dagster", "pandas")}
    return found


def commit() -> str:
    """The checkout's commit, with a plus where files differ from it; empty outside a checkout."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + ("+" if _git("status", "--porcelain", "--", "../retail_medallion") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    command = [shutil.which("git") or "git", *arguments]
    return subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout.strip()


def table(name: str, entries: Sequence[Mapping[str, Any]]) -> str:
    """One comparison as a table in Markdown."""
    rows = [_HEADINGS, *(_cells(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["| " + " | ".join(_aligned(row, widths)) + " |" for row in rows]
    rule = (
        "|" + "|".join("-" * (width + 2) if n == 0 else "-" * (width + 1) + ":" for n, width in enumerate(widths)) + "|"
    )
    return "\n".join([f"### {name}", "", lines[0], rule, *lines[1:]])


def parts(entries: Sequence[Mapping[str, Any]]) -> str:
    """Where the time went, for the sides that tell."""
    told = []
    for entry in entries:
        if entry["detail"]:
            shares = ", ".join(
                f"{name} {seconds:.2f} s" for name, seconds in entry["detail"].items() if seconds >= 0.005
            )
            told.append(f"{entry['what']}: {shares}")
    return "\n".join(told)


def _cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        entry["what"],
        f"{entry['rows']:,}",
        str(entry["runs"]),
        f"{entry['seconds']:.2f}",
        f"{entry['fastest']:.2f} to {entry['slowest']:.2f}",
        f"{entry['rows'] / entry['seconds']:,.0f}",
        f"{entry['ratio']:.2f}" if entry["against"] else "1",
        "" if entry["target"] is None else f"{entry['target']:.2f}",
        f"{entry['peak_mib']:.0f}",
        f"{entry['base_mib']:.0f}" if entry["base_mib"] else "",
        f"{entry['cpu_seconds']:.2f}" if entry["cpu_seconds"] else "",
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        text.ljust(width) if column == 0 else text.rjust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


def _first(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
