from __future__ import annotations

from pathlib import Path

import pytest

from retail_medallion.gold.document import describe_tables
from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.warehouse import Warehouse

PAGE = Path(__file__).parents[2] / "docs" / "gold.md"


def test_the_page_describes_the_tables_as_they_are_declared() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(describe_tables())


@pytest.mark.parametrize("name", list(TABLES))
def test_the_example_query_of_every_table_runs(warehouse: Warehouse, name: str) -> None:
    warehouse.execute(TABLES[name].example)
