"""Writing Silver partitions, against an oracle in plain Python that knows only the definition of the current state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.errors import DataContractError
from retail_medallion.model import load_model
from retail_medallion.silver import statements
from retail_medallion.silver.news import version_of
from retail_medallion.silver.schema import ensure_schema
from retail_medallion.silver.writer import SilverPartition, SilverWriter
from retail_medallion.storage.postgres.session import raw_connection
from retail_medallion_tests.silver.cells import cell

MODEL = load_model()
ITEMS = MODEL.entity("sale_items")
VERSION_OF_LINE = version_of(ITEMS.key)
DAYS = [dt.date(2026, 5, 30) + dt.timedelta(days=n) for n in range(4)]
SOLD = {
    "line_type": "sale",
    "returned_quantity": Decimal("0.000"),
    "unit_price": Decimal("1.0000"),
    "gross_amount": Decimal("1.0000"),
    "discount_amount": Decimal("0.0000"),
    "tax_amount": Decimal("0.0000"),
    "net_amount": Decimal("1.0000"),
}


@dataclass(frozen=True)
class Version:
    """What one day says about one line."""

    op: str
    sale: str = ""
    quantity: int = 0
    soft_deleted: bool = False

    def row(self, key: str) -> dict[str, Any]:
        if self.op != "U":
            return {"sale_item_id": key, "op": self.op}
        return {
            **SOLD,
            "sale_item_id": key,
            "sale_id": self.sale,
            "quantity": Decimal(self.quantity).quantize(Decimal("0.001")),
            "is_deleted": self.soft_deleted,
        }


@dataclass(frozen=True)
class Content:
    """What one day holds."""

    rows: tuple[tuple[str, Version], ...]
    scopes: frozenset[str]


State = dict[str, tuple[str, int, bool, dt.date, dt.date]]


def oracle(record: dict[dt.date, Content]) -> State:
    """The current state, straight from its definition: key -> (sale, quantity, deleted, winner, effective)."""
    state: State = {}
    keys = {key for content in record.values() for key, _ in content.rows}
    for key in keys:
        said = {day: dict(content.rows)[key] for day, content in record.items() if key in dict(content.rows)}
        updates = [day for day, version in said.items() if version.op == "U"]
        if not updates:
            continue
        winner = max(day for day, version in said.items() if version.op in "UD")
        seen = max(day for day, version in said.items() if version.op in "UP")
        last = said[max(updates)]
        tombstone = said[winner].op == "D"
        proven_gone = [day for day, content in record.items() if day > seen and content.scopes & {"*", last.sale}]
        gone = min(proven_gone) if proven_gone and not tombstone else None
        deleted = tombstone or last.soft_deleted or gone is not None
        state[key] = (last.sale, last.quantity, deleted, winner, gone or winner)
    return state


History = dict[str, list[tuple[dt.date, Version]]]


def histories(record: dict[dt.date, Content]) -> History:
    """The states of each key in the order of days, without those that say what the one before says."""
    found: History = {}
    for day, content in sorted(record.items()):
        for key, version in content.rows:
            if version.op == "U" and (key not in found or found[key][-1][1] != version):
                found.setdefault(key, []).append((day, version))
    return found


def as_of(record: dict[dt.date, Content], key: str, day: dt.date) -> Version | None:
    """The state of a key at the end of a day."""
    states = histories({d: content for d, content in record.items() if d <= day}).get(key)
    return states[-1][1] if states else None


class Warehouse:
    """A Silver database with one consumer of lines by line and by sale."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        with engine.begin() as connection:
            ensure_schema(connection, MODEL)
            for role in ("sale_item_id", "sale_id", VERSION_OF_LINE):
                connection.execute(
                    sa.text("INSERT INTO meta.consumer VALUES ('fct', 'sale_items', :role) ON CONFLICT DO NOTHING"),
                    {"role": role},
                )

    def clear(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "TRUNCATE silver.sale_items, silver_versions.sale_items, silver_meta.partition_state,"
                    " silver_meta.load, silver_meta.load_run, silver_meta.scope_seen,"
                    " silver_quarantine.rejected_row, meta.pending"
                )
            )

    def write(
        self,
        partition: SilverPartition,
        source: str = "a",
        *,
        mapping_version: str = "1",
        model_version: str = "1",
        accept_shrink: bool = False,
    ) -> Any:
        writer = SilverWriter(
            ITEMS,
            source,
            mapping_version=mapping_version,
            model_version=model_version,
            open_partition=lambda _: partition,
            run_id="r",
            accept_shrink=accept_shrink,
        )
        with self.engine.begin() as connection:
            return writer.write(connection, partition.day.isoformat())

    def rows(self, query: str, **parameters: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), parameters)]

    def state(self, source: str = "a") -> State:
        found = self.rows(
            "SELECT sale_item_id, sale_id, quantity, is_deleted, winner_partition, effective_partition"
            " FROM silver.sale_items WHERE source_system = :source",
            source=source,
        )
        return {
            key: (sale, int(quantity), deleted, winner, effective)
            for key, sale, quantity, deleted, winner, effective in found
        }

    def pending(self) -> set[tuple[str, str]]:
        return {(role, id_) for role, id_ in self.rows("SELECT role, id FROM meta.pending")}

    def drain(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM meta.pending"))


@pytest.fixture(scope="module")
def warehouse(postgres_server: Any) -> Iterator[Warehouse]:
    from retail_medallion_tests.servers import fresh_database_on

    with fresh_database_on(postgres_server) as database:
        engine = sa.create_engine(database.url, poolclass=sa.pool.StaticPool)
        yield Warehouse(engine)
        engine.dispose()


_version = st.one_of(
    st.builds(Version, st.just("U"), st.sampled_from("AB"), st.integers(1, 3), st.booleans()),
    st.builds(Version, st.sampled_from("DP")),
)
_content = st.builds(
    Content,
    st.dictionaries(st.sampled_from(["1", "2", "3"]), _version).map(
        lambda rows: tuple(sorted(rows.items(), key=lambda i: i[0]))
    ),
    st.frozensets(st.sampled_from(["*", "A", "B"]), max_size=2),
)
_schedule = st.lists(st.tuples(st.sampled_from(DAYS), _content), min_size=1, max_size=9)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=_schedule)
def test_after_any_schedule_the_current_state_is_what_the_versions_say(
    warehouse: Warehouse, schedule: list[tuple[dt.date, Content]]
) -> None:
    warehouse.clear()
    record: dict[dt.date, Content] = {}
    for day, content in schedule:
        before, replaced = oracle(record), record.get(day)
        record[day] = content
        after = oracle(record)
        warehouse.drain()
        warehouse.write(cell(ITEMS, day, [v.row(k) for k, v in content.rows], sorted(content.scopes)))
        assert warehouse.state() == after
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        expected = {("sale_item_id", key) for key in changed} | {
            ("sale_id", image[key][0]) for key in changed for image in (before, after) if key in image
        }
        assert expected <= warehouse.pending()
        earlier = {d: c for d, c in record.items() if d != day} | ({day: replaced} if replaced else {})
        was, now = histories(earlier), histories(record)
        revised = {key for role, key in warehouse.pending() if role == VERSION_OF_LINE}
        assert {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)} <= revised
        assert revised == {key for key in "123" if as_of(earlier, key, day) != as_of(record, key, day)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.fixed_dictionaries(dict.fromkeys(DAYS, _content)),
    first=st.permutations(DAYS),
    second=st.lists(st.sampled_from(DAYS), max_size=6),
)
def test_days_in_any_order_and_repeated_give_the_same_tables(
    warehouse: Warehouse, contents: dict[dt.date, Content], first: list[dt.date], second: list[dt.date]
) -> None:
    def result(days: list[dt.date]) -> list[list[tuple[Any, ...]]]:
        warehouse.clear()
        for day in days:
            warehouse.write(cell(ITEMS, day, [v.row(k) for k, v in contents[day].rows], sorted(contents[day].scopes)))
        return [
            warehouse.rows("SELECT * FROM silver.sale_items ORDER BY sale_item_id"),
            warehouse.rows("SELECT * FROM silver_versions.sale_items ORDER BY sale_item_id, partition_date"),
            warehouse.rows("SELECT * FROM silver_meta.scope_seen ORDER BY 1, 2, 3, 4"),
            warehouse.rows("SELECT * FROM silver_meta.partition_state ORDER BY 1, 2, 3"),
        ]

    assert result([*first, *second]) == result(DAYS)


def _line(key: str, sale: str = "A") -> dict[str, Any]:
    return Version("U", sale, 1).row(key)


def test_the_same_input_again_is_skipped(warehouse: Warehouse) -> None:
    warehouse.clear()
    partition = cell(ITEMS, DAYS[0], [_line("1")])
    first = warehouse.write(partition)
    assert not first.skipped
    assert first.bytes
    warehouse.drain()
    again = warehouse.write(partition)
    assert again.skipped
    assert again.rows == 1
    assert again.bytes is None
    assert warehouse.pending() == set()


def test_a_line_that_moves_to_another_sale_is_news_for_both_sales(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(cell(ITEMS, DAYS[0], [_line("1", "A")]))
    warehouse.drain()
    warehouse.write(cell(ITEMS, DAYS[1], [_line("1", "B")]))
    told = {("sale_id", "A"), ("sale_id", "B"), ("sale_item_id", "1"), (VERSION_OF_LINE, "1")}
    assert warehouse.pending() == told


def test_an_earlier_day_that_changes_no_current_row_is_news_for_whoever_reads_histories(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(cell(ITEMS, DAYS[2], [_line("1", "A"), _line("2", "A")]))
    warehouse.drain()
    warehouse.write(cell(ITEMS, DAYS[0], [_line("1", "B"), _line("2", "A")]))
    assert warehouse.pending() == {(VERSION_OF_LINE, "1"), (VERSION_OF_LINE, "2")}
    warehouse.drain()
    warehouse.write(cell(ITEMS, DAYS[1], [_line("1", "B"), _line("2", "B")]))
    assert warehouse.pending() == {(VERSION_OF_LINE, "2")}
    warehouse.drain()
    warehouse.write(cell(ITEMS, DAYS[1], [_line("1", "B")]))
    assert warehouse.pending() == {(VERSION_OF_LINE, "2")}


def test_too_many_rejected_rows_block_the_partition_and_keep_its_old_content(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(cell(ITEMS, DAYS[0], [_line(str(n)) for n in range(20)]))
    before = warehouse.state()
    with pytest.raises(DataContractError, match="rejected"):
        warehouse.write(cell(ITEMS, DAYS[0], [_line(str(n)) for n in range(20)], rejected=11))
    assert warehouse.state() == before
    assert warehouse.rows("SELECT count(*) FROM silver_quarantine.rejected_row") == [(0,)]


def test_a_few_rejected_rows_stand_in_quarantine_and_leave_it_when_mended(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(cell(ITEMS, DAYS[0], [_line("1")], rejected=2))
    assert warehouse.rows("SELECT rejected FROM silver_meta.partition_state") == [(2,)]
    assert warehouse.rows("SELECT count(*) FROM silver_quarantine.rejected_row") == [(2,)]
    warehouse.write(cell(ITEMS, DAYS[0], [_line("1"), _line("2")]))
    assert warehouse.rows("SELECT count(*) FROM silver_quarantine.rejected_row") == [(0,)]


def test_a_key_whose_row_is_rejected_is_not_taken_for_deleted(warehouse: Warehouse) -> None:
    warehouse.clear()
    # The hand-made rejected row has the key "0".
    warehouse.write(cell(ITEMS, DAYS[0], [_line("0"), _line("1")], ["*"], mode="snapshot"))
    warehouse.write(cell(ITEMS, DAYS[1], [_line("1")], ["*"], rejected=1, mode="snapshot"))
    assert warehouse.state()["0"][2] is False
    warehouse.write(cell(ITEMS, DAYS[2], [_line("1")], ["*"], mode="snapshot"))
    assert warehouse.state()["0"][2:] == (True, DAYS[0], DAYS[2])


def test_another_model_or_mapping_writes_the_day_again(warehouse: Warehouse) -> None:
    warehouse.clear()
    partition = cell(ITEMS, DAYS[0], [_line("1")])
    assert not warehouse.write(partition).skipped
    assert not warehouse.write(partition, model_version="2").skipped
    assert not warehouse.write(partition, model_version="2", mapping_version="2").skipped
    assert warehouse.write(partition, model_version="2", mapping_version="2").skipped


def _snapshot(day: dt.date, rows: int, *, observed: bool = True, mode: str = "snapshot") -> SilverPartition:
    lines = [_line(str(n)) for n in range(rows)]
    return cell(ITEMS, day, lines, ["*"] if observed else [], mode=mode, observed=observed)


def test_a_snapshot_that_lost_a_third_of_its_rows_is_refused(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(_snapshot(DAYS[0], 40))
    with pytest.raises(DataContractError, match=f"13 fewer than the one of {DAYS[0]}"):
        warehouse.write(_snapshot(DAYS[1], 27))
    assert len(warehouse.state()) == 40


@pytest.mark.parametrize(("before", "after"), [(40, 28), (30, 20), (12, 2)])
def test_a_snapshot_that_lost_less_or_only_few_rows_is_believed(warehouse: Warehouse, before: int, after: int) -> None:
    warehouse.clear()
    warehouse.write(_snapshot(DAYS[0], before))
    assert "snapshot_warning" not in warehouse.write(_snapshot(DAYS[1], after)).metadata


def test_a_day_nobody_looked_at_the_source_does_not_hide_that_a_snapshot_shrank(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(_snapshot(DAYS[0], 40))
    warehouse.write(_snapshot(DAYS[1], 0, observed=False))
    with pytest.raises(DataContractError, match=f"20 fewer than the one of {DAYS[0]}"):
        warehouse.write(_snapshot(DAYS[2], 20))


def test_a_snapshot_is_not_compared_with_days_of_changes(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(_snapshot(DAYS[0], 40, mode="changed"))
    warehouse.write(_snapshot(DAYS[2], 40, mode="changed"))
    assert "snapshot_warning" not in warehouse.write(_snapshot(DAYS[1], 20)).metadata


def test_a_snapshot_is_compared_with_the_nearest_days_whatever_was_loaded_last(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(_snapshot(DAYS[1], 20))
    report = warehouse.write(_snapshot(DAYS[0], 40))
    assert f"snapshot of {DAYS[1]}" in report.metadata["snapshot_warning"]
    assert "20 fewer" in report.metadata["snapshot_warning"]
    # Against 20 rows, not against the 40 that were loaded last.
    assert "snapshot_warning" not in warehouse.write(_snapshot(DAYS[2], 19)).metadata
    warehouse.write(_snapshot(DAYS[3], 90))
    with pytest.raises(DataContractError, match=f"50 fewer than the one of {DAYS[3]}"):
        warehouse.write(_snapshot(DAYS[3] + dt.timedelta(days=1), 40))


def test_an_observed_day_is_warned_about_past_one_nobody_looked_at(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(_snapshot(DAYS[1], 0, observed=False))
    warehouse.write(_snapshot(DAYS[2], 20))
    assert f"snapshot of {DAYS[2]}" in warehouse.write(_snapshot(DAYS[0], 40)).metadata["snapshot_warning"]


def _listed(day: dt.date, keys: int, **covered: int) -> SilverPartition:
    """One changed line beside a list of keys."""
    rows = [_line("0"), *({"sale_item_id": str(n), "op": "P"} for n in range(1, keys))]
    return cell(ITEMS, day, rows, ["*"], mode="changed+keys", covered=covered or {"cards": keys})


def test_a_list_of_keys_that_shrank_is_refused_and_deletes_nothing(warehouse: Warehouse) -> None:
    warehouse.clear()
    first = cell(ITEMS, DAYS[0], [_line(str(n)) for n in range(40)], ["*"], mode="changed+keys", covered={"cards": 40})
    warehouse.write(first)
    warehouse.write(cell(ITEMS, DAYS[1], [_line("1")], mode="changed+keys", covered={}))
    with pytest.raises(DataContractError, match=f"39 fewer than the one of {DAYS[0]}"):
        warehouse.write(_listed(DAYS[2], 1))
    with pytest.raises(DataContractError, match="has 0 rows"):
        warehouse.write(cell(ITEMS, DAYS[2], [], ["*"], mode="changed+keys", covered={"cards": 0}))
    assert not any(deleted for _, _, deleted, _, _ in warehouse.state().values())
    warehouse.write(_listed(DAYS[2], 30))
    assert sum(deleted for _, _, deleted, _, _ in warehouse.state().values()) == 10


def test_a_block_that_shrank_is_refused_though_another_grew_as_much(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(_listed(DAYS[0], 40, north=20, south=20))
    with pytest.raises(DataContractError, match=r"Block south: the snapshot has 0 rows, 20 fewer"):
        warehouse.write(_listed(DAYS[1], 40, north=40, south=0))
    # A block under another name is the same table.
    assert "snapshot_warning" not in warehouse.write(_listed(DAYS[1], 40, north=20, east=20)).metadata
    with pytest.raises(DataContractError, match=r"The snapshot has 20 rows, 20 fewer"):
        warehouse.write(_listed(DAYS[2], 20, north=20))


def test_a_shrunken_table_is_believed_where_that_is_asked_for_and_is_what_the_next_day_is_held_against(
    warehouse: Warehouse,
) -> None:
    warehouse.clear()
    warehouse.write(_snapshot(DAYS[0], 40))
    with pytest.raises(DataContractError) as refused:
        warehouse.write(_snapshot(DAYS[1], 20))
    assert "retail-medallion run --accept-shrink a/sale_items" in str(refused.value.fix)
    report = warehouse.write(_snapshot(DAYS[1], 20), accept_shrink=True)
    assert "20 fewer than the one of" in report.metadata["snapshot_warning"]
    assert "snapshot_warning" not in warehouse.write(_snapshot(DAYS[2], 19)).metadata


def test_a_snapshot_written_before_its_rows_were_kept_apart_still_counts(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(_snapshot(DAYS[0], 40))
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("UPDATE silver_meta.partition_state SET covered_rows = NULL"))
    with pytest.raises(DataContractError, match=f"20 fewer than the one of {DAYS[0]}"):
        warehouse.write(_snapshot(DAYS[1], 20))


def test_a_long_list_of_keys_does_not_hide_that_all_other_rows_were_rejected(warehouse: Warehouse) -> None:
    warehouse.clear()
    keys = [{"sale_item_id": str(n), "op": "P"} for n in range(1000)]
    with pytest.raises(DataContractError, match="11 of 11 rows were rejected"):
        warehouse.write(cell(ITEMS, DAYS[0], keys, ["*"], rejected=11, mode="changed+keys"))
    with pytest.raises(DataContractError, match="11 of 31 rows were rejected"):
        warehouse.write(cell(ITEMS, DAYS[0], [*keys[20:], *(_line(str(n)) for n in range(20))], rejected=11))
    many = [_line(str(n)) for n in range(300)]
    assert warehouse.write(cell(ITEMS, DAYS[0], many, rejected=11)).metadata["rejected"] == 11


def test_the_same_key_of_two_sources_are_two_rows(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(cell(ITEMS, DAYS[0], [_line("1", "A")]), source="a")
    warehouse.write(cell(ITEMS, DAYS[0], [_line("1", "B")]), source="b")
    assert warehouse.state("a")["1"][0] == "A"
    assert warehouse.state("b")["1"][0] == "B"


def test_the_full_recompute_gives_the_maintained_table(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(cell(ITEMS, DAYS[1], [_line("1"), _line("2")], ["A"]))
    warehouse.write(cell(ITEMS, DAYS[0], [_line("3")]))
    with warehouse.engine.connect() as connection, raw_connection(connection).cursor() as cursor:
        cursor.execute(
            statements.for_entity(ITEMS).recompute_current, {"source": "a", "entity": "sale_items", "day": DAYS[0]}
        )
        recomputed = sorted(map(repr, cursor.fetchall()))
    assert recomputed == sorted(map(repr, warehouse.rows("SELECT * FROM silver.sale_items")))
