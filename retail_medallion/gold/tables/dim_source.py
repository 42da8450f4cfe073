"""The sources: one row per retailer's application database."""

from __future__ import annotations

from retail_medallion.gold.definition import ALL, Column, GoldTable, Notifies
from retail_medallion.gold.pending import EVERYTHING

TABLE = GoldTable(
    name="dim_source",
    kind="dimension",
    grain="one source, a retailer's application database",
    question="Which retailers are loaded, and up to which day?",
    example="""
SELECT tenant, source_system, first_partition, last_partition FROM gold.dim_source ORDER BY 1, 2
""",
    columns=(
        Column("source_key", "uuid", "surrogate key"),
        Column("source_system", "text", "code of the source"),
        Column("tenant", "text", "retailer that owns the source"),
        Column("name", "text", "display name"),
        Column("timezone", "text", "IANA zone business dates and sale hours are read in"),
        Column("default_currency", "text", "ISO 4217 currency of amounts that bring none"),
        Column("country", "text", "ISO 3166-1 country", nullable=True),
        Column("first_partition", "date", "first day recorded in Silver", nullable=True),
        Column("last_partition", "date", "last day recorded in Silver", nullable=True),
        Column("fiscal_first_month", "integer", "month the financial year begins in", nullable=True),
        Column("fiscal_pattern", "text", "calendar months, or the weeks of a quarter's periods", nullable=True),
        Column(
            "shows_personal_data",
            "boolean",
            "whether dim_customer holds names, e-mail addresses and phones",
            nullable=True,
        ),
    ),
    primary_key=("source_key",),
    select="""
SELECT gold.member_key('sources', s.source_system, s.source_system) AS source_key,
       s.source_system, s.tenant, s.name, s.timezone, s.currency AS default_currency, s.country,
       min(p.partition_date) AS first_partition, max(p.partition_date) AS last_partition,
       s.fiscal_first_month, s.fiscal_pattern, s.shows_personal_data
FROM {scope} scope
JOIN silver_meta.source s ON s.source_system = scope.id
LEFT JOIN silver_meta.partition_state p ON p.source_system = s.source_system
GROUP BY s.source_system
""",
    scope_column="source_system",
    scope_value="id",
    all_ids="SELECT source_system AS id FROM silver_meta.source WHERE source_system = %(source)s",
    silver_inputs=(
        "customers",
        "inventory_locations",
        "payment_methods",
        "product_categories",
        "products",
        "sale_items",
        "sales",
        "suppliers",
        "transactions",
    ),
    unique=(("source_system",),),
    notifies=(
        Notifies(
            "dim_fiscal_calendar", "fiscal_calendar", value=f"'{ALL}'", columns=("fiscal_first_month", "fiscal_pattern")
        ),
        Notifies("dim_customer", EVERYTHING, value="''", columns=("shows_personal_data",)),
    ),
    always=True,
    day_column="last_partition",
)
