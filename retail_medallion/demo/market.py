"""Orders that marketplaces deliver as JSON documents, with amounts in minor units."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from retail_medallion.demo.amounts import decimal
from retail_medallion.demo.delivery import Delivery, Journey
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.lines import add_up, fill
from retail_medallion.demo.stock import Stock
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.world import WAREHOUSE, WEB_SHOP, Numbers, World

ORDERS_A_DAY = 24
"""Documents on a plain day at scale 1."""


class Market:
    """Makes days of trade on marketplaces.

    Args:
        rows: Where everything is written.
        world: What trade happens in.
        numbers: Ids.
        planter: Spoils some rows; None spoils none.
        stock: Where goods leave.
        end: Nothing recorded from then on exists yet.
        seed: Chooses one of all possible histories.
    """

    def __init__(
        self,
        rows: Rows,
        world: World,
        numbers: Numbers,
        planter: Planter | None,
        stock: Stock,
        end: datetime,
        seed: int,
    ) -> None:
        self._rows, self._world, self._numbers, self._planter = rows, world, numbers, planter
        self._stock, self._end, self._seed = stock, end, seed
        self._delivery = Delivery(rows, numbers, planter, end)

    def day(self, day: date, orders: int) -> None:
        """Write the documents placed on one UTC day, as they stand when the history ends, and what follows them."""
        dice = Dice(self._seed, "market", day)
        site = self._world.sites[WEB_SHOP]
        for _ in range(orders):
            number = self._numbers.take("market_orders")
            placed = datetime.combine(day, time(), UTC) + timedelta(seconds=dice.between(0, 86_000))
            key = f"{dice.pick(('KL', 'BZ'))}-{number:07d}"
            basket = fill(self._world, dice, site, most=4)
            basket.vouchers, basket.order_rebate = [], 0
            shipping = dice.pick((0, 390, 590))
            totals = add_up(basket, freight=shipping)
            cancelled = placed + timedelta(hours=dice.between(1, 30)) if dice.chance(40) else None
            shipped = placed + timedelta(hours=dice.between(10, 80))
            received = placed + timedelta(seconds=dice.between(1, 300))
            state, changed = "ACCEPTED", received
            if cancelled and cancelled < self._end:
                state, changed = "CANCELLED", cancelled
            elif shipped < self._end:
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
            for line in lines:
                if changed > received and dice.chance(25):
                    line["returned"] = line["qty"]
            stated: object = totals.total
            dropped: object = changed.isoformat() if state == "CANCELLED" else None
            if self._planter:
                _spoil_lines(self._planter, changed, key, lines)
                if self._planter.strikes("portal_total", changed, f"M:{key}"):
                    stated = "n/a"
                elif self._planter.strikes("portal_does_not_add_up", changed, f"M:{key}"):
                    stated = totals.total + 777
                elif self._planter.strikes("portal_pays", changed, f"M:{key}"):
                    stated = -totals.total
                elif state == "CANCELLED" and self._planter.strikes("portal_cancelled", changed, f"M:{key}"):
                    dropped = "gestern"
            if not (cancelled and cancelled < self._end):
                self._stock.sold(basket.lines, None, WAREHOUSE, shipped, shipped, portal_order=key)
                arrived = shipped + timedelta(hours=dice.between(20, 80))
                self._delivery.sent_for_portal(dice, key, basket.lines, Journey(received, shipped, arrived))
            paid = {
                "paidAt": shipped.isoformat(),
                "amount": totals.total,
                "commission": totals.total * 12 // 100,
                "ref": f"pt_{dice.digits(9)}",
            }
            self._rows.add(
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
                    "cancelledAt": dropped,
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


def _spoil_lines(planter: Planter, changed: datetime, key: str, lines: list[dict[str, object]]) -> None:
    """Make something of the first line wrong, now and then."""
    first, line_key = lines[0], f"M:{key}#1"
    if planter.strikes("portal_quantity", changed, line_key):
        first["qty"] = "2 Stk"
    elif planter.strikes("portal_twice", changed, line_key):
        lines.append({**first, "title": "noch einmal"})
    elif planter.strikes("portal_gross", changed, line_key):
        first["amount"] = int(str(first["amount"])) + 500
    elif planter.strikes("portal_discount", changed, line_key):
        first["discount"] = int(str(first["amount"])) + 100
    elif planter.strikes("portal_gift", changed, line_key):
        first["price"] = 0
    elif planter.strikes("portal_returned", changed, line_key):
        first["returned"] = "99.000"
