"""Whoever the delicatessen buys from or sells to: one table for both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from retail_medallion.demo.dice import Dice
from retail_medallion.demo.retailer import Row
from retail_medallion.demo.untidy import phone, vat_number
from retail_medallion.demo.vocabulary import COUNTRIES

POLAND = COUNTRIES["PL"]
_MAKERS = (
    "Mleczarnia Podhale",
    "Masarnia Górska",
    "Piekarnia Pod Lipą",
    "Cukiernia Jagna",
    "Sady Grójec",
    "Zielarnia Narew",
)


@dataclass(frozen=True)
class Party:
    """One party.

    Attributes:
        no: Its number.
        roles: K buys, D sells, KD both.
        form: O person, F company.
        name: Family name, or name of the company.
        given: Given name of a person.
        nip: Tax number of a company.
        mail: E-mail address.
        phone: Phone number, written as people do.
        card: Loyalty card.
        terms: Days to pay.
        joined: Since when it is known.
        left: Since when it is no longer wanted, or nothing.
    """

    no: str
    roles: str
    form: str
    name: str
    given: str | None
    nip: str | None
    mail: str | None
    phone: str | None
    card: str | None
    terms: str | None
    joined: date
    left: date | None = None

    def row(self) -> Row:
        """Its row."""
        town, code = POLAND.towns[int(self.no) % len(POLAND.towns)]
        return {
            "no": self.no,
            "roles": self.roles,
            "form": self.form,
            "name": self.name,
            "given": self.given,
            "nip": self.nip,
            "mail": self.mail,
            "phone": self.phone,
            "street": f"{POLAND.streets[int(self.no) % len(POLAND.streets)]} {int(self.no) % 97 + 1}",
            "town": town,
            "zip": code,
            "card": self.card,
            "terms": self.terms,
            "joined": self.joined.strftime("%Y%m%d"),
            "left_on": self.left.strftime("%Y%m%d") if self.left else None,
        }

    def customer(self) -> dict[str, object]:
        """What Silver has to hold of it as a customer."""
        return {
            "customer_type": "person" if self.form == "O" else "business",
            "last_name": self.name if self.form == "O" else None,
            "company_name": None if self.form == "O" else self.name,
            "email": self.mail,
            "customer_number": self.card,
        }

    def supplier(self) -> dict[str, object]:
        """What Silver has to hold of it as a supplier."""
        terms = None if self.terms is None else int(self.terms)
        return {"supplier_name": self.name, "payment_terms_days": terms}


def person(seed: int, number: int, joined: date) -> Party:
    """A shopper with a loyalty card."""
    dice = Dice(seed, "journal person", number)
    name, given = dice.pick(POLAND.family), dice.pick(POLAND.given)
    mail = f"klient{number}@poczta.example" if dice.chance(700) else None
    card = f"DK{number:06d}"
    return Party(f"{number:05d}", "K", "O", name, given, None, mail, phone(dice, POLAND), card, None, joined)


def companies(seed: int, joined: date) -> list[Party]:
    """Makers that deliver; two of them buy as well."""
    dice, made = Dice(seed, "journal companies"), []
    for number, name in enumerate(_MAKERS, 1):
        roles = "KD" if number <= 2 else "D"  # noqa: PLR2004 - two of six
        nip, mail = vat_number(dice, POLAND), f"biuro{number}@dostawca.example"
        terms = str(dice.pick((7, 14, 30)))
        made.append(Party(f"{number:05d}", roles, "F", name, None, nip, mail, None, None, terms, joined))
    return made
