"""How well what was ordered on a day was delivered, per place, carrier and kind."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, Consumes, GoldTable, provenance_columns
from retail_medallion.gold.tables.pending_dates import all_dates, mentioned_dates

_HOURS = "numeric(12,2)"


def _hours(name: str, meaning: str) -> tuple[Column, Column]:
    return (
        Column(f"median_{name}", _HOURS, f"median of the hours {meaning}; empty where none are known", nullable=True),
        Column(f"p90_{name}", _HOURS, f"hours nine in ten took at most {meaning}", nullable=True),
    )


def _percentiles(name: str) -> str:
    return f"""percentile_disc(0.5) WITHIN GROUP (ORDER BY f.{name}) AS median_{name},
       percentile_disc(0.9) WITHIN GROUP (ORDER BY f.{name}) AS p90_{name}"""


TABLE = GoldTable(
    name="mart_fulfilment_service",
    kind="mart",
    grain="one day fulfilments were requested on x location x carrier x kind of one source",
    question="Which carriers deliver on time and in full, and what is overdue now?",
    example="""
SELECT m.carrier, sum(m.delivered) AS delivered, sum(m.late) AS late, sum(m.on_time_in_full) AS on_time_in_full,
       sum(m.open_overdue) AS overdue, max(m.p90_hours_in_transit) AS slowest_days_p90_hours
FROM gold.mart_fulfilment_service m GROUP BY 1 ORDER BY 5 DESC, 3 DESC
""",
    columns=(
        *provenance_columns(),
        Column("created_date", "date", "local date the fulfilments were requested", references="dim_date"),
        Column("location_key", "uuid", "where they ship from, else the selling location", references="dim_location"),
        Column("carrier", "text", "carrier; unknown where the source does not say"),
        Column("fulfilment_type", "text", "kind"),
        Column("fulfilments", "integer", "shipments, pick-ups and hand-overs"),
        Column("delivered", "integer", "those with a known day of arrival"),
        Column("on_time", "integer", "delivered by the promise"),
        Column("late", "integer", "delivered after the promise"),
        Column("in_full", "integer", "delivered with all that was ordered"),
        Column("on_time_in_full", "integer", "delivered by the promise with all that was ordered"),
        Column(
            "otif_rate",
            "numeric(9,6)",
            "on time in full as a fraction of the delivered ones where both are known; empty without one",
            nullable=True,
        ),
        Column("failed", "integer", "could not be delivered"),
        Column("cancelled", "integer", "cancelled, by status or date"),
        Column("returned", "integer", "came back, by status or date; may have been delivered before"),
        Column("open_fulfilments", "integer", "neither delivered nor failed, cancelled or returned"),
        Column("open_overdue", "integer", "open ones promised for a day that is closed"),
        *_hours("hours_to_ship", "from the request to leaving"),
        *_hours("hours_in_transit", "from leaving to arrival"),
        *_hours("hours_to_deliver", "from the request to arrival"),
    ),
    primary_key=("source_key", "created_date", "location_key", "carrier", "fulfilment_type"),
    select=f"""
SELECT f.source_key, f.created_date, f.location_key, f.carrier, f.fulfilment_type,
       count(f.fulfilment_key) AS fulfilments,
       count(*) FILTER (WHERE f.is_delivered) AS delivered,
       count(*) FILTER (WHERE f.is_delivered AND f.is_on_time) AS on_time,
       count(*) FILTER (WHERE f.is_delivered AND NOT f.is_on_time) AS late,
       count(*) FILTER (WHERE f.is_delivered AND f.is_in_full) AS in_full,
       count(*) FILTER (WHERE f.is_delivered AND f.is_on_time AND f.is_in_full) AS on_time_in_full,
       round(count(*) FILTER (WHERE f.is_delivered AND f.is_on_time AND f.is_in_full)::numeric
             / nullif(count(*) FILTER (WHERE f.is_delivered AND f.is_on_time IS NOT NULL
                                             AND f.is_in_full IS NOT NULL), 0), 6) AS otif_rate,
       count(*) FILTER (WHERE f.status = 'failed') AS failed,
       count(*) FILTER (WHERE f.is_cancelled) AS cancelled,
       count(*) FILTER (WHERE f.is_returned) AS returned,
       count(*) FILTER (WHERE f.is_open) AS open_fulfilments,
       count(*) FILTER (WHERE f.is_open AND f.promised_date < %(horizon)s::date) AS open_overdue,
       {_percentiles("hours_to_ship")},
       {_percentiles("hours_in_transit")},
       {_percentiles("hours_to_deliver")}
FROM (
    SELECT s.*, NOT (s.is_delivered OR s.status = 'failed' OR s.is_cancelled OR s.is_returned) AS is_open
    FROM (
        SELECT d.source_key, d.created_date, d.location_key, coalesce(d.carrier, 'unknown') AS carrier,
               d.fulfilment_type, d.fulfilment_key, d.status, d.promised_date, d.is_on_time, d.is_in_full,
               d.hours_to_ship, d.hours_in_transit, d.hours_to_deliver,
               d.delivered_date IS NOT NULL AS is_delivered,
               d.status = 'cancelled' OR d.cancelled_date IS NOT NULL AS is_cancelled,
               d.status = 'returned' OR d.returned_date IS NOT NULL AS is_returned
        FROM {{scope}} scope
        JOIN gold.fct_fulfilment d
          ON d.source_key = gold.member_key('sources', %(source)s, %(source)s) AND d.created_date = scope.id::date
    ) s
) f
GROUP BY f.source_key, f.created_date, f.location_key, f.carrier, f.fulfilment_type
""",  # noqa: S608 constants only
    scope_column="created_date",
    scope_value="id::date",
    all_ids=all_dates("fct_fulfilment", "created_date"),
    consumes=(Consumes("fct_fulfilment", "created_date"),),
    mentions=mentioned_dates("fct_fulfilment", "created_date"),
    # What becomes overdue: it is open and was promised for a day between the two horizons.
    horizon="""
SELECT DISTINCT f.created_date::text AS id
FROM gold.fct_fulfilment f
WHERE f.source_key = gold.member_key('sources', %(source)s, %(source)s)
  AND f.promised_date >= CASE WHEN %(reached)s::date IS NULL OR %(horizon)s::date IS NULL THEN '-infinity'
          ELSE least(%(reached)s::date, %(horizon)s::date) END
  AND f.promised_date < greatest(%(reached)s::date, %(horizon)s::date)
  AND f.delivered_date IS NULL AND f.cancelled_date IS NULL AND f.returned_date IS NULL
  AND f.status NOT IN ('failed', 'cancelled', 'returned')
""",
    gold_inputs=("fct_fulfilment",),
    day_column="created_date",
    checks=(
        Check("fulfilments_positive", "fulfilments > 0"),
        Check("delivered_among_all", "on_time + late <= delivered AND delivered + open_fulfilments <= fulfilments"),
        Check("in_full_among_delivered", "on_time_in_full <= least(on_time, in_full) AND in_full <= delivered"),
        Check("overdue_among_open", "open_overdue <= open_fulfilments"),
    ),
    indexes=(
        (("location_key", "created_date"), ()),
        (("carrier", "created_date"), ()),
        (("created_date",), ()),
    ),
)
