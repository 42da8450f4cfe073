"""The direction in which the parts of the package depend on each other, as docs/architecture.md draws it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import retail_medallion

PACKAGE = Path(retail_medallion.__file__).parent

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "storage": {"errors"},
    "model": {"errors"},
    "config": {"errors", "storage"},
    "mapping": {"errors", "model"},
    "bronze": {"errors", "storage"},
    "silver": {"errors", "storage", "model", "mapping"},
    "migrations": {"errors", "model", "silver"},
    "sql_lineage": set(),
    "gold": {"errors", "storage", "model", "sql_lineage"},
    "report": {"gold"},
    "workbook": {"errors", "storage", "model", "mapping", "bronze", "silver", "gold"},
    "reconciliation": {"errors", "storage", "model", "silver", "gold"},
    "embedded": {"errors"},
    "onboarding": {"errors", "storage", "model", "mapping", "bronze", "silver"},
}
"""What each part may import; parts not listed are at the top and may import everything."""


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("retail_medallion."):
                found.add(name.split(".")[1])
    return found


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_a_part_imports_only_what_lies_below_it(part: str) -> None:
    files = [path for path in PACKAGE.rglob("*.py") if part_of(path) == part]
    assert files
    for path in files:
        assert imported_parts(path) - {part} <= ALLOWED[part], path


def test_storage_knows_nothing_of_retail() -> None:
    words = ("retailer", "customer", "coupon", "silver.", "gold.")
    for path in (PACKAGE / "storage").rglob("*.py"):
        text = path.read_text(encoding="utf-8").lower()
        assert not [word for word in words if word in text], path


def test_nothing_reads_objects_as_code_or_uses_what_dagster_keeps_private() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                assert not [name for name in names if name == "pickle" or name.startswith("dagster._")], path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, path
