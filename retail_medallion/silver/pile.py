"""A SELECT that grows: a pile of nested ones, each adding columns to the one below or changing them."""

# ruff: noqa: S608 - this module writes SQL: names are quoted, values are literals, expressions come from the model

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retail_medallion.silver.standardisers.base import quoted


def select(columns: str, below: str) -> str:
    """A SELECT over another one."""
    # Names are quoted and values are literals wherever they are put into SQL; a mapping's SQL comes from its compiler.
    return f"SELECT {columns} FROM ({below})"


@dataclass
class Pile:
    """A SELECT under construction."""

    sql: str

    def add(self, columns: Mapping[str, str]) -> None:
        """Put a SELECT on top that adds columns."""
        if columns:
            added = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in columns.items())
            self.sql = select(f"*, {added}", self.sql)

    def replace(self, columns: Mapping[str, str]) -> None:
        """Put a SELECT on top that changes columns."""
        if columns:
            changed = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in columns.items())
            self.sql = select(f"* REPLACE ({changed})", self.sql)


def any_of(flags: Iterable[str]) -> str:
    """Condition: one of these columns is true."""
    return " OR ".join(quoted(flag) for flag in flags) or "false"
