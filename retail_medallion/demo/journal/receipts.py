"""Receipts: what was rung up, as rows of the journal and as the figures Silver has to hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from retail_medallion.demo.amounts import decimal, share, tax_inside
from retail_medallion.demo.journal.goods import RATES, Article, comma

ZONE = ZoneInfo("Europe/Warsaw")
CURRENCY = "PLN"


def booked(at: datetime) -> str:
    """A time as tills write it: local, fourteen digits."""
    return at.astimezone(ZONE).strftime("%Y%m%d%H%M%S")


def exact(value: int, places: int = 2) -> Decimal:
    """A whole number of `10**-places` as a decimal."""
    return Decimal(str(decimal(value, places)))


@dataclass(frozen=True)
class Line:
    """One line of a receipt.

    Attributes:
        number: Its number on the receipt.
        article: What was sold, as it was then.
        quantity: Thousandths of its unit, always positive.
        percent: Discount in percent of the gross amount.
    """

    number: int
    article: Article
    quantity: int
    percent: int

    @property
    def gross(self) -> int:
        """Grosze before discount."""
        return share(self.article.price, self.quantity, 1000)

    @property
    def discount(self) -> int:
        """Grosze taken off."""
        return share(self.gross, self.percent, 100)

    @property
    def tax(self) -> int:
        """Grosze of tax in what is paid."""
        return tax_inside(self.gross - self.discount, RATES[self.article.letter])


@dataclass(frozen=True)
class Payment:
    """One payment of a receipt.

    Attributes:
        number: Its number on the receipt.
        tender: Code of the way to pay.
        amount: Grosze handed over; below zero where they are handed back.
        change: Grosze given back at once.
        at: When.
        of: Number of the payment that is handed back, or nothing.
    """

    number: int
    tender: str
    amount: int
    change: int
    at: datetime
    of: int | None = None


@dataclass(frozen=True)
class Receipt:
    """One receipt.

    Attributes:
        doc: Its number.
        site: Shop.
        at: When it was rung up.
        loaded: When the import took it into the database.
        lines: What was sold, or brought back.
        payments: How it was paid.
        member: Number of the party that showed its card, or nothing.
        cashier: Who sat at the till.
        returns: Number of the receipt whose goods come back, or nothing.
        training: Rung up to practise.
        voided: When it was voided, or nothing.
        void_loaded: When the import learnt of that.
        spoiled: A line and a payment of it are wrong on purpose.
    """

    doc: str
    site: str
    at: datetime
    loaded: datetime
    lines: tuple[Line, ...]
    payments: tuple[Payment, ...]
    member: str | None
    cashier: str
    returns: str | None = None
    training: bool = False
    voided: datetime | None = None
    void_loaded: datetime | None = None
    spoiled: bool = False

    @property
    def sign(self) -> int:
        """What comes back counts below zero."""
        return -1 if self.returns else 1

    def sum(self, name: str) -> int:
        """Grosze of all lines: `gross`, `discount` or `tax`."""
        return self.sign * sum(int(getattr(line, name)) for line in self.lines)

    @property
    def total(self) -> int:
        """Grosze to pay."""
        return self.sum("gross") - self.sum("discount")

    def rows(self) -> Iterator[dict[str, object]]:
        """Its rows of the journal, without their sequence numbers."""
        kind = "T" if self.training else "Z" if self.returns else "S"
        sums = (comma(value) for value in (self.sum("gross"), self.sum("discount"), self.sum("tax"), self.total))
        yield self._row("H", "0", self.at, self.loaded, kind, self.member, self.cashier, *sums, self.returns)
        for line in self.lines:
            quantity = "x1" if self._is_spoiled(line) else comma(self.sign * line.quantity, 3)
            amounts = (comma(line.article.price), comma(self.sign * line.gross), comma(self.sign * line.discount))
            tax = comma(self.sign * line.tax)
            # Tills leave out leading zeros, and print names in capitals.
            texts = (str(int(line.article.code)), quantity, *amounts, line.article.letter, tax)
            yield self._row("L", str(line.number), self.at, self.loaded, *texts, line.article.name.upper())
        for payment in self.payments:
            amount = "" if self._is_spoiled(payment) else comma(payment.amount)
            loaded = self.loaded if payment.at == self.at or self.void_loaded is None else self.void_loaded
            of = None if payment.of is None else str(payment.of)
            paid = (payment.tender, amount, comma(payment.change), of)
            yield self._row("P", str(payment.number), payment.at, loaded, *paid)
        if self.voided is not None and self.void_loaded is not None:
            yield self._row("V", "0", self.voided, self.void_loaded, self.cashier)

    def sale(self) -> dict[str, object]:
        """What Silver has to hold of the receipt."""
        return {
            "sale_type": "return" if self.returns else "sale",
            "status": "cancelled" if self.voided else "completed",
            "business_date": self.at.astimezone(ZONE).date(),
            "customer_id": self.member,
            "currency_code": CURRENCY,
            "subtotal_amount": exact(self.sum("gross")),
            "discount_amount": exact(abs(self.sum("discount"))),
            "tax_amount": exact(self.sum("tax")),
            "total_amount": exact(self.total),
            "is_test": self.training,
        }

    def items(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Keys of its lines, and what Silver has to hold of them."""
        for line in self.lines:
            if not self._is_spoiled(line):
                yield (
                    f"{self.doc}/{line.number}",
                    {
                        "line_type": "return" if self.returns else "sale",
                        "product_id": line.article.code,
                        "quantity": exact(line.quantity, 3),
                        "unit_price": exact(line.article.price),
                        "gross_amount": exact(line.gross),
                        "discount_amount": exact(line.discount),
                        "tax_amount": exact(line.tax),
                        "net_amount": exact(line.gross - line.discount),
                    },
                )

    def transactions(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Keys of its payments, and what Silver has to hold of them."""
        for payment in self.payments:
            if not self._is_spoiled(payment):
                yield (
                    f"{self.doc}/{payment.number}",
                    {
                        "transaction_type": "refund" if payment.amount < 0 else "payment",
                        "parent_transaction_id": None if payment.of is None else f"{self.doc}/{payment.of}",
                        "payment_method_id": payment.tender,
                        "amount": exact(abs(payment.amount)),
                        "change_amount": exact(payment.change),
                        "currency_code": CURRENCY,
                    },
                )

    def spoiled_keys(self) -> tuple[str, str]:
        """Keys of the line and of the payment that are wrong on purpose."""
        return f"{self.doc}/{self.lines[0].number}", f"{self.doc}/{self.payments[0].number}"

    def _is_spoiled(self, part: Line | Payment) -> bool:
        return self.spoiled and part in {self.lines[0], self.payments[0]}

    def _row(self, rec: str, line: str, at: datetime, loaded: datetime, *texts: str | None) -> dict[str, object]:
        columns = {f"c{n}": text for n, text in enumerate(texts, 1)}
        return {
            "rec": rec,
            "site": self.site,
            "doc": self.doc,
            "line": line,
            "booked": booked(at),
            **columns,
            "loaded_at": loaded,
        }
