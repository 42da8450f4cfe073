"""Awkward values of every standardiser: what becomes of them, and which rule speaks."""

from __future__ import annotations

import math
import re
import uuid
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retail_medallion.errors import MappingError
from retail_medallion.model.canonical import Standardiser, load_model
from retail_medallion.silver.standardisers import STANDARDISERS
from retail_medallion_tests.silver.awkward import documents, keys, numbers, standards, texts, times
from retail_medallion_tests.silver.awkward.case import Case
from retail_medallion_tests.silver.cleaning import clean, engine

ENGINE = engine()
CASES: list[Case] = [*keys.CASES, *texts.CASES, *standards.CASES, *numbers.CASES, *times.CASES, *documents.CASES]
ENOUGH = 12


@cache
def _cleaned(standardiser: str, options: str) -> dict[str | None, tuple[Any, set[str]]]:
    """Outcomes of all values of one standardiser and its options, in one query."""
    group = [case for case in CASES if (case[0], repr(case[1])) == (standardiser, options)]
    values = [case[2] for case in group]
    return dict(zip(values, clean(ENGINE, standardiser, values, **group[0][1]), strict=True))


@pytest.mark.parametrize(("standardiser", "options", "value", "expected", "rules"), CASES)
def test_an_awkward_value_is_cleaned_as_declared(
    standardiser: str, options: dict[str, Any], value: str | None, expected: Any, rules: set[str]
) -> None:
    assert _cleaned(standardiser, repr(options))[value] == (expected, rules)


def test_every_standardiser_of_the_model_exists_and_has_a_dozen_awkward_values() -> None:
    named = set(Standardiser.__args__)  # type: ignore[attr-defined]
    assert set(STANDARDISERS) == named
    counted = Counter(case[0] for case in CASES)
    assert {name for name in named if counted[name] < ENOUGH} == {"identity"}
    assert {column.standardise for entity in load_model().entities.values() for column in entity} <= named


@pytest.mark.parametrize(
    ("standardiser", "type_"),
    [("money", "DOUBLE"), ("money", "FLOAT"), ("quantity", "DOUBLE"), ("money", "BOOLEAN"), ("money", "DATE"),
     ("timestamp", "BIGINT"), ("date", "INTEGER"), ("text", "BLOB"), ("key", "STRUCT(a INTEGER)"), ("json", "DATE")],
)  # fmt: skip
def test_a_type_that_cannot_be_read_exactly_is_refused_before_any_row_moves(standardiser: str, type_: str) -> None:
    with pytest.raises(MappingError, match="cannot become x"):
        clean(ENGINE, standardiser, [None], type_=type_)


def exactly(value: Decimal, scale: int) -> Decimal:
    """Half away from zero with integers alone."""
    shifted = abs(int(value.scaleb(30)))
    step = 10 ** (30 - scale)
    whole = (2 * shifted + step) // (2 * step)
    return Decimal(-whole if value < 0 else whole).scaleb(-scale)


# Sixteen digits, which a double cannot hold, and what lies on, just below and just above the middle of two values.
amounts = st.builds(
    lambda units, part: Decimal(units).scaleb(-4) + Decimal(part).scaleb(-12),
    st.integers(-(10**17), 10**17),
    st.sampled_from([0, 50_000_000, -50_000_000, 49_999_999, 50_000_001, -49_999_999, 1]),
)


@given(st.lists(amounts, min_size=1, max_size=50))
@settings(max_examples=60, deadline=None)
def test_money_is_rounded_half_away_from_zero_from_text_and_from_decimals(values: list[Decimal]) -> None:
    expected: list[tuple[Decimal, set[str]]] = [(exactly(value, 4), set()) for value in values]
    texts = [format(value, "f") for value in values]
    assert clean(ENGINE, "money", texts) == expected
    assert clean(ENGINE, "money", texts, type_="DECIMAL(38,12)") == expected


ratings = st.integers(-(10**9), 10**9).map(lambda units: Decimal(units).scaleb(-4))


@given(st.lists(ratings, min_size=1, max_size=30), st.integers(-5, 5), st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_a_rating_is_rounded_once_wherever_it_lies_on_its_scale(values: list[Decimal], lowest: int, span: int) -> None:
    inside = [lowest + abs(value) % span for value in values]
    exact = [Fraction(1) + Fraction(4) * (Fraction(value) - lowest) / span for value in inside]
    expected = [(Decimal(math.floor(100 * value + Fraction(1, 2))).scaleb(-2), set[str]()) for value in exact]
    scale = (Decimal(lowest), Decimal(lowest + span))
    assert clean(ENGINE, "rating", [format(value, "f") for value in inside], rating_scale=scale) == expected
    beyond = [format(scale[1] + abs(value) + 1, "f") for value in values]
    assert clean(ENGINE, "rating", beyond, rating_scale=scale) == [(None, {"G13"})] * len(beyond)


@given(st.lists(st.text(max_size=30).filter(lambda t: "\x00" not in t), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
@example(["<\x1b?>"])
def test_cleaning_a_clean_text_changes_nothing(values: list[str]) -> None:
    # Markup that is written as text, such as &lt;b&gt;, reads as markup once it is clean.
    without_entities = ("public_text",) if not any("&" in value for value in values) else ()
    for standardiser in ("text", "name", "key", "code", "sku", *without_entities):
        once = [value for value, _ in clean(ENGINE, standardiser, values)]
        twice = [value for value, _ in clean(ENGINE, standardiser, once)]
        assert twice == once


@given(st.uuids())
@settings(max_examples=5, deadline=None)
def test_a_uuid_key_is_the_same_from_its_type_and_from_its_text(value: uuid.UUID) -> None:
    assert clean(ENGINE, "key", [str(value)], type_="UUID") == clean(ENGINE, "key", [str(value)])


def test_an_email_of_the_quick_pattern_is_what_the_validator_says() -> None:
    from email_validator import validate_email

    from retail_medallion.silver.standardisers import contacts

    for value in ("a@b.de", "a.b+c@sub.example.com", "x_y-z@a-b.co.uk", "1@2.net"):
        assert contacts._PLAIN_EMAIL.fullmatch(value)
        assert validate_email(value, check_deliverability=False).normalized == contacts.clean_email(value) == value


def test_the_documentation_names_every_standardiser() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cleaning.md").read_text(encoding="utf-8")
    table = page.partition("## Standardisers")[2].partition("\n**")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    named = set(re.findall("`([a-z_]+)`", " ".join(first_cells)))
    assert named == set(STANDARDISERS)
