"""Orders: one document each with its lines, payments and shipments, and the figures Silver has to hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from retail_medallion.demo.amounts import share
from retail_medallion.demo.documents.money import ZONE, Document, exact, written
from retail_medallion.demo.documents.shelf import Promotion, Variant

STATES = {"placed": "pending", "paid": "confirmed", "sent": "confirmed", "done": "completed", "cancelled": "cancelled"}
_TAX = 10


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        id: UUID.
        variant: What is bought.
        price: Minor units of one piece, without tax.
        quantity: Pieces.
        promotion: What is taken off it, or nothing.
        currency: Of the order.
    """

    id: str
    variant: Variant
    price: int
    quantity: int
    promotion: Promotion | None
    currency: str

    @property
    def amount(self) -> int:
        """Minor units before discount."""
        return self.price * self.quantity

    @property
    def discount(self) -> int:
        """Minor units taken off."""
        return self.promotion.off(self.amount, self.currency) if self.promotion else 0

    @property
    def tax(self) -> int:
        """Minor units of tax, on top."""
        return share(self.amount - self.discount, _TAX, 100)


@dataclass(frozen=True)
class Payment:
    """A charge, or a refund where the amount is below zero.

    Attributes:
        id: UUID.
        method: Code of the way to pay.
        amount: Minor units.
        at: When.
        of: UUID of the charge that is refunded, or nothing.
    """

    id: str
    method: str
    amount: int
    at: datetime
    of: str | None = None


@dataclass(frozen=True)
class Shipment:
    """A parcel.

    Attributes:
        id: UUID.
        sent: When it left.
        arrived: When it arrived, or nothing.
        cost: Minor units the carrier takes, in Australian cents.
    """

    id: str
    sent: datetime
    cost: int
    arrived: datetime | None = None


@dataclass(frozen=True)
class Order:
    """One order document.

    Attributes:
        id: UUID.
        number: What the buyer is told.
        at: When it was placed.
        changed: When the document was last changed.
        state: Where it stands; see `STATES`.
        currency: Of all amounts but the cost of shipments.
        channel: web or app.
        customer: UUID of the buyer, or nothing.
        lines: What was bought.
        shipping: Minor units for shipping.
        payments: How it was paid.
        shipments: How it was sent.
        promotion: What was typed in, or nothing.
        removed: When it was marked as removed, or nothing.
        spoiled: Its first line is wrong on purpose.
    """

    id: str
    number: str
    at: datetime
    changed: datetime
    state: str
    currency: str
    channel: str
    customer: str | None
    lines: tuple[Line, ...]
    shipping: int
    payments: tuple[Payment, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    promotion: Promotion | None = None
    removed: datetime | None = None
    spoiled: bool = False

    @property
    def made(self) -> datetime:
        """When the document was made."""
        return self.at

    def sum(self, name: str) -> int:
        """Minor units of all lines: `amount`, `discount` or `tax`."""
        return sum(int(getattr(line, name)) for line in self.lines)

    @property
    def total(self) -> int:
        """Minor units to pay."""
        return self.sum("amount") - self.sum("discount") + self.sum("tax") + self.shipping

    def document(self) -> Document:
        """Its document."""
        sums = {"goods": "amount", "discount": "discount", "tax": "tax"}
        return {
            "number": self.number,
            "placedAt": written(self.at),
            "state": self.state,
            "ccy": self.currency,
            "channel": self.channel,
            "customer": self.customer,
            "promotions": [self.promotion.id] if self.promotion else [],
            "totals": {
                **{name: self.sum(part) for name, part in sums.items()},
                "shipping": self.shipping,
                "total": self.total,
            },
            "lines": [self._line(line) for line in self.lines],
            "payments": [
                {
                    "id": payment.id,
                    "of": payment.of,
                    "method": payment.method,
                    "minor": payment.amount,
                    "at": written(payment.at),
                }
                for payment in self.payments
            ],
            "shipments": [
                {
                    "id": shipment.id,
                    "sentAt": written(shipment.sent),
                    "arrivedAt": written(shipment.arrived) if shipment.arrived else None,
                    "carrier": "AusPost",
                    "cost": shipment.cost,
                }
                for shipment in self.shipments
            ],
        }

    def _line(self, line: Line) -> Document:
        return {
            "id": line.id,
            "variant": line.variant.id,
            "sku": line.variant.sku,
            "title": line.variant.title,
            "qty": line.quantity,
            # Half a cent is no amount that can be paid.
            "minor": f"{line.price}.5" if self._is_spoiled(line) else line.price,
            "discount": line.discount,
            "tax": line.tax,
        }

    def _is_spoiled(self, line: Line) -> bool:
        return self.spoiled and line is self.lines[0]

    def money(self, minor: int) -> object:
        """Minor units of its currency as Silver has to hold them."""
        return exact(minor, self.currency)

    def sale(self) -> dict[str, object]:
        """What Silver has to hold of it."""
        return {
            "status": STATES[self.state],
            "channel": {"web": "web", "app": "mobile_app"}[self.channel],
            "business_date": self.at.astimezone(ZONE).date(),
            "sold_at": self.at,
            "customer_id": self.customer,
            "currency_code": self.currency,
            "subtotal_amount": self.money(self.sum("amount")),
            "discount_amount": self.money(self.sum("discount")),
            "tax_amount": self.money(self.sum("tax")),
            "shipping_amount": self.money(self.shipping),
            "total_amount": self.money(self.total),
        }

    def items(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Keys of its lines, and what Silver has to hold of them."""
        for line in self.lines:
            if not self._is_spoiled(line):
                yield (
                    line.id,
                    {
                        "sale_id": self.id,
                        "product_id": line.variant.id,
                        "product_name": line.variant.name,
                        "quantity": line.quantity,
                        "unit_price": self.money(line.price),
                        "gross_amount": self.money(line.amount),
                        "discount_amount": self.money(line.discount),
                        "tax_amount": self.money(line.tax),
                        "net_amount": self.money(line.amount - line.discount + line.tax),
                    },
                )

    def transactions(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Keys of its payments, and what Silver has to hold of them."""
        for payment in self.payments:
            yield (
                payment.id,
                {
                    "sale_id": self.id,
                    "transaction_type": "refund" if payment.amount < 0 else "payment",
                    "payment_method_id": payment.method,
                    "parent_transaction_id": payment.of,
                    "amount": self.money(abs(payment.amount)),
                    "currency_code": self.currency,
                    "occurred_at": payment.at,
                },
            )

    def fulfilments(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Keys of its shipments, and what Silver has to hold of them."""
        for shipment in self.shipments:
            yield (
                shipment.id,
                {
                    "sale_id": self.id,
                    "status": "delivered" if shipment.arrived else "in_transit",
                    "shipped_at": shipment.sent,
                    "delivered_at": shipment.arrived,
                    "shipping_cost": exact(shipment.cost, "AUD"),
                },
            )
