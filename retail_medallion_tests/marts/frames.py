"""What the marts are computed from a second time: plain frames of a retailer's business, read from its own tables.

Only rows that count are in the frames: no rejected ones, no deleted ones, no test sales and nothing that hangs on them.
All columns have dtype object: amounts are Decimal, days `date`, instants aware `datetime`, what is not known None.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from zoneinfo import ZoneInfo

import pandas as pd

from retail_medallion.gold.keys import member_key

Row = dict[str, Any]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "customers": ("customer_id", "person_key"),
    "sales": (
        *("sale_id", "sale_type", "channel", "status", "customer_id", "location_id", "sold_at", "sale_date"),
        *("currency", "subtotal", "discount", "tax", "tax_included", "shipping", "other", "total", "coupons"),
    ),
    "lines": (
        *("line_id", "sale_id", "line_type", "product_id", "quantity", "returned_quantity", "unit_cost"),
        *("gross", "discount", "tax", "coupon", "location_id"),
    ),
    "payments": (
        *("payment_id", "sale_id", "kind", "status", "method_id", "amount", "change", "fee", "currency", "date"),
    ),
    "movements": (
        *("movement_id", "product_id", "location_id", "kind", "quantity", "unit_cost", "currency"),
        *("occurred_at", "date"),
    ),
    "carts": (
        *("cart_id", "customer_id", "channel", "device", "status", "currency", "total", "created_date"),
        *("last_activity_at", "checkout_at", "converted_at", "abandoned_at", "sale_id"),
    ),
    "cart_lines": ("cart_line_id", "cart_id", "quantity", "amount", "removed_at"),
    "parcels": (
        *("parcel_id", "sale_id", "line_id", "kind", "status", "location_id", "carrier", "quantity", "contents"),
        *("created_at", "promised_at", "shipped_at", "delivered_at", "cancelled_at", "returned_at"),
    ),
    "reviews": ("review_id", "product_id", "customer_id", "sale_id", "rating", "status", "date"),
}
"""Columns of each frame. The words for kinds and states are those of Silver."""


def frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """The rows as a frame of exactly these columns."""
    return pd.DataFrame([[row[column] for column in columns] for row in rows], columns=list(columns), dtype=object)


@dataclass(frozen=True, eq=False)
class Retailer:
    """One retailer, as its own tables tell.

    Attributes:
        code: Code of the source.
        zone: Where its days begin and end.
        first_day: First partition of the source.
        horizon: The day after the last loaded partition.
        frames: A frame for each name in `COLUMNS`.
    """

    code: str
    zone: ZoneInfo
    first_day: dt.date
    horizon: dt.date
    frames: Mapping[str, pd.DataFrame]

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.frames[name]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a frame."""
        return records(self.frames[name])

    def key(self, entity: str, id_: str | None) -> uuid.UUID:
        """Surrogate key of a member."""
        return member_key(entity, self.code, id_)

    @property
    def source_key(self) -> uuid.UUID:
        """Surrogate key of the source."""
        return self.key("sources", self.code)

    def people(self) -> dict[str, uuid.UUID]:
        """The person behind each account that is in the books of customers or buys; without an address, the account."""
        known = {row["customer_id"]: row["person_key"] for row in self.rows("customers")}
        buyers = {row["customer_id"] for row in self.rows("sales") if row["customer_id"] is not None}
        return {account: known.get(account) or self.key("customers", account) for account in known.keys() | buyers}

    def local_date(self, instant: dt.datetime | None) -> dt.date | None:
        """Day of the instant at the retailer's."""
        return instant.astimezone(self.zone).date() if instant else None


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, with None for what is not known."""
    names = list(table.columns)
    return [
        dict(zip(names, (None if _missing(value) else value for value in row), strict=True))
        for row in table.itertuples(index=False, name=None)
    ]


def _missing(value: object) -> bool:
    return value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def only(table: pd.DataFrame, wanted: Callable[[Row], bool]) -> list[Row]:
    """The rows that fulfil a condition."""
    return [row for row in records(table) if wanted(row)]


def grouped(rows: Sequence[Row], keys: Sequence[str]) -> Iterator[tuple[Row, list[Row]]]:
    """The rows by the values of the keys."""
    if rows:
        for values, group in frame(rows, list(rows[0])).groupby(list(keys), dropna=False, sort=False):
            yield dict(zip(keys, cast("tuple[Any, ...]", values), strict=True)), records(group)


def summed(rows: Sequence[Row], keys: Sequence[str]) -> list[Row]:
    """One row per value of the keys, all other columns added up."""
    if not rows:
        return []
    return records(frame(rows, list(rows[0])).groupby(list(keys), dropna=False, sort=False).sum().reset_index())


def expected(retailer: Retailer, rows: Iterable[Row]) -> pd.DataFrame:
    """The rows of a mart with the key of the source."""
    made = [{"source_key": retailer.source_key, **row} for row in rows]
    return frame(made, list(made[0]) if made else ["source_key"])
