"""What the rows of the demo retailer's tables mean."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from retail_medallion_tests.marts import cleaning
from retail_medallion_tests.marts.exact import ZERO, rounded
from retail_medallion_tests.marts.frames import COLUMNS, Row

ZONE = ZoneInfo("Europe/Berlin")
WEB_SHOP = "90"

ORDER_KINDS = {1: "sale", 2: "return", 3: "exchange"}
ORDER_STATES = {10: "pending", 20: "confirmed", 30: "confirmed", 40: "completed", 80: "returned"}
ORDER_STATES |= {85: "partially_returned", 90: "cancelled"}
CHANNELS = {"filiale": "store", "webshop": "web", "app": "mobile_app", "telefon": "phone", "b2b": "business"}
PORTAL_STATES = {"NEW": "pending", "ACCEPTED": "confirmed", "SHIPPED": "completed", "CANCELLED": "cancelled"}
LINE_KINDS = {"W": "sale", "D": "service", "G": "gift_card"}
PAYMENT_KINDS = {1: "payment", 2: "authorisation", 3: "capture", 4: "refund", 5: "void", 6: "chargeback"}
PAYMENT_STATES = {"offen": "pending", "ok": "succeeded", "abgelehnt": "failed", "storniert": "cancelled"}
MOVES = {"AB": "opening_balance", "WE": "purchase_receipt", "VK": "sale_issue", "RT": "customer_return"}
MOVES |= {"LR": "supplier_return", "IN": "count", "BR": "write_off", "KO": "adjustment", "UM": "transfer_out"}
COMES_IN, GOES_OUT = {"WE", "RT"}, {"VK", "LR", "BR", "UM"}
BASKET_STATES = {1: "active", 2: "checkout", 3: "converted", 4: "abandoned"}
DEVICES = {"mobile", "desktop", "tablet"}
PARCEL_KINDS = {1: "shipment", 2: "local_delivery", 3: "store_pickup"}
PARCEL_STATES = {10: "pending", 20: "picking", 30: "packed", 40: "in_transit", 50: "delivered", 60: "failed"}
PARCEL_STATES |= {70: "returned", 80: "cancelled"}
COLLECTED_IN_STORE, ARRIVED = 3, 50
OPINION_STATES = {"neu": "pending", "sichtbar": "published", "abgelehnt": "rejected", "verborgen": "hidden"}
CENT = Decimal("0.01")


def _id(value: object) -> str | None:
    return None if value is None else str(value)


def _local_date(instant: dt.datetime) -> dt.date:
    return instant.astimezone(ZONE).date()


def _minor(value: object) -> Decimal:
    """Cents as an amount; what is no number is not to be asked for."""
    return Decimal(value) * CENT if isinstance(value, int) else ZERO


def client(row: Row) -> Row:
    """A customer and the person behind the account."""
    return {"customer_id": str(row["id"]), "person_key": cleaning.person_key("linden", row["mail"])}


def order(row: Row) -> Row:
    """A sale document."""
    return {
        "sale_id": str(row["id"]),
        "sale_type": ORDER_KINDS[row["kind"]],
        "channel": CHANNELS[row["channel"]],
        "status": ORDER_STATES.get(row["status"], "unknown"),
        "customer_id": _id(row["client_id"]),
        "location_id": _id(row["site_id"]),
        "sold_at": row["placed_at"],
        "sale_date": _local_date(row["placed_at"]),
        "currency": row["currency"] or "EUR",
        "subtotal": row["goods_total"],
        "discount": abs(row["rebate_total"]),
        "tax": row["vat_total"],
        "tax_included": True,
        "shipping": row["freight"],
        "other": row["fees"],
        "total": row["grand_total"],
        "coupons": sorted({str(voucher) for voucher in row["voucher_ids"] or ()}),
    }


def portal_order(row: Row) -> Row:
    """A sale document of a portal; all its amounts are cents."""
    doc = row["doc"]
    placed = dt.datetime.fromisoformat(doc["placedAt"])
    return {
        "sale_id": f"M:{row['id']}",
        "sale_type": "sale",
        "channel": "marketplace",
        "status": PORTAL_STATES.get(doc["state"], "unknown"),
        "customer_id": None,
        "location_id": WEB_SHOP,
        "sold_at": placed,
        "sale_date": _local_date(placed),
        "currency": doc["ccy"].upper(),
        "subtotal": _minor(doc["totals"]["goods"]),
        "discount": _minor(doc["totals"]["discount"]),
        "tax": _minor(doc["totals"]["vat"]),
        "tax_included": True,
        "shipping": _minor(doc["totals"]["shipping"]),
        "other": ZERO,
        "total": _minor(doc["totals"]["total"]),
        "coupons": [],
    }


def line(row: Row) -> Row:
    """A line of an order."""
    return {
        "line_id": str(row["id"]),
        "sale_id": str(row["order_id"]),
        "line_type": "return" if row["qty"] < 0 else LINE_KINDS[row["kind"]],
        "product_id": _id(row["article_id"]),
        "quantity": abs(row["qty"]),
        "returned_quantity": ZERO,
        "unit_cost": row["unit_cost"],
        "gross": abs(row["gross"]),
        "discount": row["rebate"],
        "tax": abs(row["vat"]),
        "coupon": _id(row["voucher_id"]),
        "location_id": _id(row["stock_site_id"]),
    }


def portal_lines(order: Row) -> dict[str, Row]:
    """The lines of a portal's order; one that comes twice differs in its title only."""
    lines = {}
    for line in order["doc"]["lines"]:
        key = f"M:{order['id']}#{line['lineId']}"
        lines[key] = {
            "line_id": key,
            "sale_id": f"M:{order['id']}",
            "line_type": "sale",
            "product_id": _id(line["articleId"]),
            "quantity": line["qty"] if "Stk" in line["qty"] else Decimal(line["qty"]),
            "returned_quantity": Decimal(line.get("returned") or 0),
            "unit_cost": None,
            "gross": _minor(line["amount"]),
            "discount": _minor(line["discount"]),
            "tax": _minor(line["vat"]),
            "coupon": None,
            "location_id": None,
        }
    return lines


def payment(row: Row) -> Row:
    """A money movement."""
    return {
        "payment_id": str(row["id"]),
        "sale_id": _id(row["order_id"]),
        "kind": PAYMENT_KINDS.get(row["kind"], "unknown"),
        "status": PAYMENT_STATES[row["state"]],
        "method_id": row["tender_code"],
        "amount": None if row["amount"] is None else abs(row["amount"]),
        "change": row["change_given"],
        "fee": row["fee"],
        "currency": row["currency"] or "EUR",
        "date": row["booked_at"].date(),
    }


def portal_payment(order: Row) -> Row:
    """What a portal paid out for an order."""
    payment = order["doc"]["payment"]
    return {
        "payment_id": f"M:{order['id']}",
        "sale_id": f"M:{order['id']}",
        "kind": "payment",
        "status": "succeeded",
        "method_id": "PORTAL",
        "amount": _minor(payment["amount"]),
        "change": ZERO,
        "fee": _minor(payment["commission"]),
        "currency": order["doc"]["ccy"].upper(),
        "date": _local_date(dt.datetime.fromisoformat(payment["paidAt"])),
    }


def movement(row: Row) -> Row:
    """A movement at the place that is named first."""
    reason, quantity = row["reason"], row["qty"]
    if reason in COMES_IN:
        quantity = abs(quantity)
    elif reason in GOES_OUT:
        quantity = -abs(quantity)
    return {
        "movement_id": f"{row['id']}/out" if reason == "UM" else str(row["id"]),
        "product_id": _id(row["article_id"]),
        "location_id": str(row["site_id"]),
        "kind": MOVES.get(reason, "unknown"),
        "quantity": quantity,
        "unit_cost": row["cost"],
        "currency": row["currency"],
        # Tills write local time: of an hour that came twice the later one is taken.
        "occurred_at": row["moved_at"].replace(tzinfo=ZONE, fold=1).astimezone(dt.UTC),
        "date": row["moved_at"].date(),
    }


def arrival(row: Row) -> Row:
    """What of a transfer arrives at the other place."""
    return movement(row) | {
        "movement_id": f"{row['id']}/in",
        "location_id": str(row["other_site_id"]),
        "kind": "transfer_in",
        "quantity": abs(row["qty"]),
    }


def basket(row: Row) -> Row:
    """A cart."""
    device = (cleaning.text(row["device"]) or "").lower()
    return {
        "cart_id": str(row["id"]),
        "customer_id": _id(row["client_id"]),
        "channel": CHANNELS[row["channel"]],
        # Devices nobody knows and none at all are both shown as unknown.
        "device": device if device in DEVICES else "unknown",
        "status": BASKET_STATES[row["state"]],
        "currency": row["currency"] or "EUR",
        "total": row["total"],
        "created_date": _local_date(row["opened_at"]),
        "last_activity_at": row["touched_at"],
        "checkout_at": row["checkout_at"],
        "converted_at": row["ordered_at"],
        "abandoned_at": row["dropped_at"],
        "sale_id": _id(row["order_id"]),
    }


def basket_line(row: Row) -> Row:
    """A line of a cart."""
    return {
        "cart_line_id": str(row["id"]),
        "cart_id": str(row["basket_id"]),
        "quantity": row["qty"],
        "amount": None if row["price"] is None else row["qty"] * row["price"] - row["rebate"],
        "removed_at": row["removed_at"],
    }


def parcel(row: Row) -> Row:
    """A fulfilment."""
    state = PARCEL_STATES.get(row["state"], "unknown")
    contents = row["contents"]
    return {
        "parcel_id": str(row["id"]),
        "sale_id": f"M:{row['portal_order']}" if row["portal_order"] else _id(row["order_id"]),
        "line_id": _id(row["line_id"]),
        "kind": PARCEL_KINDS[row["kind"]],
        "status": "picked_up" if (row["kind"], row["state"]) == (COLLECTED_IN_STORE, ARRIVED) else state,
        "location_id": _id(row["site_id"]),
        "carrier": cleaning.code(row["carrier"]),
        "quantity": row["units"],
        "contents": {str(c["line"]): Decimal(c["qty"]) for c in contents} if isinstance(contents, list) else None,
        **{name: row[name] for name in COLUMNS["parcels"] if name.endswith("_at")},
    }


def opinion(row: Row) -> Row:
    """A review."""
    stars = row["stars"]
    return {
        "review_id": str(row["id"]),
        "product_id": _id(row["article_id"]),
        "customer_id": _id(row["client_id"]),
        "sale_id": _id(row["order_id"]),
        # One to ten becomes one to five.
        "rating": None if stars is None else rounded(1 + Fraction(4 * (stars - 1), 9), 2),
        "status": OPINION_STATES[row["state"]],
        "date": row["written_at"].date(),
    }
