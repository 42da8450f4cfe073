"""Nothing lost, nothing doubled: source, Bronze, Silver and Gold of one source compared in rows and in money.

Each comparison has two sides that were counted independently: what the source counted itself in the snapshot of the
extract, what the Bronze objects hold, what Silver recorded while loading, and what stands in the Silver and Gold tables
now, which is compared row by row with a recomputation as well. The state of a moment is compared with the state of the
same moment: everything in the warehouse is read in one repeatable-read transaction.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from retail_medallion.gold.recompute import compare, hold_tables
from retail_medallion.model import CanonicalModel, Entity, load_model
from retail_medallion.silver.recompute import differing_rows, version_totals
from retail_medallion.storage.parquet_store import ObjectInfo, ParquetStore

_STATES = sa.text("""
    SELECT p.entity, p.partition_date, p.rows_read, p.filtered, p.mapped, p.accepted, p.rejected, p.superseded,
           p.control_totals, l.bronze_objects
    FROM silver_meta.partition_state p JOIN silver_meta.load l USING (load_id)
    WHERE p.source_system = :source
      AND (CAST(:entities AS text[]) IS NULL OR p.entity = ANY(:entities))
      AND (CAST(:days AS date[]) IS NULL OR p.partition_date = ANY(:days))
    ORDER BY p.entity, p.partition_date
""")

# Facts hold what Silver holds, less what Gold leaves out on purpose: test sales, and lines whose sale is not there.
_FACTS = {
    "sales": (
        """SELECT currency_code::text, count(*), sum(total_amount) FROM silver.sales
           WHERE source_system = :source AND NOT is_deleted AND NOT is_test GROUP BY 1""",
        """SELECT f.currency_code, count(*), sum(f.total_amount) FROM gold.fct_sale f
           JOIN gold.dim_source d USING (source_key) WHERE d.source_system = :source GROUP BY 1""",
        "total_amount",
    ),
    "sale_items": (
        """SELECT s.currency_code::text, count(*), sum(abs(i.gross_amount)) FROM silver.sale_items i
           JOIN silver.sales s USING (source_system, sale_id)
           WHERE i.source_system = :source AND NOT i.is_deleted AND NOT s.is_deleted AND NOT s.is_test GROUP BY 1""",
        """SELECT f.currency_code, count(*), sum(abs(f.gross_amount)) FROM gold.fct_sale_item f
           JOIN gold.dim_source d USING (source_key) WHERE d.source_system = :source GROUP BY 1""",
        "gross_amount",
    ),
    "transactions": (
        """SELECT currency_code::text, count(*), sum(amount) FROM silver.transactions t
           WHERE source_system = :source AND NOT is_deleted AND NOT EXISTS (
               SELECT FROM silver.sales s
               WHERE s.source_system = t.source_system AND s.sale_id = t.sale_id AND s.is_test)
           GROUP BY 1""",
        """SELECT f.currency_code, count(*), sum(f.amount) FROM gold.fct_transaction f
           JOIN gold.dim_source d USING (source_key) WHERE d.source_system = :source GROUP BY 1""",
        "amount",
    ),
}

_LINES_WITHOUT_SALE = sa.text("""
    SELECT count(*) FROM silver.sale_items i
    WHERE i.source_system = :source AND NOT i.is_deleted AND NOT EXISTS (
        SELECT FROM silver.sales s
        WHERE s.source_system = i.source_system AND s.sale_id = i.sale_id AND NOT s.is_deleted)
""")


_QUARANTINED = sa.text(
    "SELECT count(*) FROM silver_quarantine.rejected_row WHERE source_system = :source AND entity = :entity"
)


@dataclass(frozen=True)
class Comparison:
    """Two figures that have to be equal.

    Attributes:
        what: The entity and what is compared.
        left_name: Where the left figure comes from.
        left: The left figure; None where it could not be had, which counts as a difference.
        right_name: Where the right figure comes from.
        right: The right figure.
    """

    what: str
    left_name: str
    left: Decimal | int | str | None
    right_name: str
    right: Decimal | int | str | None

    @property
    def holds(self) -> bool:
        """Whether both are known and equal."""
        return self.left is not None and self.left == self.right


@dataclass
class Rows:
    """Rows of a source on their way, all entities or one."""

    source: int = 0
    kept: int = 0
    bronze: int = 0
    read: int = 0
    filtered: int = 0
    mapped: int = 0
    accepted: int = 0
    rejected: int = 0
    superseded: int = 0


@dataclass(frozen=True)
class Reconciliation:
    """The comparisons of one source.

    Attributes:
        source: The source.
        rows: Rows by layer, all entities together.
        comparisons: Everything that was compared.
        money: Total of sales per currency in Silver and in Gold.
        loaded: Control total of the sales' totals over all loads: mapped, accepted, rejected, superseded.
        lines_without_sale: Live lines whose sale is not in Silver; they wait outside Gold.
    """

    source: str
    rows: Rows
    comparisons: list[Comparison]
    money: dict[str, tuple[Decimal, Decimal]]
    loaded: dict[str, Decimal]
    lines_without_sale: int

    @property
    def holds(self) -> bool:
        """Whether every comparison holds."""
        return all(comparison.holds for comparison in self.comparisons)

    def print(self, console: Console) -> None:
        """Print the line people look for, and every comparison that does not hold."""
        r = self.rows
        kept = f" + {r.kept:,} kept from earlier extracts" if r.kept else ""
        console.print(
            f"{self.source} rows: source {r.source:,}{kept} = Bronze {r.bronze:,};"
            f" mapped {r.mapped:,} = Silver {r.accepted:,} + quarantine {r.rejected:,} + superseded {r.superseded:,}"
        )
        made = r.mapped - (r.read - r.filtered)
        console.print(
            f"  mapped = {r.read:,} read - {r.filtered:,} not meant by the mapping + {made:,} more from exploded arrays"
        )
        if self.loaded:
            m = self.loaded
            console.print(
                f"{self.source} money of all sale versions: mapped {m['mapped']:,.2f} = Silver {m['accepted']:,.2f}"
                f" + quarantine {m['rejected']:,.2f} + superseded {m['superseded']:,.2f}"
            )
        for currency, (silver, gold) in sorted(self.money.items()):
            console.print(f"{self.source} sales as they are now, {currency}: Silver {silver:,.2f} = Gold {gold:,.2f}")
        if self.lines_without_sale:
            console.print(
                f"{self.lines_without_sale:,} lines wait outside Gold: their sale is in quarantine or unknown"
            )
        wrong = [c for c in self.comparisons if not c.holds]
        if not wrong:
            console.print(f"All {len(self.comparisons)} comparisons hold, in rows and to the cent.", style="green")
            return
        table = Table("what", "one side", "", "other side", "", title="These do not hold", style="red")
        for c in wrong:
            table.add_row(c.what, c.left_name, _shown(c.left), c.right_name, _shown(c.right))
        console.print(table)


def _shown(figure: Decimal | int | str | None) -> str:
    if figure is None:
        return "unknown"
    return figure if isinstance(figure, str) else f"{figure:,}"


def reconcile(
    connection: sa.Connection, store: ParquetStore, source: str, model: CanonicalModel | None = None
) -> Reconciliation:
    """Compare the layers of a source.

    Args:
        connection: A connection to the warehouse, not yet in a transaction.
        store: The bucket of Bronze.
        source: Code of the source.
        model: The canonical model; the shipped one where None.
    """
    model = model or load_model()
    connection = connection.execution_options(isolation_level="REPEATABLE READ")
    hold_tables(connection)
    states = partition_states(connection, source)
    total, by_entity = Rows(), defaultdict[str, Rows](Rows)
    comparisons = against_bronze(store, states, total, by_entity)
    for entity, rows in by_entity.items():
        comparisons += _silver(connection, model.entity(entity), source, [s for s in states if s["entity"] == entity])
        refused = connection.execute(_QUARANTINED, {"source": source, "entity": entity}).scalar_one()
        comparisons.append(Comparison(f"{entity} rows", "Silver rejected", rows.rejected, "quarantine", refused))
    money: dict[str, tuple[Decimal, Decimal]] = {}
    for entity, silver, gold in _facts(connection, source, by_entity):
        for currency in sorted(silver.keys() | gold.keys()):
            there, here = silver.get(currency, (0, Decimal(0))), gold.get(currency, (0, Decimal(0)))
            comparisons.append(Comparison(f"{entity} in {currency}, rows", "Silver", there[0], "Gold", here[0]))
            comparisons.append(
                Comparison(f"{entity} in {currency}, {_FACTS[entity][2]}", "Silver", there[1], "Gold", here[1])
            )
            if entity == "sales":
                money[currency] = (there[1], here[1])
    comparisons += _gold(connection, source)
    waiting = connection.execute(_LINES_WITHOUT_SALE, {"source": source}).scalar_one()
    return Reconciliation(source, total, comparisons, money, _sales_total(states), waiting)


def partition_states(
    connection: sa.Connection,
    source: str,
    entities: Collection[str] | None = None,
    days: Collection[dt.date] | None = None,
) -> list[dict[str, Any]]:
    """The books of the Silver partitions of a source, of some entities or days where given."""
    parameters = {
        "source": source,
        "entities": None if entities is None else list(entities),
        "days": None if days is None else list(days),
    }
    return [dict(row._mapping) for row in connection.execute(_STATES, parameters)]  # noqa: SLF001 public in SQLAlchemy


def against_bronze(
    store: ParquetStore, states: list[dict[str, Any]], total: Rows, by_entity: defaultdict[str, Rows]
) -> list[Comparison]:
    """Compare the books of Silver partitions with themselves and with the Bronze objects they were made from.

    Args:
        store: The bucket of Bronze; it is asked once for each object.
        states: What `partition_states` gave.
        total: Rows of all entities are added here.
        by_entity: And of each entity here.
    """
    comparisons: list[Comparison] = []
    for state in states:
        rows = by_entity[state["entity"]]
        where = f"{state['entity']} {state['partition_date']}"
        comparisons += _partition(state, where)
        for recorded in state["bronze_objects"]:
            if "/" not in recorded["block"]:
                comparisons += _bronze_object(store, recorded, where, rows, total)
        for name in ("read", "filtered", "mapped", "accepted", "rejected", "superseded"):
            value = state["rows_read" if name == "read" else name]
            setattr(rows, name, getattr(rows, name) + value)
            setattr(total, name, getattr(total, name) + value)
    for entity, rows in by_entity.items():
        comparisons.append(Comparison(f"{entity} rows", "Bronze objects", rows.bronze, "Silver read", rows.read))
    return comparisons


def _sales_total(states: list[dict[str, Any]]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for state in states:
        if state["entity"] == "sales":
            for part, text in state["control_totals"].get("total_amount", {}).items():
                totals[part] += Decimal(text)
    return totals


def _partition(state: Mapping[str, Any], where: str) -> Iterator[Comparison]:
    parted = state["accepted"] + state["rejected"] + state["superseded"]
    yield Comparison(f"{where} rows", "mapped", state["mapped"], "accepted + rejected + superseded", parted)
    for column, totals in state["control_totals"].items():
        figures = {name: Decimal(text) for name, text in totals.items()}
        right = figures["accepted"] + figures["rejected"] + figures["superseded"]
        yield Comparison(f"{where} {column}", "mapped", figures["mapped"], "accepted + rejected + superseded", right)


def _bronze_object(
    store: ParquetStore, recorded: Mapping[str, Any], where: str, rows: Rows, total: Rows
) -> Iterator[Comparison]:
    info = store.stat(recorded["key"])
    what = f"{where} {recorded['block']}"
    yield Comparison(
        f"{what} object", "recorded rows", recorded["rows"], "rows on S3", None if info is None else info.rows
    )
    if info is None:
        return
    yield Comparison(f"{what} object", "content Silver took", recorded["digest"], "content on S3", info.digest)
    metadata = _complete_metadata(store, info)
    unchanged = int(metadata.get("unchanged_rows", 0))
    # Rows that an earlier day's object holds count where they are.
    from_source = int(metadata.get("source_rows", 0)) - unchanged
    for counted in (rows, total):
        counted.bronze += info.rows
        counted.source += from_source
        counted.kept += info.rows - from_source
    if info.rows == from_source and not unchanged and "source_totals" in metadata:
        bronze = json.loads(metadata["control_totals"])
        for column, text in json.loads(metadata["source_totals"]).items():
            left, right = _figure(text), _figure(bronze.get(column))
            yield Comparison(f"{what} {column}", "source", left, "Bronze", right)


def _complete_metadata(store: ParquetStore, info: ObjectInfo) -> Mapping[str, str]:
    # S3 carries 2 KB of metadata with an object; what did not fit is in the Parquet footer.
    if info.rows and not {"source_rows", "source_totals", "control_totals"} <= info.metadata.keys():
        with store.open(info) as opened:
            return opened.metadata
    return info.metadata


def _figure(text: str | None) -> Decimal:
    return Decimal(0) if text is None else Decimal(text)


def _silver(
    connection: sa.Connection, entity: Entity, source: str, states: list[dict[str, Any]]
) -> Iterator[Comparison]:
    """What stands in Silver against the books of its loads, and the current state against the versions."""
    accepted: dict[str, Decimal] = defaultdict(Decimal)
    for state in states:
        for column, totals in state["control_totals"].items():
            accepted[column] += Decimal(totals["accepted"])
    rows, sums = version_totals(connection, source, entity, accepted)
    loaded = sum(state["accepted"] for state in states)
    yield Comparison(f"{entity.entity} rows", "Silver accepted", loaded, "silver_versions", rows)
    for column, total in accepted.items():
        yield Comparison(f"{entity.entity} {column}", "Silver accepted", total, "silver_versions", sums[column])
    differing = differing_rows(connection, source, entity)
    yield Comparison(f"{entity.entity} rows", "other than the versions say", differing, "allowed", 0)


def _gold(connection: sa.Connection, source: str) -> Iterator[Comparison]:
    for table, found in compare(connection, source).items():
        yield Comparison(f"{table} rows", "missing, or other than Silver says", found.missing, "allowed", 0)
        yield Comparison(f"{table} rows", "not from Silver", found.unexpected, "allowed", 0)


def _facts(
    connection: sa.Connection, source: str, entities: Mapping[str, Rows]
) -> Iterator[tuple[str, dict[str, tuple[int, Decimal]], dict[str, tuple[int, Decimal]]]]:
    for entity, (silver, gold, _) in _FACTS.items():
        if entity in entities:
            yield entity, _by_currency(connection, silver, source), _by_currency(connection, gold, source)


def _by_currency(connection: sa.Connection, statement: str, source: str) -> dict[str, tuple[int, Decimal]]:
    result = connection.execute(sa.text(statement), {"source": source})
    return {currency: (count, total) for currency, count, total in result}
