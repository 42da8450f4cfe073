"""Hashes that are compared across processes: of a declaration, a mapping, the code that cleans."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
import json
from retail_medallion.gold.registry import TABLES
from retail_medallion.gold.views import VIEWS
from retail_medallion.mapping import load_mappings
from retail_medallion.model import load_model
from retail_medallion.silver.cleaning_version import cleaning_version
from retail_medallion.silver.findings.registry import finding_rules
from retail_medallion.silver.views import views

model = load_model()
print(json.dumps({
    "model": model.version,
    "cleaning": cleaning_version(),
    "mappings": {name: mapping.version for name, mapping in load_mappings().items()},
    "findings": {name: rule.version for name, rule in finding_rules(model).items()},
    "tables": {name: [table.shape, table.version] for name, table in TABLES.items()},
    "views": [view.fingerprint for view in VIEWS],
    "silver views": [repr(view.query) for view in views(model)],
}, sort_keys=True))
"""


def _versions(seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True, env=environment
    ).stdout


def test_another_process_has_the_same_versions() -> None:
    first = _versions(0)
    assert '"sales.items_do_not_add_up"' in first
    assert [_versions(seed) == first for seed in (1, 2, 3)] == [True] * 3
