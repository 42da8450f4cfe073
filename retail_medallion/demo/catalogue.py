"""Goods and who makes them: article groups, vendors, articles."""

from __future__ import annotations

from datetime import timedelta

from retail_medallion.demo.amounts import decimal, money, share
from retail_medallion.demo.dice import Dice, Weighted
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.untidy import check_digit, mail, optional, phone, text, vat_number
from retail_medallion.demo.vocabulary import (
    ADJECTIVES,
    BRANDS,
    COLOURS,
    COMPANY_ENDINGS,
    COUNTRIES,
    GROUPS,
    MATERIALS,
    PROVINCES,
    SIZES,
)
from retail_medallion.demo.world import Article, Spell

REDUCED = 7
GIFT_CARD = 3


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
    planter.strikes("no_name", spell.start - timedelta(days=1), 900)
    if planter.strikes("own_parent", spell.start - timedelta(days=1), 999):
        rows.add("article_groups", id=999, parent_id=999, code="TEST", label="Test", path="/999/", hidden=True)
    return leaves


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
        vat_id = vat_number(dice, land)
        if name != " \u200b " and planter.strikes("wrong_vat_number", changed, number):
            vat_id = "DE100000000"
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
            province=dice.pick(PROVINCES[town]) if dice.chance(700) else None,
            zip=zip_code,
            country=land.code if dice.chance(900) else dice.pick(land.spellings),
            vat_id=vat_id,
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
        vendor = dice.between(1, vendor_count) if dice.chance(970) else None
        if voided is None:
            tidy = f"AR-{group:04d}-{number:05d}"
            sold.append(Article(number, tidy, title, unit, kind, price, cost, tax, model, vendor))
            weights.append(demand(number))
        state = dice.pick(("aktiv", "aktiv", "aktiv", "aktiv", "auslauf")) if voided is None else "gesperrt"
        ean = check_digit(f"40{dice.digits(10)}")
        listed_ean = ean if dice.chance(880) else None
        listed, bought, name = price, cost, text(dice, title)
        until = changed.date() if voided else None
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
            elif listed_ean and planter.strikes("own_ean", changed, number):
                listed_ean = check_digit(f"20{number:010d}")
            elif planter.strikes("sold_out_early", changed, number):
                until = made.date() - timedelta(days=400)
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
            vendor_id=vendor,
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
            on_sale_until=until,
            voided_at=voided,
            created_at=made,
            updated_at=changed,
        )
    return Weighted(sold, weights)


def demand(article: int) -> int:
    """How well an article sells, as a weight."""
    return 4000 // (20 + article % 397) + 1
