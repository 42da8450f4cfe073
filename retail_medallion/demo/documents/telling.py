"""The surf shop's database, and what Silver has to hold of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Protocol

from retail_medallion.demo.dice import Dice
from retail_medallion.demo.documents import shelf
from retail_medallion.demo.documents.money import HOME, Document, exact, local
from retail_medallion.demo.documents.story import Story
from retail_medallion.demo.retailer import Retailer, Row, Stored, Telling, Truth

_TABLES = ("settings", "categories", "places", "products", "customers", "promotions", "orders", "reviews")


class _Kept(Protocol):
    @property
    def made(self) -> datetime: ...
    @property
    def changed(self) -> datetime: ...
    def document(self) -> Document: ...


def _row(key: str, document: Document, made: datetime, changed: datetime, removed: datetime | None = None) -> Row:
    return {
        "id": key,
        "doc": document,
        "created_at": local(made),
        "updated_at": local(changed),
        "deleted_at": local(removed) if removed else None,
    }


def _rows(kept: Mapping[str, _Kept]) -> dict[tuple[object, ...], Row]:
    rows: dict[tuple[object, ...], Row] = {}
    for key, found in kept.items():
        rows[(key,)] = _row(key, found.document(), found.made, found.changed, getattr(found, "removed", None))
    return rows


def _places(seed: int) -> dict[str, Document]:
    dice = Dice(seed, "documents places")
    names = ("name", "kind", "street", "suburb", "state", "postcode")
    return {dice.uuid(): dict(zip(names, place, strict=True)) for place in shelf.PLACES}


def _settings() -> Document:
    return {"methods": [{"code": code, "label": label, "kind": kind} for code, label, kind in shelf.METHODS]}


def _stored(seed: int, story: Story) -> Stored:
    at, settings = story.opened, Dice(seed, "documents settings").uuid()
    return {
        "settings": {(settings,): _row(settings, _settings(), at, at)},
        "categories": {(key,): _row(key, document, at, at) for key, document in story.categories.values()},
        "places": {(key,): _row(key, document, at, at) for key, document in _places(seed).items()},
        "products": _rows(story.products),
        "customers": _rows(story.shoppers),
        "promotions": _rows(story.promotions),
        "orders": _rows(story.orders),
        "reviews": _rows(story.reviews),
    }


def _truth(seed: int, story: Story) -> Truth:
    orders = [order for order in story.orders.values() if order.removed is None]
    products = [product for product in story.products.values() if product.removed is None]
    return {
        "payment_methods": {code: {"method_name": label["en"]} for code, label, _ in shelf.METHODS},
        "product_categories": {key: {"category_name": name} for name, (key, _) in story.categories.items()},
        "inventory_locations": {key: {"location_name": place["name"]} for key, place in _places(seed).items()},
        "products": {
            variant.id: {
                "parent_product_id": product.id,
                "product_name": variant.name,
                "sku": variant.sku,
                "list_price": exact(variant.price(HOME), HOME),
                "currency_code": HOME,
            }
            for product in products
            for variant in product.variants
        },
        "customers": {key: found.customer() for key, found in story.shoppers.items() if found.removed is None},
        "coupons": {
            key: {"coupon_code": found.code, "discount_value": found.value, "usage_count": found.uses}
            for key, found in story.promotions.items()
            if found.removed is None
        },
        "sales": {order.id: order.sale() for order in orders},
        "sale_items": {key: item for order in orders for key, item in order.items()},
        "transactions": {key: paid for order in orders for key, paid in order.transactions()},
        "sale_fulfilments": {key: parcel for order in orders for key, parcel in order.fulfilments()},
        "product_reviews": {key: review.review() for key, review in story.reviews.items() if review.stars is not None},
    }


def tell(seed: int, start: date, until: date) -> Telling:
    """The story from its first day to the end of its last."""
    story = Story(seed, start)
    for ahead in range((until - start).days + 1):
        story.day(start + timedelta(days=ahead))
    spoiled = {
        "sale_items": frozenset(order.lines[0].id for order in story.orders.values() if order.spoiled),
        "product_reviews": frozenset(key for key, review in story.reviews.items() if review.stars is None),
    }
    return Telling(_stored(seed, story), _truth(seed, story), spoiled)


DOCUMENTS = Retailer(
    code="demo_documents",
    schema="app",
    package="retail_medallion.demo.documents",
    tables={table: ["id", "doc", "created_at", "updated_at", "deleted_at"] for table in _TABLES},
    key_width=dict.fromkeys(_TABLES, 1),
    tell=tell,
    title="a surf shop of Sydney: JSON documents, whole minor units of four currencies, local times without a zone",
)
