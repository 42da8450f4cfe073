"""How orders are paid: at the till, online, by invoice; and how money goes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from retail_medallion.demo.amounts import decimal, money
from retail_medallion.demo.clients import local
from retail_medallion.demo.dice import Dice, Weighted
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.sites import TENDERS
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.world import Client, Site

PAYMENT, RESERVATION, CAPTURE, REFUND, VOID, CHARGEBACK = 1, 2, 3, 4, 5, 6
UNPAID, AUTHORISED, PARTLY_PAID, PAID, PARTLY_REFUNDED, REFUNDED, VOIDED = 0, 1, 2, 3, 4, 5, 9
_FEES = {code: (percent, fixed) for code, _, _, _, _, percent, fixed, _, _ in TENDERS}
_CARDS = {"VISA", "MC", "AMEX", "GIRO"}
_AT_THE_TILL = Weighted(("BAR", "GIRO", "VISA", "MC", "AMEX", "GUTSCHEIN"), (34, 38, 12, 10, 2, 4))
_ONLINE = Weighted(("VISA", "MC", "PAYPAL", "KLARNA", "RECHNUNG", "VORKASSE"), (24, 18, 28, 8, 17, 5))
_WORTH_SPLITTING = 3000
# Numbers that card companies publish for tests.
_TEST_CARDS = ("4111 1111 1111 1111", "5555555555554444", "378282246310005")


@dataclass(frozen=True)
class Payer:
    """Who pays what where.

    Attributes:
        order: The order's id.
        site: Where it is sold.
        client: Who buys, if known.
    """

    order: int
    site: Site
    client: Client | None


@dataclass(frozen=True)
class Receipt:
    """What came of paying.

    Attributes:
        state: The order's state of payment.
        tender: The kind of payment.
        payment: The payment that money can go back from.
    """

    state: int
    tender: str
    payment: str | None


class Till:
    """Books payments.

    Args:
        rows: Where they are written.
        planter: Spoils some; None spoils none.
        end: Nothing recorded from then on exists yet.
    """

    def __init__(self, rows: Rows, planter: Planter | None, end: datetime) -> None:
        self._rows = rows
        self._planter = planter
        self._end = end

    def book(  # noqa: PLR0913 - a booking has that many sides
        self,
        dice: Dice,
        payer: Payer,
        kind: int,
        tender: str,
        amount: int,
        at: datetime,
        *,
        recorded: datetime | None = None,
        parent: str | None = None,
        state: str = "ok",
        change: int = 0,
    ) -> str | None:
        """Book one movement of money, in cents; None where it lies in the future."""
        recorded = recorded or at
        if recorded >= self._end:
            return None
        key = dice.uuid()
        percent, fixed = _FEES[tender]
        fee = (
            abs(amount) * percent // 1000 + (fixed or 0) * 100
            if percent and kind in {PAYMENT, CAPTURE} and state == "ok"
            else None
        )
        settled = at + timedelta(days=2) if fee is not None else None
        hint = f"**** {dice.digits(4)}" if tender in _CARDS else None
        stated: int | None = amount
        if self._planter and state == "abgelehnt" and self._planter.strikes("declined_but_settled", recorded, key):
            settled = at
        if self._planter and kind == REFUND and parent is None:
            # It happens by itself; some are noted, to see that they are found.
            self._planter.strikes("orphaned_refund", recorded, key)
        if self._planter and kind == PAYMENT and state == "ok":
            if hint and self._planter.strikes("card_number", recorded, key):
                hint = dice.pick(_TEST_CARDS)
            elif self._planter.strikes("no_amount", recorded, key):
                stated = None
            elif self._planter.strikes("unknown_payment", recorded, key):
                kind = 77
        if kind == PAYMENT and amount and tender in _CARDS and self._planter:
            beside = dice.uuid()
            if self._planter.strikes("payment_of_nothing", recorded, beside):
                self._rows.add(
                    "payments",
                    id=beside,
                    order_id=payer.order,
                    kind=PAYMENT,
                    state="ok",
                    tender_code=tender,
                    site_id=payer.site.id,
                    amount="0.00",
                    currency=payer.site.currency,
                    change_given="0.00",
                    booked_at=local(at),
                    recorded_at=recorded,
                )
        self._rows.add(
            "payments",
            id=key,
            order_id=payer.order,
            parent_id=parent,
            kind=kind,
            state=state,
            tender_code=tender,
            client_id=payer.client.id if payer.client else None,
            site_id=payer.site.id,
            amount=money(stated),
            currency=payer.site.currency,
            fee=decimal(fee, 4),
            change_given=money(change),
            booked_at=local(at),
            settled_at=settled if settled and settled < self._end else None,
            gateway_ref=f"np_{dice.digits(12)}" if tender not in {"BAR", "GUTSCHEIN"} else None,
            account_hint=hint,
            instalments=dice.pick((3, 6, 12)) if tender == "KLARNA" else None,
            decline_code=dice.pick(("insufficient_funds", "3ds_failed", "DO_NOT_HONOR"))
            if state == "abgelehnt"
            else None,
            recorded_at=recorded,
        )
        return key

    def at_the_till(self, dice: Dice, payer: Payer, total: int, at: datetime, recorded: datetime) -> Receipt:
        """Pay, or be paid, on the spot."""
        tender = _AT_THE_TILL.draw(dice)
        if total < 0:
            return Receipt(REFUNDED, tender, self.book(dice, payer, REFUND, tender, total, at, recorded=recorded))
        if total > _WORTH_SPLITTING and dice.chance(15):
            part = total // 3
            self.book(dice, payer, PAYMENT, "GUTSCHEIN", part, at, recorded=recorded)
            return Receipt(PAID, "BAR", self.book(dice, payer, PAYMENT, "BAR", total - part, at, recorded=recorded))
        change = 0
        if tender == "BAR" and dice.chance(700):
            note = dice.pick((500, 1000, 2000, 5000))
            change = -total % note
        key = self.book(dice, payer, PAYMENT, tender, total + change, at, recorded=recorded, change=change)
        return Receipt(PAID, tender, key)

    def online(
        self, dice: Dice, payer: Payer, total: int, at: datetime, shipped: datetime, cancelled: datetime | None
    ) -> Receipt:
        """Pay an order that is sent."""
        business = payer.client is not None and payer.client.business
        tender = "RECHNUNG" if business and dice.chance(800) else _ONLINE.draw(dice)
        if dice.chance(30):
            self.book(dice, payer, PAYMENT, tender, total, at - timedelta(seconds=40), recorded=at, state="abgelehnt")
        if tender in _CARDS:
            return self._by_card(dice, payer, tender, total, at, shipped, cancelled)
        if tender in {"RECHNUNG", "VORKASSE"}:
            if cancelled:
                return Receipt(UNPAID, tender, None)
            # People type amounts and forget to pay.
            paid = total + dice.pick((-1, 1)) * dice.between(1, 300) if dice.chance(40) else total
            on = (shipped if tender == "RECHNUNG" else at) + timedelta(hours=dice.between(20, 500 if business else 260))
            key = None if dice.chance(30) else self.book(dice, payer, PAYMENT, tender, max(paid, 1), on)
            return Receipt((PAID if paid >= total else PARTLY_PAID) if key else UNPAID, tender, key)
        key = self.book(dice, payer, PAYMENT, tender, total, at)
        if cancelled:
            self.book(dice, payer, REFUND, tender, -total, cancelled, parent=key)
            return Receipt(REFUNDED, tender, key)
        if dice.chance(2):
            self.book(
                dice, payer, CHARGEBACK, tender, -total, shipped + timedelta(days=dice.between(5, 30)), parent=key
            )
        return Receipt(PAID, tender, key)

    def _by_card(
        self,
        dice: Dice,
        payer: Payer,
        tender: str,
        total: int,
        at: datetime,
        shipped: datetime,
        cancelled: datetime | None,
    ) -> Receipt:
        reserved = self.book(dice, payer, RESERVATION, tender, total, at)
        if cancelled:
            self.book(dice, payer, VOID, tender, total, cancelled, parent=reserved)
            return Receipt(VOIDED, tender, None)
        captured = self.book(dice, payer, CAPTURE, tender, total, shipped, parent=reserved)
        return Receipt(PAID if captured else AUTHORISED, tender, captured)
