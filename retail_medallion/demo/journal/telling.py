"""The delicatessen's database, and what Silver has to hold of it."""

from __future__ import annotations

from datetime import date, timedelta

from retail_medallion.demo.journal import goods
from retail_medallion.demo.journal.receipts import CURRENCY, exact
from retail_medallion.demo.journal.story import Story
from retail_medallion.demo.retailer import Retailer, Stored, Telling, Truth

_TABLES = {
    "master": "kind code t1 t2 t3 t4 t5 t6 t7 t8 t9",
    "party": "no roles form name given nip mail phone street town zip card terms joined left_on",
    "journal": "seq rec site doc line booked c1 c2 c3 c4 c5 c6 c7 c8 loaded_at",
}


def _stored(story: Story) -> Stored:
    parts = [article.row() for article in story.articles.values()]
    masters = [*goods.groups(), *goods.sites(), *goods.tenders(), *parts]
    return {
        "master": {(row["kind"], row["code"]): row for row in masters},
        "party": {(party.no,): party.row() for party in story.parties.values()},
        "journal": {(key,): row for key, row in story.entries.items()},
    }


def _truth(story: Story) -> Truth:
    receipts, parties = story.receipts.values(), story.parties.values()
    return {
        "product_categories": {str(row["code"]): {"category_name": row["t1"]} for row in goods.groups()},
        "inventory_locations": {site[0]: {"location_name": site[1]} for site in goods.SITES},
        "payment_methods": {tender[0]: {"method_name": tender[1]} for tender in goods.TENDERS},
        "products": {
            article.code: {
                "list_price": exact(article.price),
                "cost_price": exact(article.cost),
                "currency_code": CURRENCY,
                "is_active": article.active,
            }
            for article in story.articles.values()
        },
        "customers": {p.no: p.customer() for p in parties if "K" in p.roles and p.left is None},
        "suppliers": {p.no: p.supplier() for p in parties if "D" in p.roles and p.left is None},
        "sales": {receipt.doc: receipt.sale() for receipt in receipts},
        "sale_items": {key: item for receipt in receipts for key, item in receipt.items()},
        "transactions": {key: paid for receipt in receipts for key, paid in receipt.transactions()},
        "loyalty_transactions": story.points,
        "stock_movements": story.moves,
    }


def tell(seed: int, start: date, until: date) -> Telling:
    """The story from its first day to the end of its last."""
    story = Story(seed, start)
    for ahead in range((until - start).days + 1):
        story.day(start + timedelta(days=ahead))
    lines, payments = zip(*(r.spoiled_keys() for r in story.receipts.values() if r.spoiled), strict=True)
    spoiled = {"sale_items": frozenset(lines), "transactions": frozenset(payments)}
    return Telling(_stored(story), _truth(story), spoiled)


JOURNAL = Retailer(
    code="demo_journal",
    schema="pos",
    package="retail_medallion.demo.journal",
    tables={table: columns.split() for table, columns in _TABLES.items()},
    key_width={"master": 2, "party": 1, "journal": 1},
    tell=tell,
    title="a chain of Polish delicatessens: one journal of text columns, one table of parties",
)
