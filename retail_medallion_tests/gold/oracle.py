"""What Gold must hold for a given Silver, said a second time in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from retail_medallion.gold.keys import member_key
from retail_medallion_tests.gold.warehouse import DEFAULTS

Row = dict[str, Any]
Silver = dict[str, dict[str, Row]]

ENTITY_OF = {
    "dim_category": "product_categories",
    "dim_product": "products",
    "dim_location": "inventory_locations",
    "dim_customer": "customers",
    "dim_supplier": "suppliers",
    "dim_payment_method": "payment_methods",
}
PARENTS = {
    "product_categories": [("parent_category_id", "product_categories")],
    "products": [("category_id", "product_categories"), ("supplier_id", "suppliers")],
    "inventory_locations": [("parent_location_id", "inventory_locations")],
    "customers": [("home_location_id", "inventory_locations"), ("merged_into_customer_id", "customers")],
}
KEEPS_OUT = {"draft", "cancelled"}


def share_out(amount: Decimal, weights: list[tuple[str, Fraction]], digits: int) -> dict[str, Decimal]:
    """Largest remainder: `amount` in units of 10**-digits over (name, weight), ties to the smaller name."""
    coins = int(Fraction(amount) * 10**digits)
    if not any(weight for _, weight in weights):
        weights = [(name, Fraction(1)) for name, _ in weights]
    total = sum(weight for _, weight in weights)
    exact = {name: coins * weight / total for name, weight in weights}
    shares = {name: int(value) for name, value in exact.items()}
    short = coins - sum(shares.values())
    for name in sorted(exact, key=lambda n: (shares[n] - exact[n], n.encode()))[:short]:
        shares[name] += 1
    return {name: Decimal(value).scaleb(-digits) for name, value in shares.items()}


class Expected:
    """Gold as a function of Silver.

    Args:
        source: Code of the source, whose zone is UTC.
        silver: Entity to id to row; missing columns have the defaults of the test warehouse.
    """

    def __init__(self, source: str, silver: Silver) -> None:
        self._source = source
        self._silver = {e: {i: {**DEFAULTS[e], **row} for i, row in rows.items()} for e, rows in silver.items()}
        self.sales: dict[str, Row] = {}
        self.items: dict[str, Row] = {}
        self.transactions: dict[str, Row] = {}
        for id_, sale in self._live("sales"):
            if not sale["is_test"]:
                self._add_sale(id_, sale)
        for id_, transaction in self._live("transactions"):
            self._add_transaction(id_, transaction)
        self.daily = self._daily()

    def members(self, table: str) -> dict[str, bool]:
        """Source key to is_inferred, of one dimension."""
        wanted: set[tuple[str, str]] = set()
        for fact in (*self.sales.values(), *self.items.values(), *self.transactions.values()):
            wanted |= {(entity, id_) for entity, id_ in fact["references"] if id_ is not None}
        for entity, parents in PARENTS.items():
            for row in self._silver.get(entity, {}).values():
                wanted |= {(parent, row[column]) for column, parent in parents if row.get(column) is not None}
        entity = ENTITY_OF[table]
        known = set(self._silver.get(entity, {}))
        return dict.fromkeys(known, False) | {id_: True for e, id_ in wanted if e == entity and id_ not in known}

    def category_path(self, id_: str) -> str:
        rows = self._silver.get("product_categories", {})
        names, seen = [], set()
        at: str | None = id_
        while at in rows and at not in seen:
            seen.add(at)
            names.append(rows[at]["category_name"])
            at = rows[at].get("parent_category_id")
        return " > ".join(reversed(names))

    def waiting(self) -> set[str]:
        """Sales that have lines and are not known."""
        known = self._silver.get("sales", {})
        return {item["sale_id"] for _, item in self._live("sale_items") if item["sale_id"] not in known}

    def _live(self, entity: str) -> Iterable[tuple[str, Row]]:
        return ((i, r) for i, r in sorted(self._silver.get(entity, {}).items()) if not r.get("is_deleted"))

    def _key(self, entity: str, id_: str | None) -> Any:
        return member_key(entity, self._source, id_)

    def _add_sale(self, id_: str, sale: Row) -> None:
        lines = {i: r for i, r in self._live("sale_items") if r["sale_id"] == id_}
        sign = {i: -1 if r["line_type"] == "return" else 1 for i, r in lines.items()}
        gross = {i: Decimal(r["gross_amount"]) * sign[i] for i, r in lines.items()}
        balance = sum(gross.values())
        backwards = balance < 0 or (balance == 0 and (sale["sale_type"] == "return" or sale["total_amount"] < 0))
        direction = -1 if backwards else 1
        own = sum((Decimal(r["discount_amount"]) for r in lines.values()), Decimal(0))
        over = max(Decimal(sale["discount_amount"]) - own, Decimal(0))
        digits = max({"JPY": 0}.get(sale["currency_code"], 2), -int(over.normalize().as_tuple().exponent))
        weights = [
            (
                i,
                Fraction(max(gross[i] * direction, Decimal(0)))
                if r["line_type"] not in {"shipping", "fee", "deposit"}
                else Fraction(0),
            )
            for i, r in lines.items()
        ]
        shares = share_out(over, weights, digits) if lines else {}
        is_revenue = sale["status"] not in KEEPS_OUT
        net: dict[str, Decimal] = {}
        costs: dict[str, Decimal | None] = {}
        for i, r in lines.items():
            taxed = Decimal(r["tax_amount"]) if sale["tax_included"] else Decimal(0)
            net[i] = (Decimal(r["gross_amount"]) - Decimal(r["discount_amount"]) - taxed) * sign[i] - shares[
                i
            ] * direction
            if r["line_type"] in {"shipping", "deposit", "gift_card"}:
                net[i] = Decimal(0)
            cost = r.get("unit_cost")
            needs_cost = r["line_type"] in {"sale", "return"}
            costs[i] = (
                Decimal(cost) * Decimal(r["quantity"]) * sign[i]
                if cost is not None
                else None
                if needs_cost
                else Decimal(0)
            )
            location = r.get("location_id") if r.get("location_id") is not None else sale.get("location_id")
            self.items[i] = {
                "sale_key": self._key("sales", id_),
                "sale_date": sale["business_date"],
                "product_key": self._key("products", r.get("product_id")),
                "customer_key": self._key("customers", sale.get("customer_id")),
                "location_key": self._key("inventory_locations", location),
                "line_type": r["line_type"],
                "currency_code": sale["currency_code"],
                "quantity": Decimal(r["quantity"]) * sign[i],
                "returned_quantity": Decimal(r["returned_quantity"]),
                "gross_amount": gross[i],
                "line_discount": Decimal(r["discount_amount"]) * sign[i],
                "allocated_discount": shares[i] * direction,
                "tax_amount": Decimal(r["tax_amount"]) * sign[i],
                "net_revenue": net[i],
                "cost_amount": costs[i],
                "is_revenue": is_revenue,
                "silver_partition": r["day"],
                "references": [
                    ("products", r.get("product_id")),
                    ("customers", sale.get("customer_id")),
                    ("inventory_locations", location),
                ],
                "channel": sale["channel"],
            }
        paid = refunded = Decimal(0)
        for _, t in self._live("transactions"):
            if t.get("sale_id") == id_ and t["status"] == "succeeded" and t["currency_code"] == sale["currency_code"]:
                if t["transaction_type"] in {"payment", "capture"}:
                    paid += Decimal(t["amount"]) - Decimal(t["change_amount"])
                elif t["transaction_type"] in {"refund", "chargeback"}:
                    refunded += Decimal(t["amount"])
        all_costs = list(costs.values())
        self.sales[id_] = {
            "sale_date": sale["business_date"],
            "customer_key": self._key("customers", sale.get("customer_id")),
            "location_key": self._key("inventory_locations", sale.get("location_id")),
            "channel": sale["channel"],
            "item_count": len(lines),
            "units": sum(
                (
                    Decimal(r["quantity"]) * sign[i]
                    for i, r in lines.items()
                    if r["line_type"] not in {"shipping", "fee", "deposit"}
                ),
                Decimal(0),
            ),
            "gross_amount": balance,
            "discount_amount": Decimal(sale["discount_amount"]) * direction,
            "total_amount": Decimal(sale["total_amount"]),
            "net_revenue": sum(net.values()) if lines else Decimal(sale["total_amount"]),
            "cost_amount": None if not lines or None in all_costs else sum(c for c in all_costs if c is not None),
            "paid_amount": paid,
            "refunded_amount": refunded,
            "is_revenue": is_revenue,
            "silver_partition": sale["day"],
            "references": [("customers", sale.get("customer_id")), ("inventory_locations", sale.get("location_id"))],
        }

    def _add_transaction(self, id_: str, row: Row) -> None:
        sale = self._silver.get("sales", {}).get(row.get("sale_id") or "")
        if sale is not None and sale["is_test"]:
            return
        counts = sale is not None and not sale.get("is_deleted")
        seller: Row = sale if counts and sale is not None else {}
        customer = row.get("customer_id") or seller.get("customer_id")
        location = row.get("location_id") or seller.get("location_id")
        signed = Decimal(0)
        if row["status"] == "succeeded":
            if row["transaction_type"] in {"payment", "capture"}:
                signed = Decimal(row["amount"]) - Decimal(row["change_amount"])
            elif row["transaction_type"] in {"refund", "chargeback"}:
                signed = -Decimal(row["amount"])
        self.transactions[id_] = {
            "sale_key": self._key("sales", row["sale_id"]) if counts else None,
            "sale_id": row.get("sale_id"),
            "customer_key": self._key("customers", customer),
            "location_key": self._key("inventory_locations", location),
            "payment_method_key": self._key("payment_methods", row.get("payment_method_id")),
            "signed_amount": signed,
            "silver_partition": row["day"],
            "references": [
                ("customers", customer),
                ("inventory_locations", location),
                ("payment_methods", row.get("payment_method_id")),
            ],
        }

    def _daily(self) -> dict[tuple[Any, ...], Row]:
        grouped: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for item in self.items.values():
            if item["is_revenue"]:
                key = tuple(item[c] for c in ("sale_date", "location_key", "product_key", "channel", "currency_code"))
                grouped[key].append(item)
        return {key: self._sum_up(items) for key, items in grouped.items()}

    @staticmethod
    def _sum_up(items: list[Row]) -> Row:
        goods = [i for i in items if i["line_type"] not in {"shipping", "fee", "deposit"}]
        known = [i for i in items if i["cost_amount"] is not None]
        return {
            "line_count": len(items),
            "units": sum(i["quantity"] for i in goods if i["line_type"] != "return"),
            "returned_units": sum(
                -i["quantity"] if i["line_type"] == "return" else i["returned_quantity"] for i in goods
            ),
            "gross_amount": sum(i["gross_amount"] for i in items),
            "discount_amount": sum(i["line_discount"] + i["allocated_discount"] for i in items),
            "net_revenue": sum(i["net_revenue"] for i in items),
            "cost_amount": sum(i["cost_amount"] for i in known),
            "margin_amount": sum(i["net_revenue"] - i["cost_amount"] for i in known),
            "lines_without_cost": len(items) - len(known),
        }


def without_references(rows: dict[Any, Row]) -> dict[Any, Row]:
    """The rows as far as they are columns of the fact."""
    return {key: {c: v for c, v in row.items() if c != "references"} for key, row in rows.items()}


def comparable(rows: list[Row], key: str | tuple[str, ...], like: Row) -> dict[Any, Row]:
    """Stored rows by key, cut to the columns the oracle knows."""

    def of(row: Row) -> Any:
        return row[key] if isinstance(key, str) else tuple(row[c] for c in key)

    return {of(row): {c: row[c] for c in like} for row in rows}
