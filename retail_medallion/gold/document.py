"""The part of the documentation that is made from the declarations of the tables."""

from __future__ import annotations

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.registry import TABLES


def describe_tables() -> str:
    """All tables in Markdown: grain, question, example query and columns."""
    return "\n".join(_describe(table) for table in TABLES.values())


def _describe(table: GoldTable) -> str:
    lines = [f"### {table.name}", "", f"One row: {table.grain}.", ""]
    if table.consumes:
        lines += [f"Recomputed when these change: {', '.join(f'`{c.entity}.{c.role}`' for c in table.consumes)}.", ""]
    lines += [f"*{table.question}*", "", "```sql", table.example.strip(), "```", ""]
    lines += ["| Column | Type | Meaning |", "|---|---|---|"]
    for column in table.columns:
        key = " (primary key)" if column.name in table.primary_key else ""
        refers = f" -> `{column.references}`" if column.references else ""
        null = ", may be empty" if column.nullable else ""
        lines.append(f"| {column.name} | {column.type}{null} | {column.meaning}{key}{refers} |")
    return "\n".join([*lines, ""])
