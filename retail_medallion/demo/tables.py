"""Rows on their way into the database: collected per table as COPY text in temporary files, loaded in one go."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from types import TracebackType
from typing import Any, TextIO, cast

from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever psycopg2 calls it

from retail_medallion.errors import DataContractError

TABLES: Mapping[str, Sequence[str]] = {
    table: columns.split()
    for table, columns in {
        "article_groups": "id parent_id code label label_i18n blurb path position hidden",
        "vendors": (
            "id vendor_no trade_name legal_name contact mail phone street town province zip country vat_id gln "
            "currency payment_days delivery_days blocked created_at updated_at"
        ),
        "sites": (
            "id site_no name kind parent_id gln street street2 town province zip country lat lon tz phone "
            "mail area_sqm opened closed currency"
        ),
        "tenders": "code label kind provider scheme fee_percent fee_fixed fee_currency online active",
        "articles": (
            "id model_id article_no ean title title_i18n variant_label group_id extra_group_ids brand "
            "vendor_id vendor_article_no kind unit price purchase_price currency vat_percent weight_kg "
            "properties description_html state stock_kept on_sale_from on_sale_until voided_at created_at "
            "updated_at"
        ),
        "clients": (
            "id public_id client_no kind given_name family_name company mail phone born sex locale "
            "address newsletter newsletter_since signed_up segment club_level favourite_site_id guest "
            "locked merged_into voided_at created_at updated_at"
        ),
        "vouchers": (
            "id code campaign remark kind value currency scope min_basket max_rebate valid_from valid_to "
            "max_uses max_uses_per_client uses stackable client_id state updated_at"
        ),
        "orders": (
            "id order_no kind return_of channel status pay_status client_id site_id placed_at "
            "completed_at cancelled_at currency goods_total rebate_total freight fees vat_total "
            "grand_total surcharges voucher_ids basket_id clerk training voided_at created_at updated_at "
            "lines_touched_at"
        ),
        "order_lines": (
            "id order_id pos kind article_id article_no label qty unit_price unit_cost gross rebate "
            "vat_percent vat voucher_id origin_line_id stock_site_id reason"
        ),
        "payments": (
            "id order_id parent_id kind state tender_code client_id site_id amount currency fee "
            "change_given booked_at settled_at gateway_ref account_hint instalments decline_code "
            "recorded_at"
        ),
        "market_orders": "id portal doc received_at voided_at updated_at",
        "stock_moves": (
            "id article_id site_id other_site_id reason qty cost currency moved_at doc_type doc_no "
            "order_id vendor_id lot expires note recorded_at"
        ),
        "club_ledger": (
            "id client_id account_no programme kind points balance value currency order_id site_id "
            "booked_at expires_at note recorded_at"
        ),
        "baskets": (
            "id client_id session_token channel device state currency goods_total rebate_total total "
            "voucher_ids opened_at touched_at checkout_at ordered_at dropped_at order_id utm updated_at"
        ),
        "basket_lines": "id basket_id article_id article_no qty price rebate added_at removed_at parked",
        "parcels": (
            "id order_id portal_order line_id kind state site_id carrier service tracking units contents country "
            "province zip cost currency attempts created_at promised_at picked_at packed_at shipped_at "
            "delivered_at cancelled_at returned_at updated_at"
        ),
        "opinions": (
            "id article_id model_id client_id order_id line_id stars stars_max headline body locale "
            "verified state up down written_at published_at answered_at updated_at"
        ),
    }.items()
}
"""Tables in the order in which they are loaded, with their columns."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _text(value: str) -> str:
    # Nearly all texts need no escape, and finding that out is ten times quicker than translating.
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)


def _json(value: object) -> str:
    return _text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _array(value: Sequence[int]) -> str:
    return "{" + ",".join(map(str, value)) + "}"


# No entry for float: a float anywhere in the demo data is an error.
_ENCODERS: Mapping[type, Callable[[Any], str]] = {
    str: _text,
    int: str,
    bool: lambda value: "t" if value else "f",
    type(None): lambda _: "\\N",
    datetime: datetime.isoformat,
    date: date.isoformat,
    dict: _json,
    list: _json,
    tuple: _array,
}


class Rows:
    """Collects rows of all tables and loads them.

    A value is text, a whole number, true or false, a date, a time, None, a dict or list (JSON) or a tuple of whole
    numbers (an array). Money is text made by `amounts`.

    Args:
        tables: Tables in the order in which they are loaded, with their columns.
        schema: Schema they are in.
    """

    def __init__(self, tables: Mapping[str, Sequence[str]] = TABLES, schema: str = "shop") -> None:
        self._tables, self._schema = tables, schema
        self._files: dict[str, TextIO] = {}
        self._stack = ExitStack()
        self.counts: dict[str, int] = dict.fromkeys(tables, 0)

    def __enter__(self) -> Rows:
        for table in self._tables:
            file = cast(TextIO, tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n"))
            self._files[table] = self._stack.enter_context(file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, table: str, **row: object) -> None:
        """Add one row; columns not named are NULL.

        Raises:
            DataContractError: A value is of a type that has no place here, such as float, or a column does not exist.
        """
        columns = self._tables[table]
        encode = _ENCODERS
        try:
            fields = [encode[type(value)](value) for value in map(row.pop, columns, [None] * len(columns))]
        except KeyError as error:
            raise DataContractError(
                "A value of the demo data has a type it may not have.", where=table, why=str(error)
            ) from None
        if row:
            raise DataContractError(
                "A row of the demo data names columns that are not there.", where=table, why=str(sorted(row))
            )
        self._files[table].write("\t".join(fields) + "\n")
        self.counts[table] += 1

    def load(self, connection: Connection, progress: Callable[[str, int], None] | None = None) -> None:
        """COPY every table in one pass, in the transaction that is open."""
        with connection.cursor() as cursor:
            for table, columns in self._tables.items():
                if not self.counts[table]:
                    continue
                file = self._files[table]
                file.flush()
                file.seek(0)
                names = sql.SQL(", ").join(map(sql.Identifier, columns))
                copy = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(self._schema, table), names)
                cursor.copy_expert(copy, file, size=1 << 18)
                if progress:
                    progress(table, self.counts[table])
