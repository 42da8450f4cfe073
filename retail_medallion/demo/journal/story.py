"""What happens at the delicatessen, day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from retail_medallion.demo.dice import Dice
from retail_medallion.demo.journal import goods
from retail_medallion.demo.journal.goods import Article, comma
from retail_medallion.demo.journal.parties import Party, companies, person
from retail_medallion.demo.journal.receipts import CURRENCY, Line, Payment, Receipt, booked, exact

_SHOPS = ("K01", "K02", "K03")
_OFFLINE = "K03"
"""Its till is not connected: what it rings up is loaded the next morning."""
_RECEIPTS_A_DAY = 28
_SHOPPERS = 40


class Story:
    """The delicatessen on the evening of the last day told.

    Attributes:
        parties: By number.
        articles: By code.
        receipts: By number.
        entries: Rows of the journal, by sequence number.
        points: What Silver has to hold of entries of points.
        moves: What Silver has to hold of entries of goods moved.
    """

    def __init__(self, seed: int, start: date) -> None:
        self._seed, self._start = seed, start
        joined = start - timedelta(days=400)
        self.parties = {party.no: party for party in companies(seed, joined)}
        self._known = 100
        for _ in range(_SHOPPERS):
            self._join(joined)
        self.articles = {article.code: article for article in goods.articles(seed, list(self.parties)[:6])}
        self.receipts: dict[str, Receipt] = {}
        self.entries: dict[int, dict[str, object]] = {}
        self.points: dict[str, dict[str, object]] = {}
        self.moves: dict[str, dict[str, object]] = {}
        self._balances: Counter[str] = Counter()
        self._waiting: list[Receipt] = []
        self._sequence = self._number = 0
        self._open_books(start)

    def day(self, day: date) -> None:
        """Everything the database learns of on that day."""
        dice = Dice(self._seed, "journal day", day)
        self._drop_doubles()
        yesterday = [
            receipt
            for receipt in self.receipts.values()
            if receipt.at.date() == day - timedelta(days=1) and not receipt.training and not receipt.spoiled
        ]
        self._load_what_waited()
        self._void(day, yesterday)
        self._send_again(day, yesterday)
        self._change_masters(dice, day)
        sold: Counter[tuple[str, str]] = Counter()
        for number in range(_RECEIPTS_A_DAY):
            self._ring_up(dice, day, number, sold)
        self._take_back(dice, day, yesterday)
        self._book_twice(day)
        self._post_stock(day, sold)

    def _ring_up(self, dice: Dice, day: date, number: int, sold: Counter[tuple[str, str]]) -> None:
        at = _moment(day, 6, 12 * 60 * number // _RECEIPTS_A_DAY + dice.below(20))
        site = _SHOPS[number % len(_SHOPS)]
        offered = [article for article in self.articles.values() if article.active]
        lines = []
        for position in range(1, dice.between(1, 5) + 1):
            article = dice.pick(offered)
            quantity = dice.between(120, 900) if article.unit == "KG" else 1000 * dice.between(1, 4)
            lines.append(Line(position, article, quantity, 10 if dice.chance(150) else 0))
            sold[site, article.code] += quantity
        members = [party.no for party in self.parties.values() if "K" in party.roles and party.left is None]
        receipt = Receipt(
            self._next_number(site),
            site,
            at,
            _moment(day + timedelta(days=1), 3, number) if site == _OFFLINE else at + timedelta(minutes=2),
            tuple(lines),
            (),
            dice.pick(members) if dice.chance(450) else None,
            f"KAS{dice.between(1, 9):02d}",
            training=number == 11,  # noqa: PLR2004 - one a day
            spoiled=day == self._start and number == 4,  # noqa: PLR2004 - one in all
        )
        receipt = replace(receipt, payments=_paid(dice, receipt))
        if site == _OFFLINE:
            self._waiting.append(receipt)
        else:
            self._load(receipt)

    def _load(self, receipt: Receipt) -> None:
        self.receipts[receipt.doc] = receipt
        self._write(receipt.rows())
        if receipt.member and not receipt.returns and not receipt.training:
            self._award(receipt)

    def _load_what_waited(self) -> None:
        waiting, self._waiting = self._waiting, []
        for receipt in waiting:
            self._load(receipt)

    def _void(self, day: date, yesterday: list[Receipt]) -> None:
        """Yesterday's first receipt is voided: a row more, and the money is handed back."""
        first = yesterday[0] if yesterday else None
        if first is None:
            return
        at = _moment(day, 7, 0)
        back = [
            Payment(len(first.payments) + 1 + n, paid.tender, paid.change - paid.amount, 0, at, of=paid.number)
            for n, paid in enumerate(first.payments)
        ]
        self._rewrite(
            replace(first, voided=at, void_loaded=at + timedelta(minutes=1), payments=(*first.payments, *back))
        )

    def _send_again(self, day: date, yesterday: list[Receipt]) -> None:
        """A receipt of yesterday was transmitted badly: its rows are deleted and come anew, with a line less."""
        for receipt in yesterday[1:]:
            if len(receipt.lines) > 2 and receipt.returns is None:  # noqa: PLR2004 - something has to be left
                lines = receipt.lines[:-1]
                again = replace(receipt, lines=lines, loaded=_moment(day, 8, 30))
                paid = Payment(1, receipt.payments[0].tender, again.total, 0, receipt.at)
                self._rewrite(replace(again, payments=(paid,)))
                return

    def _take_back(self, dice: Dice, day: date, yesterday: list[Receipt]) -> None:
        """The last line of one of yesterday's receipts comes back."""
        for receipt in reversed(yesterday):
            if receipt.returns is None:
                at = _moment(day, 17, dice.below(50))
                line = replace(receipt.lines[-1], number=1)
                number = self._next_number(receipt.site)
                loaded = at + timedelta(minutes=2)
                back = Receipt(
                    number, receipt.site, at, loaded, (line,), (), receipt.member, "KAS01", returns=receipt.doc
                )
                self._load(replace(back, payments=(Payment(1, "GOT", back.total, 0, at),)))
                return

    def _book_twice(self, day: date) -> None:
        """A receipt is imported a second time, under another number; support deletes it the next day."""
        last = [receipt for receipt in self.receipts.values() if receipt.at.date() == day and not receipt.returns][-1]
        self.receipts[f"{last.doc}X"] = double = replace(last, doc=f"{last.doc}X", loaded=_moment(day, 22, 0))
        self._write(double.rows())

    def _drop_doubles(self) -> None:
        for doc in [doc for doc in self.receipts if doc.endswith("X")]:
            del self.receipts[doc]
            self._erase(doc)

    def _change_masters(self, dice: Dice, day: date) -> None:
        """Prices rise, an article leaves the range, another is taken out; people come, move and go."""
        codes = list(self.articles)
        dearer, leaving = codes[dice.below(12)], codes[12 + (day - self._start).days % 12]
        self.articles[dearer] = self.articles[dearer].dearer()
        self.articles[leaving] = replace(self.articles[leaving], active=False)
        del self.articles[codes[-1]]
        for _ in range(2):
            self._join(day)
        people = [party for party in self.parties.values() if party.form == "O" and party.left is None]
        moved, gone, removed = people[3], people[1], people[0]
        self.parties[moved.no] = replace(moved, mail=f"nowy{moved.no}.{day:%d}@poczta.example")
        self.parties[gone.no] = replace(gone, left=day)
        del self.parties[removed.no]

    def _join(self, day: date) -> Party:
        self._known += 1
        party = person(self._seed, self._known, day)
        self.parties[party.no] = party
        return party

    def _award(self, receipt: Receipt) -> None:
        """A point for every whole zloty."""
        member, points = str(receipt.member), receipt.total // 100
        if not points:
            return
        self._balances[member] += points
        texts = (member, "+", str(points), str(self._balances[member]), receipt.doc)
        key = self._enter("B", receipt.site, receipt.doc, receipt.at, receipt.loaded, *texts)
        self.points[key] = {
            "transaction_type": "earn",
            "customer_id": member,
            "points": exact(points * 100),
            "balance_after": exact(self._balances[member] * 100),
        }

    def _open_books(self, day: date) -> None:
        for site in _SHOPS:
            for article in self.articles.values():
                self._move("BO", site, article, 200_000, _moment(day, 2, 0))

    def _post_stock(self, day: date, sold: Counter[tuple[str, str]]) -> None:
        """In the evening each shop posts what went out, and what came in instead."""
        for (site, code), quantity in sorted(sold.items()):
            self._move("WZ", site, self.articles[code], quantity, _moment(day, 21, 0))
            if quantity > 2000:  # noqa: PLR2004 - two pieces or kilograms
                self._move("PZ", site, self.articles[code], quantity, _moment(day, 21, 30))

    def _move(self, kind: str, site: str, article: Article, quantity: int, at: datetime) -> None:
        supplier = article.supplier if kind == "PZ" else None
        texts = (article.code, kind, comma(quantity, 3), comma(article.cost), supplier)
        key = self._enter("M", site, f"{kind}{at:%y%m%d}", at, at + timedelta(minutes=5), *texts)
        types = {"BO": "opening_balance", "WZ": "sale_issue", "PZ": "purchase_receipt"}
        self.moves[key] = {
            "movement_type": types[kind],
            "product_id": article.code,
            "location_id": site,
            "quantity": exact(-quantity if kind == "WZ" else quantity, 3),
            "unit_cost": exact(article.cost),
            "currency_code": CURRENCY,
        }

    def _next_number(self, site: str) -> str:
        self._number += 1
        return f"{site}-{self._number:06d}"

    def _rewrite(self, receipt: Receipt) -> None:
        """Delete the rows of a receipt and write it anew; what did not change keeps its place."""
        self.receipts[receipt.doc] = receipt
        kept = {tuple(row.items()): key for key, row in self._rows_of(receipt.doc)}
        self._erase(receipt.doc)
        for row in receipt.rows():
            key = kept.get((("seq", None), *row.items()))
            if key is None:
                self._sequence += 1
                key = self._sequence
            self.entries[key] = {"seq": key, **row}

    def _rows_of(self, doc: str) -> list[tuple[int, dict[str, object]]]:
        return [
            (key, {**row, "seq": None})
            for key, row in self.entries.items()
            if row["doc"] == doc and row["rec"] in {"H", "L", "P", "V"}
        ]

    def _erase(self, doc: str) -> None:
        for key, _ in self._rows_of(doc):
            del self.entries[key]

    def _enter(self, rec: str, site: str, doc: str, at: datetime, loaded: datetime, *texts: str | None) -> str:
        columns = {f"c{n}": text for n, text in enumerate(texts, 1)}
        row: dict[str, object] = {
            "rec": rec,
            "site": site,
            "doc": doc,
            "line": "0",
            "booked": booked(at),
            **columns,
            "loaded_at": loaded,
        }
        self._write([row])
        return str(self._sequence)

    def _write(self, rows: Iterable[dict[str, object]]) -> None:
        for row in rows:
            self._sequence += 1
            self.entries[self._sequence] = {"seq": self._sequence, **row}


def _moment(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour), UTC) + timedelta(minutes=minute)


def _paid(dice: Dice, receipt: Receipt) -> tuple[Payment, ...]:
    total, at = receipt.total, receipt.at
    if dice.chance(80) and total > 2000:  # noqa: PLR2004 - twenty zloty
        return Payment(1, "BON", 1000, 0, at), Payment(2, "KAR", total - 1000, 0, at)
    if dice.chance(350):
        given = -(-total // 1000) * 1000
        return (Payment(1, "GOT", given, given - total, at),)
    return (Payment(1, dice.pick(("KAR", "BLK")), total, 0, at),)
