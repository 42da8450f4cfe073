"""Who buys at the surf shop, and what they think of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from retail_medallion.demo.dice import Dice
from retail_medallion.demo.documents.money import Document, written
from retail_medallion.demo.documents.orders import Line, Order

_NAMES = (
    ("Aiko", "Tanaka", "ja", "JP"),
    ("Bruce", "Doyle", "en", "AU"),
    ("Māia", "Ngata", "en", "NZ"),
    ("Fahad", "Al-Sabah", "en", "KW"),
    ("Kylie", "O'Hara", "en", "AU"),
    ("Ren", "Sato", "ja", "JP"),
)
CURRENCIES = {"AU": "AUD", "NZ": "NZD", "JP": "JPY", "KW": "KWD"}


@dataclass(frozen=True)
class Shopper:
    """One customer document.

    Attributes:
        id: UUID.
        given: Given name.
        family: Family name.
        language: Language of its mails.
        country: Where it lives.
        mail: E-mail address.
        made: When the document was made.
        changed: When it was last changed.
        removed: When it was marked as removed, or nothing.
    """

    id: str
    given: str
    family: str
    language: str
    country: str
    mail: str
    made: datetime
    changed: datetime
    removed: datetime | None = None

    def document(self) -> Document:
        """Its document."""
        return {
            "name": {"given": self.given, "family": self.family},
            "mail": self.mail,
            "lang": self.language,
            "address": {"country": self.country},
            "newsletter": {"wanted": True, "since": written(self.made)},
        }

    def customer(self) -> dict[str, object]:
        """What Silver has to hold of it."""
        return {
            "first_name": self.given,
            "last_name": self.family,
            "email": self.mail,
            "country_code": self.country,
            "registered_at": self.made,
        }


@dataclass(frozen=True)
class Review:
    """One review document.

    Attributes:
        id: UUID.
        order: What was bought with it.
        line: Which line of it.
        stars: From 0 to 10, or nothing where that was lost on purpose.
        text: What is said.
        made: When it was written.
        changed: When the document was last changed.
        shown: When it was published, or nothing.
    """

    id: str
    order: Order
    line: Line
    stars: int | None
    text: str
    made: datetime
    changed: datetime
    shown: datetime | None = None

    def document(self) -> Document:
        """Its document."""
        return {
            "order": self.order.id,
            "line": self.line.id,
            "variant": self.line.variant.id,
            "customer": self.order.customer,
            "stars": self.stars,
            "text": self.text,
            "writtenAt": written(self.made),
            "shownAt": written(self.shown) if self.shown else None,
        }

    def review(self) -> dict[str, object]:
        """What Silver has to hold of it."""
        stars = self.stars or 0
        return {
            "product_id": self.line.variant.id,
            "sale_id": self.order.id,
            "rating_raw": stars,
            "rating": (1 + Decimal(4) * stars / 10).quantize(Decimal("0.01")),
            "status": "published" if self.shown else "pending",
            "submitted_at": self.made,
        }


def shopper(seed: int, number: int, at: datetime) -> Shopper:
    """The shopper of a number."""
    dice = Dice(seed, "documents shopper", number)
    given, family, language, country = dice.pick(_NAMES)
    return Shopper(dice.uuid(), given, family, language, country, f"shopper{number}@mail.example", at, at)
