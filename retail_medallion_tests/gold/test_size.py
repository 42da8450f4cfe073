from __future__ import annotations

from retail_medallion_tests.gold.warehouse import Warehouse


def test_a_written_day_has_the_size_of_its_rows_and_a_skipped_one_none(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", total_amount=5)
    report = warehouse.run_all(source)["fct_sale"]
    assert report.rows == 1
    assert report.bytes
    assert warehouse.run("fct_sale", source).bytes is None
