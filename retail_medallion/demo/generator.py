"""The demo retailer's database: the same rows for the same seed, scale and dates, loaded in seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources

from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever psycopg2 calls it

from retail_medallion.demo import catalogue, market, orders, sites
from retail_medallion.demo.clients import clients
from retail_medallion.demo.club import Club
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.notes import remember, remembered
from retail_medallion.demo.orders import Trade
from retail_medallion.demo.stock import Stock
from retail_medallion.demo.tables import TABLES, Rows
from retail_medallion.demo.vouchers import Vouchers
from retail_medallion.demo.world import Numbers, Spell, World
from retail_medallion.errors import ConfigurationError

SCHEMA = "shop"
DEFAULT_SEED = 1871
DEFAULT_DAYS = 90
DEFAULT_END = date(2026, 6, 30)
RECENT_DAYS = 14
VERSION = 2
"""Goes up when the same parameters begin to give other rows."""

# Trade by day of the week, Monday first, in hundredths of a plain day.
_WEEK = (92, 90, 95, 102, 122, 140, 59)

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class DemoParameters:
    """What the demo data depends on.

    Attributes:
        seed: Chooses one of all possible histories.
        scale: Amount of data in thousandths; 1000 are about 300,000 rows in 90 days.
        days: Days of history.
        end: Last day of history (UTC).
    """

    seed: int
    scale: int
    days: int
    end: date

    @property
    def spell(self) -> Spell:
        """The time the data tells of."""
        last = datetime.combine(self.end, time(), UTC)
        return Spell(last - timedelta(days=self.days - 1), last + timedelta(days=1))

    def many(self, count: int, *, least: int = 1) -> int:
        """That many at scale 1, fewer or more at this scale."""
        return max(count * self.scale // 1000, least)

    def as_json(self) -> dict[str, object]:
        """The parameters as they are remembered in the database."""
        return {
            "version": VERSION,
            "seed": self.seed,
            "scale": self.scale,
            "days": self.days,
            "end": self.end.isoformat(),
        }


@dataclass(frozen=True)
class DemoSummary:
    """What was made.

    Attributes:
        rows: Rows per table of schema `shop`.
        planted: Rows spoiled on purpose, per fault (see `faults.FAULTS`).
        created: False where the same data was there already.
    """

    rows: Mapping[str, int]
    planted: Mapping[str, int]
    created: bool


def _parameters(seed: int, scale: float, days: int, end: date) -> DemoParameters:
    if not 0 < scale <= 100:  # noqa: PLR2004 - 30 million rows
        raise ConfigurationError(
            f"The scale {scale} is not between 0.001 and 100.", fix="Take --scale 1 for 300,000 rows."
        )
    if not 1 <= days <= 3650:  # noqa: PLR2004 - ten years
        raise ConfigurationError(f"{days} days of history are not between 1 and 3650.", fix="Take --days 90.")
    return DemoParameters(seed, max(round(scale * 1000), 1), days, end)


def demo_is_present(
    connection: Connection,
    *,
    seed: int = DEFAULT_SEED,
    scale: float = 1.0,
    days: int = DEFAULT_DAYS,
    end: date = DEFAULT_END,
) -> bool:
    """Whether the database holds the demo data of these parameters, made by this version of the generator.

    Raises:
        ConfigurationError: There is a schema `shop` that the demo did not make.
    """
    note = remembered(connection, SCHEMA)
    return note is not None and note["retail_medallion_demo"] == _parameters(seed, scale, days, end).as_json()


def planted(connection: Connection) -> dict[str, int]:
    """Rows spoiled on purpose, per fault (see `faults.FAULTS`), as remembered when the data was made.

    Raises:
        ConfigurationError: The database holds no demo data.
    """
    note = remembered(connection, SCHEMA)
    if note is None:
        raise ConfigurationError("The database holds no demo data.", where=f"database {connection.info.dbname}")
    return {name: len(keys) for name, keys in note["planted"].items()}


def planted_keys(connection: Connection) -> dict[str, list[str]]:
    """Canonical keys of the rows spoiled on purpose, per fault.

    Raises:
        ConfigurationError: The database holds no demo data.
    """
    note = remembered(connection, SCHEMA)
    if note is None:
        raise ConfigurationError("The database holds no demo data.", where=f"database {connection.info.dbname}")
    return {str(name): [str(key) for key in keys] for name, keys in note["planted"].items()}


def create_demo_database(
    connection: Connection,
    *,
    seed: int = DEFAULT_SEED,
    scale: float = 1.0,
    days: int = DEFAULT_DAYS,
    end: date = DEFAULT_END,
    progress: Progress | None = None,
) -> DemoSummary:
    """Make schema `shop` with everything in it, in one transaction; do nothing where the same data is there already.

    Args:
        connection: To the database of the demo, with the right to create a schema; no transaction may be open.
        seed: Chooses one of all possible histories.
        scale: 1 gives about 300,000 rows in 90 days.
        days: Days of history.
        end: Last day of history (UTC).
        progress: Told the table and its rows after each table is loaded.

    Raises:
        ConfigurationError: A parameter is out of bounds, a transaction is open, or there is a schema `shop` that the
            demo did not make.
    """
    parameters = _parameters(seed, scale, days, end)
    if connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
        raise ConfigurationError(
            "The demo data is made in a transaction of its own.", fix="Commit or roll back before."
        )
    with connection:
        note = remembered(connection, SCHEMA)
        if note is not None and note["retail_medallion_demo"] == parameters.as_json():
            rows = {str(table): int(count) for table, count in note["rows"].items()}
            return DemoSummary(rows, {name: len(keys) for name, keys in note["planted"].items()}, created=False)
        planter = Planter(end - timedelta(days=RECENT_DAYS - 1), dense=parameters.scale >= 300)  # noqa: PLR2004 - 100 orders a day
        with Rows() as rows_made:
            _generate(rows_made, planter, parameters)
            with connection.cursor() as cursor:
                cursor.execute("DROP SCHEMA IF EXISTS shop CASCADE")
                cursor.execute(_script("schema.sql"))
                rows_made.load(connection, progress)
                cursor.execute(_script("finish.sql"))
            counts = dict(rows_made.counts)
        made: dict[str, object] = {
            "retail_medallion_demo": parameters.as_json(),
            "rows": counts,
            "planted": planter.keys,
            "added_days": [],
        }
        remember(connection, made, SCHEMA)
    return DemoSummary(counts, planter.counts(), created=True)


def _script(name: str) -> str:
    return (resources.files("retail_medallion.demo") / name).read_text(encoding="utf-8")


def orders_on(day: date, per_day: int, scale: int) -> int:
    """How many orders a day has: by day of the week, the same for every seed."""
    return (per_day * scale * _WEEK[day.weekday()] + 50_000) // 100_000


def _generate(rows: Rows, planter: Planter, parameters: DemoParameters) -> None:
    spell, seed = parameters.spell, parameters.seed
    leaves = catalogue.groups(rows, planter, spell)
    known_sites, stores = sites.sites(rows, planter, spell)
    sites.tenders(rows, planter, spell)
    vendor_count, client_count = parameters.many(140, least=60), parameters.many(10_000, least=60)
    catalogue.vendors(rows, planter, spell, seed, vendor_count)
    articles = catalogue.articles(rows, planter, spell, seed, parameters.many(1200, least=200), vendor_count, leaves)
    people, signed_up = clients(rows, planter, spell, seed, client_count)
    vouchers = Vouchers(spell, seed, 120, client_count)
    world = World(articles, stores, known_sites, people, signed_up, vouchers.accepted)
    numbers = Numbers()
    stock = Stock(rows, numbers, planter, known_sites, spell.start, spell.end, seed)
    club = Club(spell.end, spell.start)
    trade = Trade(rows, world, numbers, planter, spell.end, seed, stock=stock, club=club, vouchers=vouchers)
    portals = market.Market(rows, world, numbers, planter, stock, spell.end, seed)
    for ahead in range(parameters.days):
        day = (spell.start + timedelta(days=ahead)).date()
        trade.day(day, orders_on(day, orders.ORDERS_A_DAY, parameters.scale))
        portals.day(day, orders_on(day, market.ORDERS_A_DAY, parameters.scale))
        stock.end_of(day, seed)
    club.write(rows, numbers, planter, seed)
    vouchers.write(rows, planter, spell)


__all__ = ["TABLES", "DemoSummary", "create_demo_database", "demo_is_present", "planted", "planted_keys"]
