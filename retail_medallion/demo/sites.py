"""Places of business, and the kinds of payment they take."""

from __future__ import annotations

from datetime import date, timedelta

from retail_medallion.demo.amounts import decimal, money
from retail_medallion.demo.dice import Dice, Weighted
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.untidy import check_digit, phone
from retail_medallion.demo.vocabulary import COUNTRIES, PROVINCES
from retail_medallion.demo.world import TRANSIT, WEB_SHOP, Site, Spell

_SITES = (
    # id, number, name, kind, parent, country, town index, area, currency, zone
    (1, "0001", "Lübeck Altstadt", "F", None, "DE", 0, 6200, "EUR", "Europe/Berlin"),
    (2, "0002", "Göttingen Markt", "F", None, "DE", 1, 3100, "EUR", "Europe/Berlin"),
    (3, "0003", "Köln Dom", "F", None, "DE", 2, 8450, "EUR", "Europe/Berlin"),
    (4, "0004", "Würzburg Residenz", "F", None, "DE", 3, 2900, "EUR", "Europe/Berlin"),
    (5, "0005", "Dresden Neustadt", "F", None, "DE", 4, 4000, "EUR", "Europe/Berlin"),
    (6, "0006", "Lübeck Hafen (Outlet)", "F", None, "DE", 0, 12000, "EUR", "Europe/Berlin"),
    (11, "0011", "Wien Mariahilf", "F", None, "AT", 0, 5100, "EUR", "Europe/Vienna"),
    (12, "0012", "Graz", "F", None, "AT", 1, 2400, "EUR", "Europe/Vienna"),
    (21, "0021", "Orléans Centre", "F", None, "FR", 0, 3300, "EUR", "Europe/Paris"),
    (22, "0022", "Nîmes", "F", None, "FR", 1, 2100, "EUR", "Europe/Paris"),
    (31, "0031", "Utrecht Oudegracht", "F", None, "NL", 0, 2700, "EUR", "Europe/Amsterdam"),
    (41, "0041", "London Marylebone", "F", None, "GB", 0, 5400, "GBP", "Europe/London"),
    (42, "0042", "Leeds", "F", None, "GB", 1, 3000, "GBP", "Europe/London"),
    (43, "0043", "Bath", "F", None, "GB", 2, 1900, "GBP", "Europe/London"),
    (80, "0080", "Zentrallager Göttingen", "Z", None, "DE", 1, 41000, "EUR", "Europe/Berlin"),
    (81, "0081", "Lager Leeds", "L", None, "GB", 1, 9000, "GBP", "Europe/London"),
    (85, "0085", "Retourenhalle", "R", 80, "DE", 1, None, "EUR", "Europe/Berlin"),
    (88, "0088", "Unterwegs", "T", None, None, None, None, "EUR", None),
    (90, "0090", "Webshop", "O", 80, None, None, None, "EUR", "Europe/Berlin"),
)
_STORE_WEIGHTS = (14, 8, 20, 6, 9, 5, 11, 5, 7, 4, 6, 12, 6, 4)

TENDERS = (
    # code, label, kind, provider, scheme, fee percent (thousandths), fixed fee, online, active
    ("BAR", "Bargeld", 1, None, None, None, None, False, True),
    ("GIRO", "Girokarte", 3, "Nordpay", "girocard", 250, None, False, True),
    ("VISA", "Visa", 2, "Nordpay", "VISA", 1250, 5, True, True),
    ("MC", "Mastercard", 2, "Nordpay", "Mastercard", 1290, 5, True, True),
    ("AMEX", "American Express ", 2, "Nordpay", "AMEX", 2400, 10, True, True),
    ("PAYPAL", "PayPal", 4, "PayPal", None, 2490, 35, True, True),
    ("KLARNA", "Klarna Ratenkauf", 5, "Klarna", None, 2990, 20, True, True),
    ("RECHNUNG", "Kauf auf Rechnung", 6, None, None, None, None, True, True),
    ("GUTSCHEIN", "Geschenkgutschein", 7, None, None, None, None, True, True),
    ("VORKASSE", "Überweisung", 8, None, None, None, None, True, True),
    ("LASTSCHR", "SEPA-Lastschrift", 9, "Nordpay", None, 350, None, True, False),
    ("PORTAL", "Abrechnung der Portale", 20, "Portale", None, None, None, True, True),
    ("TWINT", "Twint (Test)", 99, None, None, None, None, True, False),
)
"""Kinds of payment. Kind 99 has no meaning in the mapping: it is flagged."""


def sites(rows: Rows, planter: Planter, spell: Spell) -> tuple[dict[int, Site], Weighted[Site]]:
    """Write all places and give back what `places` gives."""
    dice = Dice("sites")
    for number, code, name, kind, parent, country, town, area, currency, zone in _SITES:
        land = COUNTRIES[country] if country else None
        city, zip_code = land.towns[town or 0] if land else (None, None)
        rows.add(
            "sites",
            id=number,
            site_no=code,
            name=name,
            kind=kind,
            parent_id=parent,
            gln=check_digit(f"40123450{number:04d}"),
            street=f"{land.streets[0]} {number}" if land else None,
            street2=dice.pick((None, "Hinterhaus", " 2. OG", "n/a")) if land else None,
            town=city,
            province=dice.pick(PROVINCES[city]) if city else None,
            zip=zip_code,
            country=dice.pick((country, country, *land.spellings)) if land and country else None,
            lat=decimal(50_000_000 + number * 31_250, 6) if land else "0",
            lon=decimal(9_000_000 - number * 90_125, 6) if land else "0",
            tz=zone,
            phone=phone(dice, land) if land else "n/a",
            mail=f"filiale{code}@linden.example",
            area_sqm=decimal(area, 1),
            opened=date(1998 + number % 25, 3, 1),
            currency=currency,
        )
    planter.strikes("nowhere_at_all", spell.start - timedelta(days=1), WEB_SHOP)
    planter.strikes("no_country", spell.start - timedelta(days=1), TRANSIT)
    if planter.strikes("closed_too_soon", spell.start - timedelta(days=1), 10):
        rows.add(
            "sites",
            id=10,
            site_no="0010",
            name="Rostock (Tippfehler)",
            kind="F",
            town="Rostock",
            country="DE",
            opened=date(2015, 9, 1),
            closed=date(2005, 9, 1),
            currency="EUR",
        )
    rows.add(
        "sites",
        id=9,
        site_no="0009",
        name="Kassel (geschlossen)",
        kind="F",
        town="Kassel",
        zip="34117",
        country="DE",
        tz="Europe/Berlin",
        opened=date(2004, 5, 1),
        closed=date(2023, 12, 31),
        currency="EUR",
    )
    return places()


def places() -> tuple[dict[int, Site], Weighted[Site]]:
    """All places that trade, and the stores by how well they run."""
    known = {site[0]: Site(site[0], site[3], site[5] or "DE", site[8]) for site in _SITES}
    return known, Weighted([site for site in known.values() if site.kind == "F"], _STORE_WEIGHTS)


def tenders(rows: Rows, planter: Planter, spell: Spell) -> None:
    """Write the kinds of payment."""
    for code, label, kind, provider, scheme, percent, fixed, online, active in TENDERS:
        rows.add(
            "tenders",
            code=code,
            label=label,
            kind=kind,
            provider=provider,
            scheme=scheme,
            fee_percent=decimal(percent, 3),
            fee_fixed=money(fixed),
            fee_currency="EUR" if percent else None,
            online=online,
            active=active,
        )
    made = spell.start - timedelta(days=1)
    planter.strikes("unknown_tender", made, "TWINT")
    if planter.strikes("card_as_name", made, "NOTIZ"):
        rows.add("tenders", code="NOTIZ", label="4111 1111 1111 1111", kind=2, online=False, active=False)
