"""What shoppers leave behind on the web: baskets, ordered or abandoned, and opinions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from retail_medallion.demo.amounts import decimal, money
from retail_medallion.demo.clients import local
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.lines import Basket, Line, add_up
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.untidy import text
from retail_medallion.demo.vocabulary import BLAME, PRAISE
from retail_medallion.demo.world import Client, Numbers

OPEN, AT_CHECKOUT, ORDERED, DROPPED = 1, 2, 3, 4
_SOURCES = ("newsletter", "Google", "instagram", "direct", None)


class Web:
    """Writes baskets and opinions.

    Args:
        rows: Where they are written.
        numbers: Their ids.
        end: Nothing recorded from then on exists yet.
    """

    def __init__(self, rows: Rows, numbers: Numbers, end: datetime) -> None:
        self._rows, self._numbers, self._end = rows, numbers, end

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
        totals = add_up(basket)
        source = dice.pick(_SOURCES)
        gone = dropped if dropped and dropped < self._end else None
        self._rows.add(
            "baskets",
            id=key,
            client_id=client.id if client else None,
            session_token=f"s_{dice.digits(20)}",
            channel=channel,
            device=dice.pick(("mobile", "Desktop", "tablet")),
            state=state,
            currency="EUR",
            goods_total=money(totals.goods),
            rebate_total=money(totals.rebate),
            total=money(totals.total),
            voucher_ids=tuple(voucher.id for voucher in basket.vouchers) or None,
            opened_at=opened,
            touched_at=touched,
            checkout_at=checkout,
            ordered_at=touched if order else None,
            dropped_at=gone,
            order_id=order,
            utm={"source": source, "campaign": dice.pick(("Sommer", "NL-23", ""))} if source else None,
            updated_at=gone or touched,
        )
        for line in basket.lines:
            self._rows.add(
                "basket_lines",
                id=self._numbers.take("basket_lines"),
                basket_id=key,
                article_id=line.article.id,
                article_no=line.article.number,
                qty=decimal(line.quantity, 3),
                price=money(line.price),
                rebate=money(line.rebate),
                added_at=opened,
                removed_at=touched if not order and dice.chance(100) else None,
                parked=dice.chance(20),
            )
        return key

    def reviewed(self, dice: Dice, lines: Sequence[Line], client: Client, order: int, arrived: datetime) -> None:
        """Write what the buyer thinks of some of the goods, if the history is long enough."""
        for line in lines:
            if not dice.chance(160):
                continue
            written = arrived + timedelta(hours=dice.between(5, 700))
            if written >= self._end:
                continue
            stars = dice.pick((2, 4, 7, 8, 8, 9, 10, 10, 10))
            published = written + timedelta(hours=dice.between(1, 30))
            shown = published if published < self._end else None
            family = line.article.model is not None and dice.chance(300)
            self._rows.add(
                "opinions",
                id=dice.uuid(),
                article_id=None if family else line.article.id,
                model_id=line.article.model,
                client_id=client.id,
                order_id=order,
                line_id=line.id or None,
                stars=stars,
                stars_max=10,
                headline=text(dice, dice.pick(PRAISE if stars > 5 else BLAME)),  # noqa: PLR2004 - the middle of ten stars
                body=f"<p>{dice.pick(PRAISE if stars > 6 else BLAME)}</p>" if dice.chance(800) else None,  # noqa: PLR2004
                locale=client.locale,
                verified=dice.chance(900),
                state="sichtbar" if shown else "neu",
                up=dice.between(0, 20),
                down=dice.between(0, 3),
                written_at=local(written),
                published_at=shown,
                updated_at=shown or written,
            )
