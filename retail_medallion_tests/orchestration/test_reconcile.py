"""Reconciliation holds on what was loaded, and finds a single row that was changed behind its back."""

from __future__ import annotations

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.platform import Platform, copied


def test_reconciliation_holds_on_what_was_loaded(loaded: Platform):
    found = loaded.reconcile()
    assert [c for c in found.comparisons if not c.holds] == []
    assert found.rows.source == found.rows.bronze == found.rows.read > 500
    assert found.rows.mapped == found.rows.accepted + found.rows.rejected + found.rows.superseded
    silver, gold = found.money["EUR"]
    assert silver == gold != 0
    for entity in ("sales", "sale_items", "transactions"):
        assert any(c.what.startswith(f"{entity} in EUR") for c in found.comparisons)


SPOILED = {
    "a line missing from the versions": (
        "DELETE FROM silver_versions.sale_items WHERE (sale_item_id, partition_date) ="
        " (SELECT sale_item_id, partition_date FROM silver_versions.sale_items WHERE op = 'U' ORDER BY 1, 2 LIMIT 1)"
    ),
    "a line twice in the versions": (
        'INSERT INTO silver_versions.sale_items SELECT (jsonb_populate_record(v, \'{"sale_item_id": "copy"}\')).*'
        " FROM silver_versions.sale_items v WHERE op = 'U' ORDER BY sale_item_id, partition_date LIMIT 1"
    ),
    "a cent more in the versions": (
        "UPDATE silver_versions.sales SET total_amount = total_amount + 0.01 WHERE (sale_id, partition_date) ="
        " (SELECT sale_id, partition_date FROM silver_versions.sales WHERE op = 'U' ORDER BY 1, 2 LIMIT 1)"
    ),
    "a customer missing from Silver": (
        "DELETE FROM silver.customers WHERE customer_id = (SELECT min(customer_id) FROM silver.customers)"
    ),
    "a sale twice in Silver": (
        'INSERT INTO silver.sales SELECT (jsonb_populate_record(s, \'{"sale_id": "copy"}\')).*'
        " FROM silver.sales s WHERE NOT is_deleted AND NOT is_test ORDER BY sale_id LIMIT 1"
    ),
    "a cent more in Silver": (
        "UPDATE silver.sales SET total_amount = total_amount + 0.01"
        " WHERE sale_id = (SELECT min(sale_id) FROM silver.sales WHERE NOT is_deleted AND NOT is_test)"
    ),
    "a name changed in Silver": (
        "UPDATE silver.products SET product_name = product_name || '!'"
        " WHERE product_id = (SELECT min(product_id) FROM silver.products)"
    ),
    "a line missing from Gold": (
        "DELETE FROM gold.fct_sale_item WHERE sale_item_id = (SELECT min(sale_item_id) FROM gold.fct_sale_item)"
    ),
    "a line twice in Gold": (
        "INSERT INTO gold.fct_sale_item SELECT (jsonb_populate_record(f,"
        " jsonb_build_object('sale_item_key', md5('copy')::uuid, 'sale_item_id', 'copy'))).*"
        " FROM gold.fct_sale_item f ORDER BY sale_item_id LIMIT 1"
    ),
    "a cent more in a payment of Gold": (
        "UPDATE gold.fct_transaction SET amount = amount + 0.01"
        " WHERE transaction_id = (SELECT min(transaction_id) FROM gold.fct_transaction)"
    ),
    "a cent more in a sum nobody totals": (
        "UPDATE gold.fct_sale SET net_revenue = net_revenue + 0.01"
        " WHERE sale_id = (SELECT min(sale_id) FROM gold.fct_sale)"
    ),
    "a cent more in the mart": (
        "UPDATE gold.mart_daily_sales m SET net_revenue = net_revenue + 0.01"
        " WHERE ctid = (SELECT min(ctid) FROM gold.mart_daily_sales)"
    ),
}


@pytest.mark.parametrize("statement", SPOILED.values(), ids=SPOILED.keys())
def test_reconciliation_finds(loaded: Platform, postgres_server: EmbeddedPostgres, statement: str):
    with copied(loaded, postgres_server) as spoiled:
        assert spoiled.execute(statement) == 1
        assert not spoiled.reconcile().holds


def test_reconciliation_finds_a_bronze_object_that_is_gone(loaded: Platform):
    client = loaded.s3.client()
    key = next(key for key in loaded.objects() if "/sales/" in key)
    kept = {"Bucket": loaded.bucket, "Key": "kept"}
    client.copy_object(**kept, CopySource={"Bucket": loaded.bucket, "Key": key})
    client.delete_object(Bucket=loaded.bucket, Key=key)
    try:
        found = loaded.reconcile()
        assert not found.holds
        assert any(c.right is None and c.right_name == "rows on S3" for c in found.comparisons if not c.holds)
    finally:
        client.copy_object(Bucket=loaded.bucket, Key=key, CopySource={"Bucket": loaded.bucket, "Key": "kept"})
        client.delete_object(**kept)
    assert loaded.reconcile().holds
