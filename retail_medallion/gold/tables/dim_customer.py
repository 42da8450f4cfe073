"""Customers as they are now, without personal data unless the source says that Gold may show it."""

from __future__ import annotations

from retail_medallion.gold.definition import Column, Consumes, GoldTable, member_columns
from retail_medallion.gold.tables.whole import tells_whole

TABLE = GoldTable(
    name="dim_customer",
    kind="dimension",
    grain="one shopper account of one source, as it is now, under a pseudonym",
    question="How much do the loyalty tiers buy per person?",
    example="""
SELECT c.loyalty_tier, s.currency_code, count(DISTINCT c.person_key) AS people,
       round(sum(s.net_revenue) / count(DISTINCT c.person_key), 2) AS revenue_per_person
FROM gold.fct_sale s JOIN gold.dim_customer c USING (customer_key)
WHERE s.is_revenue AND c.source_system <> '' GROUP BY 1, 2
""",
    columns=(
        *member_columns("customer_id", "customer_key"),
        Column("customer_number", "text", "printed number or loyalty card", nullable=True),
        Column("customer_type", "text", "person or business", inferred="'unknown'"),
        Column("display_label", "text", "pseudonym to show in reports; the name where it is shown", inferred="label"),
        Column("person_key", "uuid", "the same for every account of one person within a tenant", inferred="key"),
        Column("gender", "text", "as recorded", nullable=True),
        Column("birth_year", "integer", "year of birth", nullable=True),
        Column("language_code", "text", "preferred language", nullable=True),
        Column("city", "text", "city", nullable=True),
        Column("region_code", "text", "ISO 3166-2 subdivision", nullable=True),
        Column("postal_area", "text", "first three characters of the post code", nullable=True),
        Column("country_code", "text", "ISO 3166-1 country", nullable=True),
        Column("segment", "text", "the source's own segment", nullable=True),
        Column("loyalty_tier", "text", "the source's own tier", nullable=True),
        Column("marketing_opt_in", "boolean", "consent; empty means never asked", nullable=True),
        Column("home_location_key", "uuid", "usual store", references="dim_location"),
        Column("registered_date", "date", "day of registration in the source's zone", nullable=True),
        Column("is_guest", "boolean", "made by a guest checkout; empty where not known", nullable=True),
        Column("is_active", "boolean", "usable account; empty where not known", nullable=True),
        Column("merged_into_key", "uuid", "account that survived a merge", references="dim_customer"),
        Column("full_name", "text", "name; empty unless the source shows personal data", nullable=True),
        Column("email", "text", "e-mail address; empty unless the source shows personal data", nullable=True),
        Column("phone", "text", "phone number; empty unless the source shows personal data", nullable=True),
    ),
    primary_key=("customer_key",),
    select="""
SELECT gold.member_key('customers', c.source_system, c.customer_id) AS customer_key,
       c.source_system, c.customer_id, source.tenant, false AS is_inferred, c.is_deleted,
       c.winner_partition AS silver_partition,
       c.customer_number, c.customer_type,
       coalesce(
           CASE WHEN source.shows_personal_data THEN c.full_name END,
           'Customer ' || upper(left(gold.member_key('customers', c.source_system, c.customer_id)::text, 8))
       ) AS display_label,
       coalesce(c.identity_hash, gold.member_key('customers', c.source_system, c.customer_id)) AS person_key,
       c.gender, extract(year FROM c.birth_date)::integer AS birth_year, c.language_code, c.city, c.region_code,
       left(replace(c.postal_code, ' ', ''), 3) AS postal_area, c.country_code::text AS country_code,
       c.segment, c.loyalty_tier, c.marketing_opt_in,
       gold.member_key('inventory_locations', c.source_system, c.home_location_id) AS home_location_key,
       c.home_location_id AS home_location_key_of,
       (c.registered_at AT TIME ZONE source.timezone)::date AS registered_date, c.is_guest, c.is_active,
       gold.member_key('customers', c.source_system, c.merged_into_customer_id) AS merged_into_key,
       c.merged_into_customer_id AS merged_into_key_of,
       CASE WHEN source.shows_personal_data THEN c.full_name END AS full_name,
       CASE WHEN source.shows_personal_data THEN c.email END AS email,
       CASE WHEN source.shows_personal_data THEN c.phone END AS phone
FROM {scope} scope
JOIN silver.customers c ON c.source_system = %(source)s AND c.customer_id = scope.id
JOIN silver_meta.source source ON source.source_system = c.source_system
""",
    scope_column="customer_key",
    scope_value="gold.member_key('customers', %(source)s, id)",
    all_ids="SELECT customer_id AS id FROM silver.customers WHERE source_system = %(source)s",
    entity="customers",
    id_column="customer_id",
    consumes=(Consumes("customers", "customer_id"),),
    notifies=tuple(
        tells_whole(mart, "person_key")
        for mart in ("mart_customer_rfm", "mart_customer_value", "mart_cohort_retention")
    ),
    silver_inputs=("customers",),
    gold_inputs=("dim_location",),
    unique=(("source_system", "customer_id"),),
    indexes=((("person_key",), ()),),
)
