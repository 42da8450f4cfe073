"""Another day happens at the demo retailer: new orders, late tickets, corrections, returns, deletions.

Everything is recorded within that UTC day, so that the daily job finds it in that day's partitions and nowhere else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever psycopg2 calls it
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_medallion.demo import market, orders, recall
from retail_medallion.demo.clients import write_client
from retail_medallion.demo.club import Club
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.generator import DEFAULT_SEED, SCHEMA, orders_on
from retail_medallion.demo.lines import CANCELLED, Line
from retail_medallion.demo.market import Market
from retail_medallion.demo.notes import remember, remembered
from retail_medallion.demo.orders import Due, Trade
from retail_medallion.demo.payments import REFUNDED, Receipt
from retail_medallion.demo.stock import Stock
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.web_changes import WebChanges, change_web
from retail_medallion.demo.world import World
from retail_medallion.errors import ConfigurationError


@dataclass(frozen=True)
class DayOfChanges:
    """What happened on the day.

    Attributes:
        day: The UTC day.
        rows: Rows added per table.
        orders_corrected: Orders of earlier days that lost a line or got a rebate.
        lines_removed: Order lines that were deleted.
        orders_cancelled: Orders of earlier days that were cancelled.
        orders_returned: Orders whose goods came back.
        orders_late: Orders placed on an earlier day that arrived only now.
        articles_changed: Articles with a new price.
        clients_erased: Clients marked as gone.
        web: What happened to baskets, parcels, opinions and vouchers of earlier days.
    """

    day: date
    rows: dict[str, int]
    orders_corrected: tuple[int, ...]
    lines_removed: tuple[int, ...]
    orders_cancelled: tuple[int, ...]
    orders_returned: tuple[int, ...]
    orders_late: tuple[int, ...]
    articles_changed: tuple[int, ...]
    clients_erased: tuple[int, ...]
    web: WebChanges


def apply_changes(connection: Connection, day: date, seed: int = DEFAULT_SEED) -> DayOfChanges:
    """Let one more day happen, in one transaction.

    Args:
        connection: To a database that `create_demo_database` filled; no transaction may be open.
        day: UTC day after the last one of the history; days are added in order, each once.
        seed: Chooses what happens.

    Raises:
        ConfigurationError: There is no demo data, the day is not after the last one, or a transaction is open.
    """
    if connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
        raise ConfigurationError("A day is added in a transaction of its own.", fix="Commit or roll back before.")
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")
        note = remembered(connection, SCHEMA)
        if note is None:
            raise ConfigurationError("The database holds no demo data.", fix="Run create_demo_database before.")
        parameters = note["retail_medallion_demo"]
        last = date.fromisoformat([parameters["end"], *note["added_days"]][-1])
        if day <= last:
            raise ConfigurationError(
                f"{day} has happened already.", why=f"The history goes to {last}.", fix="Add a later day."
            )
        changes = _Day(cursor, day, seed, int(parameters["scale"])).happen(connection)
        remember(connection, {**note, "added_days": [*note["added_days"], day.isoformat()]}, SCHEMA)
    return changes


class _Day:
    def __init__(self, cursor: Cursor, day: date, seed: int, scale: int) -> None:
        self._cursor, self._day, self._seed, self._scale = cursor, day, seed, scale
        self._start = datetime.combine(day, time(), UTC)

    def happen(self, connection: Connection) -> DayOfChanges:
        """Everything of the day, morning to night."""
        world, numbers = recall.world(self._cursor, self._day), recall.numbers(self._cursor)
        with Rows() as rows:
            end = self._start + timedelta(days=1)
            levels, club = recall.levels(self._cursor), Club(end, balances=recall.points(self._cursor))
            stock = Stock(rows, numbers, None, world.sites, self._start, end, self._seed, levels)
            trade = Trade(rows, world, numbers, None, end, self._seed, stock=stock, club=club)
            returned = self._expect_returns(trade, world)
            dice = Dice(self._seed, "newcomers", self._day)
            for hour in range(max(39 * self._scale // 1000, 1)):
                made = self._start + timedelta(hours=5, minutes=9 * hour % 1000)
                world.clients.append(write_client(rows, None, dice, numbers.take("clients"), made, made))
            count = orders_on(self._day, orders.ORDERS_A_DAY, self._scale)
            trade.day(self._day, max(count, 3))
            documents = orders_on(self._day, market.ORDERS_A_DAY, self._scale)
            Market(rows, world, numbers, None, stock, end, self._seed).day(self._day, max(documents, 1))
            stock.end_of(self._day, self._seed)
            club.write(rows, numbers, None, self._seed)
            self._cursor.execute("ALTER TABLE shop.order_lines DISABLE TRIGGER line_added")
            rows.load(connection)
            self._cursor.execute("ALTER TABLE shop.order_lines ENABLE TRIGGER line_added")
            added = {table: count for table, count in rows.counts.items() if count}
        corrected, removed = self._correct()
        return DayOfChanges(
            day=self._day,
            rows=added,
            orders_corrected=corrected,
            lines_removed=removed,
            orders_cancelled=self._cancel(),
            orders_returned=returned,
            orders_late=self._arrive_late(),
            articles_changed=self._change_prices(),
            clients_erased=self._erase(),
            web=change_web(self._cursor, self._start, self._scale),
        )

    def _at(self, hour: int) -> None:
        """Set the retailer's clock."""
        self._cursor.execute(
            "SELECT set_config('shop.clock', %s, true)", ((self._start + timedelta(hours=hour)).isoformat(),)
        )

    def _ids(self, query: str, *values: object) -> tuple[int, ...]:
        """The first column of what the query gives back."""
        self._cursor.execute(query, values)
        return tuple(row[0] for row in self._cursor.fetchall())

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        self._cursor.execute(query, values)
        return self._cursor.fetchall()

    def _some(self, per_thousand_orders: int) -> int:
        return max(per_thousand_orders * self._scale // 1000, 1)

    def _expect_returns(self, trade: Trade, world: World) -> tuple[int, ...]:
        """Have all goods of some completed orders come back today."""
        self._at(19)
        by_id = {article.id: article for article in world.articles.items}
        known = {client.id: client for client in world.clients}
        bought: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        candidates = self._rows(
            """SELECT o.id, o.channel::text, o.site_id, o.client_id, p.id::text, p.tender_code, l.id, l.article_id,
                (l.qty * 1000)::bigint, (l.unit_price * 100)::bigint, (l.rebate * 100)::bigint,
                (l.vat_percent * 100)::int
            FROM (SELECT * FROM shop.orders
                    WHERE kind = 1 AND status = 40 AND pay_status = 3 AND voided_at IS NULL
                    AND placed_at >= %s ORDER BY md5(id::text || %s) LIMIT %s) o
            JOIN shop.order_lines l ON l.order_id = o.id AND l.qty > 0
            JOIN LATERAL (SELECT id, tender_code FROM shop.payments
                WHERE order_id = o.id AND kind IN (1, 3) AND state = 'ok' ORDER BY recorded_at, id LIMIT 1) p ON true
            ORDER BY o.id, l.id""",
            self._start - timedelta(days=25),
            f"return{self._day}",
            self._some(18),
        )
        for row in candidates:
            bought[row[0]].append(row)
        done: list[int] = []
        for order, rows in bought.items():
            if any(row[7] not in by_id for row in rows):
                continue
            _, channel, site, client, payment, tender, *_ = rows[0]
            lines = tuple(
                Line(by_id[article], quantity, price, percent, rebate=rebate, id=line)
                for *_, line, article, quantity, price, rebate, percent in rows
            )
            receipt = Receipt(REFUNDED, tender, payment)
            trade.expect(self._day, Due(order, channel, world.sites[site], known.get(client), lines, receipt))
            done.append(order)
        self._cursor.execute("UPDATE shop.orders SET status = 80, pay_status = 5 WHERE id = ANY(%s)", (done,))
        return tuple(done)

    def _correct(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Take a line out of some orders and grant a rebate on some others, as head office does."""
        self._at(10)
        chosen = self._ids(
            """SELECT id FROM shop.orders o WHERE kind = 1 AND status = 40 AND pay_status = 3 AND voided_at IS NULL
                AND channel <> 'intern' AND placed_at >= %s AND placed_at < %s
                AND (SELECT count(*) > 1 AND sum(l.rebate) = o.rebate_total
                    FROM shop.order_lines l WHERE l.order_id = o.id)
            ORDER BY md5(id::text || %s) LIMIT %s""",
            self._start - timedelta(days=30),
            self._start,
            f"correct{self._day}",
            self._some(8),
        )
        shortened, cheaper = chosen[::2], chosen[1::2]
        removed = self._ids(
            """DELETE FROM shop.order_lines WHERE id IN (SELECT max(id) FROM shop.order_lines
                WHERE order_id = ANY(%s) AND id < %s GROUP BY order_id)
            RETURNING id""",
            list(shortened),
            CANCELLED,
        )
        self._cursor.execute(
            """UPDATE shop.order_lines SET rebate = rebate + round((gross - rebate) * 0.10, 2),
                vat = round((gross - rebate - round((gross - rebate) * 0.10, 2)) * vat_percent / (100 + vat_percent), 2)
            WHERE id IN (SELECT min(id) FROM shop.order_lines
                WHERE order_id = ANY(%s) AND qty > 0 GROUP BY order_id)""",
            (list(cheaper),),
        )
        self._add_up_again(chosen)
        return chosen, tuple(sorted(removed))

    def _add_up_again(self, changed: Sequence[int]) -> None:
        """Bring headers in line with their lines and pay the difference back."""
        self._cursor.execute(
            """WITH before AS (SELECT * FROM shop.orders WHERE id = ANY(%(ids)s)),
            sums AS (SELECT order_id, sum(gross) AS gross, sum(rebate) AS rebate, sum(vat) AS vat
                FROM shop.order_lines WHERE order_id = ANY(%(ids)s) GROUP BY order_id),
            after AS (UPDATE shop.orders o SET goods_total = s.gross, rebate_total = s.rebate,
                    vat_total = s.vat + round(b.freight * 19 / 119, 2),
                    grand_total = s.gross - s.rebate + b.freight + b.fees, pay_status = 4
                FROM before b JOIN sums s ON s.order_id = b.id WHERE o.id = b.id
                RETURNING o.id, o.grand_total - b.grand_total AS difference)
            INSERT INTO shop.payments (id, order_id, parent_id, kind, state, tender_code, client_id, site_id, amount,
                currency, change_given, booked_at, recorded_at)
            SELECT md5(a.id::text || %(day)s)::uuid, a.id, p.id, 4, 'ok', p.tender_code, p.client_id, p.site_id,
                a.difference, p.currency, 0, shop.clock() AT TIME ZONE 'Europe/Berlin', shop.clock()
            FROM after a JOIN LATERAL (SELECT * FROM shop.payments
                WHERE order_id = a.id AND kind IN (1, 3) AND state = 'ok' ORDER BY recorded_at, id LIMIT 1) p ON true
            WHERE a.difference <> 0""",
            {"ids": list(changed), "day": self._day.isoformat()},
        )

    def _cancel(self) -> tuple[int, ...]:
        self._at(14)
        return self._ids(
            """UPDATE shop.orders SET status = 90, cancelled_at = shop.clock() WHERE id IN (SELECT id FROM shop.orders
                WHERE status = 10 AND placed_at >= %s AND placed_at < %s ORDER BY md5(id::text || %s) LIMIT %s)
            RETURNING id""",
            self._start - timedelta(days=7),
            self._start,
            f"cancel{self._day}",
            self._some(4),
        )

    def _arrive_late(self) -> tuple[int, ...]:
        self._at(6)
        return self._ids(
            """UPDATE shop.orders
            SET placed_at = placed_at - interval '2 days', completed_at = completed_at - interval '2 days'
            WHERE id IN (SELECT id FROM shop.orders WHERE created_at >= %s AND channel = 'filiale' AND kind = 1
                ORDER BY id LIMIT %s) RETURNING id""",
            self._start,
            self._some(4),
        )

    def _change_prices(self) -> tuple[int, ...]:
        self._at(4)
        return self._ids(
            """UPDATE shop.articles SET price = round(price * 1.05, 2) WHERE id IN (SELECT id FROM shop.articles
                WHERE voided_at IS NULL AND price > 0 AND purchase_price < price ORDER BY md5(id::text || %s) LIMIT %s)
            RETURNING id""",
            f"price{self._day}",
            self._some(15),
        )

    def _erase(self) -> tuple[int, ...]:
        self._at(15)
        return self._ids(
            """UPDATE shop.clients SET voided_at = shop.clock() WHERE id IN (SELECT id FROM shop.clients
                WHERE voided_at IS NULL AND created_at < %s ORDER BY md5(id::text || %s) LIMIT 1) RETURNING id""",
            self._start,
            f"erase{self._day}",
        )
