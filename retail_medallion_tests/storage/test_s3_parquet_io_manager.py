import datetime as dt
import functools
from decimal import Decimal
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from dagster_aws.s3 import S3Resource

from retail_medallion.errors import ObjectVerificationError
from retail_medallion.storage.parquet_dataset import ParquetDataset
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion.storage.partitioned import PartitionData, PartitionedOutput
from retail_medallion.storage.s3_parquet_io_manager import S3ParquetIOManager

DAYS = dg.DailyPartitionsDefinition(start_date="2025-03-01", end_date="2025-03-20")
FIRST, SECOND, THIRD = "2025-03-01", "2025-03-02", "2025-03-03"
SINGLE_RUN = dg.BackfillPolicy.single_run()
KEY = ["shop", "bronze", "orders"]


@pytest.fixture
def store(s3_client: Any, fresh_bucket: str) -> ParquetStore:
    return ParquetStore(s3_client, fresh_bucket)


@pytest.fixture
def io_manager(s3_server: Any, fresh_bucket: str) -> S3ParquetIOManager:
    resource = S3Resource(
        endpoint_url=s3_server.endpoint_url,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        region_name=s3_server.region,
    )
    return S3ParquetIOManager(s3_resource=resource, bucket=fresh_bucket, prefix="lake")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def orders(*ids: int, at: str = FIRST) -> pa.Table:
    when = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "amount": pa.array([Decimal(number) for number in ids], pa.decimal128(12, 2)),
            "at": pa.array([when] * len(ids), pa.timestamp("us", "UTC")),
        }
    )


def asset(body: Any, **more: Any) -> dg.AssetsDefinition:
    given: dict[str, Any] = {"key": KEY, "partitions_def": DAYS, "backfill_policy": SINGLE_RUN} | more

    @dg.asset(**given)
    def made(context: dg.AssetExecutionContext):
        return body(context)

    return made


def execute(assets, io_manager, instance, *, first=None, last=None, raises=False, select=None):
    """Materialise a partition, a range, or an asset without partitions."""
    tags = {}
    if last is not None:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dg.materialize(
        assets,
        resources={"io_manager": io_manager},
        instance=instance,
        partition_key=first if last is None else None,
        tags=tags,
        selection=select,
        raise_on_error=raises,
    )


def events(instance, key=KEY):
    records = instance.fetch_materializations(dg.AssetKey(key), limit=100).records
    return {record.partition_key: record.asset_materialization.metadata for record in reversed(records)}


def error_of(result) -> str:
    [failure] = result.filter_events(lambda event: event.is_step_failure)
    error = failure.step_failure_data.error
    texts = []
    while error is not None:
        texts.append(error.message)
        error = error.cause
    return "\n".join(texts)


def key_of(partition: str, dataset: str = "data") -> str:
    return f"lake/bronze/shop/orders/insertion_date={partition}/{dataset}.parquet"


def ids(store: ParquetStore, key: str) -> list[int]:
    info = store.stat(key)
    assert info is not None
    with store.open(info) as opened:
        return opened.reader(["id"]).read_all()["id"].to_pylist()


@pytest.mark.parametrize(
    "form",
    [lambda t: t, lambda t: t.to_reader(), lambda t: t.to_pandas(types_mapper=pd.ArrowDtype)],
    ids=["Table", "RecordBatchReader", "DataFrame"],
)
def test_a_partition_is_one_object_whose_path_comes_from_the_whole_asset_key(store, io_manager, instance, form) -> None:
    execute([asset(lambda _: form(orders(1, 2)))], io_manager, instance, first=SECOND, raises=True)
    assert list(store.list_keys("")) == [key_of(SECOND)]
    info = store.stat(key_of(SECOND))
    with store.open(info) as opened:
        assert opened.reader().read_all().equals(orders(1, 2))
    metadata = events(instance)[SECOND]
    assert metadata["dagster/partition_row_count"].value == 2
    assert metadata["digest"].value == info.digest
    assert metadata["bytes"].value == info.size
    assert metadata["dagster/uri"].value == f"s3://{store.bucket}/{key_of(SECOND)}"
    assert [column.name for column in metadata["dagster/column_schema"].schema.columns] == ["id", "amount", "at"]


def by_day(context) -> PartitionedOutput:
    return PartitionedOutput(
        PartitionData(key, functools.partial(orders, *range(number)))
        for number, key in enumerate(context.partition_keys)
    )


def test_a_range_writes_one_object_and_one_event_per_day(store, io_manager, instance) -> None:
    execute([asset(by_day)], io_manager, instance, first=FIRST, last=THIRD, raises=True)
    assert list(store.list_keys("")) == [key_of(day) for day in (FIRST, SECOND, THIRD)]
    told = events(instance)
    assert {day: told[day]["dagster/partition_row_count"].value for day in told} == {FIRST: 0, SECOND: 1, THIRD: 2}
    assert told[SECOND]["digest"] != told[THIRD]["digest"]
    assert len(instance.fetch_materializations(dg.AssetKey(KEY), limit=100).records) == 3


@pytest.mark.parametrize("name", [None, "persons"])
def test_the_good_days_of_a_range_stay_and_are_recorded_when_a_later_day_fails(
    store, io_manager, instance, name
) -> None:
    def body(_):
        def parts():
            yield PartitionData(FIRST, orders(1), name=name)
            yield PartitionData(SECOND, orders(2), name=name)
            raise ValueError("the third day is bad")

        return PartitionedOutput(parts(), names=[name] if name else None)

    result = execute([asset(body)], io_manager, instance, first=FIRST, last=THIRD)
    assert not result.success
    assert list(store.list_keys("")) == [key_of(day, name or "data") for day in (FIRST, SECOND)]
    assert {day: told["dagster/partition_row_count"].value for day, told in events(instance).items()} == {
        FIRST: 1,
        SECOND: 1,
    }


def test_a_stream_that_fails_leaves_the_object_as_it_was(store, io_manager, instance) -> None:
    execute([asset(lambda _: orders(1))], io_manager, instance, first=FIRST, raises=True)

    def broken(_):
        def batches():
            yield orders(5).to_batches()[0]
            raise ValueError("the connection broke")

        return pa.RecordBatchReader.from_batches(orders().schema, batches())

    result = execute([asset(broken)], io_manager, instance, first=FIRST)
    assert "the connection broke" in error_of(result)
    assert ids(store, key_of(FIRST)) == [1]


def test_one_table_for_a_range_is_cut_by_its_partition_column(store, io_manager, instance) -> None:
    whole = pa.concat_tables([orders(3, at=THIRD), orders(1, 2), orders(4, at=f"{THIRD} 23:59:59.999999")])
    made = asset(lambda _: whole, metadata={"partition_expr": "at"})
    execute([made], io_manager, instance, first=FIRST, last=THIRD, raises=True)
    assert [ids(store, key_of(day)) for day in (FIRST, SECOND, THIRD)] == [[1, 2], [], [3, 4]]
    with store.open(store.stat(key_of(SECOND))) as empty:
        assert empty.schema.equals(whole.schema)


@pytest.mark.parametrize("last", [None, SECOND])
def test_a_row_outside_the_window_is_refused_and_nothing_is_written(store, io_manager, instance, last) -> None:
    made = asset(lambda _: pa.concat_tables([orders(1), orders(2, at=THIRD)]), metadata={"partition_expr": "at"})
    result = execute([made], io_manager, instance, first=FIRST, last=last)
    assert "1 of 2 rows belong to none of the partitions" in error_of(result)
    assert list(store.list_keys("")) == []
    assert events(instance) == {}


def test_one_table_for_a_range_without_a_partition_column_is_refused(io_manager, instance) -> None:
    result = execute([asset(lambda _: orders(1))], io_manager, instance, first=FIRST, last=SECOND)
    assert "One table was returned for 2 partitions" in error_of(result)
    assert "partition_expr" in error_of(result)


def test_a_partition_left_out_or_handed_over_unasked_is_an_error(store, io_manager, instance) -> None:
    short = asset(lambda _: PartitionedOutput([PartitionData(FIRST, orders(1))]))
    result = execute([short], io_manager, instance, first=FIRST, last=SECOND)
    assert SECOND in error_of(result)
    assert list(events(instance)) == [FIRST]
    other = asset(lambda _: PartitionedOutput([PartitionData(THIRD, orders(1))]))
    assert THIRD in error_of(execute([other], io_manager, instance, first=FIRST, last=SECOND))
    assert list(store.list_keys("")) == [key_of(FIRST)]


def test_a_reversed_range_is_refused(store, io_manager, instance) -> None:
    assert "is empty" in error_of(execute([asset(by_day)], io_manager, instance, first=THIRD, last=FIRST))
    assert list(store.list_keys("")) == []
    assert events(instance) == {}


def test_a_partition_may_hold_several_datasets(store, io_manager, instance) -> None:
    def body(context):
        return PartitionedOutput(
            PartitionData(key, orders(*range(size)), name=name)
            for key in context.partition_keys
            for name, size in (("persons", 2), ("companies", 3))
        )

    execute([asset(body)], io_manager, instance, first=FIRST, last=SECOND, raises=True)
    assert list(store.list_keys("")) == [
        key_of(day, name) for day in (FIRST, SECOND) for name in ("companies", "persons")
    ]
    told = events(instance)[FIRST]
    assert told["dagster/partition_row_count"].value == 5
    assert set(told["objects"].value) == {"persons", "companies"}


def test_a_partition_without_one_of_its_datasets_is_not_recorded(io_manager, instance) -> None:
    def body(_):
        parts = [PartitionData(day, orders(1), name=name) for day, name in ((FIRST, "a"), (FIRST, "b"), (SECOND, "b"))]
        return PartitionedOutput(parts, names=["a", "b"])

    result = execute([asset(body)], io_manager, instance, first=FIRST, last=SECOND)
    assert f"Partition {SECOND} was handed over without a" in error_of(result)
    assert list(events(instance)) == [FIRST]


def test_writing_the_same_rows_again_changes_nothing_and_says_so(store, io_manager, instance) -> None:
    made = asset(lambda _: orders(1))
    execute([made], io_manager, instance, first=FIRST, raises=True)
    before = store.stat(key_of(FIRST))
    assert events(instance)[FIRST]["objects_written"].value == 1
    execute([made], io_manager, instance, first=FIRST, raises=True)
    assert store.stat(key_of(FIRST)) == before
    assert events(instance)[FIRST]["objects_written"].value == 0


def reading(annotation: Any, seen: list, **more: Any) -> dg.AssetsDefinition:
    given: dict[str, Any] = {"partitions_def": DAYS, "backfill_policy": SINGLE_RUN} | more

    @dg.asset(
        key=["shop", "silver", "orders"],
        ins={"given": dg.AssetIn(key=dg.AssetKey(KEY))},
        output_required=False,
        **given,
    )
    def reader(given: annotation) -> None:
        if isinstance(given, pa.RecordBatchReader):
            seen.append((type(given), given.read_all().to_pylist()))
        elif isinstance(given, ParquetDataset):
            seen.append((type(given), [row for key in given.partitions for row in rows_of(given, key)]))
        elif isinstance(given, pa.Table):
            seen.append((type(given), given.to_pylist()))
        else:
            assert all(isinstance(kind, pd.ArrowDtype) for kind in given.dtypes)
            seen.append((type(given), pa.Table.from_pandas(given, preserve_index=False).to_pylist()))

    return reader


def rows_of(dataset: ParquetDataset, partition: str) -> list[dict[str, Any]]:
    rows = []
    for info in dataset.objects(partition):
        with dataset.open(info) as opened:
            rows += opened.reader().read_all().to_pylist()
    return rows


@pytest.mark.parametrize("last", [None, THIRD])
@pytest.mark.parametrize("annotation", [pa.RecordBatchReader, pa.Table, pd.DataFrame, ParquetDataset])
def test_one_partition_and_many_load_as_the_type_the_input_asks_for(io_manager, instance, annotation, last) -> None:
    seen: list = []
    both = [asset(by_day), reading(annotation, seen)]
    execute(both, io_manager, instance, first=SECOND if last is None else FIRST, last=last, raises=True)
    [(kind, rows)] = seen
    assert kind is annotation
    assert [row["id"] for row in rows] == ([] if last is None else [0, 0, 1])
    assert all(isinstance(row["amount"], Decimal) for row in rows)


def test_an_input_of_another_type_is_told_what_it_may_ask_for(io_manager, instance) -> None:
    result = execute([asset(by_day), reading(dict, [])], io_manager, instance, first=FIRST)
    assert "pandas.DataFrame" in error_of(result)


def test_an_input_without_an_annotation_is_given_a_stream(io_manager, instance) -> None:
    seen: list = []
    execute([asset(by_day), reading(Any, seen)], io_manager, instance, first=FIRST, raises=True)
    assert seen[0][0] is pa.RecordBatchReader


def test_a_partition_never_materialised_is_named_with_the_command_that_makes_it(io_manager, instance) -> None:
    both = [asset(by_day), reading(pa.Table, [])]
    execute(both, io_manager, instance, first=FIRST, last=SECOND, raises=True, select=["shop/bronze/orders"])
    result = execute(both, io_manager, instance, first=FIRST, last=THIRD, select=["shop/silver/orders"])
    assert f"dagster asset materialize --select 'key:\"shop/bronze/orders\"' --partition {THIRD}" in error_of(result)


def test_missing_partitions_count_as_empty_where_the_asset_says_so(io_manager, instance) -> None:
    seen: list = []
    both = [asset(by_day, metadata={"allow_missing_partitions": True}), reading(pa.Table, seen)]
    execute(both, io_manager, instance, first=FIRST, last=SECOND, raises=True, select=["shop/bronze/orders"])
    execute(both, io_manager, instance, first=FIRST, last=THIRD, raises=True, select=["shop/silver/orders"])
    assert [row["id"] for row in seen[0][1]] == [0]


def test_a_damaged_object_is_refused_before_a_row_of_any_day_is_handed_out(store, io_manager, instance) -> None:
    seen: list = []
    both = [asset(by_day), reading(pa.RecordBatchReader, seen)]
    execute(both, io_manager, instance, first=FIRST, last=THIRD, raises=True, select=["shop/bronze/orders"])
    answer = store._client.get_object(Bucket=store.bucket, Key=key_of(THIRD))
    damaged = bytearray(answer["Body"].read())
    damaged[100] ^= 1
    store._client.put_object(Bucket=store.bucket, Key=key_of(THIRD), Body=bytes(damaged), Metadata=answer["Metadata"])
    result = execute(both, io_manager, instance, first=FIRST, last=THIRD, select=["shop/silver/orders"])
    told = error_of(result)
    assert "The object is not what was written" in told
    assert "expected sha256" in told
    assert f"--partition {THIRD}" in told
    assert seen == []


def test_what_others_put_beside_the_objects_is_not_read(store, io_manager, instance) -> None:
    seen: list = []
    both = [asset(by_day), reading(pa.Table, seen)]
    execute(both, io_manager, instance, first=THIRD, raises=True, select=["shop/bronze/orders"])
    folder = key_of(THIRD).removesuffix("data.parquet")
    for name in ("_SUCCESS", "data.parquet.tmp", "stray.parquet", "old/data.parquet", "Ünnamed.parquet"):
        store._client.put_object(Bucket=store.bucket, Key=folder + name, Body=b"not ours")
    execute(both, io_manager, instance, first=THIRD, raises=True, select=["shop/silver/orders"])
    assert len(seen[0][1]) == 0


def test_columns_that_changed_between_days_are_united_or_named(io_manager, instance) -> None:
    def body(context):
        def table(key):
            base = orders(1)
            if key == SECOND:
                return base.append_column("colour", pa.array(["red"]))
            return base.set_column(0, "id", pa.array(["x"])) if key == THIRD else base

        return PartitionedOutput(PartitionData(key, table(key)) for key in context.partition_keys)

    seen: list = []
    both = [asset(body), reading(pa.Table, seen)]
    execute(both, io_manager, instance, first=FIRST, last=SECOND, raises=True)
    assert [row["colour"] for row in seen[0][1]] == [None, "red"]
    execute(both, io_manager, instance, first=THIRD, raises=True)
    told = error_of(execute(both, io_manager, instance, first=FIRST, last=THIRD, select=["shop/silver/orders"]))
    assert "Column 'id' is not of one type" in told
    assert key_of(THIRD) in told


def test_an_asset_without_partitions_is_one_object(store, io_manager, instance) -> None:
    seen: list = []
    made = asset(lambda _: orders(1, 2), partitions_def=None, backfill_policy=None)
    read = reading(pa.Table, seen, partitions_def=None, backfill_policy=None)
    execute([made, read], io_manager, instance, raises=True)
    assert list(store.list_keys("")) == ["lake/bronze/shop/orders/data.parquet"]
    assert len(seen[0][1]) == 2
    assert events(instance)[None]["dagster/row_count"].value == 2


@pytest.mark.parametrize(
    "key", [["Shop", "bronze", "x"], ["shop", "bronze", "x y"], ["shop", "bronze", "é"], ["a" * 64]]
)
def test_names_that_cannot_be_part_of_a_path_are_refused_not_cleaned(store, io_manager, instance, key) -> None:
    try:
        made = asset(lambda _: orders(1), key=key)
    except dg.DagsterInvalidDefinitionError:
        return
    result = execute([made], io_manager, instance, first=FIRST)
    assert "cannot be part of an object key" in error_of(result)
    assert list(store.list_keys("")) == []


def test_two_retailers_never_share_an_object(store, io_manager, instance) -> None:
    made = [asset(lambda _: orders(1), key=[shop, "bronze", "orders"]) for shop in ("north", "south")]
    execute(made, io_manager, instance, first=FIRST, raises=True)
    assert len(list(store.list_keys(""))) == 2


@pytest.mark.parametrize("returned", [None, [1, 2], "text"])
def test_anything_but_a_table_is_refused(io_manager, instance, returned) -> None:
    result = execute([asset(lambda _: returned)], io_manager, instance, first=FIRST)
    assert f"The asset returned {type(returned).__name__}" in error_of(result)


def test_reading_an_asset_object_that_is_not_there_is_an_error_of_verification(io_manager) -> None:
    key = dg.AssetKey(KEY)
    dataset = ParquetDataset(io_manager.store(key), io_manager.object_keys(key), [FIRST])
    with pytest.raises(ObjectVerificationError, match="never materialised"):
        dataset.object(FIRST, "orders")
