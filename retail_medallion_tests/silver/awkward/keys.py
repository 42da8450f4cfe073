"""Awkward keys and references: standardiser, options, value as text, what becomes of it, rules that speak."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from retail_medallion_tests.silver.awkward.case import Case
from retail_medallion_tests.silver.cleaning import SETTINGS


def hashed(token: str, source: str = "shop") -> bytes:
    """What stands for a session token of a source."""
    return hashlib.sha256(f"{source}\x1f{token}".encode()).digest()[:16]


CASES: list[Case] = [
    # keys and references: what the source wrote, without what nobody can see
    ("key", {}, "  00042 ", "00042", set()),
    ("key", {}, "aB\x07c\n", "aBc", set()),
    ("key", {}, "a  b", "a  b", set()),
    ("key", {}, "null", "null", set()),
    ("key", {}, " \u00a0", None, set()),
    ("key", {}, None, None, set()),
    ("key", {"type_": "BIGINT"}, "7", "7", set()),
    ("key", {"type_": "UUID"}, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", set()),
    ("reference", {}, "0", "0", set()),
    ("reference", {}, "", None, set()),
    ("reference", {"type_": "JSON"}, '"A/1"', "A/1", set()),
    ("reference_list", {}, '["b", "a", "b", " "]', ["a", "b"], set()),
    ("reference_list", {"type_": "JSON"}, "[2, 10, 2]", ["10", "2"], set()),
    ("reference_list", {"type_": "JSON"}, '"C7"', ["C7"], set()),
    ("reference_list", {"type_": "VARCHAR[]"}, "[b, a]", ["a", "b"], set()),
    ("reference_list", {"null_values": ("0",)}, '["0", "4"]', ["4"], set()),
    ("reference_list", {}, "single", ["single"], set()),
    ("reference_list", {"type_": "BIGINT"}, "12", ["12"], set()),
    ("reference_list", {}, "[]", None, set()),
    ("reference_list", {}, "", None, set()),
    ("reference_list", {}, "[broken", None, {"G02"}),
    ("key", {}, "O'Brien/7", "O'Brien/7", set()),
    ("key", {}, "\u00e9", "\u00e9", set()),
    ("key", {}, "\t-\r\n", "-", set()),
    ("key", {}, "0", "0", set()),
    ("key", {"type_": "DECIMAL(10,2)"}, "7", "7.00", set()),
    ("reference", {}, "  00042 ", "00042", set()),
    ("reference", {}, "aB\x07c\n", "aBc", set()),
    ("reference", {}, "a  b", "a  b", set()),
    ("reference", {}, "null", "null", set()),
    ("reference", {}, "n/a", "n/a", set()),
    ("reference", {}, " \u00a0", None, set()),
    ("reference", {}, None, None, set()),
    ("reference", {"type_": "BIGINT"}, "-1", "-1", set()),
    ("reference", {"type_": "UUID"}, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
     "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", set()),
    ("reference_list", {}, None, None, set()),
    ("reference_list", {}, '["00042 ", "42"]', ["00042", "42"], set()),
    ("reference_list", {"type_": "VARCHAR[]", "null_values": ("-",)}, "[-]", None, set()),
    ("reference_list", {}, " [ ] ", None, set()),
    # a session token is read as a key is, and not kept
    ("session", {}, " s1 ", hashed("s1"), set()),
    ("session", {}, "S1", hashed("S1"), set()),
    ("session", {}, "a\x07b\n", hashed("ab"), set()),
    ("session", {}, "a b", hashed("a b"), set()),
    ("session", {}, "a  b", hashed("a  b"), set()),
    ("session", {}, "null", hashed("null"), set()),
    ("session", {}, "0", hashed("0"), set()),
    ("session", {}, "é", hashed("é"), set()),
    ("session", {"settings": replace(SETTINGS, source="web")}, "s1", hashed("s1", "web"), set()),
    ("session", {"type_": "UUID"}, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
     hashed("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), set()),
    ("session", {"type_": "BIGINT"}, "42", hashed("42"), set()),
    ("session", {}, " ", None, set()),
    ("session", {}, None, None, set()),
]  # fmt: skip
