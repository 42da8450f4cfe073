"""What the surf shop sells: documents of categories, products with their variants, promotions, places, settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from retail_medallion.demo.amounts import share
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.documents.money import DIGITS, HOME, Document, exact, priced, written
from retail_medallion.demo.untidy import check_digit

METHODS = (
    ("card", {"en": "Card", "ja": "カード"}, "credit"),
    ("wallet", {"en": "Wallet", "ja": "ウォレット"}, "wallet"),
    ("later", {"en": "Pay in four"}, "bnpl"),
)
PLACES = (
    ("Bondi shop", "shop", "14 Hall Street", "Bondi Beach", "NSW", "2026"),
    ("Botany warehouse", "store", "2 Bumborah Point Road", "Port Botany", "NSW", "2036"),
)
_CATEGORIES = (
    ("Boards", "ボード", None),
    ("Shortboards", "ショートボード", "Boards"),
    ("Longboards", "ロングボード", "Boards"),
    ("Wetsuits", "ウェットスーツ", None),
    ("Care", "ケア用品", None),
)
_GOODS = (
    ("Shortboards", "Kirra Fish", "キラ フィッシュ", ("5'6", "5'10"), 64900),
    ("Shortboards", "Angourie", "アンガウリー", ("5'8", "6'0", "6'2"), 72500),
    ("Longboards", "Noosa Log", "ヌーサ ログ", ("9'0", "9'4"), 98000),
    ("Wetsuits", "Bells Steamer", "ベルズ スチーマー", ("S", "M", "L"), 38900),
    # Its title was never translated into English.
    ("Wetsuits", None, "スプリング スーツ", ("S", "M"), 21900),
    ("Care", "Palm Wax", "パーム ワックス", ("cool", "tropical"), 795),
    ("Care", "Ding Kit", "リペア キット", ("one size",), 2450),
)


@dataclass(frozen=True)
class Variant:
    """One thing that can be bought.

    Attributes:
        id: UUID.
        sku: Article number.
        option: Size, or what kind it is.
        ean: Its number.
        cents: Price in Australian cents.
        title: Titles of its product by language.
    """

    id: str
    sku: str
    option: str
    ean: str
    cents: int
    title: dict[str, str]

    @property
    def name(self) -> str:
        """Title in the first language there is."""
        return self.title.get("en") or self.title["ja"]

    def price(self, currency: str) -> int:
        """Price in minor units of a currency."""
        return priced(self.cents, currency)


@dataclass(frozen=True)
class Product:
    """One product document.

    Attributes:
        id: UUID.
        category: UUID of its category.
        variants: What of it can be bought.
        made: When the document was made.
        changed: When it was last changed.
        removed: When it was marked as removed, or nothing.
    """

    id: str
    category: str
    variants: tuple[Variant, ...]
    made: datetime
    changed: datetime
    removed: datetime | None = None

    def document(self) -> Document:
        """Its document."""
        return {
            "title": self.variants[0].title,
            "categories": [self.category],
            "brand": "Kirra",
            "variants": [
                {
                    "id": variant.id,
                    "sku": variant.sku,
                    "option": variant.option,
                    "ean": variant.ean,
                    "prices": {currency: variant.price(currency) for currency in DIGITS},
                }
                for variant in self.variants
            ],
        }


@dataclass(frozen=True)
class Promotion:
    """One promotion document.

    Attributes:
        id: UUID.
        code: What is typed in.
        percent: Percent off, or nothing where it is an amount.
        cents: Australian cents off, or nothing where it is percent.
        made: When the document was made.
        changed: When it was last changed.
        uses: How often it was used.
        removed: When it was marked as removed, or nothing.
    """

    id: str
    code: str
    percent: int | None
    cents: int | None
    made: datetime
    changed: datetime
    uses: int = 0
    removed: datetime | None = None

    def document(self) -> Document:
        """Its document."""
        value = {"percent": self.percent} if self.percent else {"minor": self.cents, "ccy": HOME}
        return {"code": self.code, "value": value, "from": written(self.made), "uses": self.uses}

    def off(self, amount: int, currency: str) -> int:
        """Minor units taken off an amount; a fixed amount is taken off in the shop's own currency only."""
        if self.percent:
            return share(amount, self.percent, 100)
        return min(int(self.cents or 0), amount) if currency == HOME else 0

    @property
    def value(self) -> Decimal:
        """What Silver has to hold of it."""
        return Decimal(self.percent) if self.percent else exact(int(self.cents or 0), HOME)


def categories(seed: int) -> dict[str, tuple[str, Document]]:
    """UUID and document of each category, by its English name."""
    dice = Dice(seed, "documents categories")
    ids = {english: dice.uuid() for english, _, _ in _CATEGORIES}
    return {
        english: (
            ids[english],
            {"title": {"en": english, "ja": japanese}, "parent": ids[parent] if parent else None, "rank": rank},
        )
        for rank, (english, japanese, parent) in enumerate(_CATEGORIES)
    }


def product(seed: int, number: int, known: dict[str, tuple[str, Document]], at: datetime) -> Product:
    """The product of a number; after the first few they are further editions."""
    dice = Dice(seed, "documents product", number)
    category, english, japanese, options, cents = _GOODS[number % len(_GOODS)]
    edition = f" {number // len(_GOODS) + 1}" if number >= len(_GOODS) else ""
    title = {"ja": japanese + edition} if english is None else {"en": english + edition, "ja": japanese + edition}
    price = share(cents, dice.between(85, 120), 100)
    variants = tuple(
        Variant(dice.uuid(), f"KS-{number:03d}-{part}", option, check_digit(f"930{dice.digits(9)}"), price, title)
        for part, option in enumerate(options, 1)
    )
    return Product(dice.uuid(), known[category][0], variants, at, at)


def promotions(seed: int, at: datetime) -> list[Promotion]:
    """Two in percent, one in dollars."""
    dice = Dice(seed, "documents promotions")
    kinds: Sequence[tuple[str, int | None, int | None]] = (
        ("WINTER10", 10, None),
        ("WAX15", 15, None),
        ("FIVER", None, 500),
    )
    return [Promotion(dice.uuid(), code, percent, cents, at, at) for code, percent, cents in kinds]
