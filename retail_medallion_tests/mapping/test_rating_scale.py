"""The scale of a source's ratings as a mapping declares it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from retail_medallion.mapping.grammar import ColumnMapping


@pytest.mark.parametrize(
    ("written", "lowest", "highest"),
    [
        (10, "1", "10"),
        (Decimal("5.0"), "1", "5"),
        ({"highest": 10}, "1", "10"),
        ({"lowest": 0, "highest": 10}, "0", "10"),
        ({"lowest": -1, "highest": 1}, "-1", "1"),
        ({"lowest": Decimal("0.5"), "highest": 5}, "0.5", "5"),
    ],
)
def test_a_rating_scale_is_its_highest_rating_or_both_ends(written: Any, lowest: str, highest: str) -> None:
    scale = ColumnMapping.model_validate({"expr": "stars", "rating_scale": written}).rating_scale
    assert scale is not None
    assert (scale.lowest, scale.highest) == (Decimal(lowest), Decimal(highest))


@pytest.mark.parametrize(
    "written", [1, 0, {"lowest": 0}, {"lowest": 5, "highest": 5}, {"highest": Decimal("5.0001")}, {"max": 5}, "many"]
)
def test_a_scale_without_a_span_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        ColumnMapping.model_validate({"expr": "stars", "rating_scale": written})
