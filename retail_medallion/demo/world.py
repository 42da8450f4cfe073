"""What the retailer's trade happens in: the goods, places, people, tenders and vouchers other modules draw from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from retail_medallion.demo.dice import Weighted


class Article(NamedTuple):
    """An article as an order line needs it. Price in cents of a euro, cost in ten-thousandths, tax 1 = reduced."""

    id: int
    number: str
    title: str
    unit: str
    kind: int
    price: int
    cost: int
    reduced: int
    model: int | None
    vendor: int | None


class Site(NamedTuple):
    """A place of business as an order needs it."""

    id: int
    kind: str
    country: str
    currency: str


class Client(NamedTuple):
    """A client as an order needs it."""

    id: int
    country: str
    town: str
    zip: str
    locale: str
    business: bool
    member: bool


class Voucher(NamedTuple):
    """A voucher: percent off the lines, or cents off the order."""

    id: int
    percent: int
    amount: int


@dataclass
class Numbers:
    """The next number of every table that counts its rows."""

    next: dict[str, int] = field(default_factory=dict)

    def take(self, table: str) -> int:
        """The next number of that table; the first is 1."""
        value = self.next.get(table, 1)
        self.next[table] = value + 1
        return value


@dataclass
class World:
    """Everything that is there before a day of trade begins.

    Attributes:
        articles: Articles by how well they sell.
        stores: Stores by how well they run.
        sites: All sites by id.
        clients: Clients in the order in which they signed up.
        signed_up: Number of clients that exist on a day.
        vouchers: Vouchers in use.
    """

    articles: Weighted[Article]
    stores: Weighted[Site]
    sites: dict[int, Site]
    clients: list[Client]
    signed_up: dict[date, int]
    vouchers: list[Voucher]


WAREHOUSE, BRITISH_WAREHOUSE, RETURNS, WEB_SHOP, TRANSIT = 80, 81, 85, 90, 88


class Spell(NamedTuple):
    """The time a database tells of: from `start`, before `end`."""

    start: datetime
    end: datetime
