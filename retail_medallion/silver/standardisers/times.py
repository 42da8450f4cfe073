"""Times and dates.

A time without a zone is read in its column's or its source's zone. DuckDB's ICU takes the later of the two instants of
a repeated hour (standard time) and moves a skipped hour forward, which is what is wanted; both are flagged.
"""

from __future__ import annotations

import datetime as dt

from retail_medallion.silver.standardisers.base import (
    PARTITION_DAY,
    PARTITION_END,
    Check,
    Cleaning,
    Fetched,
    clean_token,
    literal,
    text_steps,
)

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_OFFSET = " ?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)"
_FIRST_INSTANT = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_AFTER_PLANNED = dt.datetime(2101, 1, 1, tzinfo=dt.UTC)
_FIRST_DATE, _LAST_DATE = dt.date(1900, 1, 1), dt.date(2100, 12, 31)
_OLDEST = 120
# Clocks have been put back by these amounts since 1970.
_PUT_BACK = ("30 MINUTES", "1 HOUR", "2 HOURS")


def _says_never(moment: str) -> str:
    """Condition: one of the moments that databases store for "never" and "unknown"."""
    # A zone's offset may carry the first and the last moment into the year beside it.
    return f"isinf({moment}) OR year({moment}) IN (0, 1, 9999, 10000) OR {moment} = TIMESTAMP '1900-01-01'"


def _convertible(moment: str) -> str:
    """Condition: far beyond what any rule allows, and still inside what time-zone arithmetic can do."""
    return f"CASE WHEN isinf({moment}) THEN false ELSE year({moment}) BETWEEN 1800 AND 2300 END"


def _read(fetched: Fetched) -> tuple[dict[str, str], ...]:
    """Steps up to `a`, a time without a zone, and `z`, an instant; each row has one of them or none.

    Step `l` is the local time, `never` says that the value means no time at all.
    """
    family, read, zone = fetched.family, fetched.prepared, fetched.zone
    if family in {"text", "json"}:
        first = text_steps(fetched, clean_token)
        local, zoned = (
            f"regexp_full_match({read}, {literal(p)})" for p in (f"{_DATE}({_TIME})?", _DATE + _TIME + _OFFSET)
        )
        infinite = f"CASE WHEN lower({read}) IN ('infinity', '-infinity') THEN TIMESTAMP 'infinity' END"
        parsed = {
            "a": f"coalesce(TRY_CAST(CASE WHEN {local} THEN {read} END AS TIMESTAMP), {infinite})",
            "z": f"TRY_CAST(CASE WHEN {zoned} THEN {read} END AS TIMESTAMPTZ)",
        }
    elif family == "timestamptz":
        first = {"t": fetched.sql}, {"in": fetched.fetched}
        parsed = {"a": "CAST(NULL AS TIMESTAMP)", "z": f"CAST({read} AS TIMESTAMPTZ)"}
    elif family in {"timestamp", "date", "null"}:
        first = {"t": fetched.sql}, {"in": fetched.fetched}
        parsed = {"a": f"CAST({read} AS TIMESTAMP)", "z": "CAST(NULL AS TIMESTAMPTZ)"}
    else:
        raise fetched.unfit("dates, timestamps or ISO 8601 text")
    a, z, local_time = fetched.at("a"), fetched.at("z"), fetched.at("l")
    # Casting an infinite or far instant to local time is what must not be tried; UTC is near enough to judge those.
    by_zone = f"CASE WHEN {_convertible(z)} THEN timezone({zone}, {z}) ELSE timezone('UTC', {z}) END"
    return (
        *first,
        parsed,
        {"l": f"CASE WHEN {a} IS NOT NULL THEN {a} ELSE {by_zone} END"},
        {"never": f"coalesce({_says_never(local_time)} OR {z} = TIMESTAMPTZ '1900-01-01 00:00:00+00', false)"},
    )


def _is_not(fetched: Fetched, what: str) -> Check:
    return Check("G02", f"{fetched.prepared} IS NOT NULL AND {fetched.at('l')} IS NULL", f"is not a {what}")


def _is_outside(fetched: Fetched, limits: str) -> Check:
    when = f"{fetched.at('l')} IS NOT NULL AND NOT {fetched.at('never')} AND {fetched.value} IS NULL"
    return Check("G04", when, f"is not {limits}")


def _instant(fetched: Fetched, after: str, limits: str) -> Cleaning:
    a, z, u, v, zone = fetched.at("a"), fetched.at("z"), fetched.at("u"), fetched.value, fetched.zone
    moment = f"CASE WHEN {z} IS NOT NULL THEN {z} WHEN {_convertible(a)} THEN timezone({zone}, {a}) END"
    in_range = f"{u} >= {literal(_FIRST_INSTANT)} AND {u} < {after}"
    steps = *_read(fetched), {"u": moment}, {"v": f"CASE WHEN NOT {fetched.at('never')} AND {in_range} THEN {u} END"}
    checks = [_is_not(fetched, "time"), _is_outside(fetched, limits)]
    if fetched.family != "timestamptz":
        before, after_it = (f"timezone({zone}, {v} {sign} INTERVAL '3 HOURS')" for sign in "-+")
        changes = f"{after_it} - INTERVAL '6 HOURS' <> {before}"
        skipped = f"timezone({zone}, {v}) <> {a}"
        twice = " OR ".join(f"timezone({zone}, {v} - INTERVAL '{by}') = {a}" for by in _PUT_BACK)
        near = f"{a} IS NOT NULL AND {v} IS NOT NULL AND {changes}"
        checks.append(
            Check("G14", f"CASE WHEN {near} THEN {skipped} END", "was skipped by the clocks; moved forward", "warn")
        )
        checks.append(Check("G14", f"CASE WHEN {near} THEN {twice} END", "came twice; standard time was taken", "warn"))
    return Cleaning(steps, checks)


def timestamp(fetched: Fetched) -> Cleaning:
    """When something happened: not before 1970, not later than a day after the partition's own day."""
    return _instant(fetched, PARTITION_END, "between 1970-01-01 and the end of the day after the partition")


def planned_timestamp(fetched: Fetched) -> Cleaning:
    """When something is meant to happen: up to the year 2100."""
    return _instant(fetched, literal(_AFTER_PLANNED), f"between 1970-01-01 and {_AFTER_PLANNED:%Y-%m-%d}")


def _calendar(fetched: Fetched, first: str, last: str, limits: str) -> Cleaning:
    day = f"CAST({fetched.at('l')} AS DATE)"
    in_range = f"{day} BETWEEN {first} AND {last}"
    value = f"CASE WHEN NOT {fetched.at('never')} THEN CASE WHEN {in_range} THEN {day} END END"
    return Cleaning((*_read(fetched), {"v": value}), (_is_not(fetched, "date"), _is_outside(fetched, limits)))


def date(fetched: Fetched) -> Cleaning:
    """A date of the calendar, 1900 to 2100. An instant becomes the local date of its zone."""
    limits = f"between {_FIRST_DATE} and {_LAST_DATE}"
    return _calendar(fetched, literal(_FIRST_DATE), literal(_LAST_DATE), limits)


def planned_date(fetched: Fetched) -> Cleaning:
    """A date something is meant for; the range of `date` already reaches into the future."""
    return date(fetched)


def birth_date(fetched: Fetched) -> Cleaning:
    """A date of birth: nobody is born after the partition's day or is older than 120 on it."""
    # Years before a 29 February is a 28 February.
    birthday_121 = f"CAST({PARTITION_DAY} - INTERVAL '{_OLDEST + 1} YEARS' AS DATE)"
    first = f"greatest({birthday_121} + 1, {literal(_FIRST_DATE)})"
    return _calendar(fetched, first, PARTITION_DAY, f"within the {_OLDEST} years before the partition")


def business_date(fetched: Fetched) -> Cleaning:
    """The trading day as the source states it; where it does not, `local_date` of the event is taken."""
    return date(fetched)


def local_date(moment: str, timezone: str, day_cutoff: dt.time) -> str:
    """Expression of the trading day of an instant: its local date, the day starting at the cut-off."""
    cutoff = f"INTERVAL '{day_cutoff.hour * 60 + day_cutoff.minute} MINUTES'"
    return f"CAST(timezone({literal(timezone)}, {moment}) - {cutoff} AS DATE)"
