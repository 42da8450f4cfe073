"""What a mapping covers of the model."""

from __future__ import annotations

from retail_medallion.mapping import load_mappings
from retail_medallion.model import load_model
from retail_medallion.model.canonical import TECHNICAL_COLUMNS
from retail_medallion.onboarding.coverage import coverage
from retail_medallion_tests.onboarding.shop import mapping

MODEL = load_model()


def test_each_column_is_mapped_constant_default_or_missing() -> None:
    found = coverage(mapping(('"total"', '"total"\n        currency_code: {const: EUR}')), MODEL)
    assert list(found) == ["customers", "sales"]
    sales = found["sales"]
    assert sales["sale_id"] == sales["status"] == "mapped"
    assert sales["currency_code"] == "constant"
    assert sales["business_date"] == sales["tax_amount"] == "default"
    assert sales["cancelled_at"] == "missing"
    assert "extras" not in sales


def test_a_column_only_some_blocks_bring_says_so() -> None:
    second = """
    - block: archive
      extract: {table: shop.archive, mode: changed, key: [id], watermark: changed_at}
      key: {sale_id: "id"}
      columns: {status: "state", sold_at: "at", total_amount: "total"}
"""
    found = coverage(mapping(('        total_amount: "total"\n', '        total_amount: "total"\n' + second)), MODEL)
    assert found["sales"]["customer_id"] == "in some blocks"
    assert found["sales"]["status"] == "mapped"


def test_every_column_of_every_shipped_mapping_is_accounted_for() -> None:
    for shipped in load_mappings().values():
        for name, columns in coverage(shipped, MODEL).items():
            assert (
                set(MODEL.entities[name].columns) <= set(columns) <= {*MODEL.entities[name].columns, *TECHNICAL_COLUMNS}
            )
