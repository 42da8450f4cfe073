"""What is wrong in the demo data on purpose: every kind of fault, its rule, and how often it is planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["reject", "warn", "finding"]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        entity: Canonical entity whose rows it spoils.
        rule: Rule that finds it.
        severity: What the rule does with the row; a finding needs other rows and leaves the row alone.
        column: Canonical column that is wrong.
        every: One of this many rows has it.
        what: The fault in words.
        recent: It may also lie in the last 14 days, where partitions are small.
    """

    entity: str
    rule: str
    severity: Severity
    column: str
    every: int
    what: str
    recent: bool = True


def _of(entity: str, *faults: tuple[str, str, Severity, str, int, str]) -> dict[str, Fault]:
    """Faults of an entity; a rule that starts with a dot is one of the entity's own."""
    return {
        name: Fault(entity, f"{entity}{rule}" if rule.startswith(".") else rule, severity, column, every, what)
        for name, rule, severity, column, every, what in faults
    }


def _early(faults: Mapping[str, Fault]) -> dict[str, Fault]:
    """The same faults, kept out of the last 14 days."""
    return {name: Fault(**{**vars(fault), "recent": False}) for name, fault in faults.items()}


FAULTS: Mapping[str, Fault] = {
    **_of(
        "product_categories",
        ("no_name", ".name_missing", "warn", "category_name", 1, "a group without a name"),
        ("own_parent", ".own_parent", "reject", "parent_category_id", 1, "a group that is its own parent"),
    ),
    **_early(
        _of(
            "products",
            ("negative_price", ".negative_price", "reject", "list_price", 500, "a price below 0"),
            ("no_title", "G01", "reject", "product_name", 600, "an article without a title"),
            ("free_goods", ".free_goods", "warn", "list_price", 300, "goods on sale for 0"),
            ("cost_above_price", ".cost_above_price", "warn", "cost_price", 250, "an article bought dearer than sold"),
            ("sold_out_early", "G05", "warn", "discontinued_on", 350, "an article taken off sale before it came"),
        )
    ),
    **_of(
        "products",
        ("bad_ean", "G06", "warn", "gtin", 150, "an EAN whose check digit is wrong"),
        ("own_ean", ".internal_gtin", "warn", "gtin", 180, "an EAN of a range everybody may use"),
    ),
    **_of(
        "inventory_locations",
        ("closed_too_soon", ".closed_before_opened", "reject", "closed_on", 1, "a store closed before it was opened"),
        ("nowhere_at_all", ".no_place", "warn", "latitude", 1, "a place at 0, 0"),
        ("no_country", ".country_missing", "warn", "country_code", 1, "a place without a country"),
    ),
    **_early(
        _of(
            "suppliers",
            ("nameless_vendor", "G01", "reject", "supplier_name", 80, "a vendor without a name"),
            ("endless_delivery", "G13", "warn", "lead_time_days", 60, "a lead time of 999 days"),
            ("wrong_vat_number", ".bad_vat_number", "warn", "tax_id", 50, "a VAT number with a wrong check digit"),
        )
    ),
    **_of(
        "customers",
        ("nobody", ".not_identified", "reject", "customer_id", 600, "an account without name, number or contact"),
        ("bad_mail", "G06", "warn", "email", 150, "something that is no e-mail address"),
        ("bad_phone", "G06", "warn", "phone", 180, "something that is no phone number"),
        ("nowhere", "G06", "warn", "country_code", 400, "a country that does not exist"),
        ("timeless_consent", ".consent_without_time", "warn", "marketing_opt_in_at", 130, "a consent without a time"),
        ("unborn", "G04", "warn", "birth_date", 450, "somebody who is born in the year 2190"),
        ("toddler", ".unlikely_age", "warn", "birth_date", 440, "an account of somebody who is three"),
        ("hour_that_came_twice", "G14", "warn", "registered_at", 420, "an account made when clocks were put back"),
    ),
    **_of(
        "payment_methods",
        ("card_as_name", "G11", "reject", "method_name", 1, "a kind of payment named after a card number"),
        ("unknown_tender", "G03", "warn", "method_type", 1, "a kind of payment of an unknown kind"),
    ),
    **_early(
        _of(
            "coupons",
            ("above_100_percent", ".percentage_above_100", "reject", "discount_value", 20, "a voucher of 150 percent"),
            ("over_before_it_begins", ".ends_before_start", "reject", "ends_at", 20, "a voucher over before it begins"),
            ("overused", ".redeemed_above_limit", "finding", "usage_limit", 20, "used more often than allowed"),
            ("miscounted", ".usage_count_differs", "finding", "usage_count", 20, "a counter that is 3 too high"),
            ("unknown_scope", "G03", "warn", "applies_to", 22, "a voucher for nobody knows what"),
        )
    ),
    **_of(
        "sales",
        ("order_in_the_future", "G04", "reject", "sold_at", 1500, "an order placed in the year 2206"),
        ("unknown_status", "G03", "warn", "status", 800, "a status number nobody knows"),
        ("portal_total", "G02", "reject", "total_amount", 500, "a portal order whose total is 'n/a'"),
        ("portal_does_not_add_up", ".header_equation", "warn", "total_amount", 180, "a portal total 7.77 too high"),
        ("portal_pays", ".negative_sale", "warn", "total_amount", 450, "a portal order of less than nothing"),
        ("portal_cancelled", "G02", "warn", "cancelled_at", 6, "a portal order cancelled 'gestern'"),
        ("done_before_placed", "G05", "warn", "completed_at", 1100, "an order completed before it was placed"),
        ("no_currency", "G10", "warn", "currency_code", 10, "an order without a currency"),
    ),
    **_of(
        "sale_items",
        ("no_quantity", ".no_quantity", "reject", "quantity", 700, "a line of quantity 0"),
        ("portal_quantity", "G02", "reject", "quantity", 350, "a portal line of '2 Stk'"),
        ("portal_twice", "G07", "warn", "sale_item_id", 90, "a portal line that comes twice and differs"),
        ("portal_gross", ".gross_differs", "warn", "gross_amount", 200, "a portal line with another amount"),
        ("portal_discount", ".discount_above_gross", "warn", "discount_amount", 300, "a discount above the amount"),
        ("portal_gift", ".free_line", "warn", "unit_price", 160, "a portal line for 0"),
        ("portal_returned", ".returned_above_quantity", "warn", "returned_quantity", 240, "more back than was sold"),
    ),
    **_of(
        "transactions",
        ("card_number", "G11", "reject", "masked_account", 900, "a whole card number in a payment"),
        ("no_amount", "G01", "reject", "amount", 1300, "a payment without an amount"),
        ("unknown_payment", "G03", "warn", "transaction_type", 1100, "a payment kind nobody knows"),
        ("orphaned_refund", ".refund_without_parent", "warn", "parent_transaction_id", 4, "a refund of no payment"),
        ("payment_of_nothing", ".zero_amount", "warn", "amount", 950, "a payment of 0 beside the real one"),
        (
            "declined_but_settled",
            ".failed_but_settled",
            "warn",
            "settled_at",
            25,
            "a declined payment that was settled",
        ),
    ),
    **_of(
        "stock_movements",
        ("move_of_nothing", ".no_quantity", "reject", "quantity", 900, "a movement of quantity 0"),
        ("move_to_itself", ".counterpart_is_location", "reject", "counterpart_location_id", 350, "a circular transfer"),
        ("move_of_no_article", "G01", "reject", "product_id", 1400, "a movement of no article"),
        ("free_receipt", ".free_receipt", "warn", "unit_cost", 8, "a receipt at a cost of 0"),
        ("wrong_way", ".quantity_sign", "warn", "quantity", 1200, "a sale that adds to the stock"),
        ("unknown_move", "G03", "warn", "movement_type", 1500, "a movement for an unknown reason"),
        ("below_zero", ".stock_below_zero", "finding", "quantity", 600, "goods sold that were never there"),
        ("count_differs", ".count_differs_from_books", "finding", "quantity", 40, "a count far from the books"),
    ),
    **_of(
        "loyalty_transactions",
        ("points_of_nobody", ".no_account", "reject", "customer_id", 350, "points of nobody"),
        ("no_points", "G01", "reject", "points", 450, "an entry without points"),
        ("negative_bonus", ".points_sign", "warn", "points", 8, "a bonus that takes points away"),
        ("lapsed_when_earned", "G05", "warn", "expires_at", 300, "points that lapse before they are earned"),
        ("unknown_entry", "G03", "warn", "transaction_type", 400, "an entry of an unknown kind"),
        ("overdrawn", ".balance_below_zero", "finding", "points", 6, "more points redeemed than there were"),
        ("wrong_balance", ".balance_differs", "finding", "balance_after", 330, "a balance that does not add up"),
    ),
    **_of(
        "shopping_carts",
        ("no_order", ".converted_without_sale", "warn", "sale_id", 150, "an ordered basket that names no order"),
        (
            "dropped_and_ordered",
            ".abandoned_and_converted",
            "warn",
            "abandoned_at",
            210,
            "a basket dropped and ordered",
        ),
        ("unknown_device", "G03", "warn", "device_type", 170, "a basket filled on a fridge"),
        ("touched_too_soon", "G05", "warn", "last_activity_at", 260, "a basket touched before it was opened"),
        ("basket_of_the_future", "G04", "reject", "created_at", 420, "a basket opened in the year 2206"),
    ),
    **_of(
        "cart_items",
        ("nothing_in_particular", ".no_product", "reject", "product_id", 500, "a line of no article"),
        ("minus_one", "G13", "reject", "quantity", 800, "a line of -1"),
        ("far_too_many", ".large_quantity", "warn", "quantity", 450, "a line of 5000 units"),
        ("removed_too_soon", "G05", "warn", "removed_at", 60, "a line taken out before it was put in"),
    ),
    **_of(
        "sale_fulfilments",
        ("for_no_order", "G01", "reject", "sale_id", 500, "a parcel for no order"),
        ("empty_parcel", ".no_units", "warn", "quantity", 240, "a parcel of 0 units"),
        ("contents_in_words", "G02", "warn", "lines", 280, "a parcel whose contents are no list"),
        (
            "arrived_sometime",
            ".delivered_without_date",
            "warn",
            "delivered_at",
            220,
            "a delivered parcel without a time",
        ),
        ("not_promised", ".not_promised", "warn", "promised_at", 160, "a parcel nobody promised"),
        ("sent_before_packed", "G05", "warn", "shipped_at", 260, "a parcel that left before it was packed"),
        ("too_many_attempts", "G13", "warn", "attempt_count", 340, "99 attempts to deliver"),
        ("unknown_province", "G06", "warn", "destination_region_code", 190, "a province that does not exist"),
    ),
    **_of(
        "product_reviews",
        ("of_nothing", ".no_product", "reject", "product_id", 140, "an opinion on nothing"),
        ("twelve_stars", "G13", "reject", "rating", 170, "twelve of ten stars"),
        ("no_stars", "G01", "reject", "rating", 190, "an opinion without stars"),
        ("no_words", ".no_text", "warn", "body", 60, "an opinion without words"),
        ("published_too_soon", "G05", "warn", "published_at", 90, "an opinion published before it was written"),
    ),
}
"""Every fault there is, by its name."""
