"""What persons bought and returned on closed days, shared by the marts about persons.

A person is all the accounts with one `person_key`. Purchases are revenue documents of type sale or exchange; documents
are all revenue documents. Who bought nothing in a currency is no buyer in it, whatever they returned.
"""

from __future__ import annotations

from typing import Final

READS: Final = ("fct_sale", "dim_customer")
"""The Gold tables it reads."""

COLUMNS_OF_SALE: Final = ("customer_key", "currency_code", "sale_date", "sale_type", "is_revenue", "net_revenue")
"""The columns of `fct_sale` it depends on."""

PERSON_DOCUMENTS: Final = """
document AS (
    SELECT s.source_key, c.person_key, s.currency_code, s.sale_key, s.sale_date, s.net_revenue, s.margin_amount,
           s.sale_type IN ('sale', 'exchange') AS is_purchase
    FROM gold.fct_sale s
    JOIN gold.dim_customer c ON c.customer_key = s.customer_key
    WHERE s.source_key = gold.member_key('sources', %(source)s, %(source)s) AND s.is_revenue
      AND s.customer_key <> '00000000-0000-0000-0000-000000000000' AND s.sale_date < %(horizon)s::date
)"""
"""Common table expression: one row per revenue document of a known buyer before the data horizon."""
