"""Mode compared: a day holds what differs from the observation before, whatever the source says of its rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.errors import DataContractError, SchemaDriftError, SourceSchemaError
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion_tests.bronze.harness import Source

BLOCK = ExtractBlock(name="stock", mode=Mode.COMPARED, key=("shop", "id"), table="stock")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def stock(source: Source) -> Source:
    source.block = BLOCK
    make_table(source)
    return source


def make_table(source: Source) -> None:
    source.execute("DROP TABLE IF EXISTS stock")
    source.execute(
        "CREATE TABLE stock (shop text, id int, label text, amount numeric(12,2), weight float8, tags text[], "
        "code uuid, seen timestamptz)"
    )


def put(source: Source, **amounts: int | None) -> None:
    """Make the table hold these articles of one shop, and nothing else."""
    source.execute(
        "DELETE FROM stock; INSERT INTO stock "
        "SELECT 'a', id, 'x', amount, 'NaN', '{u,NULL}', %s, '2025-02-01' "
        "FROM unnest(%s::int[], %s::int[]) AS given (id, amount)",
        (str(uuid.UUID(int=7)), [int(name[1:]) for name in amounts], list(amounts.values())),
    )


def said(source: Source, number: int) -> dict[int, int | str | None]:
    """What the object of a day says of each article: its amount, or that it is gone."""
    rows = source.rows(number)
    for row in rows:
        others = {name: row[name] for name in row if name not in {"shop", "id", "_extracted_at", "_deleted"}}
        assert not row["_deleted"] or not any(others.values()), row
        assert row["_extracted_at"] is not None
    return {row["id"]: "gone" if row["_deleted"] else row["amount"] and int(row["amount"]) for row in rows}


def states(source: Source) -> list[str]:
    return [key for key in source.store.list_keys("") if "/_state/" in key]


def forget(source: Source, *keys: str) -> None:
    for key in keys:
        source.store.remove(key)


def test_a_day_holds_what_is_new_or_other_and_the_keys_that_are_gone(stock: Source) -> None:
    put(stock, k1=1, k2=2, k3=None)
    stock.run(0)
    put(stock, k2=2, k3=3, k4=4)
    stock.run(1)
    assert (said(stock, 0), said(stock, 1)) == ({1: 1, 2: 2, 3: None}, {1: "gone", 3: 3, 4: 4})
    metadata = stock.info(1).metadata
    assert (metadata["source_rows"], metadata["unchanged_rows"], metadata["gone_keys"]) == ("3", "1", "1")
    put(stock, k1=1, k2=2, k3=3, k4=4)
    [info] = stock.run(2)
    assert (said(stock, 2), info.metadata["compared_with"]) == ({1: 1}, "2025-03-02")


def test_a_day_observed_again_is_compared_with_the_day_before_it(stock: Source) -> None:
    put(stock, k1=1, k2=2)
    stock.run(0)
    put(stock, k1=5, k3=3)
    [first] = stock.run(1)
    assert stock.run(1) == [first]
    put(stock, k1=1, k2=2)
    stock.run(1)
    assert said(stock, 1) == {}
    put(stock, k1=6)
    stock.run(0, 1)
    assert (said(stock, 0), said(stock, 1)) == ({1: 1, 2: 2}, {1: 6, 2: "gone"})


def test_today_is_never_stored_under_a_day_before_one_already_observed(stock: Source) -> None:
    put(stock, k1=1)
    stock.run(3)
    put(stock, k1=2)
    [earlier] = stock.run(1)
    assert (earlier.metadata["observed"], earlier.rows) == ("false", 0)
    stock.run(2, 3, 4)
    assert [stock.info(number).metadata["observed"] for number in (2, 3, 4)] == ["false", "true", "true"]
    assert (said(stock, 3), said(stock, 4)) == ({1: 1}, {1: 2})


def test_every_kind_of_change_is_seen_and_nothing_else(stock: Source) -> None:
    put(stock, k1=1, k2=2)
    stock.run(0)
    for number, change in enumerate(
        (
            "weight = '-0'",
            "weight = '0'",
            "weight = 1.0000000000000002",
            "weight = NULL",
            "label = ''",
            "label = NULL",
            "tags = '{u,NULL,v}'",
            "tags = '{uN,ULL,v}'",
            "tags = '{}'",
            "tags = NULL",
            "code = gen_random_uuid()",
            "seen = '2025-03-01 00:00:00.000001+00'",
            "amount = 1.01",
        ),
        start=1,
    ):
        stock.execute(f"UPDATE stock SET {change} WHERE id = 1")  # noqa: S608 the texts above
        [info] = stock.run(number)
        assert [row["id"] for row in stock.rows(number)] == [1], change
        stock.execute("UPDATE stock SET label = label, weight = weight")
        assert stock.run(number) == [info]


def test_rows_of_one_key_are_compared_as_a_whole(stock: Source) -> None:
    put(stock, k1=1)
    stock.execute("INSERT INTO stock (shop, id, amount) VALUES ('a', 9, 1), ('a', 9, 2), (NULL, 8, 3), (NULL, NULL, 4)")
    stock.run(0)
    stock.execute("DELETE FROM stock WHERE amount IN (1, 3) AND id > 1")
    stock.execute("INSERT INTO stock (shop, id, amount) VALUES ('a', 9, 3)")
    stock.run(1)
    assert [(row["shop"], row["id"], row["_deleted"]) for row in stock.rows(1)] == [
        ("a", 9, False),
        ("a", 9, False),
        (None, 8, True),
    ]
    assert stock.run(2)[0].rows == 0


def test_an_object_without_rows_is_told_from_a_day_nobody_looked_at(stock: Source) -> None:
    stock.run(0, 1)
    assert [stock.info(number).metadata["observed"] for number in range(2)] == ["false", "true"]
    with stock.store.open(stock.info(0)) as one, stock.store.open(stock.info(1)) as other:
        assert one.schema.equals(other.schema, check_metadata=True)


def test_where_the_state_is_lost_every_row_is_written_and_what_is_gone_is_still_told(
    stock: Source, caplog: pytest.LogCaptureFixture
) -> None:
    put(stock, k1=1, k2=2, k3=3)
    stock.run(0)
    put(stock, k1=1, k3=3)
    stock.run(1)
    forget(stock, *states(stock))
    put(stock, k1=1, k2=2, k4=4)
    caplog.set_level("INFO")
    stock.run(2)
    assert said(stock, 2) == {1: 1, 2: 2, 3: "gone", 4: 4}
    assert "every row is written again block=stock: the state of 2025-03-02 is not there" in caplog.text
    put(stock, k1=1, k2=2)
    stock.run(3)
    assert said(stock, 3) == {4: "gone"}


def test_a_damaged_state_counts_as_lost(stock: Source) -> None:
    put(stock, k1=1, k2=2)
    stock.run(0)
    [state] = states(stock)
    stock.store._client.put_object(Bucket=stock.store.bucket, Key=state, Body=b"no state")
    put(stock, k1=1)
    stock.run(1)
    assert said(stock, 1) == {1: 1, 2: "gone"}


def test_where_the_object_of_an_earlier_day_is_lost_the_newest_day_makes_up_for_it(stock: Source) -> None:
    put(stock, k1=1, k2=2)
    stock.run(0)
    put(stock, k1=1, k2=2, k3=3)
    stock.run(1)
    put(stock, k1=1, k2=2, k3=3, k4=4)
    stock.run(2)
    forget(stock, stock.info(1).key)
    with pytest.raises(DataContractError, match=r"(?s)later ones hold only.*newest day"):
        stock.run(1)
    stock.run(3)
    assert said(stock, 3) == {1: 1, 2: 2, 3: 3, 4: 4}
    [info] = stock.run(1)
    assert info.metadata["observed"] == "false"


def test_a_block_read_as_a_snapshot_before_is_written_whole_once_with_what_went_meanwhile(stock: Source) -> None:
    shot = ExtractBlock(name="stock", mode=Mode.SNAPSHOT, key=BLOCK.key, table="stock")
    put(stock, k1=1, k2=2)
    stock.run(0, block=shot)
    put(stock, k1=1, k3=3)
    stock.run(1, block=shot)
    put(stock, k1=1)
    [info] = stock.run(2)
    # The days before are cleaned as compared ones from now on, where absence says nothing.
    assert said(stock, 2) == {1: 1, 2: "gone", 3: "gone"}
    assert "columns_added" not in info.metadata
    stock.run(3)
    assert said(stock, 3) == {}


def test_a_block_read_by_documents_before_is_taken_over_as_well(stock: Source) -> None:
    documents = ExtractBlock(
        name="stock", mode=Mode.DOCUMENTS, key=BLOCK.key, document=("label",), table="stock", watermark="now()"
    )
    put(stock, k1=1, k2=2)
    stock.execute("UPDATE stock SET label = 'a' WHERE id = 2; UPDATE stock SET seen = now()")
    stock.run(0, block=ExtractBlock(**{**vars(documents), "watermark": "timestamptz '2025-03-01'"}))
    put(stock, k1=1)
    stock.run(1)
    assert said(stock, 1) == {1: 1, 2: "gone"}


def test_with_other_columns_every_row_is_written_again(stock: Source) -> None:
    put(stock, k1=1, k2=2)
    stock.run(0)
    stock.execute("ALTER TABLE stock ADD COLUMN note text, ALTER COLUMN id TYPE bigint")
    stock.execute("DELETE FROM stock WHERE id = 2")
    [info] = stock.run(1)
    assert said(stock, 1) == {1: 1, 2: "gone"}
    assert json.loads(info.metadata["columns_added"]) == ["note"]
    assert stock.run(2)[0].rows == 0


def test_another_key_is_refused_because_nobody_can_tell_which_of_the_former_rows_are_gone(stock: Source) -> None:
    put(stock, k1=1)
    stock.run(0)
    stock.execute("ALTER TABLE stock ALTER COLUMN id TYPE text")
    with pytest.raises(SchemaDriftError, match=r"(?s)'id'.*expected int32, found string.*another name"):
        stock.run(1)


def test_a_table_of_which_many_rows_are_gone_is_not_believed_until_it_is_accepted(stock: Source) -> None:
    put(stock, **{f"k{number}": 1 for number in range(40)})
    stock.run(0)
    put(stock, **{f"k{number}": 1 for number in range(27)})
    with pytest.raises(DataContractError, match=r"(?s)13 of the 40 rows.*day=2025-03-02.*accept-shrink"):
        stock.run(1)
    assert stock.store.stat(stock.info(0).key.replace("03-01", "03-02")) is None
    put(stock, **{f"k{number}": 1 for number in range(28)})
    stock.run(1)
    put(stock)
    stock.run(2, block=ExtractBlock(**{**vars(BLOCK), "accept_shrink": True}))
    assert len(said(stock, 2)) == 28


def test_a_column_that_is_called_as_ours_is_refused(stock: Source) -> None:
    stock.execute("ALTER TABLE stock ADD COLUMN _deleted boolean")
    with pytest.raises(SourceSchemaError, match="'_deleted' of its own"):
        stock.run(0)


def test_states_nobody_needs_are_removed(stock: Source) -> None:
    for number in range(4):
        put(stock, k1=number)
        stock.run(number)
    assert [key.rpartition("/")[2][:10] for key in states(stock)] == ["2025-03-03", "2025-03-04"]
    put(stock, k1=9)
    stock.run(3)
    stock.run(3)
    assert len(states(stock)) == 2
    assert stock.info(3).metadata["state"] in states(stock)[1]


KILLED = """
import os, signal, sys
from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion_tests.bronze.harness import Source
from retail_medallion_tests.bronze.test_compared_mode import BLOCK
from retail_medallion_tests.servers import FreshDatabase
import boto3, json
given = json.loads(sys.argv[1])
client = boto3.client("s3", **given["s3"])
store = ParquetStore(client, given["bucket"])
original, left = ParquetStore.write, [given["after"]]
def write(self, *args, **kwargs):
    info = original(self, *args, **kwargs)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return info
ParquetStore.write = write
Source(FreshDatabase(**given["database"]), store, BLOCK).run(given["day"])
"""


def test_a_run_killed_between_the_state_and_the_object_of_its_day_loses_nothing(stock: Source, s3_server: Any) -> None:
    put(stock, k1=1, k2=2)
    stock.run(0)
    put(stock, k1=1, k3=3)
    known = set(states(stock))
    run_killed(stock, s3_server, day_number=1)
    # The state is there, the day is not.
    assert len(set(states(stock)) - known) == 1
    assert stock.store.stat(stock.info(0).key.replace("03-01", "03-02")) is None
    put(stock, k1=1, k3=4)
    stock.run(1)
    assert said(stock, 1) == {2: "gone", 3: 4}
    # Killed while a day is observed again: its object and what that names stay as they were.
    put(stock, k1=1)
    before = stock.info(1)
    run_killed(stock, s3_server, day_number=1)
    assert stock.info(1) == before
    put(stock, k1=1, k3=4, k5=5)
    stock.run(2)
    assert said(stock, 2) == {5: 5}
    stock.run(2)
    assert len(states(stock)) == 2


def run_killed(source: Source, s3_server: Any, *, day_number: int) -> None:
    given = {
        "s3": {
            "endpoint_url": s3_server.endpoint_url,
            "aws_access_key_id": s3_server.access_key,
            "aws_secret_access_key": s3_server.secret_key,
            "region_name": s3_server.region,
        },
        "bucket": source.store.bucket,
        "database": vars(source.database),
        "day": day_number,
        "after": 1,
    }
    command = [sys.executable, "-c", KILLED, json.dumps(given)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


values = st.one_of(st.none(), st.integers(0, 3))
tables = st.dictionaries(st.integers(0, 12), values, max_size=10)
steps = st.lists(
    st.tuples(tables, st.lists(st.integers(0, 5), min_size=1, max_size=3), st.sampled_from(["", "", "", "state"])),
    min_size=1,
    max_size=7,
)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(work=steps)
def test_the_days_add_up_to_what_was_observed_whichever_are_run_in_which_order(
    stock: Source, work: list[tuple[dict[int, int | None], list[int], str]]
) -> None:
    empty(stock.store)
    observed: dict[int, dict[int, int | None]] = {}
    lost = any(loss for _, _, loss in work)
    for table, days, loss in work:
        if loss:
            forget(stock, *states(stock))
        put(stock, **{f"k{key}": value for key, value in table.items()})
        stock.run(*days)
        newest = max(days)
        if newest >= max(observed, default=0):
            observed[newest] = table
        added_up: dict[int, Any] = {}
        for number in range(6):
            if stock.store.stat(key_on(stock, number)) is None:
                continue
            before = dict(added_up)
            for key, amount in said(stock, number).items():
                # Nor is anything told twice, as long as the state is there to tell.
                assert lost or key not in before or before[key] != amount
                if amount == "gone":
                    # Nothing is told to be gone that the days before do not hold.
                    del added_up[key]
                else:
                    added_up[key] = amount
            if number in observed:
                assert added_up == observed[number]
            else:
                assert stock.info(number).metadata["observed"] == "false"


def key_on(source: Source, number: int) -> str:
    from retail_medallion_tests.bronze.harness import day, key_of

    return str(key_of(source.block.name)(day(number)))


def empty(store: ParquetStore) -> None:
    for key in list(store.list_keys("")):
        store.remove(key)
