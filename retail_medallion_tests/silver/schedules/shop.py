"""A shop small enough to be taken through every schedule: tables for each mode of extraction, and two mappings of them.

The entities are as narrow as their modes allow, because what is tried here is order and completeness, not cleaning.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from retail_medallion.mapping import Mapping, load_mapping
from retail_medallion.model import CanonicalModel, load_model

FIRST = date(2026, 3, 30)
DAYS = tuple(FIRST + timedelta(days=number) for number in range(4))
SOURCE = "shop"

_ENTITIES = {
    "orders": """
        entity: orders
        description: One order.
        key: order_id
        columns:
          order_id: {type: text, required: true, standardise: key, meaning: source key}
          note: {type: text, standardise: text, meaning: what was written on it}
          amount: {type: 'numeric(18,4)', required: true, standardise: money, meaning: total}
        rules:
          - {id: negative, severity: reject, column: amount, when: amount < 0, message: the total is negative}
          - {id: nothing, severity: warn, column: amount, when: amount = 0, message: the total is 0}
        findings:
          - id: without_lines
            column: order_id
            message: the order has no lines
            scope: order_id
            drivers: [orders, lines]
            query: >-
              SELECT o.order_id AS scope, o.order_id AS id, NULL AS expected, NULL AS actual
              FROM {scope} k JOIN {orders} o ON o.order_id = k.id
              WHERE NOT EXISTS (SELECT FROM {lines} l WHERE l.order_id = o.order_id)
    """,
    "lines": """
        entity: lines
        description: One line of an order.
        key: line_id
        columns:
          line_id: {type: text, required: true, standardise: key, meaning: source key}
          order_id:
            {type: text, required: true, standardise: reference, references: orders, delete_scope: true, meaning: order}
          units: {type: 'numeric(18,3)', required: true, standardise: quantity, minimum: 0, meaning: units}
    """,
    "things": """
        entity: things
        description: One thing on the shelf.
        key: thing_id
        columns:
          thing_id: {type: text, required: true, standardise: key, meaning: source key}
          label: {type: text, required: true, standardise: name, meaning: name}
    """,
    "members": """
        entity: members
        description: One member of the club.
        key: member_id
        columns:
          member_id: {type: text, required: true, standardise: key, meaning: source key}
          label: {type: text, required: true, standardise: name, meaning: name}
    """,
    "shelves": """
        entity: shelves
        description: One shelf.
        key: shelf_id
        columns:
          shelf_id: {type: text, required: true, standardise: key, meaning: source key}
          label: {type: text, required: true, standardise: name, meaning: name}
    """,
    "events": """
        entity: events
        description: Something that happened to an order, written down once.
        key: event_id
        columns:
          event_id: {type: text, required: true, standardise: key, meaning: source key}
          order_id: {type: text, standardise: reference, references: orders, meaning: order}
          points: {type: 'numeric(18,2)', required: true, standardise: points, meaning: points}
    """,
}

SCHEMA = """
    CREATE TABLE orders
        (id integer PRIMARY KEY, note text, amount numeric(12,2), voided_at timestamptz, touched_at timestamptz);
    CREATE TABLE lines (id integer PRIMARY KEY, order_id integer NOT NULL, units numeric(10,3));
    CREATE TABLE things (id integer PRIMARY KEY, label text);
    CREATE TABLE members (id integer PRIMARY KEY, label text, touched_at timestamptz);
    CREATE TABLE shelves (id integer PRIMARY KEY, label text);
    CREATE TABLE events
        (id integer PRIMARY KEY, order_id integer, points numeric(8,2), recorded_at timestamptz NOT NULL);
"""

_MAPPING = """
mapping: v1
source:
  {code: shop, tenant: shop, owner: data@shop.example, timezone: UTC, currency: EUR, country: DE, language: de,
   first_day: %(first)s}
entities:
  orders:
    - block: orders
      extract: {table: orders, mode: changed, key: [id], watermark: touched_at}
      %(where)s
      key: {order_id: "id"}
      columns: {note: "note", amount: "%(amount)s", deleted_at: "voided_at", source_updated_at: "touched_at"}
  lines:
    - block: lines
      extract:
        query: "select o.id as document_id, o.touched_at, l.* from orders o left join lines l on l.order_id = o.id"
        mode: documents
        key: [document_id, id]
        document: [document_id]
        watermark: touched_at
      where: "id IS NOT NULL"
      key: {line_id: "id"}
      complete: {within: order_id, value: "document_id"}
      columns: {order_id: "order_id", units: "units", source_updated_at: "touched_at"}
  things:
    - block: things
      extract: {table: things, mode: snapshot, key: [id]}
      key: {thing_id: "id"}
      complete: {within: table}
      columns: {label: "label"}
  members:
    - block: members
      extract: {table: members, mode: changed, key: [id], watermark: touched_at}
      key: {member_id: "id"}
      columns: {label: "label", source_updated_at: "touched_at"}
    - block: cards
      extract: {table: members, mode: keys, key: [id]}
      key: {member_id: "id"}
  shelves:
    - block: shelves
      extract: {table: shelves, mode: compared, key: [id]}
      key: {shelf_id: "id"}
      columns: {label: "label"}
  events:
    - block: events
      extract: {table: events, mode: appended, key: [id], watermark: recorded_at}
      key: {event_id: "id"}
      columns: {order_id: "order_id", points: "points", source_updated_at: "recorded_at"}
"""


def shop_model(folder: Path) -> CanonicalModel:
    """The model of the shop, written to files and read from them as any model is."""
    for part in ("entities", "codes"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, text in _ENTITIES.items():
        lines = text.strip("\n").splitlines()
        (folder / "entities" / f"{name}.yml").write_text("\n".join(line[8:] for line in lines))
    return load_model(folder)


def shop_mappings(folder: Path) -> tuple[Mapping, Mapping]:
    """Two mappings of the shop: the second one leaves internal orders out and counts amounts twice."""
    variants = (
        {"where": "", "amount": "amount"},
        {"where": "where: \"note IS DISTINCT FROM 'i'\"", "amount": "amount * 2"},
    )
    found = []
    for number, variant in enumerate(variants):
        path = folder / f"mapping_{number}.yml"
        path.write_text(_MAPPING % {"first": FIRST.isoformat(), **variant})
        found.append(load_mapping(path))
    return found[0], found[1]
