"""What is wrong in the demo data on purpose, and the count of it.

Every fault is planted at a fixed rate and written down, so that what the platform rejects and flags can be compared
with what was planted, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Severity = Literal["reject", "warn"]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        entity: Canonical entity whose rows it spoils.
        rule: Rule that finds it.
        severity: What the rule does with the row.
        column: Canonical column that is wrong.
        every: One of this many rows has it.
        recent: It may also lie in the last 14 days, where partitions are small.
        what: The fault in words.
    """

    entity: str
    rule: str
    severity: Severity
    column: str
    every: int
    what: str
    recent: bool = True


FAULTS: Mapping[str, Fault] = {
    "own_parent": Fault(
        "product_categories",
        "product_categories.own_parent",
        "reject",
        "parent_category_id",
        1,
        "a group that is its own parent",
    ),
    "negative_price": Fault(
        "products", "products.negative_price", "reject", "list_price", 700, "a price below 0", recent=False
    ),
    "no_title": Fault("products", "G01", "reject", "product_name", 900, "an article without a title", recent=False),
    "free_goods": Fault(
        "products", "products.free_goods", "warn", "list_price", 400, "goods on sale for 0", recent=False
    ),
    "cost_above_price": Fault(
        "products",
        "products.cost_above_price",
        "warn",
        "cost_price",
        300,
        "an article bought dearer than sold",
        recent=False,
    ),
    "bad_ean": Fault("products", "G06", "warn", "gtin", 150, "an EAN whose check digit is wrong"),
    "nameless_vendor": Fault(
        "suppliers", "G01", "reject", "supplier_name", 80, "a vendor without a name", recent=False
    ),
    "endless_delivery": Fault(
        "suppliers", "G13", "warn", "lead_time_days", 60, "a lead time of 999 days", recent=False
    ),
    "nobody": Fault(
        "customers",
        "customers.not_identified",
        "reject",
        "customer_id",
        600,
        "an account without name, number or contact",
    ),
    "bad_mail": Fault("customers", "G06", "warn", "email", 150, "something that is no e-mail address"),
    "bad_phone": Fault("customers", "G06", "warn", "phone", 180, "something that is no phone number"),
    "nowhere": Fault("customers", "G06", "warn", "country_code", 400, "a country that does not exist"),
    "timeless_consent": Fault(
        "customers", "customers.consent_without_time", "warn", "marketing_opt_in_at", 130, "a consent without a time"
    ),
    "order_in_the_future": Fault("sales", "G04", "reject", "sold_at", 1500, "an order placed in the year 2206"),
    "unknown_status": Fault("sales", "G03", "warn", "status", 800, "a status number nobody knows"),
    "portal_total": Fault("sales", "G02", "reject", "total_amount", 500, "a portal order whose total is 'n/a'"),
    "no_quantity": Fault("sale_items", "sale_items.no_quantity", "reject", "quantity", 700, "a line of quantity 0"),
    "portal_quantity": Fault("sale_items", "G02", "reject", "quantity", 350, "a portal line of '2 Stk'"),
    "card_number": Fault("transactions", "G11", "reject", "masked_account", 900, "a whole card number in a payment"),
    "no_amount": Fault("transactions", "G01", "reject", "amount", 1300, "a payment without an amount"),
    "unknown_payment": Fault("transactions", "G03", "warn", "transaction_type", 1100, "a payment kind nobody knows"),
}
"""Every fault there is, by its name."""


_FIRST = 12


class Planter:
    """Decides which rows are spoiled and remembers them.

    Args:
        careful_from: First of the last days, whose partitions hold few rows.
        dense: There are enough rows a day for a few bad ones among them to stay far below what blocks a partition.
    """

    def __init__(self, careful_from: date, *, dense: bool) -> None:
        self._careful_from = careful_from
        self._dense = dense
        self._seen: dict[str, int] = dict.fromkeys(FAULTS, 0)
        self.keys: dict[str, list[str]] = {name: [] for name in FAULTS}

    def strikes(self, name: str, recorded: datetime, key: object) -> bool:
        """Whether the row of that key gets this fault.

        Args:
            name: Name of the fault.
            recorded: When the source last changed the row.
            key: Key of the row in the canonical model.
        """
        fault = FAULTS[name]
        if recorded.date() >= self._careful_from and not (fault.recent and self._dense):
            return False
        self._seen[name] += 1
        # The first comes early, so that small demos have one as well.
        if self._seen[name] % fault.every != min(fault.every // 2, _FIRST):
            return False
        self.keys[name].append(str(key))
        return True

    def counts(self) -> dict[str, int]:
        """Rows planted per fault."""
        return {name: len(keys) for name, keys in self.keys.items()}
