"""The lines of a sale and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from retail_medallion.demo.amounts import decimal, money, share, tax_inside
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.untidy import text
from retail_medallion.demo.vocabulary import COUNTRIES, REASONS
from retail_medallion.demo.world import Article, Site, Voucher, World

POUNDS_PER_100_EUROS = 86
GIFT_CARD = 3
CANCELLED = 900_000_000
"""Cancelled lines of a till have numbers of their own range."""


@dataclass(slots=True)
class Line:
    """One line. Quantities in thousandths, amounts in cents; all positive, `back` turns the direction.

    Attributes:
        article: What is sold.
        quantity: Units.
        price: Price of a unit.
        percent: Tax in hundredths of a percent.
        gross: Quantity times price.
        rebate: Taken off this line.
        voucher: Voucher behind the rebate.
        back: It is taken back.
        origin: Id of the line that is taken back.
        id: Its number, once it has one.
        stock_site: Place it leaves from, where that is not the order's.
    """

    article: Article
    quantity: int
    price: int
    percent: int
    gross: int = 0
    rebate: int = 0
    voucher: int | None = None
    back: bool = False
    origin: int | None = None
    id: int = 0
    stock_site: int | None = None

    def __post_init__(self) -> None:
        self.gross = share(self.price, self.quantity, 1000)

    @property
    def tax(self) -> int:
        """The tax contained in what is paid for the line."""
        return tax_inside(self.gross - self.rebate, self.percent)


@dataclass(slots=True)
class Totals:
    """Totals of a document in cents, signed.

    Attributes:
        goods: Sum of the lines before rebates.
        rebate: All rebates, also those that are on no line.
        order_rebate: The part that is on no line.
        freight: Freight.
        fees: Fees.
        tax: Tax contained in the total.
        total: What is to be paid.
    """

    goods: int
    rebate: int
    order_rebate: int
    freight: int
    fees: int
    tax: int
    total: int


def price_at(article: Article, site: Site) -> int:
    """The price of a unit in cents of the site's currency."""
    if site.currency == "EUR":
        return article.price
    return share(article.price, POUNDS_PER_100_EUROS, 100)


def tax_at(article: Article, site: Site) -> int:
    """The rate of tax in hundredths of a percent."""
    return 0 if article.kind == GIFT_CARD else COUNTRIES[site.country].vat[article.reduced]


@dataclass
class Basket:
    """What goes into one sale.

    Attributes:
        lines: Its lines.
        vouchers: Vouchers used.
        order_rebate: Rebate on the whole order in cents, on no line.
    """

    lines: list[Line]
    vouchers: list[Voucher] = field(default_factory=list)
    order_rebate: int = 0


def fill(world: World, dice: Dice, site: Site, *, most: int) -> Basket:
    """Put goods into a basket, with rebates and vouchers."""
    count = 1
    while count < most and dice.chance(560):
        count += 1
    lines: list[Line] = []
    for _ in range(count):
        article = world.articles.draw(dice)
        if any(line.article.id == article.id for line in lines):
            continue
        if article.unit in {"kg", "m", "l"} and dice.chance(700):
            quantity = dice.between(120, 2400)
        else:
            quantity = 1000 * (1 if dice.chance(800) else dice.between(2, 6))
        lines.append(Line(article, quantity, price_at(article, site), tax_at(article, site)))
        if dice.chance(120):
            lines[-1].rebate = share(lines[-1].gross, dice.pick((10, 20, 30)), 100)
    basket = Basket(lines)
    if dice.chance(60) and world.vouchers:
        voucher = dice.pick(world.vouchers)
        goods = sum(line.gross - line.rebate for line in lines)
        if voucher.percent:
            for line in lines:
                if not line.rebate:
                    line.rebate, line.voucher = share(line.gross, voucher.percent, 100), voucher.id
            basket.vouchers.append(voucher)
        elif goods > 3 * voucher.amount:
            basket.order_rebate = voucher.amount
            basket.vouchers.append(voucher)
    return basket


def add_up(basket: Basket, *, freight: int = 0, fees: int = 0) -> Totals:
    """The totals of a document."""
    goods = sum(-line.gross if line.back else line.gross for line in basket.lines)
    rebate = sum(line.rebate for line in basket.lines) + basket.order_rebate
    tax = sum(-line.tax if line.back else line.tax for line in basket.lines) + tax_inside(freight, 1900)
    return Totals(goods, rebate, basket.order_rebate, freight, fees, tax, goods - rebate + freight + fees)


def write_line(
    rows: Rows,
    planter: Planter | None,
    dice: Dice,
    line: Line,
    order: int,
    position: int,
    site: Site,
    recorded: datetime,
) -> None:
    """Write one order line; `recorded` is when its order was last changed."""
    sign = -1 if line.back else 1
    quantity, gross, rebate, tax = line.quantity, line.gross, line.rebate, line.tax
    article = line.article
    cost = article.cost if site.currency == "EUR" else share(article.cost, POUNDS_PER_100_EUROS, 100)
    rows.add(
        "order_lines",
        id=line.id,
        order_id=order,
        pos=position,
        kind="G" if article.kind == GIFT_CARD else "W",
        article_id=article.id,
        article_no=text(dice, article.number),
        label=text(dice, article.title),
        qty=decimal(sign * quantity, 3),
        unit_price=money(line.price),
        unit_cost=decimal(cost, 4),
        gross=money(sign * gross),
        rebate=money(rebate),
        vat_percent=money(line.percent),
        vat=money(sign * tax),
        voucher_id=line.voucher,
        origin_line_id=line.origin,
        stock_site_id=line.stock_site,
        reason=text(dice, dice.pick(REASONS)) if line.back else None,
    )
    # A cancelled line is worth nothing, so its order still adds up.
    if planter and planter.strikes("no_quantity", recorded, cancelled := line.id + CANCELLED):
        rows.add(
            "order_lines",
            id=cancelled,
            order_id=order,
            pos=position + 90,
            kind="W",
            article_id=article.id,
            article_no=article.number,
            label="STORNO",
            qty="0",
            unit_price=money(line.price),
            gross="0.00",
            rebate="0.00",
            vat_percent=money(line.percent),
            vat="0.00",
        )
