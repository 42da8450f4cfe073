"""Personal data in Gold: nowhere, unless the source says so, and then in one table."""

# ruff: noqa: S608 - the names in these statements are those of the catalogue

from __future__ import annotations

from typing import Any

from retail_medallion_tests.gold.warehouse import DAY, MODEL, Warehouse

PLANTED = {
    "full_name": "Quillonia Zephyrbrandt",
    "first_name": "Quillonia",
    "last_name": "Zephyrbrandt",
    "email": "quillonia@zephyrbrandt.example",
    "phone": "+4930998877661",
    "address_line1": "Quillonia Lane 7",
    "title": "by Quillonia",
    "body": "write to quillonia@zephyrbrandt.example",
    "contact_name": "Quillonia Zephyrbrandt",
    "masked_account": "998877661",
}
CANARIES = ("quillonia", "zephyrbrandt", "998877661")


def plant(warehouse: Warehouse, source: str) -> None:
    """A row of every entity, with personal data wherever the model says there is some."""
    ids = {"sales": "s", "products": "p", "inventory_locations": "l", "shopping_carts": "c"}
    for entity in MODEL.entities.values():
        values: dict[str, Any] = {
            column.name: PLANTED[column.name] for column in entity if column.pii and column.name in PLANTED
        }
        if "customer_id" in entity.columns and entity.key != "customer_id":
            values["customer_id"] = "u"
        if "sale_id" in entity.columns and entity.key != "sale_id":
            values["sale_id"] = "s"
        if "product_id" in entity.columns and entity.key != "product_id":
            values["product_id"] = "p"
        id_ = "u" if entity.entity == "customers" else ids.get(entity.entity, "x")
        warehouse.put(source, entity.entity, id_, **values)
        changed = {**values, "phone": "+4930998877662"} if "phone" in values else values
        warehouse.put(source, entity.entity, id_, DAY.replace(day=21), **changed)
    warehouse.run_all(source)


def holding(warehouse: Warehouse) -> set[str]:
    """Tables and views of Gold in which a planted value stands."""
    relations = warehouse.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gold' ORDER BY 1"
    )
    found = set()
    for (name,) in relations:
        for canary in CANARIES:
            if warehouse.execute(
                f'SELECT 1 FROM gold."{name}" t WHERE t::text ILIKE %s LIMIT 1',
                (f"%{canary}%",),
            ):
                found.add(name)
    return found


def test_personal_data_is_nowhere_in_gold(warehouse: Warehouse, source: str) -> None:
    plant(warehouse, source)
    assert len(warehouse.rows("fct_sale_item", source)) == 1
    assert len(warehouse.rows("fct_review", source)) == 1
    assert holding(warehouse) == set()


def test_where_the_source_shows_it_names_and_addresses_are_with_the_customer_alone_until_it_hides_it_or_they_are_erased(
    warehouse: Warehouse, source: str
) -> None:
    setting = "UPDATE silver_meta.source SET shows_personal_data = %s WHERE source_system = %s"
    warehouse.execute(setting, (True, source))
    plant(warehouse, source)
    (customer,) = warehouse.rows("dim_customer", source)
    names = ("display_label", "full_name", "email", "phone")
    shown = (PLANTED["full_name"], PLANTED["full_name"], PLANTED["email"], "+4930998877662")
    assert tuple(customer[name] for name in names) == shown
    assert holding(warehouse) == {"dim_customer"}

    # As an erasure leaves the row.
    warehouse.put(source, "customers", "u", DAY.replace(day=21), full_name=None, email=None, phone=None)
    warehouse.run_all(source)
    (erased,) = warehouse.rows("dim_customer", source)
    assert erased["display_label"].startswith("Customer ")
    assert [erased[name] for name in names[1:]] == [None, None, None]

    plant(warehouse, source)
    assert holding(warehouse) == {"dim_customer"}
    warehouse.execute(setting, (False, source))
    warehouse.run_all(source)
    assert holding(warehouse) == set()
    (hidden,) = warehouse.rows("dim_customer", source)
    assert hidden["display_label"] == erased["display_label"]
