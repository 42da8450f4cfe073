"""What the demo database knows already, read back so that another day can go on from there."""

from __future__ import annotations

from datetime import date

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, whatever psycopg2 calls it

from retail_medallion.demo.catalogue import demand
from retail_medallion.demo.dice import Weighted
from retail_medallion.demo.lines import CANCELLED
from retail_medallion.demo.sites import places
from retail_medallion.demo.vocabulary import COUNTRIES
from retail_medallion.demo.world import Article, Client, Numbers, Voucher, World

_ARTICLES = """
    SELECT id, upper(trim(article_no)), coalesce(title, title_i18n ->> 'de'), unit::text, kind::int,
        (price * 100)::bigint, (purchase_price * 10000)::bigint, CASE vat_percent WHEN 7 THEN 1 ELSE 0 END, model_id,
        vendor_id
    FROM shop.articles
    WHERE voided_at IS NULL AND price > 0 AND coalesce(title, title_i18n ->> 'de') ~ '[[:alpha:]]'
    ORDER BY id"""
_CLIENTS = """
    SELECT id, upper(trim(address ->> 'country')), address ->> 'town', address ->> 'zip', locale, kind = 2,
        club_level IS NOT NULL
    FROM shop.clients WHERE voided_at IS NULL ORDER BY id"""
_VOUCHERS = """
    SELECT id, CASE kind WHEN 'prozent' THEN value::int ELSE 0 END,
        CASE kind WHEN 'betrag' THEN (value * 100)::int ELSE 0 END
    FROM shop.vouchers WHERE kind IN ('prozent', 'betrag') AND state = 1 AND client_id IS NULL
        AND value < 100
    ORDER BY id"""
# A transfer states both ends; a level that was counted settles what was before.
_LEVELS = """
    WITH moves AS (
        SELECT site_id, article_id, reason, CASE WHEN reason = 'VK' THEN -abs(qty) ELSE qty END AS qty, moved_at, id
        FROM shop.stock_moves WHERE article_id IS NOT NULL AND site_id IS DISTINCT FROM other_site_id
        UNION ALL
        SELECT other_site_id, article_id, reason, -qty, moved_at, id
        FROM shop.stock_moves WHERE reason = 'UM' AND site_id <> other_site_id),
    settled AS (
        SELECT DISTINCT ON (site_id, article_id) site_id, article_id, qty, moved_at, id
        FROM moves WHERE reason IN ('AB', 'IN') ORDER BY site_id, article_id, moved_at DESC, id DESC)
    SELECT m.site_id, m.article_id, ((coalesce(max(s.qty), 0) + coalesce(sum(m.qty) FILTER (
        WHERE m.reason NOT IN ('AB', 'IN') AND (s.id IS NULL OR (m.moved_at, m.id) > (s.moved_at, s.id))), 0))
        * 1000)::bigint
    FROM moves m LEFT JOIN settled s USING (site_id, article_id) GROUP BY 1, 2 ORDER BY 1, 2"""
_HIGHEST = {
    "orders": "SELECT max(id) FROM shop.orders",
    "order_lines": "SELECT max(id) FROM shop.order_lines WHERE id < %s",
    "clients": "SELECT max(id) FROM shop.clients",
    "stock_moves": "SELECT max(id) FROM shop.stock_moves",
    "club_ledger": "SELECT max(id) FROM shop.club_ledger",
    "basket_lines": "SELECT max(id) FROM shop.basket_lines",
    "parcels": "SELECT max(id) FROM shop.parcels",
    "market_orders": "SELECT max(split_part(id, '-', 2)::int) FROM shop.market_orders",
}


def world(cursor: Cursor, day: date) -> World:
    """The goods, places, people and vouchers that are there on the morning of the day."""
    cursor.execute(_ARTICLES)
    goods = [Article(*row) for row in cursor.fetchall()]
    spelled = {name.strip().upper(): land.code for land in COUNTRIES.values() for name in (land.code, *land.spellings)}
    cursor.execute(_CLIENTS)
    people = [Client(number, spelled.get(country or "", "DE"), *rest) for number, country, *rest in cursor.fetchall()]
    cursor.execute(_VOUCHERS)
    vouchers = [Voucher(*row) for row in cursor.fetchall()]
    sites, stores = places()
    articles = Weighted(goods, [demand(article.id) for article in goods])
    return World(articles, stores, sites, people, {day: len(people)}, vouchers)


def numbers(cursor: Cursor) -> Numbers:
    """The next number of every table that counts its rows."""
    following = Numbers()
    for table, highest in _HIGHEST.items():
        cursor.execute(highest, (CANCELLED,) if "%s" in highest else None)
        (number,) = cursor.fetchone() or (0,)
        following.next[table] = int(number or 0) + 1
    return following


def points(cursor: Cursor) -> dict[int, int]:
    """Balances of points by client."""
    cursor.execute(
        "SELECT client_id, sum(CASE WHEN kind IN ('R', 'X') THEN -abs(points) WHEN kind IN ('E', 'B') THEN abs(points)"
        " ELSE points END) FROM shop.club_ledger WHERE client_id IS NOT NULL AND points IS NOT NULL GROUP BY 1"
    )
    return {int(client): int(balance) for client, balance in cursor.fetchall()}


def levels(cursor: Cursor) -> dict[tuple[int, int], int]:
    """What is where, in thousandths of a unit, by place and article."""
    cursor.execute(_LEVELS)
    return {(int(site), int(article)): int(level) for site, article, level in cursor.fetchall()}
