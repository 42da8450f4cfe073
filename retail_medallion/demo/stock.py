"""What happens to stock: opening levels, sales, returns, receipts, transfers, counts, write-offs.

Levels are kept while rows are written, so that hardly anything is sold that is not there: whatever falls below its
reorder level is filled up half an hour to five hours later, stores from a warehouse and warehouses from a vendor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from retail_medallion.demo.amounts import decimal, share
from retail_medallion.demo.clients import local
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.lines import POUNDS_PER_100_EUROS, Line
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.vocabulary import LOSSES
from retail_medallion.demo.world import BRITISH_WAREHOUSE, RETURNS, WAREHOUSE, Article, Numbers, Site

GOODS = 1
_UNIT = 1000
_STORE = "F"
# Opening level, reorder level and what is ordered, in units.
_STORE_LEVELS = ((14, 30), 10, (16, 36))
_WAREHOUSE_LEVELS = ((60, 130), 45, (60, 200))
_SUNDAY, _SATURDAY = 6, 5
_LATE = timedelta(hours=1)
_WORTH_LOSING = 5 * _UNIT


class Stock:
    """Writes movements and knows what is where.

    Args:
        rows: Where they are written.
        numbers: Their ids.
        planter: Spoils some; None spoils none.
        sites: All places.
        start: When levels are opened.
        end: Nothing recorded from then on exists yet.
        seed: Chooses one of all possible histories.
        levels: What is where, in thousandths of a unit, by place and article.
    """

    def __init__(
        self,
        rows: Rows,
        numbers: Numbers,
        planter: Planter | None,
        sites: Mapping[int, Site],
        start: datetime,
        end: datetime,
        seed: int,
        levels: Mapping[tuple[int, int], int] | None = None,
    ) -> None:
        self._rows, self._numbers, self._planter, self._sites = rows, numbers, planter, sites
        self._start, self._end = start, end
        self._dice = Dice(seed, "stock", start)
        self._levels: dict[tuple[int, int], int] = dict(levels or {})
        self._articles: dict[tuple[int, int], Article] = {}
        self._latest: dict[tuple[int, int], datetime] = {}
        # Where goods were sold that were never there, nobody notices, so nothing is ordered.
        self._neglected = {place for place, level in self._levels.items() if level < 0}

    def sold(
        self,
        lines: Sequence[Line],
        order: int | None,
        site: int,
        at: datetime,
        recorded: datetime,
        *,
        portal_order: str | None = None,
    ) -> None:
        """Write what leaves and enters stock with an order.

        Args:
            lines: Lines of the order; those that name a place of their own leave from there.
            order: The order's id.
            site: Place of the order.
            at: When the goods move.
            recorded: When that is entered.
            portal_order: Id of the portal's order, where it is one.
        """
        if recorded >= self._end:
            return
        for line in lines:
            article = line.article
            if article.kind != GOODS:
                continue
            place = line.stock_site or site
            document: dict[str, object] = {"doc_type": "BON", "doc_no": str(order), "order_id": order}
            if portal_order:
                document = {"doc_type": "PORTAL", "doc_no": portal_order}
            if line.back:
                self._move("RT", article, place, line.quantity, at, recorded, **document)
                continue
            self._open(article, place)
            self._move("VK", article, place, -line.quantity, at, recorded, **document)
            if recorded - at < _LATE:
                self._fill_up(article, place, recorded)

    def _open(self, article: Article, place: int) -> None:
        if (place, article.id) in self._levels:
            return
        at = self._start + timedelta(seconds=article.id % 50)
        (low, high), _, _ = _STORE_LEVELS if self._sites[place].kind == _STORE else _WAREHOUSE_LEVELS
        level = self._dice.between(low, high) * _UNIT
        if self._sites[place].kind == _STORE and self._planted("below_zero", at, f"{article.id}/{place}"):
            self._neglected.add((place, article.id))
            level = 0
        self._move("AB", article, place, level, at, at, doc_type="INV", doc_no=f"AB-{at.year}")

    def _fill_up(self, article: Article, place: int, noticed: datetime) -> None:
        """Order what has become scarce; it comes the same day."""
        store = self._sites[place].kind == _STORE
        _, reorder, (low, high) = _STORE_LEVELS if store else _WAREHOUSE_LEVELS
        if (place, article.id) in self._neglected or self._levels[place, article.id] >= reorder * _UNIT:
            return
        at = noticed + timedelta(minutes=self._dice.between(30, 300))
        if at >= self._end:
            return
        quantity = self._dice.between(low, high) * _UNIT
        if not store:
            self._receive(article, place, quantity, at)
            return
        supply = BRITISH_WAREHOUSE if self._sites[place].currency == "GBP" else WAREHOUSE
        self._open(article, supply)
        if self._levels[supply, article.id] < quantity + _WAREHOUSE_LEVELS[1] * _UNIT:
            self._receive(article, supply, self._dice.between(*_WAREHOUSE_LEVELS[2]) * _UNIT, at - timedelta(minutes=9))
        self._transfer(article, supply, place, quantity, at)

    def _receive(self, article: Article, place: int, quantity: int, at: datetime) -> None:
        dice = self._dice
        more: dict[str, object] = {"doc_type": "BEST", "doc_no": f"PO-{dice.digits(6)}", "vendor_id": article.vendor}
        cost = share(article.cost, dice.between(97, 103), 100)
        if self._planted("free_receipt", at, self._following):
            cost = 0
        expires = at.date() + timedelta(days=dice.between(60, 500)) if article.reduced else None
        note = dice.pick((None, None, None, "Karton beschädigt", " ohne Lieferschein", "n/a"))
        lot = f" l{dice.digits(6)}" if dice.chance(50) else f"L{dice.digits(6)}"
        self._move("WE", article, place, quantity, at, at, cost=cost, lot=lot, expires=expires, note=note, **more)

    def _transfer(self, article: Article, origin: int, target: int, quantity: int, at: datetime) -> None:
        document: dict[str, Any] = {"doc_type": "UML", "doc_no": f"U{self._following:07d}"}
        self._move("UM", article, origin, -quantity, at, at, other_site_id=target, **document)
        self._count_in(article, target, quantity, at)
        circle = (f"{self._following}/out", f"{self._following}/in")
        if self._planted("move_to_itself", at, *circle):
            self._write("UM", article, origin, -_UNIT, at, at, other_site_id=origin, **document)

    def end_of(self, day: date, seed: int) -> None:
        """What is done after closing: losses every day, counts on Sundays, the hall of returns on Saturdays."""
        dice = Dice(seed, "closing", day)
        at = datetime.combine(day, time(23, 40), UTC)
        known = list(self._articles)
        if not known:
            return
        for _ in range(len(known) // 2500 + 1):
            self._lose(dice, dice.pick(known), at)
        if day.weekday() == _SUNDAY:
            for place in sorted({dice.pick(known) for _ in range(len(known) // 80 + 2)}):
                self._count(dice, place, at + timedelta(minutes=10))
        if day.weekday() == _SATURDAY:
            for place in [place for place in known if place[0] == RETURNS]:
                self._clear(dice, place, at)

    def _is_settled(self, place: tuple[int, int], at: datetime) -> bool:
        """Whether all that has been written for the place has happened by then."""
        return self._latest[place] < at and self._levels[place] > 0

    def _lose(self, dice: Dice, place: tuple[int, int], at: datetime) -> None:
        article, (site, _) = self._articles[place], place
        if not self._is_settled(place, at) or self._levels[place] < _WORTH_LOSING:
            return
        note = dice.pick(LOSSES)
        lot = f"L{dice.digits(6)}" if dice.chance(600) else None
        more: dict[str, object] = {"doc_type": "MAN", "note": note, "lot": lot}
        if article.reduced and lot:
            more["expires"] = at.date() - timedelta(days=dice.between(0, 9))
        if dice.chance(850):
            self._move("BR", article, site, -_UNIT * dice.between(1, 2), at, at, **more)
        else:
            wrong = dice.pick((-1, 1)) * _UNIT
            self._move("KO", article, site, wrong, at, at, doc_type="MAN", note="Fehlbuchung")

    def _count(self, dice: Dice, place: tuple[int, int], at: datetime) -> None:
        article, (site, _), booked = self._articles[place], place, self._levels[place]
        if not self._is_settled(place, at) or self._sites[site].kind != _STORE:
            return
        # What is missing is less than a tenth, in whole pieces.
        missing = share(booked, dice.between(1, 9), 100) // _UNIT * _UNIT if dice.chance(250) else 0
        if self._planted("count_differs", at, self._following):
            missing = share(booked, 40, 100)
        self._move("IN", article, site, booked - missing, at, at, doc_type="INV", doc_no=f"INV-{at:%G-%V}")

    def _clear(self, dice: Dice, place: tuple[int, int], at: datetime) -> None:
        article, level = self._articles[place], self._levels[place]
        if not self._is_settled(place, at) or dice.chance(500):
            return
        if dice.chance(400) and article.vendor:
            self._move("LR", article, RETURNS, -level, at, at, doc_type="BEST", vendor_id=article.vendor, note="Mangel")
        else:
            self._open(article, WAREHOUSE)
            self._transfer(article, RETURNS, WAREHOUSE, level, at)

    @property
    def _following(self) -> int:
        """The number the next movement gets."""
        return self._numbers.next.get("stock_moves", 1)

    def _planted(self, fault: str, recorded: datetime, *keys: object) -> bool:
        return self._planter is not None and self._planter.strikes(fault, recorded, *keys)

    def _count_in(self, article: Article, place: int, quantity: int, at: datetime, *, level: bool = False) -> None:
        key = place, article.id
        self._levels[key] = quantity if level else self._levels.get(key, 0) + quantity
        self._articles[key] = article
        self._latest[key] = max(at, self._latest.get(key, at))

    def _move(
        self, reason: str, article: Article, site: int, quantity: int, at: datetime, recorded: datetime, **more: Any
    ) -> None:
        self._count_in(article, site, quantity, at, level=reason in {"AB", "IN"})
        written, stated = reason, quantity
        if reason == "VK":
            # The sign is wrong and the reason right: goods were sold, so there are fewer.
            if self._planted("wrong_way", recorded, self._following):
                stated = -quantity
        elif reason == "KO" and self._planted("unknown_move", recorded, self._following):
            written = "ZZ"
        self._write(written, article, site, stated, at, recorded, **more)
        if reason != "VK":
            return
        if self._planted("move_of_nothing", recorded, self._following):
            self._write("KO", article, site, 0, at, recorded, doc_type="MAN")
        elif self._planted("move_of_no_article", recorded, self._following):
            self._write("KO", None, site, _UNIT, at, recorded, doc_type="MAN", note="Artikel?")

    def _write(
        self,
        reason: str,
        article: Article | None,
        site: int,
        quantity: int,
        at: datetime,
        recorded: datetime,
        *,
        cost: int | None = None,
        **more: Any,
    ) -> None:
        currency = self._sites[site].currency
        if cost is None and article:
            cost = article.cost
        if cost and currency != "EUR":
            cost = share(cost, POUNDS_PER_100_EUROS, 100)
        self._rows.add(
            "stock_moves",
            id=self._numbers.take("stock_moves"),
            article_id=article.id if article else None,
            site_id=site,
            reason=reason,
            qty=decimal(quantity, 3),
            cost=decimal(cost, 4),
            currency=currency,
            moved_at=local(at),
            recorded_at=recorded,
            **more,
        )
