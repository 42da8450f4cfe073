"""What happens at the surf shop, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from retail_medallion.demo.amounts import share
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.documents import shelf
from retail_medallion.demo.documents.money import HOME, priced
from retail_medallion.demo.documents.orders import Line, Order, Payment, Shipment
from retail_medallion.demo.documents.people import CURRENCIES, Review, Shopper, shopper
from retail_medallion.demo.documents.shelf import Product

_ORDERS_A_DAY = 24
_SHOPPERS, _PRODUCTS = 30, 12
_PROMOTION_ENDS = 10
"""Day of the story on which a promotion is marked as removed."""
_TEXTS = ("Stoked!", "最高です。", "Snapped on day two.", "Fits well.")


class Story:
    """The surf shop on the evening of the last day told.

    Attributes:
        opened: When its documents begin.
        categories: UUID and document of each category, by its name.
        products: By UUID.
        promotions: By UUID.
        shoppers: By UUID.
        orders: By UUID.
        reviews: By UUID.
    """

    def __init__(self, seed: int, start: date) -> None:
        self._seed, self._start = seed, start
        self.opened = at = _moment(start - timedelta(days=300), 60)
        self.categories = shelf.categories(seed)
        self.products: dict[str, Product] = {}
        self.promotions = {promotion.id: promotion for promotion in shelf.promotions(seed, at)}
        self.shoppers: dict[str, Shopper] = {}
        self.orders: dict[str, Order] = {}
        self.reviews: dict[str, Review] = {}
        self._numbers = {"shopper": 0, "product": 0, "order": 100_000}
        for _ in range(_SHOPPERS):
            self._join(at)
        for _ in range(_PRODUCTS):
            self._launch(at)

    def day(self, day: date) -> None:
        """Everything that is written on that UTC day."""
        dice = Dice(self._seed, "documents day", day)
        self._change_people(dice, day)
        self._change_shelf(day)
        self._arrive(day)
        self._send(dice, day)
        self._moderate(day)
        self._hear(dice, day)
        for number in range(_ORDERS_A_DAY):
            self._place(dice, day, number)

    def _place(self, dice: Dice, day: date, number: int) -> None:
        at = _moment(day, 300 + 40 * number + dice.below(30), dice.below(60))
        known = [person for person in self.shoppers.values() if person.removed is None]
        buyer = dice.pick(known) if dice.chance(850) else None
        currency = CURRENCIES[buyer.country] if buyer else HOME
        offered = [promotion for promotion in self.promotions.values() if promotion.removed is None]
        promotion = dice.pick(offered) if dice.chance(250) else None
        on_sale = [variant for found in self.products.values() if not found.removed for variant in found.variants]
        lines = []
        for position in range(dice.between(1, 4)):
            variant = dice.pick(on_sale)
            off = promotion if promotion and (promotion.percent or position == 0) else None
            lines.append(Line(dice.uuid(), variant, variant.price(currency), dice.between(1, 3), off, currency))
        order = Order(
            id=dice.uuid(),
            number=self._next("order", "KS-"),
            at=at,
            changed=at,
            state="placed",
            currency=currency,
            channel=dice.pick(("web", "web", "app")),
            customer=buyer.id if buyer else None,
            lines=tuple(lines),
            shipping=priced(995, currency),
            promotion=promotion,
            spoiled=day == self._start and number == 5,  # noqa: PLR2004 - one in all
        )
        if number % 8:
            order = _paid(dice, order, at + timedelta(minutes=3))
        self.orders[order.id] = order
        if promotion:
            current = self.promotions[promotion.id]
            self.promotions[promotion.id] = replace(current, uses=current.uses + 1, changed=order.changed)

    def _send(self, dice: Dice, day: date) -> None:
        """Of yesterday's orders one is cancelled, one loses a line, one is removed; the others leave or are paid."""
        at = _moment(day, 120)
        waiting = [order for order in self._from(day, 1) if order.removed is None]
        if not waiting:
            return
        paid = [order for order in waiting if order.state == "paid" and not order.spoiled]
        cancelled, removed = paid[0], paid[1]
        shortened = next(order for order in paid[2:] if len(order.lines) > 1)
        for order in waiting:
            if order is cancelled:
                changed = replace(_refunded(dice, order, order.total, at), state="cancelled")
            elif order is removed:
                changed = replace(order, removed=at)
            elif order is shortened:
                fewer = replace(order, lines=order.lines[:-1])
                changed = _refunded(dice, fewer, order.total - fewer.total, at)
            elif order.state == "placed":
                changed = _paid(dice, order, at)
            else:
                parcel = Shipment(dice.uuid(), at, dice.between(700, 1900))
                changed = replace(order, state="sent", shipments=(*order.shipments, parcel))
            self.orders[order.id] = replace(changed, changed=at)

    def _arrive(self, day: date) -> None:
        at = _moment(day, 90)
        for order in self._from(day, 2):
            if order.state == "sent":
                parcels = tuple(replace(parcel, arrived=at) for parcel in order.shipments)
                self.orders[order.id] = replace(order, state="done", shipments=parcels, changed=at)

    def _moderate(self, day: date) -> None:
        """What was written is published the next day; the oldest of all is deleted, and nothing tells of it."""
        at = _moment(day, 200)
        for review in [found for found in self.reviews.values() if found.shown is None]:
            self.reviews[review.id] = replace(review, shown=at, changed=at)
        whole = [found for found in self.reviews.values() if found.stars is not None]
        if len(whole) > 4:  # noqa: PLR2004 - a few are always there
            del self.reviews[whole[0].id]

    def _hear(self, dice: Dice, day: date) -> None:
        arrived = [order for order in self._from(day, 2) if order.state == "done" and order.customer]
        at = _moment(day, 240)
        for number, order in enumerate(arrived[:4]):
            lost = not self.reviews and number == 0
            stars = None if lost else dice.between(0, 10)
            text = dice.pick(_TEXTS)
            review = Review(dice.uuid(), order, order.lines[0], stars, text, at, at)
            self.reviews[review.id] = review

    def _change_people(self, dice: Dice, day: date) -> None:
        at = _moment(day, 30)
        people = [person for person in self.shoppers.values() if person.removed is None]
        erased, left, moved = people[0], people[1], people[2 + dice.below(5)]
        del self.shoppers[erased.id]
        self.shoppers[left.id] = replace(left, removed=at, changed=at)
        mail = f"new.{day:%d}.{moved.mail.removeprefix('new.')}"
        self.shoppers[moved.id] = replace(moved, mail=mail, changed=at)
        for _ in range(2):
            self._join(at)

    def _change_shelf(self, day: date) -> None:
        at = _moment(day, 45)
        offered = [product for product in self.products.values() if product.removed is None]
        self._launch(at)
        self.products[offered[0].id] = replace(offered[0], removed=at, changed=at)
        dearer = tuple(replace(variant, cents=share(variant.cents, 105, 100)) for variant in offered[1].variants)
        self.products[offered[1].id] = replace(offered[1], variants=dearer, changed=at)
        if (day - self._start).days == _PROMOTION_ENDS:
            last = [*self.promotions.values()][-1]
            self.promotions[last.id] = replace(last, removed=at, changed=at)

    def _from(self, day: date, days_before: int) -> Sequence[Order]:
        placed = day - timedelta(days=days_before)
        return [order for order in self.orders.values() if order.at.date() == placed]

    def _join(self, at: datetime) -> None:
        self._numbers["shopper"] += 1
        made = shopper(self._seed, self._numbers["shopper"], at)
        self.shoppers[made.id] = made

    def _launch(self, at: datetime) -> None:
        made = shelf.product(self._seed, self._numbers["product"], self.categories, at)
        self._numbers["product"] += 1
        self.products[made.id] = made

    def _next(self, what: str, prefix: str) -> str:
        self._numbers[what] += 1
        return f"{prefix}{self._numbers[what]}"


def _moment(day: date, minutes: int, seconds: int = 0) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(minutes=minutes, seconds=seconds)


def _paid(dice: Dice, order: Order, at: datetime) -> Order:
    payment = Payment(dice.uuid(), dice.pick(("card", "card", "wallet", "later")), order.total, at)
    return replace(order, state="paid", payments=(payment,), changed=at)


def _refunded(dice: Dice, order: Order, amount: int, at: datetime) -> Order:
    charge = order.payments[0]
    refund = Payment(dice.uuid(), charge.method, -amount, at, of=charge.id)
    return replace(order, payments=(*order.payments, refund))
