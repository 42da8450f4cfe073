"""Any schedule of writes and runs leaves in Gold what current Silver says, against an oracle."""

from __future__ import annotations

import os

import pytest

from retail_medallion_tests.gold.schedules.machine import THEMES, try_schedules
from retail_medallion_tests.gold.warehouse import Warehouse

EXAMPLES_VARIABLE = "RETAIL_GOLD_SCHEDULES"
"""How many schedules the slow test tries in all; 300 where it is not set."""


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("theme", THEMES)
def test_any_schedule_leaves_what_current_silver_says(warehouse: Warehouse, theme: str) -> None:
    examples = int(os.environ.get(EXAMPLES_VARIABLE, "300"))
    try_schedules(theme, warehouse, -(-examples // len(THEMES)))
