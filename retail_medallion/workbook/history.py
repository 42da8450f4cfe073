"""What git tells of mapping files: the last commit, and what each one changed.

A folder that is not in git, or a machine without git, is not an error: nothing is told then.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from retail_medallion.errors import MappingError
from retail_medallion.mapping.yaml_text import read_yaml
from retail_medallion.workbook.inputs import Change

MOST_COMMITS = 25
"""Commits of each file that are looked at."""

_SECONDS = 20
_FIELDS = 4
_CUT = 400


@dataclass(frozen=True)
class _Commit:
    hash: str
    day: dt.date
    author: str
    subject: str


def last_commit(files: Sequence[Path]) -> str:
    """Short hash of the last commit that changed one of the files; empty where git does not know them."""
    if not files:
        return ""
    paths = [str(file.absolute()) for file in files]
    answer = _git(files[0].parent, "log", "-1", "--format=%h", "--abbrev=12", "--", *paths)
    return answer.strip() if answer else ""


def changes(files: Mapping[str, Path]) -> list[Change]:
    """What was changed in the mapping files, newest first.

    Args:
        files: Source code to its file.
    """
    found: list[Change] = []
    for source, file in files.items():
        found += _changes(source, file)
    return sorted(found, key=lambda change: -change.day.toordinal())


def _changes(source: str, file: Path) -> Iterator[Change]:
    log = _git(file.parent, "log", f"-{MOST_COMMITS}", "--format=%H%x1f%as%x1f%an%x1f%s", "--", str(file.absolute()))
    commits = [_commit(line) for line in (log or "").splitlines() if line.count("\x1f") == _FIELDS - 1]
    versions = [(commit, _settings(source, file, commit)) for commit in commits]
    for (commit, now), (_, before) in pairwise(versions):
        if now is None or before is None:
            continue
        for key in sorted({*now, *before}):
            if now.get(key) != before.get(key):
                map_id, setting = key
                yield Change(
                    commit.day,
                    commit.author,
                    commit.hash[:12],
                    map_id,
                    setting,
                    before.get(key, "")[:_CUT],
                    now.get(key, "")[:_CUT],
                    commit.subject,
                )


def _commit(line: str) -> _Commit:
    name, day, author, subject = line.split("\x1f")
    return _Commit(name, dt.date.fromisoformat(day), author, subject)


def _settings(source: str, file: Path, commit: _Commit) -> dict[tuple[str, str], str] | None:
    """(map id, setting) to its text as of a commit; None where the file could not be read then."""
    text = _git(file.parent, "show", f"{commit.hash}:./{file.name}")
    if text is None:
        return None
    try:
        data = read_yaml(text.encode(), file.name).data
    except MappingError:
        return None
    return dict(_flat(source, data))


def _flat(source: str, data: Any) -> Iterator[tuple[tuple[str, str], str]]:
    entities = data.get("entities") if isinstance(data, dict) else None
    for entity, blocks in entities.items() if isinstance(entities, dict) else ():
        for block in blocks if isinstance(blocks, list) else ():
            if not isinstance(block, dict):
                continue
            head = f"{source}/{entity}/{block.get('block')}"
            for column, value in {**_dict(block.get("key")), **_dict(block.get("columns"))}.items():
                settings = value if isinstance(value, dict) else {"expr": value}
                yield from (((f"{head}/{column}", str(name)), str(text)) for name, text in settings.items())


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it cannot answer. It asks nobody and changes nothing."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(folder), "--no-optional-locks", *arguments],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
