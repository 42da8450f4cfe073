"""A small shop's database and its mapping, for the tools that look at a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import parse_dsn

from retail_medallion.mapping import Mapping, read_mapping
from retail_medallion.onboarding.source import Source, open_source
from retail_medallion.storage.postgres.session import ConnectionSettings
from retail_medallion_tests.servers import FreshDatabase

TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.clients (
    id bigint PRIMARY KEY, given text, family text, mail text, kind text, changed_at timestamptz NOT NULL, tags json);
CREATE INDEX ON shop.clients (changed_at);
CREATE TABLE shop.orders (
    id bigint PRIMARY KEY, client_id bigint REFERENCES shop.clients, state text, at timestamptz, total numeric(12,2),
    net double precision, changed_at timestamptz, note text);
CREATE TABLE shop.spare (id integer);
INSERT INTO shop.clients VALUES
    (1, 'Ada', 'Lovelace', 'ada@example.org', 'P', '2026-06-20 10:00+00', '{}'),
    (2, 'Bob', 'Builder', 'bob@example.org', 'B', '2026-06-20 11:00+00', '{}'),
    (3, NULL, NULL, 'x@example.org', 'Z', '2026-06-21 11:00+00', NULL);
INSERT INTO shop.orders VALUES
    (10, 1, 'open', '2026-06-20 10:00+00', 19.99, 16.8, '2026-06-20 10:00+00', 'leave at the door'),
    (11, 2, 'done', '2026-06-20 11:00+00', 5.00, 4.2, '2026-06-20 11:00+00', NULL),
    (12, 2, 'lost', NULL, 7.50, 6.3, '2026-06-20 12:00+00', NULL);
ANALYZE;
"""

MAPPING = """mapping: v1
source: {code: shop, tenant: shop, owner: a@b.c, timezone: UTC, currency: EUR, country: DE, language: de}
codes:
  state: {open: pending, done: completed}
  kind: {P: person, B: business, strict: true}
entities:
  customers:
    - block: clients
      extract: {table: shop.clients, mode: changed, key: [id], watermark: changed_at}
      key: {customer_id: "id"}
      columns:
        first_name: "given"
        last_name: "family"
        email: "mail"
        customer_type: {expr: "kind", code: kind}
  sales:
    - block: orders
      extract: {table: shop.orders, mode: changed, key: [id], watermark: changed_at}
      key: {sale_id: "id"}
      columns:
        status: {expr: "state", code: state}
        channel: "CASE WHEN client_id = 1 THEN 'web' ELSE 'kiosk' END"
        customer_id: "client_id"
        sold_at: "at"
        total_amount: "total"
"""


def settings_of(database: FreshDatabase) -> ConnectionSettings:
    parts = parse_dsn(database.dsn)
    return ConnectionSettings(
        host=str(parts["host"]),
        port=int(parts["port"]),
        database=database.name,
        user=str(parts["user"]),
        password=str(parts["password"]),
    )


def make(database: FreshDatabase, sql: str = TABLES) -> None:
    connection = database.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


@contextmanager
def source_of(database: FreshDatabase) -> Iterator[Source]:
    with open_source(settings_of(database)) as source:
        yield source


def mapping(*changes: tuple[str, str]) -> Mapping:
    text = MAPPING
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return read_mapping(text.encode(), "shop.yml")
