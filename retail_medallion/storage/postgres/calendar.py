"""Days since 1970-01-01 and dates of the proleptic Gregorian calendar, for any year PostgreSQL knows.

Python's own dates end with the year 9999 and begin with the year 1. Years count astronomically: 0 is 1 BC. The sums
treat March as the first month of a year, which puts the leap day at its end.
"""

from __future__ import annotations

MICROSECONDS_OF_A_DAY = 86_400_000_000

_DAYS_OF_400_YEARS = 146_097
_FROM_MARCH_OF_YEAR_0 = 719_468
_FEBRUARY = 2
_OCTOBER_COUNTED_FROM_MARCH = 10


def days_of(year: int, month: int, day: int) -> int:
    """Count the days from 1970-01-01 to a date; negative before."""
    in_winter = month <= _FEBRUARY
    era, year_of_era = divmod(year - in_winter, 400)
    day_of_year = (153 * (month + 9 if in_winter else month - 3) + 2) // 5 + day - 1
    of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * _DAYS_OF_400_YEARS + of_era - _FROM_MARCH_OF_YEAR_0


def date_of(days: int) -> tuple[int, int, int]:
    """Give (year, month, day) of a number of days since 1970-01-01."""
    era, of_era = divmod(days + _FROM_MARCH_OF_YEAR_0, _DAYS_OF_400_YEARS)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    day_of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * day_of_year + 2) // 153
    month = from_march + 3 if from_march < _OCTOBER_COUNTED_FROM_MARCH else from_march - 9
    return year_of_era + era * 400 + (month <= _FEBRUARY), month, day_of_year - (153 * from_march + 2) // 5 + 1
