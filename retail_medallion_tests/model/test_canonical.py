from __future__ import annotations

from pathlib import Path

import pytest

from retail_medallion.errors import ModelError
from retail_medallion.model import load_model
from retail_medallion.model.document import describe_entities
from retail_medallion.silver.tables import current_table, versions_table

PAGE = Path(__file__).parents[2] / "docs" / "model.md"
ENTITY = """
entity: gift_wraps
description: One kind of wrapping.
key: gift_wrap_id
columns:
  gift_wrap_id: {type: text, required: true, standardise: key, meaning: source key}
  colour: {type: text, standardise: text, meaning: colour}
"""
RULE = "rules:\n  - {id: odd, severity: warn, column: colour, message: odd, %s}\n"


def write(root: Path, entity: str) -> Path:
    (root / "entities").mkdir()
    (root / "codes").mkdir()
    (root / "entities" / "gift_wraps.yml").write_text(entity)
    return root


def test_the_page_describes_the_model_as_it_is_declared() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(describe_entities(load_model()))


def test_the_shipped_model_has_the_sixteen_entities_with_their_keys() -> None:
    assert {name: entity.key for name, entity in load_model().entities.items()} == {
        "cart_items": "cart_item_id",
        "coupons": "coupon_id",
        "customers": "customer_id",
        "inventory_locations": "location_id",
        "loyalty_transactions": "loyalty_transaction_id",
        "payment_methods": "payment_method_id",
        "product_categories": "category_id",
        "product_reviews": "review_id",
        "products": "product_id",
        "sale_fulfilments": "sale_fulfilment_id",
        "sale_items": "sale_item_id",
        "sales": "sale_id",
        "shopping_carts": "cart_id",
        "stock_movements": "stock_movement_id",
        "suppliers": "supplier_id",
        "transactions": "transaction_id",
    }


def test_money_is_exact_and_paired_with_a_currency_wherever_the_row_has_one() -> None:
    for entity in load_model().entities.values():
        for column in entity:
            if column.standardise == "money":
                assert column.type == "numeric(18,4)"
                if "currency_code" in entity.columns:
                    assert column.currency == "currency_code", (entity.entity, column.name)


# An id of a gateway is a long number: one in ten of those that begin like a card would pass for one, and its payment
# would be refused.
NO_FREE_TEXT = {
    *("address_line1", "address_line2", "campaign_name", "city", "provider", "provider_reference", "source_path"),
}


def test_every_free_text_is_guarded_against_card_numbers() -> None:
    for entity in load_model().entities.values():
        for column in entity:
            if column.standardise in {"text", "html_text"}:
                assert column.card_guard != (column.name in NO_FREE_TEXT), (entity.entity, column.name)
            # This one looks for card numbers itself, before it masks them.
            assert not (column.standardise == "public_text" and column.card_guard)


def test_no_column_is_a_float() -> None:
    for entity in load_model().entities.values():
        assert not [c.name for c in entity if c.type in {"real", "double precision", "float"}]


def test_a_new_entity_is_one_file(tmp_path: Path) -> None:
    entity = load_model(write(tmp_path, ENTITY)).entity("gift_wraps")
    assert [c.name for c in current_table(entity).columns][:3] == ["source_system", "gift_wrap_id", "colour"]
    assert versions_table(entity).primary_key.columns.keys() == ["source_system", "gift_wrap_id", "partition_date"]


def test_a_new_column_changes_the_version_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = load_model(write(tmp_path / "a", ENTITY))
    column = "  size: {type: text, standardise: text, meaning: size}\n"
    after = load_model(write(tmp_path / "b", ENTITY + column))
    assert before.version != after.version
    assert "size" in after.entity("gift_wraps").columns


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (ENTITY.replace("key: gift_wrap_id", "key: wrap_id"), "wrap_id"),
        (ENTITY.replace("standardise: text", "standardise: shiny"), "shiny"),
        (ENTITY.replace("standardise: text,", "standardise: enum, codes: colours,"), "colours"),
        (ENTITY.replace("meaning: colour", "meaning: colour, colourful: true"), "colourful"),
        (ENTITY + RULE % "filled: true", "when_missing"),
        (ENTITY + RULE % "when: colour = 'x', clears: [gift_wrap_id]", "empties required columns: gift_wrap_id"),
        (ENTITY + RULE % "when: colour = 'x', clears: [size]", "does not have: size"),
        (ENTITY + RULE % "when: colour = 'x', filled: true", "either"),
    ],
)
def test_a_contradiction_in_the_model_is_named(tmp_path: Path, wrong: str, named: str) -> None:
    with pytest.raises(ModelError, match=named):
        load_model(write(tmp_path, wrong))


def test_an_unknown_entity_is_refused_with_those_there_are() -> None:
    with pytest.raises(ModelError, match="sale_items"):
        load_model().entity("carts")
