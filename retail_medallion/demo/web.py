"""What shoppers leave behind on the web: baskets, ordered or abandoned, and opinions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from retail_medallion.demo.amounts import decimal, money
from retail_medallion.demo.clients import local
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.lines import Basket, Line, add_up
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.untidy import text
from retail_medallion.demo.vocabulary import ASKING, BLAME, PRAISE
from retail_medallion.demo.world import Client, Numbers

OPEN, AT_CHECKOUT, ORDERED, DROPPED = 1, 2, 3, 4
_SOURCES = ("newsletter", "Google", "instagram", "direct", None)
_CENTURIES = timedelta(days=65_745)
_MIDDLE = 6


class Web:
    """Writes baskets and opinions.

    Args:
        rows: Where they are written.
        numbers: Their ids.
        planter: Spoils some; None spoils none.
        end: Nothing recorded from then on exists yet.
    """

    def __init__(self, rows: Rows, numbers: Numbers, planter: Planter | None, end: datetime) -> None:
        self._rows, self._numbers, self._planter, self._end = rows, numbers, planter, end

    def ordered(self, dice: Dice, basket: Basket, client: Client, channel: str, order: int, at: datetime) -> str:
        """Write the basket an order came from and give back its id."""
        opened = at - timedelta(minutes=dice.between(2, 300))
        checkout = max(opened, at - timedelta(seconds=dice.between(30, 400)))
        return self._write(dice, basket, client, channel, ORDERED, opened, at, checkout=checkout, order=order)

    def abandoned(self, dice: Dice, basket: Basket, client: Client | None, opened: datetime) -> None:
        """Write a basket nobody ordered."""
        touched = opened + timedelta(seconds=dice.between(20, 500))
        dropped = touched + timedelta(days=2)
        state = DROPPED if dropped < self._end else dice.pick((OPEN, AT_CHECKOUT))
        checkout = touched if state == AT_CHECKOUT else None
        channel = dice.pick(("webshop", "webshop", "app"))
        self._write(dice, basket, client, channel, state, opened, touched, checkout=checkout, dropped=dropped)

    def _write(  # noqa: PLR0913 - a basket has that many sides
        self,
        dice: Dice,
        basket: Basket,
        client: Client | None,
        channel: str,
        state: int,
        opened: datetime,
        touched: datetime,
        *,
        checkout: datetime | None = None,
        order: int | None = None,
        dropped: datetime | None = None,
    ) -> str:
        key = dice.uuid()
        fates = [
            None if order else "removed" if dice.chance(100) else "parked" if dice.chance(40) else None
            for _ in basket.lines
        ]
        kept = [line for line, fate in zip(basket.lines, fates, strict=True) if fate is None]
        totals = add_up(Basket(kept, order_rebate=basket.order_rebate if len(kept) == len(basket.lines) else 0))
        source = dice.pick(_SOURCES)
        gone = dropped if dropped and dropped < self._end else None
        changed = gone or touched
        row: dict[str, object] = {
            "client_id": client.id if client else None,
            "session_token": f"s_{dice.digits(20)}",
            "channel": channel,
            "device": dice.pick(("mobile", "Desktop", " tablet ", "mobile", None)),
            "state": state,
            "currency": "EUR",
            "goods_total": money(totals.goods),
            "rebate_total": money(totals.rebate),
            "total": money(totals.total),
            "voucher_ids": tuple(voucher.id for voucher in basket.vouchers) or None,
            "opened_at": opened,
            "touched_at": touched,
            "checkout_at": checkout,
            "ordered_at": touched if order else None,
            "dropped_at": gone,
            "order_id": order,
            "utm": {"source": source, "campaign": dice.pick(("Sommer", "NL-23", ""))} if source else None,
            "updated_at": changed,
        }
        self._rows.add("baskets", id=key, **row | self._spoiled_basket(key, opened, changed, row))
        for line, fate in zip(basket.lines, fates, strict=True):
            self._write_line(key, line, fate, opened, touched, changed)
        return key

    def _spoiled_basket(
        self, key: str, opened: datetime, changed: datetime, row: dict[str, object]
    ) -> dict[str, object]:
        """What is wrong with the basket on purpose."""
        planter = self._planter
        if not planter:
            return {}
        if row["order_id"]:
            if planter.strikes("no_order", changed, key):
                return {"order_id": None}
            if planter.strikes("dropped_and_ordered", changed, key):
                return {"dropped_at": row["touched_at"]}
        if planter.strikes("unknown_device", changed, key):
            return {"device": "Kühlschrank"}
        if planter.strikes("touched_too_soon", changed, key):
            return {"touched_at": opened - timedelta(hours=1)}
        if planter.strikes("basket_of_the_future", changed, key):
            return {"opened_at": changed + _CENTURIES}
        return {}

    def _write_line(
        self, basket: str, line: Line, fate: str | None, opened: datetime, touched: datetime, changed: datetime
    ) -> None:
        number, planter = self._numbers.take("basket_lines"), self._planter
        row: dict[str, object] = {
            "basket_id": basket,
            "article_id": line.article.id,
            "article_no": line.article.number,
            "qty": decimal(line.quantity, 3),
            "price": money(line.price),
            "rebate": money(line.rebate),
            "added_at": opened,
            "removed_at": touched if fate == "removed" else None,
            "parked": fate == "parked",
        }
        spoiled: dict[str, object] = {}
        if planter and fate is None:
            if planter.strikes("nothing_in_particular", changed, number):
                spoiled = {"article_id": None, "article_no": "n/a"}
            elif planter.strikes("minus_one", changed, number):
                spoiled = {"qty": "-1"}
            elif planter.strikes("far_too_many", changed, number):
                spoiled = {"qty": "5000"}
        elif planter and fate == "removed" and planter.strikes("removed_too_soon", changed, number):
            spoiled = {"removed_at": opened - timedelta(hours=1)}
        self._rows.add("basket_lines", id=number, **row | spoiled)

    def reviewed(self, dice: Dice, lines: Sequence[Line], client: Client, order: int, arrived: datetime) -> None:
        """Write what the buyer thinks of some of the goods, if the history is long enough."""
        for line in lines:
            if not dice.chance(160):
                continue
            written = arrived + timedelta(hours=dice.between(5, 700))
            if written < self._end:
                self._write_opinion(dice, line, client, order, written)

    def _write_opinion(self, dice: Dice, line: Line, client: Client, order: int, written: datetime) -> None:
        stars = dice.pick((2, 4, 7, 8, 8, 9, 10, 10, 10))
        judged, answered = (written + timedelta(hours=dice.between(1, 30)) for _ in range(2))
        state = dice.pick(("sichtbar",) * 17 + ("abgelehnt", "verborgen")) if judged < self._end else "neu"
        answered = answered + timedelta(hours=40)
        shown = judged if state in {"sichtbar", "verborgen"} else None
        answer = answered if shown and answered < self._end and dice.chance(150) else None
        changed = answer or (judged if state != "neu" else written)
        family = line.article.model is not None and dice.chance(300)
        words = dice.pick(PRAISE if stars > _MIDDLE else BLAME)
        body = f"<p>{words}</p>{dice.pick(ASKING) if dice.chance(60) else ''}" if dice.chance(800) else None
        key = dice.uuid()
        row: dict[str, object] = {
            "article_id": None if family else line.article.id,
            "model_id": line.article.model,
            "client_id": client.id,
            "order_id": order,
            "line_id": line.id or None,
            "stars": stars,
            "stars_max": 10,
            "headline": text(dice, dice.pick(PRAISE if stars > _MIDDLE else BLAME)),
            "body": body,
            "locale": client.locale,
            "verified": dice.chance(900),
            "state": state,
            "up": dice.between(0, 20),
            "down": dice.between(0, 3),
            "written_at": local(written),
            "published_at": shown,
            "answered_at": answer,
            "updated_at": changed,
        }
        self._rows.add("opinions", id=key, **row | self._spoiled_opinion(key, written, changed, shown))

    def _spoiled_opinion(
        self, key: str, written: datetime, changed: datetime, shown: datetime | None
    ) -> dict[str, object]:
        """What is wrong with the opinion on purpose."""
        planter = self._planter
        if not planter:
            return {}
        if planter.strikes("of_nothing", changed, key):
            return {"article_id": None, "model_id": None}
        if planter.strikes("twelve_stars", changed, key):
            return {"stars": 12}
        if planter.strikes("no_stars", changed, key):
            return {"stars": None}
        if planter.strikes("no_words", changed, key):
            return {"body": "<p> - </p>"}
        if shown and planter.strikes("published_too_soon", changed, key):
            return {"published_at": written - timedelta(days=2)}
        return {}
