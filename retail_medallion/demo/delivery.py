"""What follows a sale in the warehouse and in the club: parcels, stock movements, points."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from retail_medallion.demo.amounts import decimal, money
from retail_medallion.demo.clients import local
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.lines import Line
from retail_medallion.demo.payments import Payer
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.vocabulary import CARRIERS
from retail_medallion.demo.world import WAREHOUSE, Client, Numbers

GOODS = 1


class Delivery:
    """Writes parcels, movements and points.

    Args:
        rows: Where they are written.
        numbers: Their ids.
        end: Nothing recorded from then on exists yet.
        points: Balances of points by client.
    """

    def __init__(self, rows: Rows, numbers: Numbers, end: datetime, points: dict[int, int] | None = None) -> None:
        self._rows = rows
        self._numbers = numbers
        self._end = end
        self._points: dict[int, int] = points if points is not None else {}

    def moved(self, lines: Sequence[Line], order: int, site: int, at: datetime, recorded: datetime) -> None:
        """Write what leaves and enters stock."""
        if recorded >= self._end:
            return
        for line in lines:
            if line.article.kind != GOODS:
                continue
            self._rows.add(
                "stock_moves",
                id=self._numbers.take("stock_moves"),
                article_id=line.article.id,
                site_id=site,
                reason="RT" if line.back else "VK",
                qty=decimal(line.quantity if line.back else -line.quantity, 3),
                cost=decimal(line.article.cost, 4),
                currency="EUR",
                moved_at=local(at),
                doc_type="BON",
                doc_no=str(order),
                order_id=order,
                recorded_at=recorded,
            )

    def sent(
        self,
        dice: Dice,
        payer: Payer,
        client: Client,
        lines: Sequence[Line],
        placed: datetime,
        shipped: datetime,
        done: datetime,
    ) -> None:
        """Write the parcel of an order as it stands when the history ends."""
        gone, there = shipped < self._end, done < self._end
        packed = shipped - timedelta(minutes=dice.between(10, 200))
        changed = done if there else shipped if gone else placed
        collected = dice.chance(120)
        self._rows.add(
            "parcels",
            id=self._numbers.take("parcels"),
            order_id=payer.order,
            kind=3 if collected else 1,
            state=50 if there else 40 if gone else 10,
            site_id=WAREHOUSE,
            carrier=None if collected else dice.pick(CARRIERS),
            service=dice.pick(("standard", "EXPRESS", None)),
            tracking=f"{dice.digits(12)}" if gone and not collected else None,
            contents=[{"line": line.id, "qty": decimal(line.quantity, 3)} for line in lines],
            country=client.country,
            zip=client.zip,
            cost=money(dice.between(250, 790)),
            currency="EUR",
            attempts=1 if there else 0,
            created_at=placed,
            promised_at=placed + timedelta(days=4),
            packed_at=packed if gone else None,
            shipped_at=shipped if gone else None,
            delivered_at=done if there else None,
            updated_at=changed,
        )

    def earned(self, dice: Dice, payer: Payer, total: int, at: datetime) -> None:
        """Write the points of a member: one per full unit of money, now and then some are redeemed."""
        client = payer.client
        if client is None or not client.member or at >= self._end or abs(total) < 100:  # noqa: PLR2004 - cents of one unit
            return
        points = abs(total) // 100 * (1 if total > 0 else -1)
        self._entry(payer, client, "E" if total > 0 else "K", points, at)
        balance = self._points[client.id]
        if balance > 500 and dice.chance(100):  # noqa: PLR2004 - points for one voucher
            self._entry(payer, client, "R", -500, at + timedelta(seconds=1), value=500)

    def _entry(
        self, payer: Payer, client: Client, kind: str, points: int, at: datetime, value: int | None = None
    ) -> None:
        balance = self._points[client.id] = self._points.get(client.id, 0) + points
        self._rows.add(
            "club_ledger",
            id=self._numbers.take("club_ledger"),
            client_id=client.id,
            account_no=f"LC{client.id:09d}",
            programme="LINDE",
            kind=kind,
            points=decimal(points * 100, 2),
            balance=decimal(balance * 100, 2),
            value=money(value),
            currency="EUR" if value else None,
            order_id=payer.order,
            site_id=payer.site.id,
            booked_at=at,
            expires_at=at + timedelta(days=730) if kind == "E" else None,
            recorded_at=at,
        )
