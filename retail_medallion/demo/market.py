"""Orders that marketplaces deliver as JSON documents, with amounts in minor units."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from retail_medallion.demo.amounts import decimal
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.lines import add_up, fill
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.world import WEB_SHOP, Numbers, World

ORDERS_A_DAY = 24
"""Documents on a plain day at scale 1."""


def market_day(
    rows: Rows,
    world: World,
    numbers: Numbers,
    planter: Planter | None,
    end: datetime,
    seed: int,
    day: date,
    orders: int,
) -> None:
    """Write the documents placed on one UTC day, as they stand when the history ends."""
    dice = Dice(seed, "market", day)
    site = world.sites[WEB_SHOP]
    for _ in range(orders):
        number = numbers.take("market_orders")
        placed = datetime.combine(day, time(), UTC) + timedelta(seconds=dice.between(0, 86_000))
        key = f"{dice.pick(('KL', 'BZ'))}-{number:07d}"
        basket = fill(world, dice, site, most=4)
        basket.vouchers, basket.order_rebate = [], 0
        shipping = dice.pick((0, 390, 590))
        totals = add_up(basket, freight=shipping)
        cancelled = placed + timedelta(hours=dice.between(1, 30)) if dice.chance(40) else None
        shipped = placed + timedelta(hours=dice.between(10, 80))
        received = placed + timedelta(seconds=dice.between(1, 300))
        state, changed = "ACCEPTED", received
        if cancelled and cancelled < end:
            state, changed = "CANCELLED", cancelled
        elif shipped < end:
            state, changed = "SHIPPED", shipped
        lines: list[dict[str, object]] = [
            {
                "lineId": str(place),
                "articleId": line.article.id,
                "sku": line.article.number,
                "title": line.article.title,
                "qty": decimal(line.quantity, 3),
                "price": line.price,
                "amount": line.gross,
                "discount": line.rebate,
                "vat": line.tax,
                "vatRate": decimal(line.percent, 4),
            }
            for place, line in enumerate(basket.lines, 1)
        ]
        if planter and planter.strikes("portal_quantity", changed, f"M:{key}#1"):
            lines[0]["qty"] = "2 Stk"
        stated: object = totals.total
        if planter and planter.strikes("portal_total", changed, f"M:{key}"):
            stated = "n/a"
        paid = {
            "paidAt": shipped.isoformat(),
            "amount": totals.total,
            "commission": totals.total * 12 // 100,
            "ref": f"pt_{dice.digits(9)}",
        }
        rows.add(
            "market_orders",
            id=key,
            portal=dice.pick(("Klarmarkt", "Bazar24")),
            received_at=received,
            updated_at=changed,
            voided_at=changed if dice.chance(3) else None,
            doc={
                "ref": f"{key}/{placed.year}",
                "placedAt": placed.isoformat(),
                "state": state,
                "ccy": dice.pick(("EUR", "EUR", "eur")),
                "cancelledAt": changed.isoformat() if state == "CANCELLED" else None,
                "buyer": {"name": "Portal", "country": "DE"},
                "totals": {
                    "goods": totals.goods,
                    "discount": totals.rebate,
                    "shipping": shipping,
                    "vat": totals.tax,
                    "total": stated,
                },
                "lines": lines,
                "payment": paid if state == "SHIPPED" else {},
            },
        )
