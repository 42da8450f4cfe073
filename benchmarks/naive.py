"""The script one writes first: the demo retailer's day from its database to a star schema, with pandas throughout.

It is written as such scripts are, not slowed down: one query per table, `to_parquet`, `boto3`, renames and a few
clean-ups in pandas, merges, `to_sql` in chunks. It is what the whole chain is compared with.

What it does not do, and the package does:

* exact values: numerics and whole numbers with gaps become floats, timestamps of the tills stay without zone;
* one snapshot: each query sees another state of the source, so lines may lack their order;
* checks: no rule, no quarantine, no code lists beyond a replace, no count or sum is compared with the source;
* days: it appends, so a second run doubles the rows; nothing is late, corrected or deleted, no version is kept;
* safety: every step commits on its own, a crash leaves half; two runs at once mix;
* keys: no primary or foreign keys, no surrogate keys, no members for what a fact names and the dimension lacks;
* memory: every table is in memory several times;
* other retailers: names of this one's tables and columns are all over it.

    python -m benchmarks.naive 2026-06-17          (with the variables that `retail-medallion up` writes)
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import sqlalchemy as sa

from benchmarks.measure import Clock

QUERIES = {
    "product_categories": "SELECT * FROM shop.article_groups",
    "products": "SELECT * FROM shop.articles WHERE updated_at < :end",
    "inventory_locations": "SELECT * FROM shop.sites",
    "suppliers": "SELECT * FROM shop.vendors WHERE updated_at < :end",
    "customers": "SELECT * FROM shop.clients WHERE updated_at < :end",
    "payment_methods": "SELECT * FROM shop.tenders",
    "sales": "SELECT * FROM shop.orders WHERE greatest(updated_at, lines_touched_at) < :end",
    "sale_items": """
        SELECT l.* FROM shop.order_lines l JOIN shop.orders o ON o.id = l.order_id
        WHERE greatest(o.updated_at, o.lines_touched_at) < :end""",
    "transactions": "SELECT * FROM shop.payments WHERE recorded_at < :end",
    "market_orders": "SELECT * FROM shop.market_orders WHERE updated_at < :end",
}

RENAMES = {
    "product_categories": {"id": "category_id", "label": "category_name", "parent_id": "parent_category_id"},
    "products": {
        "id": "product_id",
        "article_no": "sku",
        "ean": "gtin",
        "title": "product_name",
        "group_id": "category_id",
    },
    "inventory_locations": {"id": "location_id", "site_no": "location_code", "name": "location_name", "town": "city"},
    "suppliers": {"id": "supplier_id", "vendor_no": "supplier_code", "trade_name": "supplier_name", "mail": "email"},
    "customers": {"id": "customer_id", "given_name": "first_name", "family_name": "last_name", "mail": "email"},
    "payment_methods": {"code": "payment_method_id", "label": "method_name"},
    "sales": {
        "id": "sale_id",
        "order_no": "sale_number",
        "client_id": "customer_id",
        "site_id": "location_id",
        "placed_at": "sold_at",
        "goods_total": "subtotal_amount",
        "rebate_total": "discount_amount",
        "vat_total": "tax_amount",
        "freight": "shipping_amount",
        "grand_total": "total_amount",
        "currency": "currency_code",
    },
    "sale_items": {
        "id": "sale_item_id",
        "order_id": "sale_id",
        "article_id": "product_id",
        "label": "product_name",
        "qty": "quantity",
        "gross": "gross_amount",
        "rebate": "discount_amount",
        "vat": "tax_amount",
    },
    "transactions": {
        "id": "transaction_id",
        "order_id": "sale_id",
        "tender_code": "payment_method_id",
        "fee": "fee_amount",
    },
}

STATUS = {
    10: "pending",
    20: "confirmed",
    30: "confirmed",
    40: "completed",
    80: "returned",
    85: "partially_returned",
    90: "cancelled",
}


def engine(prefix: str) -> sa.Engine:
    """Connect as the variables say."""
    part = {name: os.environ[f"{prefix}_DB_{name}"] for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
    return sa.create_engine(
        f"postgresql+psycopg2://{part['USER']}:{part['PASSWORD']}@{part['HOST']}:{part['PORT']}/{part['NAME']}"
    )


def extract(source: sa.Engine, s3: Any, day: str) -> int:
    """Each table into a Parquet object."""
    end = pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)
    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, query in QUERIES.items():
            frame = pd.read_sql(
                sa.text(query), source, params={"end": end.to_pydatetime()} if ":end" in query else None
            )
            for column in frame.columns:
                if frame[column].map(lambda value: isinstance(value, dict | list)).any():
                    frame[column] = [None if value is None else json.dumps(value) for value in frame[column]]
            path = Path(folder) / f"{name}.parquet"
            frame.to_parquet(path)
            s3.upload_file(str(path), os.environ["S3_BUCKET_NAME"], bronze_key(name, day))
            rows += len(frame)
    return rows


def bronze_key(name: str, day: str) -> str:
    """Where a table's object is."""
    return f"{os.environ['S3_PREFIX']}/naive/{name}/{day}.parquet"


def read_bronze(s3: Any, name: str, day: str) -> pd.DataFrame:
    """A table's object as a frame."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        s3.download_file(os.environ["S3_BUCKET_NAME"], bronze_key(name, day), str(path))
        return pd.read_parquet(path)


def market_frames(orders: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The marketplace's documents as sales, lines and payments."""
    sales: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    payments: list[dict[str, Any]] = []
    for identity, text in zip(orders["id"], orders["doc"], strict=True):
        document = json.loads(text)
        sale_id, totals = f"M:{identity}", document.get("totals") or {}
        sales.append(
            {
                "sale_id": sale_id,
                "sale_number": document.get("ref"),
                "channel": "marketplace",
                "sold_at": document.get("placedAt"),
                "currency_code": document.get("ccy"),
                "subtotal_amount": minor(totals.get("goods")),
                "discount_amount": minor(totals.get("discount")),
                "tax_amount": minor(totals.get("vat")),
                "total_amount": minor(totals.get("total")),
            }
        )
        lines += [
            {
                "sale_item_id": f"{sale_id}#{line.get('lineId')}",
                "sale_id": sale_id,
                "product_id": line.get("articleId"),
                "product_name": line.get("title"),
                "quantity": pd.to_numeric(line.get("qty"), errors="coerce"),
                "gross_amount": minor(line.get("amount")),
                "discount_amount": minor(line.get("discount")),
                "tax_amount": minor(line.get("vat")),
            }
            for line in document.get("lines") or []
        ]
        paid = document.get("payment") or {}
        if paid.get("paidAt"):
            payments.append({"transaction_id": sale_id, "sale_id": sale_id, "amount": minor(paid.get("amount"))})
    return {"sales": pd.DataFrame(sales), "sale_items": pd.DataFrame(lines), "transactions": pd.DataFrame(payments)}


def minor(amount: Any) -> float | None:
    """Cents as a number of euros; what is no number is lost."""
    try:
        return float(amount) / 100
    except (TypeError, ValueError):
        return None


def clean(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Names of the model, texts without blanks at their ends, one row per key."""
    frame = frame.rename(columns=RENAMES[name])
    for column in frame.select_dtypes(include=["object", "string"]).columns:
        if frame[column].map(lambda value: isinstance(value, str)).any():
            frame[column] = frame[column].map(lambda value: value.strip() if isinstance(value, str) else value)
    if name == "sales":
        frame = frame[frame["channel"] != "intern"]
        frame["status"] = frame["status"].map(STATUS)
    if "email" in frame:
        frame["email"] = frame["email"].str.lower()
    keys = [column for column in RENAMES[name].values() if column.endswith("_id")]
    for key in keys:
        frame[key] = [None if pd.isna(value) else str(value).removesuffix(".0") for value in frame[key]]
    return frame.drop_duplicates(keys[0], keep="last")


def store(frame: pd.DataFrame, warehouse: sa.Engine, schema: str, table: str) -> None:
    """Append rows to a table, made as pandas thinks it should be."""
    frame.to_sql(table, warehouse, schema=schema, if_exists="append", index=False, chunksize=10_000)


def silver(s3: Any, warehouse: sa.Engine, day: str) -> dict[str, pd.DataFrame]:
    """Clean what was extracted and store it."""
    market = market_frames(read_bronze(s3, "market_orders", day))
    frames = {}
    for name in RENAMES:
        frame = clean(name, read_bronze(s3, name, day))
        if name in market:
            frame = pd.concat([frame, market[name]], ignore_index=True)
        frames[name] = frame
        store(frame, warehouse, "naive_silver", name)
    return frames


def gold(frames: Mapping[str, pd.DataFrame], warehouse: sa.Engine) -> None:
    """Dimensions as they are, facts by merges, one mart."""
    dimensions: Iterable[tuple[str, str]] = (
        ("dim_category", "product_categories"),
        ("dim_product", "products"),
        ("dim_customer", "customers"),
        ("dim_location", "inventory_locations"),
        ("dim_supplier", "suppliers"),
        ("dim_payment_method", "payment_methods"),
        ("fct_transaction", "transactions"),
    )
    for table, name in dimensions:
        store(frames[name], warehouse, "naive_gold", table)
    sales = frames["sales"].copy()
    sales["sale_date"] = (
        pd.to_datetime(sales["sold_at"], utc=True, format="mixed").dt.tz_convert("Europe/Berlin").dt.date
    )
    items = frames["sale_items"].merge(
        sales[["sale_id", "sale_date", "customer_id", "location_id", "channel", "currency_code"]], on="sale_id"
    )
    items["net_revenue"] = items["gross_amount"] - items["discount_amount"].fillna(0) - items["tax_amount"].fillna(0)
    per_sale = items.groupby("sale_id", as_index=False).agg(
        line_count=("sale_item_id", "count"), net_revenue=("net_revenue", "sum")
    )
    store(sales.merge(per_sale, on="sale_id", how="left"), warehouse, "naive_gold", "fct_sale")
    store(items, warehouse, "naive_gold", "fct_sale_item")
    mart = items.groupby(
        ["sale_date", "location_id", "product_id", "channel", "currency_code"], as_index=False, dropna=False
    ).agg(
        line_count=("sale_item_id", "count"),
        units=("quantity", "sum"),
        gross_amount=("gross_amount", "sum"),
        net_revenue=("net_revenue", "sum"),
    )
    store(mart, warehouse, "naive_gold", "mart_daily_sales")


def run(given: Mapping[str, Any], clock: Clock) -> int:
    """The whole script under a clock; gives the rows read from the source."""
    with clock.running():
        source, warehouse, s3 = engine("DEMO"), engine("WAREHOUSE"), boto3.client("s3")
        with warehouse.begin() as connection:
            connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS naive_silver"))
            connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS naive_gold"))
        with clock.part("bronze"):
            rows = extract(source, s3, given["day"])
        with clock.part("silver"):
            frames = silver(s3, warehouse, given["day"])
        with clock.part("gold"):
            gold(frames, warehouse)
    return rows


if __name__ == "__main__":
    print(f"{run({'day': sys.argv[1]}, Clock()):,} rows")
