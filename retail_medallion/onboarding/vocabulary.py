"""Words by which tables and columns of shops are usually called. Suggestions only: a person decides."""

from __future__ import annotations

import re

TABLES: dict[str, tuple[str, ...]] = {
    "products": ("product", "article", "sku", "product variant", "item", "variant"),
    "product_categories": ("category", "product category", "product group", "collection", "categorie"),
    "suppliers": ("supplier", "vendor", "creditor", "partner"),
    "customers": ("customer", "client", "buyer", "account user", "auth user", "user", "member", "res partner"),
    "inventory_locations": ("location", "warehouse", "stock location", "store", "branch", "outlet"),
    "payment_methods": ("payment method", "tender", "payment type", "payment provider"),
    "coupons": ("coupon", "voucher", "promotion", "discount code", "gift code"),
    "sales": ("order", "sale", "sales order", "sale order", "invoice", "receipt", "ticket", "pos order"),
    "sale_items": (
        "order line", "order item", "order detail", "sale item", "sale line", "orderline", "orderitem",
        "order position",
        "sales order line", "sale order line", "invoice line", "receipt line",
    ),
    "transactions": ("payment", "transaction", "payment transaction", "payment transactionevent", "refund"),
    "stock_movements": ("stock movement", "inventory movement", "stock move", "stock move line", "stock transaction"),
    "loyalty_transactions": ("loyalty transaction", "points transaction", "loyalty history", "point"),
    "shopping_carts": ("cart", "basket", "checkout", "shopping cart", "quote"),
    "cart_items": ("cart item", "cart line", "basket line", "checkout line", "checkoutline", "cart product"),
    "sale_fulfilments": (
        "shipment", "fulfilment", "fulfillment", "delivery", "shipping event", "stock picking", "parcel",
    ),
    "product_reviews": ("review", "product review", "productreview", "rating"),
}  # fmt: skip

_NAME = ("name", "title", "label")
_CREATED = ("created at", "date created", "create date", "created", "createdat", "date time", "occurred at", "date")
_UPDATED = (
    "updated at", "updatedat", "date updated", "write date", "modified at", "modified", "last modified", "changed at",
    "last changed", "updated", "modified date", "last update",
)  # fmt: skip
COLUMNS: dict[str, tuple[str, ...]] = {
    "product_name": ("product name", *_NAME),
    "category_name": ("category name", *_NAME),
    "supplier_name": ("supplier name", "company name", "company", *_NAME),
    "location_name": ("location name", *_NAME),
    "method_name": ("method name", *_NAME),
    "campaign_name": ("campaign name", *_NAME),
    "full_name": ("full name", "contact name", "customer name", "name"),
    "first_name": ("first name", "given name", "firstname", "forename"),
    "last_name": ("last name", "surname", "family name", "lastname"),
    "company_name": ("company name", "company"),
    "contact_name": ("contact name", "contact"),
    "email": ("email", "email address", "mail", "e mail", "emailaddress"),
    "phone": ("phone", "phone number", "telephone", "mobile", "phonenumber"),
    "address_line1": ("address", "street", "address line 1", "line 1", "street address 1"),
    "city": ("city", "town"),
    "postal_code": ("postal code", "postcode", "zip", "zip code"),
    "region_code": ("region", "province", "region code"),
    "country_code": ("country code", "country"),
    "currency_code": ("currency code", "currency"),
    "language_code": ("language code", "language", "lang", "locale"),
    "sold_at": ("sold at", "order date", "ordered at", "placed at", "date placed", "order placed at", "date order",
                "orderplacedat", "purchased at", *_CREATED),
    "occurred_at": ("occurred at", "movement date", "payment date", *_CREATED),
    "submitted_at": ("submitted at", *_CREATED),
    "registered_at": ("registered at", "date joined", *_CREATED),
    "created_at": _CREATED,
    "added_at": ("added at", *_CREATED),
    "last_activity_at": ("last activity at", *_UPDATED),
    "source_created_at": _CREATED,
    "source_updated_at": _UPDATED,
    "deleted_at": ("deleted at", "deletedat", "date deleted"),
    "shipped_at": ("shipped at", "shipped date", "ship date"),
    "delivered_at": ("delivered at", "delivered date", "delivery date"),
    "promised_at": ("promised at", "required date", "due date"),
    "starts_at": ("starts at", "start date", "valid from", "start datetime", "date from"),
    "ends_at": ("ends at", "end date", "valid to", "end datetime", "date to", "expires at"),
    "total_amount": ("total amount", "total", "grand total", "amount total", "total incl tax", "total gross amount"),
    "subtotal_amount": ("subtotal", "sub total", "subtotal amount"),
    "tax_amount": ("tax amount", "tax", "amount tax", "vat", "vat amount"),
    "discount_amount": ("discount amount", "discount total"),
    "shipping_amount": ("shipping amount", "shipping", "freight", "shipping cost", "shipping incl tax"),
    "shipping_cost": ("shipping cost", "freight"),
    "status": ("status", "state", "order status"),
    "sale_number": ("order number", "sale number", "number", "receipt number", "invoice number", "reference"),
    "customer_number": ("customer number", "card number", "customer code"),
    "quantity": ("quantity", "qty", "product uom qty", "quantity ordered", "units"),
    "unit_price": ("unit price", "price unit", "price", "unit price incl tax"),
    "line_number": ("line number", "position", "pos", "sequence", "sort order"),
    "line_amount": ("line amount", "line total"),
    "list_price": ("list price", "price", "unit price", "sale price", "retail price"),
    "sku": ("sku", "article number", "item number", "default code", "product code"),
    "gtin": ("gtin", "ean", "ean 13", "barcode", "upc"),
    "brand": ("brand", "manufacturer"),
    "description": ("description", "long description"),
    "category_code": ("category code", "code", "slug"),
    "location_code": ("location code", "code"),
    "method_code": ("method code", "code"),
    "supplier_code": ("supplier code", "code"),
    "coupon_code": ("coupon code", "code", "voucher code"),
    "parent_category_id": ("parent id", "parent", "parent category id"),
    "is_active": ("is active", "active", "enabled"),
    "amount": ("amount", "total", "value"),
    "provider_reference": ("provider reference", "reference", "gateway id"),
    "rating": ("rating", "score", "stars"),
    "title": ("title", "headline", "summary"),
    "body": ("body", "comment", "text", "content"),
    "birth_date": ("birth date", "date of birth", "birthday", "dob"),
    "carrier": ("carrier", "shipper", "carrier name"),
    "points": ("points", "point"),
    "usage_limit": ("usage limit", "max uses"),
    "usage_count": ("usage count", "uses", "used"),
}  # fmt: skip
"""Canonical column to the words a source calls it by, likeliest first; its own name is tried before all."""

WATERMARKS = _UPDATED

VALUES: dict[str, tuple[str, ...]] = {
    "completed": ("complete", "done", "closed", "fulfilled", "finished"),
    "cancelled": ("canceled", "cancel", "void"),
    "pending": ("new", "open", "placed", "created", "submitted"),
    "confirmed": ("processing", "being processed", "accepted", "paid"),
    "active": ("open", "enabled"),
    "disabled": ("inactive", "suspended"),
    "converted": ("submitted", "ordered"),
    "succeeded": ("success", "settled", "ok"),
    "failed": ("failure", "declined", "error"),
    "published": ("approved", "visible"),
    "payment": ("pay", "sale"),
    "capture": ("captured", "debit"),
    "authorisation": ("authorise", "authorize", "authorised", "authorized", "authorization"),
    "delivered": ("complete",),
    "person": ("p", "private", "individual", "consumer", "b2c"),
    "business": ("b", "company", "b2b"),
}
"""Canonical value to the words a source uses for it."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case and in the singular: `orderLines` and `order_lines` are (order, line)."""
    parts = re.split(r"[^0-9A-Za-z]+", _CAMEL.sub("_", name))
    return tuple(_singular(part.lower()) for part in parts if part)


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:  # noqa: PLR2004 - series, but not ties
        return f"{word[:-3]}y"
    kept = ("ss", "us", "is")
    return word[:-1] if word.endswith("s") and not word.endswith(kept) and len(word) > 3 else word  # noqa: PLR2004
