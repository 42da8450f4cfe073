"""The people and companies who buy."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from retail_medallion.demo.dice import Dice, Weighted
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.untidy import mail, optional, phone, text
from retail_medallion.demo.vocabulary import COMPANY_ENDINGS, COUNTRIES, CUSTOMER_COUNTRIES, PROVINCES, Country
from retail_medallion.demo.world import Client, Spell

HEAD_OFFICE = ZoneInfo("Europe/Berlin")
_COUNTRY = Weighted([code for code, _ in CUSTOMER_COUNTRIES], [weight for _, weight in CUSTOMER_COUNTRIES])
_FIRST_MERGED = 50
# Half past two of the night in which clocks were put back from three to two.
_TWICE = datetime(2025, 10, 26, 2, 30)  # noqa: DTZ001 - what a till writes
_CLUB = Weighted((None, "basis", "silber", "gold"), (45, 35, 14, 6))


def local(moment: datetime) -> datetime:
    """The moment as the tills write it: head office time, without a zone."""
    return moment.astimezone(HEAD_OFFICE).replace(tzinfo=None)


def _address(dice: Dice, land: Country, town: str, zip_code: str, country: str | None) -> dict[str, str | None]:
    street = f"{dice.pick(land.streets)} {dice.between(1, 199)}"
    province = dice.pick(PROVINCES[town]) if country and dice.chance(500) else None
    return {
        "street": text(dice, street),
        "zip": zip_code,
        "town": text(dice, town),
        "province": province,
        "country": country,
    }


def write_client(
    rows: Rows, planter: Planter | None, dice: Dice, number: int, made: datetime, changed: datetime
) -> Client:
    """Write one client who signed up at `made` and was last changed at `changed`.

    Args:
        rows: Where it is written.
        planter: Spoils some; None spoils none.
        dice: Chance.
        number: Its id.
        made: When it signed up.
        changed: When it was last changed.
    """
    land = COUNTRIES[_COUNTRY.draw(dice)]
    woman = dice.below(2)
    given, family = dice.pick(land.given[1 - woman :: 2]), dice.pick(land.family)
    business = dice.chance(50)
    town, zip_code = dice.pick(land.towns)
    club = None if business else _CLUB.draw(dice)
    country: str | None = land.code if dice.chance(930) else dice.pick(land.spellings)
    if land.code == "DE" and dice.chance(60):
        country = None
    row: dict[str, object] = {
        "client_no": f"{number:08d}" if dice.chance(970) else f" c{number:07d} ",
        "given_name": text(dice, given) if not business or dice.chance(400) else None,
        "family_name": text(dice, family.upper() if dice.chance(20) else family),
        "company": text(dice, f"{family} {dice.pick(COMPANY_ENDINGS)}") if business else None,
        "mail": mail(dice, f"kunde.{number}@{dice.pick(('post', 'mail', 'büro'))}.example")
        if dice.chance(900)
        else None,
        "phone": phone(dice, land) if dice.chance(550) else optional(dice, "", missing=1000),
        "newsletter": dice.pick((True, True, False, False, None)),
        "guest": dice.chance(40),
    }
    if row["newsletter"]:
        row["newsletter_since"] = made + timedelta(seconds=dice.between(0, 9))
    born = date(dice.between(1938, 2007), dice.between(1, 12), dice.between(1, 28))
    row["born"] = None if business or dice.chance(400) else born
    row["signed_up"] = local(made)
    if planter:
        if planter.strikes("nobody", changed, number):
            row |= dict.fromkeys(("client_no", "given_name", "family_name", "company", "mail", "phone")) | {
                "guest": False
            }
        elif planter.strikes("bad_mail", changed, number):
            row["mail"] = dice.pick(("keine@", "unbekannt", f"a..b@{number}", "kunde@@mail.example"))
        elif planter.strikes("bad_phone", changed, number):
            row["phone"] = dice.pick(("12", "keins", "0000000000000000000", "siehe Büro"))
        elif planter.strikes("nowhere", changed, number):
            country = dice.pick(("Atlantis", "ZZ", "Lummerland"))
        elif row["newsletter"] and planter.strikes("timeless_consent", changed, number):
            row["newsletter_since"] = None
        elif planter.strikes("unborn", changed, number):
            row["born"] = born.replace(year=2190)
        elif planter.strikes("toddler", changed, number):
            row["born"] = born.replace(year=made.year - 3)
        elif planter.strikes("hour_that_came_twice", changed, number):
            row["signed_up"] = _TWICE
    rows.add(
        "clients",
        id=number,
        public_id=dice.uuid(),
        kind=2 if business else 1,
        sex=None
        if business or dice.chance(300)
        else dice.pick(("fF" if woman else "mM") + ("x" if dice.chance(20) else "")),
        locale=land.locale if dice.chance(900) else land.locale.replace("_", "-"),
        address=_address(dice, land, town, zip_code, country),
        segment=dice.pick(("A", "b", "C ", "?", "ohne", None)),
        club_level=club,
        favourite_site_id=dice.pick((1, 2, 3, 4, 5, 11, 21, 41)) if dice.chance(300) else None,
        locked=dice.chance(6),
        merged_into=dice.between(1, number - 1) if number > _FIRST_MERGED and dice.chance(12) else None,
        voided_at=changed if dice.chance(8) else None,
        created_at=made,
        updated_at=changed,
        **row,
    )
    return Client(number, land.code, town, zip_code, land.locale, business, club is not None)


def clients(rows: Rows, planter: Planter, spell: Spell, seed: int, count: int) -> tuple[list[Client], dict[date, int]]:
    """Write `count` clients; about two thirds are there when the history starts, the others come one by one.

    Returns:
        The clients in the order of their ids, and how many exist at the start of each day.
    """
    dice = Dice(seed, "clients")
    days = (spell.end - spell.start).days
    before = count * 65 // 100
    known: list[Client] = []
    exist: dict[date, int] = {}
    for number in range(1, count + 1):
        if number <= before:
            made = spell.start - timedelta(days=(before - number) * 1500 // before + 1, seconds=dice.below(80_000))
        else:
            since = (number - before - 1) * days * 86_400 // (count - before)
            made = spell.start + timedelta(seconds=since)
        changed = made
        if dice.chance(350):
            # Half of all changes come soon after the account was made, the others at any time since.
            later = max(made, spell.start) + timedelta(seconds=dice.below(86_400 * days))
            changed = later if later < spell.end else made
        known.append(write_client(rows, planter, dice, number, made, changed))
    for day in range(days):
        exist[(spell.start + timedelta(days=day)).date()] = max(before + (count - before) * day // days, 1)
    return known, exist
