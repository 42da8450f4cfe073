"""Settings from the environment, and the resolution of a date range.

Nothing here opens a connection, and nothing is read at import: a missing variable breaks the step that needs it, not
the whole code location.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv import load_dotenv

from retail_medallion.errors import ConfigurationError, DateRangeError
from retail_medallion.storage.postgres.session import ConnectionSettings

FIRST_DAY = dt.date(2024, 1, 1)
"""The first daily partition of every source. A constant: a start that moves would break stored backfills."""

ALLOWED_RANGES = (
    "one day: START_DATE=2026-06-20; a range, both days included: START_DATE=2026-06-17 END_DATE=2026-06-30; "
    "relative: DAY_OFFSET=1 (yesterday, the default)"
)

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_dotenv(folder: Path | None = None) -> None:
    """Take variables from `.env` in the working directory; variables that are already set win."""
    load_dotenv((folder or Path.cwd()) / ".env", override=False)


def database_settings(*prefixes: str, environment: Mapping[str, str] | None = None) -> ConnectionSettings:
    """Read `<PREFIX>DB_HOST` .. `<PREFIX>DB_PASSWORD`; the first prefix that has a value wins, each variable apart.

    Raises:
        ConfigurationError: A variable is missing under every prefix, or the port is no number.
    """
    variables = os.environ if environment is None else environment

    def value(suffix: str, default: str | None = None) -> str:
        for prefix in prefixes:
            if found := variables.get(f"{prefix}DB_{suffix}"):
                return found
        if default is not None:
            return default
        names = " or ".join(f"{prefix}DB_{suffix}" for prefix in prefixes)
        raise ConfigurationError(
            f"The variable {names} is not set.",
            fix="Set it in the environment or in .env; for the demo, source .retail_medallion/environment.sh.",
        )

    port = value("PORT", "5432")
    if not port.isdecimal():
        raise ConfigurationError(f"The port {port!r} is not a number.", where=f"{prefixes[0]}DB_PORT")
    return ConnectionSettings(
        host=value("HOST"),
        port=int(port),
        database=value("NAME"),
        user=value("USER"),
        password=value("PASSWORD", "") or None,
    )


def warehouse_database() -> ConnectionSettings:
    """The database of Silver and Gold."""
    return database_settings("WAREHOUSE_")


def source_database(source: str) -> ConnectionSettings:
    """The application database of a source: `<SOURCE>_DB_*`, else `DB_*`."""
    return database_settings(f"{source.upper()}_", "")


def names_source_database(source: str) -> bool:
    """Whether variables of the source's own name its database; `DB_*` name that of any."""
    return any(os.environ.get(f"{source.upper()}_DB_{suffix}") for suffix in ("HOST", "NAME"))


def bronze_bucket() -> str:
    """The bucket Bronze lives in.

    Raises:
        ConfigurationError: It is not named.
    """
    bucket = os.environ.get("S3_BUCKET_NAME", "")
    if not bucket:
        raise ConfigurationError("The variable S3_BUCKET_NAME is not set.", fix="Name the bucket Bronze lives in.")
    return bucket


def sources_directory() -> Path | None:
    """Where the mapping files are: RETAIL_SOURCES_DIR; None stands for those that are shipped."""
    named = os.environ.get("RETAIL_SOURCES_DIR", "").strip()
    return Path(named).expanduser() if named else None


def chosen_sources() -> list[str] | None:
    """The sources this code location is limited to: RETAIL_SOURCES=demo,northwind; None where that is not set."""
    names = [name.strip() for name in os.environ.get("RETAIL_SOURCES", "").split(",")]
    return [name for name in names if name] or None


def accepted_shrinks() -> frozenset[str]:
    """Entities whose shrunken table is believed: RETAIL_ACCEPT_SHRINK=demo/products,demo/stores.

    Raises:
        ConfigurationError: One is not written source/entity.
    """
    return _named_entities("RETAIL_ACCEPT_SHRINK")


def accepted_drifts() -> frozenset[str]:
    """Entities whose columns may have changed in their source: RETAIL_ACCEPT_DRIFT=demo/products.

    Raises:
        ConfigurationError: One is not written source/entity.
    """
    return _named_entities("RETAIL_ACCEPT_DRIFT")


def _named_entities(variable: str) -> frozenset[str]:
    names = [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]
    for name in names:
        if not re.fullmatch(r"[a-z0-9_]+/[a-z0-9_]+", name):
            raise ConfigurationError(
                f"{name!r} is no entity of a source.",
                where=variable,
                fix="Write source/entity, as in demo/products; separate several by commas.",
            )
    return frozenset(names)


def parse_day(text: str, *, where: str) -> dt.date:
    """Read an ISO day.

    Raises:
        DateRangeError: It is not written YYYY-MM-DD, or no such day exists.
    """
    try:
        if not _ISO_DAY.fullmatch(text.strip()):
            raise ValueError("not written YYYY-MM-DD")  # noqa: TRY301 one message for both ways of being wrong
        return dt.date.fromisoformat(text.strip())
    except ValueError as error:
        raise DateRangeError(
            f"{text!r} is not a day.", where=where, why=str(error), fix=f"Allowed: {ALLOWED_RANGES}"
        ) from None


def resolve_days(
    start: str | None = None,
    end: str | None = None,
    offset: str | int | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    today: dt.date | None = None,
) -> list[dt.date]:
    """The days a run is about, oldest first.

    Arguments win over START_DATE, END_DATE and DAY_OFFSET as a whole: as soon as one is given, the variables are not
    read. Without any of them the day is yesterday (UTC).

    Raises:
        DateRangeError: A value is malformed, the forms are mixed, the range is reversed, or a day lies before the first
            partition or is not over yet.
    """
    variables = os.environ if environment is None else environment
    if start is None and end is None and offset is None:
        start, end, offset = variables.get("START_DATE"), variables.get("END_DATE"), variables.get("DAY_OFFSET")
    start, end = start or None, end or None
    offset = None if offset in (None, "") else str(offset)
    today = today or dt.datetime.now(dt.UTC).date()
    if start is not None:
        if offset is not None:
            raise DateRangeError(
                "A start day and a day offset contradict each other.", fix=f"Allowed: {ALLOWED_RANGES}"
            )
        first = parse_day(start, where="start (START_DATE)")
        last = first if end is None else parse_day(end, where="end (END_DATE)")
    elif end is not None:
        raise DateRangeError("An end day without a start day is not a range.", fix=f"Allowed: {ALLOWED_RANGES}")
    else:
        first = last = today - dt.timedelta(days=_offset(offset))
    if last < first:
        raise DateRangeError(
            f"The range is reversed: {first} is after {last}.", fix=f"Swap the two days. Allowed: {ALLOWED_RANGES}"
        )
    newest = today - dt.timedelta(days=1)
    if first < FIRST_DAY or last > newest:
        raise DateRangeError(
            f"{first} to {last} reaches outside the days that can be materialised.",
            why="a day can be materialised from the first partition on, once it is over (UTC)",
            fix=f"Stay between {FIRST_DAY} and {newest}.",
        )
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def _offset(text: str | None) -> int:
    if text is None:
        return 1
    if not text.isdecimal() or int(text) < 1:
        raise DateRangeError(
            f"{text!r} is not a number of days.", where="DAY_OFFSET", fix="Use a whole number from 1 (yesterday) on."
        )
    return int(text)
