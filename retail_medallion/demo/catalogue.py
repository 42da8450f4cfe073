"""Goods and places: article groups, vendors, sites, tenders, articles, vouchers."""

from __future__ import annotations

from datetime import date, timedelta

from retail_medallion.demo.amounts import decimal, money, share
from retail_medallion.demo.dice import Dice, Weighted
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.untidy import check_digit, mail, optional, phone, text
from retail_medallion.demo.vocabulary import (
    ADJECTIVES,
    BRANDS,
    COLOURS,
    COMPANY_ENDINGS,
    COUNTRIES,
    GROUPS,
    MATERIALS,
    SIZES,
)
from retail_medallion.demo.world import Article, Site, Spell, Voucher

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
REDUCED = 7
GIFT_CARD = 3
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


def groups(rows: Rows, planter: Planter, spell: Spell) -> dict[int, tuple[str, int, int, int, tuple[str, ...], int]]:
    """Write the tree of article groups.

    Returns:
        Leaf group -> unit, lowest and highest price, 1 for reduced tax, kinds of goods, main group.
    """
    leaves: dict[int, tuple[str, int, int, int, tuple[str, ...], int]] = {}
    dice = Dice("groups")
    for place, (german, english, parts) in enumerate(GROUPS, 1):
        main = place * 100
        rows.add(
            "article_groups",
            id=main,
            code=f"G{place:02d}",
            label=german,
            label_i18n={"de": german, "en": english},
            path=f"/{main}/",
            position=place,
            blurb=dice.pick((None, "n/a", "")),
            hidden=False,
        )
        for part, (label, translated, unit, low, high, tax, goods) in enumerate(parts, 1):
            number = main + part
            leaves[number] = (unit, low, high, int(tax == REDUCED), tuple(goods), main)
            rows.add(
                "article_groups",
                id=number,
                parent_id=main,
                code=f"g{place:02d}-{part:02d} ",
                label=label,
                label_i18n={"de": label, "en": translated},
                path=f"/{main}/{number}/",
                position=part,
                blurb=f"{label} für jeden  Tag",
                hidden=False,
            )
    rows.add("article_groups", id=900, code="SERVICE", label="  ", path="/900/", position=9, hidden=False)
    rows.add(
        "article_groups", id=910, parent_id=900, code="GUTSCHEIN", label="Gutscheine", path="/900/910/", hidden=True
    )
    if planter.strikes("own_parent", spell.start - timedelta(days=1), 999):
        rows.add("article_groups", id=999, parent_id=999, code="TEST", label="Test", path="/999/", hidden=True)
    return leaves


def sites(rows: Rows) -> tuple[dict[int, Site], Weighted[Site]]:
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
            town=city,
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


def tenders(rows: Rows) -> None:
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


def vendors(rows: Rows, planter: Planter, spell: Spell, seed: int, count: int) -> None:
    """Write `count` vendors, numbered from 1."""
    dice = Dice(seed, "vendors")
    for number in range(1, count + 1):
        land = COUNTRIES[dice.pick(("DE", "DE", "AT", "FR", "NL", "GB", "PL", "ES", "SE"))]
        made = spell.start - timedelta(days=dice.between(100, 3000))
        changed = made if dice.chance(700) else spell.start + (spell.end - spell.start) * dice.below(1000) // 1000
        family = dice.pick(land.family)
        town, zip_code = dice.pick(land.towns)
        name = text(dice, f"{family} {dice.pick(COMPANY_ENDINGS)}")
        if planter.strikes("nameless_vendor", changed, number):
            name = " \u200b "
        slow = name != " \u200b " and planter.strikes("endless_delivery", changed, number)
        rows.add(
            "vendors",
            id=number,
            vendor_no=f"K{number:06d}",
            trade_name=name,
            legal_name=f"{family} {land.domain.upper()} Handel",
            contact=optional(dice, f"{dice.pick(land.given)} {family}", missing=100),
            mail=mail(dice, f"einkauf{number}@lieferant{number}.example"),
            phone=phone(dice, land),
            street=f"{dice.pick(land.streets)} {dice.between(1, 120)}",
            town=town,
            zip=zip_code,
            country=land.code if dice.chance(900) else dice.pick(land.spellings),
            vat_id=f"{land.code} {dice.digits(3)} {dice.digits(6)}",
            gln=check_digit(f"40{dice.digits(10)}"),
            currency="GBP" if land.code == "GB" else "EUR",
            payment_days=dice.pick((14, 30, 30, 60)),
            delivery_days=999 if slow else dice.between(2, 45),
            blocked=dice.chance(30),
            created_at=made,
            updated_at=changed,
        )


def articles(
    rows: Rows,
    planter: Planter,
    spell: Spell,
    seed: int,
    count: int,
    vendor_count: int,
    leaves: dict[int, tuple[str, int, int, int, tuple[str, ...], int]],
) -> Weighted[Article]:
    """Write `count` articles and give them back by how well they sell."""
    dice = Dice(seed, "articles")
    sold: list[Article] = []
    weights: list[int] = []
    title, group, price = "", 0, 0
    model: int | None = None
    minutes = int((spell.end - spell.start).total_seconds()) // 60
    groups_of_goods = list(leaves)
    for number in range(1, count + 1):
        variant = model is not None and number % 5 != 1
        if not variant:
            group = dice.pick(groups_of_goods)
            _, low, high, _, goods, _ = leaves[group]
            title = f"{dice.pick(goods)} {dice.pick(ADJECTIVES)}"
            price = low + (high - low) * dice.below(100) * dice.below(100) // 10_000
            price = max(price - price % 10 + 9, 49)
            model = 900_000 + number if dice.chance(300) else None
        unit, _, _, reduced, _, main = leaves[group]
        kind, tax = (GIFT_CARD, 0) if number % 400 == 0 else (1, reduced)
        cost = share(price * 100, dice.between(38, 66), 119)
        made = spell.start - timedelta(days=dice.between(30, 2500))
        changed = spell.start + timedelta(minutes=dice.below(minutes)) if dice.chance(650) else made
        voided = changed if dice.chance(8) and kind == 1 else None
        if voided is None:
            sold.append(Article(number, f"AR-{group:04d}-{number:05d}", title, unit, kind, price, cost, tax, model))
            weights.append(demand(number))
        state = dice.pick(("aktiv", "aktiv", "aktiv", "aktiv", "auslauf")) if voided is None else "gesperrt"
        ean = check_digit(f"40{dice.digits(10)}")
        listed_ean = ean if dice.chance(880) else None
        listed, bought, name = price, cost, text(dice, title)
        tidy_number = f"AR-{group:04d}-{number:05d}"
        if kind == 1 and voided is None:
            if planter.strikes("no_title", changed, number):
                name = "\u00a0"
            elif planter.strikes("negative_price", changed, number):
                listed = -price
            elif state == "aktiv" and planter.strikes("free_goods", changed, number):
                listed = bought = 0
            elif planter.strikes("cost_above_price", changed, number):
                bought = price * 100 + 5000
            elif listed_ean and planter.strikes("bad_ean", changed, number):
                listed_ean = ean[:-1] + str((int(ean[-1]) + 1) % 10)
        rows.add(
            "articles",
            id=number,
            model_id=model,
            article_no=tidy_number if dice.chance(930) else f" {tidy_number.lower()} ",
            ean=listed_ean,
            title=None if name == title and dice.chance(20) else name,
            title_i18n=None if name == "\u00a0" else {"de": title, "en": f"{title} (en)"},
            variant_label=f"{dice.pick(COLOURS)} / {dice.pick(SIZES)}" if model else dice.pick((None, None, "-", "")),
            group_id=group if kind == 1 else 910,
            extra_group_ids=(main,) if dice.chance(200) else None,
            brand=text(dice, dice.pick(BRANDS)),
            vendor_id=dice.between(1, vendor_count) if dice.chance(970) else None,
            vendor_article_no=optional(dice, f"{dice.digits(4)} - {dice.digits(3)}", missing=200),
            kind=kind,
            unit=unit if kind == 1 else "st",
            price=money(listed),
            purchase_price=decimal(bought, 4),
            currency="EUR" if dice.chance(950) else None,
            vat_percent=money(0 if kind == GIFT_CARD else 700 if reduced else 1900),
            weight_kg=decimal(dice.between(50, 9000), 3),
            properties={"Farbe": dice.pick(COLOURS), "Material": dice.pick(MATERIALS), "Pflege-Hinweis": "30 °C"}
            if dice.chance(800)
            else None,
            description_html=f"<p>{title} von <b>{dice.pick(BRANDS)}</b>.<br>Schön &amp; gut.</p>"
            if dice.chance(700)
            else "null",
            state=state,
            stock_kept=kind == 1,
            on_sale_from=made.date(),
            on_sale_until=changed.date() if voided else None,
            voided_at=voided,
            created_at=made,
            updated_at=changed,
        )
    return Weighted(sold, weights)


def demand(article: int) -> int:
    """How well an article sells, as a weight."""
    return 4000 // (20 + article % 397) + 1


def vouchers(rows: Rows, spell: Spell, seed: int, count: int) -> list[Voucher]:
    """Write `count` vouchers and give back those the tills accept."""
    dice = Dice(seed, "vouchers")
    usable: list[Voucher] = []
    for number in range(1, count + 1):
        kind = dice.pick(("prozent", "prozent", "betrag", "versandfrei"))
        value = dice.pick((5, 10, 15, 20)) * 100 if kind == "prozent" else dice.pick((500, 1000))
        first = spell.start - timedelta(days=dice.between(0, 60))
        if kind == "prozent":
            usable.append(Voucher(number, value // 100, 0))
        elif kind == "betrag":
            usable.append(Voucher(number, 0, value))
        rows.add(
            "vouchers",
            id=number,
            code=f"{dice.pick(('Sommer', 'DANKE', 'willkommen'))}{number:03d}",
            campaign=dice.pick(("Frühling", "Treue", None)),
            kind=kind,
            value=None if kind == "versandfrei" else money(value),
            currency="EUR" if kind == "betrag" else None,
            scope={"prozent": 2, "betrag": 1, "versandfrei": 3}[kind],
            min_basket=money(dice.pick((0, 2500, 5000))),
            valid_from=first,
            valid_to=first + timedelta(days=dice.between(30, 200)),
            max_uses=dice.pick((None, 100, 1000)),
            max_uses_per_client=1,
            uses=dice.between(0, 90),
            stackable=False,
            state=dice.pick((1, 1, 2)),
            updated_at=first,
        )
    return usable
