"""What the delicatessen sells, where, and how it is paid: rows of the table of master data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from retail_medallion.demo.amounts import decimal, share
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.retailer import Row
from retail_medallion.demo.untidy import check_digit

RATES = {"A": 2300, "B": 800, "C": 500}
"""Letters that tills print for the rates of tax, in hundredths of a percent."""

SITES = (
    ("K01", "Delikatesy Długa", "S", "Długa 12", "Kraków", "30-001", "20110402"),
    ("K02", "Delikatesy Świętojańska", "S", "Świętojańska 3", "Gdańsk", "80-001", "20150911"),
    ("K03", "Delikatesy Rynek", "S", "Rynek 1", "Łódź", "90-001", "20190325"),
    ("M01", "Magazyn Centralny", "M", "Przemysłowa 44", "Łódź", "90-002", "20110101"),
)
TENDERS = (
    ("GOT", "Gotówka", "1"),
    ("KAR", "Karta płatnicza", "2"),
    ("BLK", "BLIK", "3"),
    ("BON", "Bon podarunkowy", "4"),
)

_GROUPS = (
    ("10", "Sery", "", ("Oscypek", "Bryndza", "Twaróg", "Koryciński"), "KG", 3890, "C"),
    ("20", "Wędliny", "", ("Kiełbasa myśliwska", "Szynka", "Kabanosy", "Pasztet"), "KG", 4590, "C"),
    ("30", "Pieczywo", "", ("Chleb żytni", "Bułka kajzerka", "Obwarzanek", "Chałka"), "SZT", 690, "C"),
    ("40", "Słodycze", "", ("Krówki", "Ptasie mleczko", "Piernik", "Śliwki w czekoladzie"), "SZT", 1490, "A"),
    ("50", "Napoje", "", ("Kompot", "Sok z czarnej porzeczki", "Kwas chlebowy"), "SZT", 890, "A"),
    ("51", "Herbaty", "50", ("Herbata lipowa", "Herbata z dzikiej róży"), "SZT", 1190, "B"),
)


@dataclass(frozen=True)
class Article:
    """One article.

    Attributes:
        code: Six digits.
        name: As on the receipt.
        group: Code of its group.
        unit: KG or SZT.
        price: Grosze, with tax.
        cost: Grosze.
        letter: Its rate of tax.
        supplier: Number of the party it is bought from.
        active: May be sold.
        ean: Its EAN, or nothing.
    """

    code: str
    name: str
    group: str
    unit: str
    price: int
    cost: int
    letter: str
    supplier: str
    active: bool
    ean: str | None

    def row(self) -> Row:
        """Its row of master data."""
        texts = (self.name, self.group, self.ean, self.unit, comma(self.price), comma(self.cost), self.letter)
        return master("ART", self.code, *texts, self.supplier, "A" if self.active else "W")

    def dearer(self) -> Article:
        """The same for five percent more."""
        return replace(self, price=share(self.price, 105, 100))


def comma(value: int, places: int = 2) -> str:
    """A whole number of `10**-places` as people there write it."""
    return str(decimal(value, places)).replace(".", ",")


def master(kind: str, code: str, *texts: str | None) -> Row:
    """A row of master data."""
    return {"kind": kind, "code": code, **{f"t{n}": text for n, text in enumerate(texts, 1)}}


def groups() -> list[Row]:
    """The groups of articles."""
    return [master("GRP", code, name, parent) for code, name, parent, *_ in _GROUPS]


def sites() -> list[Row]:
    """Shops and the warehouse."""
    return [master("SKL", *site) for site in SITES]


def tenders() -> list[Row]:
    """Ways to pay."""
    return [master("PLT", *tender) for tender in TENDERS]


def articles(seed: int, suppliers: list[str]) -> list[Article]:
    """What is on sale at first, in the order of the codes."""
    dice = Dice(seed, "journal articles")
    made: list[Article] = []
    for group, _, _, names, unit, price, letter in _GROUPS:
        for name in names:
            for kind in ("", " wiejski"):
                code = f"{len(made) + 101:06d}"
                asked = share(price, dice.between(70, 160), 100)
                ean = check_digit(f"590{dice.digits(9)}") if unit == "SZT" else None
                cost = share(asked, dice.between(45, 70), 100)
                made.append(
                    Article(
                        code, name + kind, group, unit, asked, cost, letter, dice.pick(suppliers), active=True, ean=ean
                    )
                )
    return made
