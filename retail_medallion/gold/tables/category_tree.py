"""Walks through the tree of product categories, shared by the tables that depend on a node's place in it.

A walk that would come back to a node it has seen stops there: a cycle in the source gives every node a way up that
depends only on the cycle, never on where the walk of another node began.
"""

from __future__ import annotations

CLIMB = """
climb AS (
    SELECT c.category_id AS leaf, c.category_id, c.parent_category_id AS above, c.category_name AS name,
           ARRAY[c.category_id] AS way
    FROM {scope} scope
    JOIN silver.product_categories c ON c.source_system = %(source)s AND c.category_id = scope.id
    UNION ALL
    SELECT climb.leaf, c.category_id, c.parent_category_id, c.category_name, climb.way || c.category_id
    FROM climb
    JOIN silver.product_categories c ON c.source_system = %(source)s AND c.category_id = climb.above
    WHERE c.category_id <> ALL (climb.way)
)"""
"""Recursive common table expression: each `leaf` in scope and every node above it, with the `way` from leaf to node."""

EVERYTHING_BELOW = """
WITH RECURSIVE below AS (
    SELECT id FROM {wanted}
    UNION
    SELECT c.category_id FROM below
    JOIN silver.product_categories c ON c.source_system = %(source)s AND c.parent_category_id = below.id
)
SELECT id FROM below
"""
"""The wanted nodes and all below them: a change of one node moves them."""
