"""Sale documents and their lines."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from retail_medallion_tests.gold.oracle.arithmetic import ZERO, minor_digits, rounded, scale, share_out, total
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World, first_known

NO_MERCHANDISE = {"shipping", "fee", "deposit"}
NO_REVENUE = {"shipping", "deposit", "gift_card"}
NEEDS_COST = {"sale", "return", "unknown"}
NOT_YET_SOLD = {"draft", "cancelled"}
PAID_IN, PAID_OUT = {"payment", "capture"}, {"refund", "chargeback"}


def counted(world: World) -> dict[str, Row]:
    """The sales that count, by their key in the source."""
    return {id_: row for id_, row in world.live("sales").items() if not row["is_test"]}


def lines_of(world: World, sale_id: str) -> dict[str, Row]:
    return world.children("sale_items", "sale_id", sale_id)


def sign(line: Row) -> int:
    return -1 if line["line_type"] == "return" else 1


def gross(line: Row) -> Decimal:
    """Negative on a return line, whatever sign the source gave it."""
    return -abs(line["gross_amount"]) if line["line_type"] == "return" else line["gross_amount"]


def tax(line: Row) -> Decimal:
    return -abs(line["tax_amount"]) if line["line_type"] == "return" else line["tax_amount"]


def direction(sale: Row, lines: dict[str, Row]) -> int:
    """-1 for a sale that is a return on balance."""
    balance = total(gross(line) for line in lines.values())
    if balance:
        return -1 if balance < 0 else 1
    return -1 if sale["sale_type"] == "return" or sale["total_amount"] < 0 else 1


def order_shares(sale: Row, lines: dict[str, Row]) -> dict[str, Decimal]:
    """The part of the discount that no line states, shared out over the lines, in the direction of the sale."""
    way = direction(sale, lines)
    unstated = sale["discount_amount"] - total(line["discount_amount"] for line in lines.values())
    digits = max(minor_digits(sale["currency_code"]), scale(unstated))
    weights = [
        (id_, Fraction(0 if line["line_type"] in NO_MERCHANDISE else max(gross(line) * way, ZERO)))
        for id_, line in lines.items()
    ]
    return {id_: share * way for id_, share in share_out(max(unstated, ZERO), weights, digits).items()}


def cost(line: Row) -> Decimal | None:
    if line["unit_cost"] is not None:
        return rounded(line["quantity"] * line["unit_cost"], 4) * sign(line)
    return None if line["line_type"] in NEEDS_COST else ZERO


def fct_sale_item(world: World) -> list[Row]:
    rows = []
    for sale_id, sale in counted(world).items():
        lines = lines_of(world, sale_id)
        shares = order_shares(sale, lines) if lines else {}
        for id_, line in lines.items():
            taxed = tax(line) if sale["tax_included"] else ZERO
            net = gross(line) - line["discount_amount"] * sign(line) - shares[id_] - taxed
            if line["line_type"] in NO_REVENUE:
                net = ZERO
            costs = cost(line)
            original = line["original_sale_item_id"]
            rows.append(
                {
                    "sale_item_key": world.key("sale_items", id_),
                    "sale_date": sale["business_date"],
                    "source_key": world.source_key,
                    "sale_item_id": id_,
                    "sale_key": world.key("sales", sale_id),
                    "line_number": line["line_number"],
                    "line_type": line["line_type"],
                    "product_key": world.key("products", line["product_id"]),
                    "customer_key": world.key("customers", sale["customer_id"]),
                    "location_key": world.key(
                        "inventory_locations", first_known(line["location_id"], sale["location_id"])
                    ),
                    "coupon_key": world.key("coupons", line["coupon_id"]),
                    "currency_code": sale["currency_code"],
                    "quantity": line["quantity"] * sign(line),
                    "returned_quantity": line["returned_quantity"],
                    "unit_price": line["unit_price"],
                    "gross_amount": gross(line),
                    "line_discount": line["discount_amount"] * sign(line),
                    "allocated_discount": shares[id_],
                    "tax_amount": tax(line),
                    "net_revenue": net,
                    "cost_amount": costs,
                    "margin_amount": None if costs is None else net - costs,
                    "is_revenue": sale["status"] not in NOT_YET_SOLD,
                    "original_sale_item_key": None if original is None else world.key("sale_items", original),
                    "silver_partition": line["winner_partition"],
                }
            )
    return rows


def _paid(world: World, sale_id: str, currency: str, kinds: set[str]) -> Decimal:
    return total(
        t["amount"] - (t["change_amount"] if kinds is PAID_IN else ZERO)
        for t in world.children("transactions", "sale_id", sale_id).values()
        if t["transaction_type"] in kinds and t["status"] == "succeeded" and t["currency_code"] == currency
    )


def fct_sale(world: World) -> list[Row]:
    rows = []
    items = world.by("fct_sale_item", "sale_key")
    for id_, sale in counted(world).items():
        lines = items.get(world.key("sales", id_), [])
        if lines:
            net = total(line["net_revenue"] for line in lines)
        else:
            net = sale["total_amount"] - sale["tax_amount"] - sale["shipping_amount"] - sale["other_amount"]
        costs = [line["cost_amount"] for line in lines]
        known = bool(lines) and None not in costs
        original = sale["original_sale_id"]
        rows.append(
            {
                "sale_key": world.key("sales", id_),
                "source_key": world.source_key,
                "sale_id": id_,
                "sale_number": sale["sale_number"],
                "sale_type": sale["sale_type"],
                "channel": sale["channel"],
                "status": sale["status"],
                "payment_status": sale["payment_status"],
                "sale_date": sale["business_date"],
                "sold_at": sale["sold_at"],
                "sale_hour": world.local(sale["sold_at"]).hour,
                "customer_key": world.key("customers", sale["customer_id"]),
                "location_key": world.key("inventory_locations", sale["location_id"]),
                "original_sale_key": None if original is None else world.key("sales", original),
                "currency_code": sale["currency_code"],
                "item_count": len(lines),
                "units": total(line["quantity"] for line in lines if line["line_type"] not in NO_MERCHANDISE),
                "gross_amount": first_known(sale["subtotal_amount"], total(line["gross_amount"] for line in lines)),
                "discount_amount": sale["discount_amount"] * direction(sale, lines_of(world, id_)),
                "tax_amount": sale["tax_amount"],
                "shipping_amount": sale["shipping_amount"],
                "other_amount": sale["other_amount"],
                "total_amount": sale["total_amount"],
                "net_revenue": net,
                "cost_amount": total(costs) if known else None,
                "margin_amount": net - total(costs) if known else None,
                "paid_amount": _paid(world, id_, sale["currency_code"], PAID_IN),
                "refunded_amount": _paid(world, id_, sale["currency_code"], PAID_OUT),
                "is_revenue": sale["status"] not in NOT_YET_SOLD,
                "silver_partition": sale["winner_partition"],
            }
        )
    return rows


TABLES = {"fct_sale": fct_sale, "fct_sale_item": fct_sale_item}
