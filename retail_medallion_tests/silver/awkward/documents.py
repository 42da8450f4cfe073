"""Awkward JSON: standardiser, options, value as text, what becomes of it, rules that speak."""

from __future__ import annotations

from retail_medallion_tests.silver.awkward.case import Case

CASES: list[Case] = [
    # JSON
    ("json", {}, '{"ShoeSize": 1.50, "B c": [1e2, {"x": null}], "a": "e\u0301"}',
     '{"a":"é","b_c":[100,{"x":null}],"shoe_size":1.50}', set()),
    ("json", {}, '{"a b": 1, "a-b": 2}', '{"a b":1,"a-b":2}', set()),
    ("json", {}, '{"big": 12345678901234567890.123456789}', '{"big":12345678901234567890.123456789}', set()),
    ("json", {}, "[1]", None, {"G02"}),
    ("json", {}, "{broken", None, {"G02"}),
    ("json", {}, '{"a": NaN}', None, {"G02"}),
    ("json", {}, '{"a": "\\ud800"}', None, {"G02"}),
    ("json", {}, "null", None, set()),
    ("json", {"type_": "STRUCT(a INTEGER)"}, "{'a': 1}", '{"a":1}', set()),
    ("json", {}, '"text"', None, {"G02"}),
    ("json", {}, '{"a": 1, "a": 2}', '{"a":2}', set()),
    ("json", {"type_": "JSON"}, '{"b": 2, "a": 1}', '{"a":1,"b":2}', set()),
    ("json", {}, "{}", "{}", set()),
    ("json", {}, None, None, set()),
    ("json_list", {}, '[{"saleItemId": "1/2", "Quantity": 1.50}]', '[{"quantity":1.50,"sale_item_id":"1/2"}]', set()),
    ("json_list", {}, " [ ] ", "[]", set()),
    ("json_list", {}, "[2, 10, null]", "[2,10,null]", set()),
    ("json_list", {}, '["b", "a"]', '["b","a"]', set()),
    ("json_list", {}, '[[{"aB": 1}]]', '[[{"a_b":1}]]', set()),
    ("json_list", {}, "[12345678901234567890.123456789]", "[12345678901234567890.123456789]", set()),
    ("json_list", {}, '{"a": 1}', None, {"G02"}),
    ("json_list", {}, "7", None, {"G02"}),
    ("json_list", {}, "[1,", None, {"G02"}),
    ("json_list", {}, "[NaN]", None, {"G02"}),
    ("json_list", {}, "null", None, set()),
    ("json_list", {}, "", None, set()),
    ("json_list", {"type_": "JSON"}, '[{"b": 2, "a": 1}]', '[{"a":1,"b":2}]', set()),
    ("json_list", {"type_": "STRUCT(a INTEGER)[]"}, "[{'a': 1}]", '[{"a":1}]', set()),
    ("json_list", {}, None, None, set()),
]  # fmt: skip
