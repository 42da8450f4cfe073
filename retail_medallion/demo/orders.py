"""A day of trade: orders in stores and online, what becomes of them, returns and corrections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from retail_medallion.demo.amounts import money, share
from retail_medallion.demo.club import Club
from retail_medallion.demo.delivery import Delivery, Journey
from retail_medallion.demo.dice import Dice, Weighted
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.lines import Basket, Line, Totals, add_up, fill, write_line
from retail_medallion.demo.payments import PAID, PARTLY_REFUNDED, REFUND, REFUNDED, UNPAID, VOID, Payer, Receipt, Till
from retail_medallion.demo.stock import Stock
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.vouchers import Vouchers
from retail_medallion.demo.web import Web
from retail_medallion.demo.world import RETURNS, WAREHOUSE, WEB_SHOP, Client, Numbers, Site, World

SALE, RETURN, EXCHANGE = 1, 2, 3
NEW, CONFIRMED, IN_WORK, DONE, RETURNED, PARTLY_RETURNED, CANCELLED = 10, 20, 30, 40, 80, 85, 90
_CHANNELS = Weighted(("filiale", "webshop", "app", "telefon", "b2b", "intern"), (620, 250, 85, 20, 20, 5))
ORDERS_A_DAY = 300
"""Orders on a plain day at scale 1."""


@dataclass(frozen=True, slots=True)
class Due:
    """A return to come: what was bought where."""

    order: int
    channel: str
    site: Site
    client: Client | None
    lines: tuple[Line, ...]
    receipt: Receipt


@dataclass(slots=True)
class Fate:
    """What becomes of an order until the history ends."""

    status: int
    pay_status: int
    changed: datetime
    touched: datetime
    completed: datetime | None = None
    cancelled: datetime | None = None
    voided: datetime | None = None


class Trade:
    """Makes days of trade.

    Args:
        rows: Where everything is written.
        world: What trade happens in.
        numbers: Ids of orders, lines and what follows them.
        planter: Spoils some rows; None spoils none.
        end: Nothing recorded from then on exists yet.
        seed: Chooses one of all possible histories.
        stock: Where goods leave and come back.
        club: Where members' orders are noted.
        vouchers: Where uses are counted; None where nobody counts.
    """

    def __init__(  # noqa: PLR0913 - trade touches everything
        self,
        rows: Rows,
        world: World,
        numbers: Numbers,
        planter: Planter | None,
        end: datetime,
        seed: int,
        *,
        stock: Stock,
        club: Club,
        vouchers: Vouchers | None = None,
    ) -> None:
        self._rows, self._world, self._numbers, self._planter = rows, world, numbers, planter
        self._end, self._seed = end, seed
        self._till = Till(rows, planter, end)
        self._delivery = Delivery(rows, numbers, planter, end)
        self._web = Web(rows, numbers, planter, end)
        self._stock, self._club, self._vouchers = stock, club, vouchers
        self._due: dict[date, list[Due]] = defaultdict(list)

    def expect(self, day: date, due: Due) -> None:
        """Let goods come back on that day."""
        self._due[day].append(due)

    def day(self, day: date, orders: int) -> None:
        """One UTC day: `orders` orders, abandoned baskets, and the returns that fall due."""
        dice = Dice(self._seed, "orders", day)
        for _ in range(orders):
            channel = _CHANNELS.draw(dice)
            if channel in {"filiale", "intern"}:
                self._in_a_store(dice, day, channel)
            else:
                self._online(dice, day, channel)
        for due in self._due.pop(day, ()):
            self._bring_back(dice, day, due)
        for _ in range(orders * 20 // 100):
            site = self._world.sites[WEB_SHOP]
            client = self._client(dice, day) if dice.chance(400) else None
            self._web.abandoned(dice, fill(self._world, dice, site, most=5), client, self._at(dice, day, 0, 24))

    @staticmethod
    def _at(dice: Dice, day: date, first_hour: int, last_hour: int) -> datetime:
        """A time of the UTC day, early enough for what is recorded a little later to stay in it."""
        second = dice.between(first_hour * 3600 + 60, last_hour * 3600 - 600)
        return datetime.combine(day, time(), UTC) + timedelta(seconds=second, milliseconds=dice.below(1000))

    def _client(self, dice: Dice, day: date) -> Client:
        known = self._world.signed_up[day]
        # Those who came last buy most.
        return self._world.clients[max(dice.below(known), dice.below(known))]

    def _in_a_store(self, dice: Dice, day: date, channel: str) -> None:
        site = self._world.stores.draw(dice)
        client = self._client(dice, day) if dice.chance(420) and channel == "filiale" else None
        placed = self._at(dice, day, 7, 18)
        # A till without a line to head office delivers its tickets days later.
        created = placed + (
            timedelta(hours=dice.between(20, 90)) if dice.chance(15) else timedelta(seconds=dice.between(1, 40))
        )
        basket = fill(self._world, dice, site, most=7)
        bags = 20 * dice.between(1, 3) if dice.chance(150) else 0
        if created >= self._end:
            return
        totals = add_up(basket, fees=bags)
        order = self._numbers.take("orders")
        payer = Payer(order, site, client)
        receipt = Receipt(UNPAID, "BAR", None)
        if channel == "filiale":
            receipt = self._till.at_the_till(dice, payer, totals.total, placed, created)
        fate = Fate(DONE, receipt.state, created, created, completed=placed)
        if channel == "filiale" and dice.chance(3) and receipt.payment:
            fate.voided = fate.changed = min(
                created + timedelta(hours=dice.between(1, 30)), self._end - timedelta(seconds=5)
            )
            self._till.book(dice, payer, VOID, receipt.tender, totals.total, fate.voided, parent=receipt.payment)
        else:
            self._afterwards(dice, payer, channel, basket, fate, receipt)
        surcharges = [{"kind": "Tüten", "cents": bags}] if bags else None
        self._write(dice, payer, SALE, channel, basket, placed, created, fate, fees=bags, surcharges=surcharges)
        self._stock.sold(basket.lines, order, site.id, placed, created)
        if not fate.voided and channel == "filiale":
            self._club.note(payer, totals.total, created)

    def _online(self, dice: Dice, day: date, channel: str) -> None:
        site = self._world.sites[WEB_SHOP]
        client = self._client(dice, day)
        placed = self._at(dice, day, 0, 24)
        created = placed + timedelta(seconds=dice.between(0, 5))
        basket = fill(self._world, dice, site, most=9)
        for line in basket.lines:
            if dice.chance(20):
                line.stock_site = self._world.stores.draw(dice).id
        goods = sum(line.gross - line.rebate for line in basket.lines)
        freight = 0 if goods >= 5000 else 490  # noqa: PLR2004 - free of freight from 50.00
        wrapped = 250 if dice.chance(30) else 0
        totals = add_up(basket, freight=freight, fees=wrapped)
        order = self._numbers.take("orders")
        payer = Payer(order, site, client)
        shipped = placed + timedelta(hours=dice.between(6, 70), minutes=dice.below(60))
        arrived = shipped + timedelta(hours=dice.between(18, 90))
        cancelled = placed + timedelta(minutes=dice.between(5, 1200)) if dice.chance(35) else None
        if cancelled and cancelled >= self._end:
            cancelled = None
        receipt = self._till.online(dice, payer, totals.total, created, shipped, cancelled)
        if cancelled:
            fate = Fate(CANCELLED, receipt.state, cancelled, created, cancelled=cancelled)
        elif arrived < self._end:
            fate = Fate(DONE, receipt.state, arrived, created, completed=arrived)
        elif shipped < self._end:
            fate = Fate(IN_WORK, receipt.state, shipped, created)
        else:
            fate = Fate(CONFIRMED if receipt.payment else NEW, receipt.state, created, created)
        if fate.status == DONE:
            self._afterwards(dice, payer, channel, basket, fate, receipt)
        cart = None
        if channel in {"webshop", "app"} and dice.chance(850):
            cart = self._web.ordered(dice, basket, client, channel, order, placed)
        surcharges = [{"kind": "Geschenkpapier", "cents": wrapped}] if wrapped else None
        self._write(
            dice,
            payer,
            SALE,
            channel,
            basket,
            placed,
            created,
            fate,
            freight=freight,
            fees=wrapped,
            surcharges=surcharges,
            cart=cart,
        )
        self._delivery.sent(dice, order, client, basket.lines, Journey(created, shipped, arrived, cancelled))
        if not cancelled:
            self._stock.sold(basket.lines, order, WAREHOUSE, shipped, shipped)
        if fate.status in {DONE, RETURNED, PARTLY_RETURNED}:
            self._club.note(payer, totals.total, arrived)
            self._web.reviewed(dice, basket.lines, client, order, arrived)

    def _afterwards(self, dice: Dice, payer: Payer, channel: str, basket: Basket, fate: Fate, receipt: Receipt) -> None:
        """Corrections days later, and goods that are going to come back."""
        for line in basket.lines:
            line.id = self._numbers.take("order_lines")
        if not receipt.payment or receipt.state != PAID:
            return
        if dice.chance(16):
            self._correct(dice, payer, basket, fate, receipt)
        elif dice.chance(65):
            on = fate.changed + timedelta(days=dice.between(1, 20), minutes=dice.below(300))
            back = [line for line in basket.lines if dice.chance(600)]
            if back and on.date() < self._end.date():
                due = Due(payer.order, channel, payer.site, payer.client, tuple(back), receipt)
                self.expect(on.date(), due)
                whole = len(back) == len(basket.lines)
                fate.status, fate.pay_status = (RETURNED, REFUNDED) if whole else (PARTLY_RETURNED, PARTLY_REFUNDED)
                fate.changed = on.replace(hour=19, minute=on.minute)

    def _correct(self, dice: Dice, payer: Payer, basket: Basket, fate: Fate, receipt: Receipt) -> None:
        """Head office takes a line out (its row is deleted) or grants a rebate, and pays the difference back."""
        at = fate.changed + timedelta(days=dice.between(1, 9), minutes=dice.below(600))
        if at >= self._end:
            return
        before = add_up(basket).total
        if len(basket.lines) > 1 and not basket.order_rebate and dice.chance(600):
            basket.lines.remove(dice.pick(basket.lines))
        else:
            line = dice.pick(basket.lines)
            line.rebate += share(line.gross - line.rebate, 10, 100)
        difference = add_up(basket).total - before
        fate.touched = at
        if dice.chance(500):
            fate.changed = at
        if difference:
            self._till.book(dice, payer, REFUND, receipt.tender, difference, at, parent=receipt.payment)
            fate.pay_status = PARTLY_REFUNDED

    def _bring_back(self, dice: Dice, day: date, due: Due) -> None:
        """A return document of its own, or an exchange for something else."""
        at = self._at(dice, day, 8, 18)
        site = due.site
        exchange = due.channel == "filiale" and dice.chance(150)
        lines: list[Line] = []
        for bought in due.lines:
            # What was paid for a unit is what is given back, whatever it costs now.
            paid = share(bought.gross - bought.rebate, 1000, bought.quantity)
            lines.append(Line(bought.article, bought.quantity, paid, bought.percent, back=True, origin=bought.id))
        basket = Basket(lines)
        if exchange:
            bought_instead = fill(self._world, dice, site, most=2)
            basket = Basket(lines + bought_instead.lines, bought_instead.vouchers, bought_instead.order_rebate)
        for line in basket.lines:
            line.id = self._numbers.take("order_lines")
        totals = add_up(basket)
        order = self._numbers.take("orders")
        payer = Payer(order, site, due.client)
        if exchange:
            receipt = self._till.at_the_till(dice, payer, totals.total, at, at)
        else:
            self._till.book(dice, payer, REFUND, due.receipt.tender, totals.total, at, parent=due.receipt.payment)
            receipt = Receipt(REFUNDED, due.receipt.tender, None)
        fate = Fate(DONE, receipt.state, at, at, completed=at)
        kind = EXCHANGE if exchange else RETURN
        self._write(dice, payer, kind, due.channel, basket, at, at, fate, return_of=due.order)
        where = site.id if site.kind == "F" else RETURNS
        self._stock.sold(basket.lines, order, where, at, at)
        self._club.note(payer, totals.total, at)

    def _write(  # noqa: PLR0913 - an order has that many sides
        self,
        dice: Dice,
        payer: Payer,
        kind: int,
        channel: str,
        basket: Basket,
        placed: datetime,
        created: datetime,
        fate: Fate,
        *,
        freight: int = 0,
        fees: int = 0,
        surcharges: Sequence[dict[str, object]] | None = None,
        return_of: int | None = None,
        cart: str | None = None,
    ) -> None:
        order, site = payer.order, payer.site
        totals: Totals = add_up(basket, freight=freight, fees=fees)
        recorded = max(fate.changed, fate.touched)
        status, sold = fate.status, placed
        planter = self._planter if channel != "intern" and not fate.voided else None
        if planter and kind == SALE:
            if planter.strikes("order_in_the_future", recorded, order):
                sold = placed + timedelta(days=65_745)
            elif planter.strikes("unknown_status", recorded, order):
                status = 55
            elif fate.completed and planter.strikes("done_before_placed", recorded, order):
                fate.completed = placed - timedelta(days=3)
        currency: str | None = site.currency
        if currency == "EUR" and dice.chance(8):
            currency = None
            if planter:
                planter.strikes("no_currency", recorded, order)
        training = channel == "filiale" and dice.chance(2)
        known = channel != "intern" and not fate.voided and not training and sold == placed
        if self._vouchers and known and status != CANCELLED:
            self._vouchers.used(basket.vouchers, created)
        self._rows.add(
            "orders",
            id=order,
            order_no=f"{'R' if kind == RETURN else 'B'}-{placed.year}-{order:08d}",
            kind=kind,
            return_of=return_of,
            channel=channel,
            status=status,
            pay_status=fate.pay_status,
            client_id=payer.client.id if payer.client else None,
            site_id=site.id,
            placed_at=sold,
            completed_at=fate.completed,
            cancelled_at=fate.cancelled,
            currency=currency,
            goods_total=money(totals.goods),
            rebate_total=money(totals.rebate),
            freight=money(freight),
            fees=money(fees),
            vat_total=money(totals.tax),
            grand_total=money(totals.total),
            surcharges=list(surcharges) if surcharges else None,
            voucher_ids=tuple(voucher.id for voucher in basket.vouchers) or None,
            basket_id=cart,
            clerk=f"V{dice.between(1, 60):03d}" if site.kind == "F" else None,
            training=training,
            voided_at=fate.voided,
            created_at=created,
            updated_at=fate.changed,
            lines_touched_at=fate.touched,
        )
        for position, line in enumerate(basket.lines, 1):
            line.id = line.id or self._numbers.take("order_lines")
            write_line(self._rows, planter, dice, line, order, position, site, recorded)
