"""How much an expression may blow up: a text, a list or a statement that doubles at every level ends the process.

Lengths, nesting and single functions are harmless; what is bounded is the product of the factors along one path through
the tree. `replace(replace(a, 'x', 'xxxxxxxxxx'), 'x', 'xxxxxxxxxx')` makes a hundred characters of one.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

MAXIMUM_GROWTH = 2_000
"""Times the size of a row's value that an expression may make of it."""

MAXIMUM_PADDING = 1_000

_OF_A_VALUE = 100
# How often a macro's text holds its first argument, rounded up; `key` and JSON double what they escape.
_OF_CALLS = {"minor": 12, "tr": 12, "divide_exact": 4, "key": 2, "to_json": 2}


def growth(tree: exp.Expr) -> int:
    """The largest product of factors along a path from the root to a leaf."""
    largest = 1
    waiting = [(tree, 1)]
    while waiting:
        node, above = waiting.pop()
        here = above * _factor(node)
        largest = max(largest, here)
        if largest > MAXIMUM_GROWTH:
            return largest
        waiting.extend((child, here) for child in node.iter_expressions())
    return largest


def paddings(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Widths of `lpad` and `rpad` that are no small whole number."""
    for node in tree.find_all(exp.Pad):
        width = node.expression
        small = isinstance(width, exp.Literal) and not width.is_string and width.name.isdecimal()
        if not small or int(width.name) > MAXIMUM_PADDING:
            yield width


def _factor(node: exp.Expr) -> int:
    if isinstance(node, exp.RegexpReplace):
        # A pattern that matches nothing puts the replacement between all characters and keeps them.
        return 1 + _length(node.args.get("replacement"))
    if isinstance(node, exp.Replace):
        return _length(node.args.get("replacement"))
    if isinstance(node, exp.ArrayToString):
        return _length(node.expression)
    if isinstance(function := node.args.get("expression"), exp.Lambda):
        # What goes into the list comes out of the function as often as its body names it.
        names = {name.name for name in function.expressions}
        inside = function.this.walk()
        return max(1, sum(isinstance(part, exp.Identifier) and part.name in names for part in inside))
    if isinstance(node, exp.JSONObject | exp.JSONArray):
        return 2
    return _OF_CALLS.get(node.name.lower(), 1) if isinstance(node, exp.Anonymous) else 1


def _length(text: object) -> int:
    if text is None:
        return 1
    return max(1, len(text.name)) if isinstance(text, exp.Literal) else _OF_A_VALUE
