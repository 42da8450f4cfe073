# ruff: noqa: E501 - rows of values read better whole
"""Tables of awkward columns and values that every way through PostgreSQL, Arrow and Parquet has to survive.

Each :class:`AwkwardTable` makes one table in the schema ``awkward`` and says which types it has. Tests create them with
:func:`create`, send them through whatever they test, and compare with :func:`differences`, which PostgreSQL itself does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg2.extensions
from psycopg2 import sql

SCHEMA = "awkward"

_PREPARE = """
CREATE SCHEMA awkward;
CREATE TYPE awkward."Mood" AS ENUM ('happy', 'so "so"', '', 'blü');
CREATE TYPE awkward.point3 AS (x integer, label text, z numeric);
CREATE DOMAIN awkward.price AS numeric(10, 2) CHECK (VALUE >= 0);
CREATE DOMAIN awkward.base_price AS awkward.price NOT NULL;
CREATE DOMAIN awkward.code AS varchar(8);
"""


@dataclass(frozen=True)
class AwkwardTable:
    """One table.

    Attributes:
        name: Its name in the schema ``awkward``.
        columns: The column definitions of its CREATE TABLE.
        rows: VALUES lists or a SELECT for its INSERT; empty for a table without rows.
        skipped: Columns an INSERT leaves to PostgreSQL (generated ones).
    """

    name: str
    columns: str
    rows: str = ""
    skipped: tuple[str, ...] = ()


TABLES = [
    AwkwardTable(
        "whole_numbers",
        "id bigint, small smallint, medium integer, big bigint, flag boolean",
        """VALUES (1, -32768, -2147483648, -9223372036854775808, true), (2, 32767, 2147483647, 9223372036854775807, false),
           (3, NULL, NULL, NULL, NULL), (4, 0, 0, 9007199254740993, NULL), (5, NULL, 7, 9007199254740993, true)""",
    ),
    AwkwardTable(
        "decimals",
        """id integer, money_like numeric(12,2), wide numeric(38,10), wider numeric(50,3), widest numeric(100,50),
           free numeric, rounded numeric(3,-2), tiny numeric(2,5), whole numeric(20), price awkward.price""",
        """VALUES (1, 0.10, 1234567890123456789012345678.0123456789, 12345678901234567890123456789012345678901234567.125,
                   repeat('9', 50)::numeric, 'NaN', 12345, 0.00012, 12345678901234567890, 1.10),
                  (2, -9999999999.99, -0.0000000001, -0.001, 1e-50, 'Infinity', -99900, 0, -1, 0),
                  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
                  (4, 0, 0, 0, 0, ('1.' || repeat('0', 900) || '50')::numeric, 0, 0.00099, 0, 99999999.99),
                  (5, 1.5, 1, 1, 1, 1.50, 100, 0.00001, 1, 2), (6, 1.5, 1, 1, 1, '-Infinity', 100, 0.00001, 1, 2)""",
    ),
    AwkwardTable(
        "floats",
        "id integer, double double precision, single real",
        """VALUES (1, 'NaN', 'NaN'), (2, 'Infinity', 'Infinity'), (3, '-Infinity', '-Infinity'), (4, '-0', '-0'),
                  (5, 5e-324, 1e-45), (6, 1.7976931348623157e308, 3.4028235e38), (7, 0.1, 0.1), (8, NULL, NULL),
                  (9, 0.30000000000000004, 16777217)""",
    ),
    AwkwardTable(
        "moments",
        "id integer, instant timestamptz, wall timestamp, day date, coarse timestamptz(0), milli timestamp(3)",
        """SELECT row_number() OVER (), m::timestamptz, m::timestamp, m::date, m::timestamptz(0), m::timestamp(3)
           FROM unnest(ARRAY['infinity', '-infinity', '0044-03-15 12:00:00.000001 BC', '0001-01-01 00:00:00',
                '0001-12-31 23:59:59.999999 BC', '1582-10-10 10:10:10', '1900-02-28 23:59:59', '1969-12-31 23:59:59.999999',
                '1970-01-01', '2000-02-29 12:00:00', '2024-03-31 00:59:59.999999', '2024-03-31 01:00:00',
                '2024-10-27 01:00:00', '9999-12-31 23:59:59.999999', '10000-01-01', '294246-12-31 23:59:59.999999',
                '4713-12-31 23:59:59 BC', '2026-01-01 00:00:00.1', NULL]) AS m""",
    ),
    AwkwardTable(
        "days", "day date", "VALUES ('4713-11-24 BC'::date), ('5874897-12-31'), ('infinity'), (NULL), ('0001-01-01')"
    ),
    AwkwardTable(
        "times",
        "id integer, clock time, zoned timetz, span interval, short time(2)",
        """VALUES (1, '24:00:00'::time, '24:00:00-15:59'::timetz, '1 year 2 mons -3 days 04:05:06.789'::interval, '00:00:00.12'::time),
                  (2, '00:00:00', '00:00:00+00', '0', NULL), (3, '23:59:59.999999', '12:34:56.789+05:30', '-1 mon', '1:02'),
                  (4, NULL, NULL, NULL, NULL), (5, '12:00', '12:00Z', '178000000 years', '12:00')""",
    ),
    AwkwardTable(
        "texts",
        'words text, id integer, padded char(5), short varchar(20), sign "char", label name',
        r"""SELECT t, row_number() OVER (), left(t, 5), left(t, 20), left(t, 1)::"char", left(t, 15)::name
            FROM unnest(ARRAY['', ' ', NULL, 'NULL', 'null', E'\\N', E'\\.', E'a\r\nb', E'a\rb', E'a\nb', E'\n', E'a\tb',
                 'back\slash\', '"quoted"', '''single''', ',', 'a,b', E'\uFEFFfirst', E'\u200Bzero', 'é', E'e\u0301',
                 E'\u202Ertl', '😀🏳️‍🌈', E'a\n\\.\nb', E'\u00A0', E'\u2028', '{a,b}', '{}', 'nan', 'inf', '0', 't',
                 E'\x01\x1f\x7f', '  lead and trail  ', repeat('long', 5000)]) AS t""",
    ),
    AwkwardTable("only_text", "words text", r"VALUES (E'\uFEFF'), (NULL), (''), (E'\n'), (E'\\.'), (NULL), ('x')"),
    AwkwardTable(
        "json",
        "id integer, stored jsonb, kept json",
        r"""VALUES (1, '{"a": 1.10, "b": [1, null, "x\"y\\z\n"], "big": 12345678901234567890.12345678901234567890}'::jsonb,
                    '{"a":1,  "a":2 , "z":"\u0000"}'::json), (2, 'null', 'null'), (3, NULL, NULL), (4, '""', '""'),
                   (5, (repeat('[', 500) || repeat(']', 500))::jsonb, '[]'), (6, '{"é😀": "\\"}', '{"n":1e400}')""",
    ),
    AwkwardTable(
        "large_json",
        "id integer, stored jsonb",
        """SELECT 1, jsonb_build_object('blob', repeat('0123456789', 1000000)) UNION ALL SELECT 2, '{}'
           UNION ALL SELECT 3, jsonb_object_agg(n::text, n) FROM generate_series(1, 10000) AS n""",
    ),
    AwkwardTable(
        "arrays",
        """id integer, ints integer[], bigs bigint[], words text[], prices numeric(8,2)[], free numeric[], flags boolean[],
           instants timestamptz[], walls timestamp[], days date[], doubles double precision[], keys uuid[], blobs bytea[],
           docs jsonb[], codes varchar(9)[], padded char(3)[], moods awkward."Mood"[], domains awkward.price[], clocks time[]""",
        r"""VALUES (1, ARRAY[1, NULL, -3], ARRAY[9007199254740993, NULL], ARRAY['a', '', NULL, 'NULL', 'x"y\z', '{,}', E'l\nf'],
                    ARRAY[1.10, NULL]::numeric(8,2)[], ARRAY['NaN', '1.500', NULL]::numeric[], ARRAY[true, NULL, false],
                    ARRAY['2026-01-01 00:00+00', 'infinity', NULL]::timestamptz[],
                    ARRAY['2026-01-01', '0044-03-15 BC']::timestamp[], ARRAY['infinity', '2026-01-01']::date[],
                    ARRAY['NaN', 0.1, '-Infinity']::double precision[],
                    ARRAY['7b0c2f0e-0000-4000-8000-000000000001', NULL]::uuid[], ARRAY['\x00ff', '\x']::bytea[],
                    ARRAY['{"a": 1}', 'null', NULL]::jsonb[], ARRAY['a', '']::varchar[], ARRAY['a', 'b ']::char(3)[],
                    ARRAY['happy', '']::awkward."Mood"[], ARRAY[1.5]::awkward.price[], ARRAY['24:00', '1:02']::time[]),
                   (2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
                   (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""",
    ),
    AwkwardTable(
        "plain_arrays", "ints integer[], words text[]", "VALUES ('{1,NULL}'::integer[], '{a}'::text[]), (NULL, '{}')"
    ),
    AwkwardTable(
        "others",
        """id integer, key uuid, blob bytea, mood awkward."Mood", code awkward.code, spot awkward.point3, span int4range,
           spans int4multirange, address inet, net cidr, mac macaddr, cash money, place point, search tsvector,
           bits bit(3), varbits varbit, number oid, path text""",
        r"""VALUES (1, '7b0c2f0e-0000-4000-8000-00000000000a'::uuid, '\x00ff5c0a'::bytea, 'so "so"'::awkward."Mood", 'abc', (1, 'a,"b', 'NaN'),
                    '[1,5)'::int4range, '{[1,2),[5,9)}'::int4multirange, '10.0.0.1/8'::inet, '10.0.0.0/8'::cidr,
                    '08:00:2b:01:02:03'::macaddr, '12.34'::money, '(1.5,-2)'::point, 'a b'::tsvector, B'101', B'1', 42, 'x'),
                   (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
                   (3, '00000000-0000-0000-0000-000000000000', '', '', '', NULL, 'empty', '{}', '::1', '::/0',
                    NULL, '-1.00', NULL, '', B'000', B'', 0, '')""",
    ),
    AwkwardTable(
        "Identi fiers",
        """"select" integer, "Mixed Case" text, "quo""te" text, "per%cent" text, "per%s" text, "ünï😀" text, "a.b" text,
           "back\\slash" text, "{brace}" integer, "'single'" text, "new
line" text, "x23456789_123456789_123456789_123456789_123456789_123456789_123" text""",
        "VALUES (1, 'a', 'b', '50%', '%s', 'd', 'e', 'f', 2, 'g', 'h', 'i'), (NULL,'','','','','','','',NULL,'','','')",
    ),
    AwkwardTable(
        "all_null",
        "id integer, n numeric(5,2), t text, w timestamptz, a integer[], u uuid, b bytea, f numeric",
        "SELECT g, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM generate_series(1, 3) AS g",
    ),
    AwkwardTable("empty", "id integer, n numeric(5,2), t text, w timestamptz, a integer[], u uuid, b bytea, j jsonb"),
    AwkwardTable(
        "generated",
        "id integer GENERATED ALWAYS AS IDENTITY, net numeric(8,2), gross numeric(10,2) GENERATED ALWAYS AS (net * 1.21) STORED",
        "VALUES (1.00), (NULL), (3.33)",
        skipped=("id", "gross"),
    ),
    AwkwardTable("wide", ", ".join(f"c{n} integer" for n in range(1500)), "VALUES (" + ", ".join(["1"] * 1500) + ")"),
]


def create(connection: psycopg2.extensions.connection) -> None:
    """Make the schema ``awkward`` with all tables, and commit."""
    with connection.cursor() as cursor:
        cursor.execute(_PREPARE)
        for table in TABLES:
            name = sql.Identifier(SCHEMA, table.name)
            cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(table.columns)))
            if table.rows:
                listed = sql.SQL("(net)") if table.skipped else sql.SQL("")
                cursor.execute(sql.SQL("INSERT INTO {} {} {}").format(name, listed, sql.SQL(table.rows)))
    connection.commit()


def differences(
    connection: psycopg2.extensions.connection, one: sql.Composable, other: sql.Composable
) -> list[tuple[Any, ...]]:
    """Compare two tables' rows as PostgreSQL prints them, and the columns' names and types.

    Returns:
        What is in one and not in the other: (side, row) and (side, column, type); nothing where they are equal.
    """
    rows = """SELECT {side}, left(md5(row) || ' ' || row, 300) FROM (
                SELECT x::text AS row FROM {one} AS x EXCEPT ALL SELECT x::text FROM {other} AS x) AS only_here"""
    types = """SELECT {side}, name, type FROM (
        SELECT a.attrelid, a.attname AS name, CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod)
                                                   ELSE format_type(a.atttypid, a.atttypmod) END AS type
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid IN ({one}::regclass, {other}::regclass) AND a.attnum > 0) AS columns
        GROUP BY name, type HAVING count(*) = 1"""
    found: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for side, first, second in (("only in the first", one, other), ("only in the second", other, one)):
            cursor.execute(sql.SQL(rows).format(side=sql.Literal(side), one=first, other=second))
            found += cursor.fetchall()
        texts = [sql.Literal(name.as_string(cursor)) for name in (one, other)]
        cursor.execute(sql.SQL(types).format(side=sql.Literal("type in one only"), one=texts[0], other=texts[1]))
        found += cursor.fetchall()
    return found
