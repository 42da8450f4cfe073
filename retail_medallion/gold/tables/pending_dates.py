"""What the marts that are recomputed date by date have in common: which dates there are, and which a day mentions."""

from __future__ import annotations


def all_dates(fact: str, column: str) -> str:
    """Query of every date a fact has rows of.

    Args:
        fact: Gold table.
        column: Its date column.
    """
    return f"""
SELECT DISTINCT {column}::text AS id FROM gold.{fact}
WHERE source_key = gold.member_key('sources', %(source)s, %(source)s)
"""  # noqa: S608 constants only


def mentioned_dates(fact: str, column: str) -> str:
    """Query of the dates a partition concerns: its own, and those of the rows of a fact it brought.

    Args:
        fact: Gold table.
        column: Its date column.
    """
    return f"""
SELECT %(day)s::date::text AS id
UNION
SELECT {column}::text FROM gold.{fact}
WHERE source_key = gold.member_key('sources', %(source)s, %(source)s) AND silver_partition = %(day)s::date
"""  # noqa: S608 constants only
