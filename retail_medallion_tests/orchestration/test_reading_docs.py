"""The examples on the page on reading Silver run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from retail_medallion_tests.platform import Platform

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text()

CHECKS = """
assert set(frame.columns) == {"sale_id", "total_amount", "currency_code", "is_deleted"} and len(live) > 10
assert rows > len(frame)
assert 0 < before.num_rows < now.num_rows and before.schema == now.schema
assert versions["is_current"].sum() > 0 and len(versions) >= versions["is_current"].sum()
"""


def test_the_python_on_the_page_runs(loaded: Platform):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    assert code.count("read_entity(") == 5
    done = subprocess.run(
        [sys.executable, "-c", code + CHECKS], env=loaded.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "EUR" in done.stdout


def test_the_sql_on_the_page_runs(loaded: Platform):
    [query] = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    # Two of the days of the demo; a product has one version on each of them at most.
    found = loaded.ask(query.replace("%", "%%").rstrip().rstrip(";"))
    assert len(found) == len({product for product, _ in found}) > 0
