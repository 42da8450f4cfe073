from __future__ import annotations

import errno
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.response import StreamingBody
from urllib3.exceptions import ProtocolError

from retail_medallion.errors import (
    AccessDeniedError,
    ConcurrentWriteError,
    ConfigurationError,
    DataContractError,
    ObjectVerificationError,
    PermanentError,
    ServiceUnavailableError,
)
from retail_medallion.storage.parquet_store import IDENTITY_KEY, ObjectInfo, ParquetStore

KEY = "shop/orders/day.parquet"


@pytest.fixture
def store(s3_client: Any, fresh_bucket: str) -> ParquetStore:
    return ParquetStore(s3_client, fresh_bucket)


def rows(*values: int) -> pa.Table:
    field = pa.field("a", pa.int64(), metadata={"postgres_type": "bigint"})
    return pa.table({"a": pa.array(values, pa.int64())}, schema=pa.schema([field]))


def write(store: ParquetStore, *values: int, **more: Any) -> ObjectInfo:
    return store.write(KEY, rows(*values).to_reader(), **more)


def read(store: ParquetStore) -> list[int]:
    info = store.stat(KEY)
    assert info is not None
    with store.open(info) as opened:
        return opened.reader().read_all()["a"].to_pylist()


def test_rows_types_and_metadata_come_back_as_they_were_written(store: ParquetStore) -> None:
    table = rows(1, 2, 3).append_column("b", pa.array(["x", None, "é"]))
    metadata = {"note": "grüße\n", "long": "x" * 5000, "last": "1"}
    info = store.write(KEY, table.to_reader(max_chunksize=1), metadata=metadata)
    assert store.stat(KEY) == info
    assert info.rows == 3
    assert info.metadata == {"note": "grüße\n", "last": "1"}
    with store.open(info) as opened:
        assert opened.metadata == metadata
        assert opened.schema.equals(table.schema, check_metadata=True)
        assert opened.reader().read_all().equals(table, check_metadata=True)
        assert opened.reader(["b"]).read_all().column_names == ["b"]
        assert hashlib.sha256(opened.path.read_bytes()).hexdigest() == info.sha256
        path = opened.path
    assert not path.exists()


def test_the_file_is_zstd_with_statistics_and_bounded_row_groups(store: ParquetStore) -> None:
    info = store.write(KEY, pa.table({"a": range(300_000)}).to_reader())
    with store.open(info) as opened:
        metadata = pq.ParquetFile(opened.path).metadata
    assert metadata.num_row_groups == 5
    column = metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert (column.statistics.min, column.statistics.max) == (0, 65_535)


def test_no_rows_give_a_typed_object_with_none(store: ParquetStore) -> None:
    info = store.write(KEY, pa.RecordBatchReader.from_batches(rows().schema, iter([])))
    assert info.rows == 0
    with store.open(info) as opened:
        assert opened.schema.equals(rows().schema, check_metadata=True)
        assert opened.reader().read_all().num_rows == 0


def test_equal_rows_leave_the_object_alone_unless_their_identity_differs(store: ParquetStore) -> None:
    first = write(store, 1, metadata={IDENTITY_KEY: "seen", "version": "1"})
    assert write(store, 1, metadata={IDENTITY_KEY: "seen", "version": "2"}) == first
    second = write(store, 1, metadata={IDENTITY_KEY: "not seen"})
    assert second.etag != first.etag
    assert write(store, 1, 2, metadata={IDENTITY_KEY: "not seen"}).rows == 2


def test_a_volatile_column_does_not_make_a_new_object_but_any_other_does(store: ParquetStore) -> None:
    def made(when: int, deleted: int) -> pa.RecordBatchReader:
        return pa.table({"a": [1], "_deleted": [deleted], "_extracted_at": [when]}).to_reader()

    first = store.write(KEY, made(1, 0))
    assert store.write(KEY, made(2, 0)) == first
    assert store.write(KEY, made(2, 1)) != first


@pytest.mark.parametrize("threshold", [2**26, 1], ids=["one request", "multipart"])
def test_a_write_is_refused_when_somebody_else_wrote_in_between(s3_client, fresh_bucket, threshold) -> None:
    store = ParquetStore(s3_client, fresh_bucket, multipart_threshold=threshold)
    first = write(store, 1, replaces=None)
    write(store, 2)
    for replaces in (None, first):
        with pytest.raises(ConcurrentWriteError):
            write(store, 3, replaces=replaces)
    with pytest.raises(ConcurrentWriteError):
        write(store, 1, replaces=first)
    store._client.delete_object(Bucket=fresh_bucket, Key=KEY)
    with pytest.raises(ConcurrentWriteError):
        write(store, 3, replaces=first)
    assert store.stat(KEY) is None
    assert s3_client.list_multipart_uploads(Bucket=fresh_bucket).get("Uploads", []) == []


@pytest.mark.parametrize("threshold", [2**26, 1], ids=["one request", "multipart"])
@pytest.mark.parametrize("exists", [False, True])
def test_of_several_writers_at_once_exactly_one_wins(s3_client, fresh_bucket, threshold, exists) -> None:
    store = ParquetStore(s3_client, fresh_bucket, multipart_threshold=threshold)
    before = write(store, 100) if exists else None
    barrier, won, lost = threading.Barrier(4), [], []

    def writer(value: int) -> None:
        barrier.wait()
        try:
            won.append((value, write(store, value, replaces=before)))
        except ConcurrentWriteError:
            lost.append(value)

    threads = [threading.Thread(target=writer, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 3
    assert read(store) == [won[0][0]]


def test_a_large_file_goes_in_parts_and_comes_back_whole(s3_client, fresh_bucket, monkeypatch) -> None:
    monkeypatch.setattr("retail_medallion.storage.s3_transfer._PART_SIZE", 5 * 2**20)
    store = ParquetStore(s3_client, fresh_bucket, multipart_threshold=5 * 2**20)
    table = pa.table({"a": [os.urandom(1000) for _ in range(12_000)]})
    info = store.write(KEY, table.to_reader())
    assert info.size > 11 * 2**20
    assert info.etag.strip('"').endswith("-3")
    with store.open(info) as opened:
        assert opened.reader().read_all().equals(table)


def failing(after: int, error: BaseException) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(after):
            yield rows(9).to_batches()[0]
        raise error

    return pa.RecordBatchReader.from_batches(rows().schema, batches())


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_failing_stream_changes_nothing_and_leaves_no_file(store: ParquetStore, after, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = write(store, 1)
    with pytest.raises(ValueError, match="midway"):
        store.write(KEY, failing(after, ValueError("midway")))
    assert store.stat(KEY) == before
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_and_changes_nothing(store: ParquetStore, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = write(store, 1)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(ConfigurationError, match="The local disk is full"):
        write(store, 2)
    monkeypatch.undo()
    assert store.stat(KEY) == before
    assert list(tmp_path.iterdir()) == []
    assert write(store, 2).rows == 1


KILLED = """
import os, signal, sys
import boto3, pyarrow as pa
from retail_medallion.storage.parquet_store import ParquetStore
endpoint, access, secret, region, bucket, key = sys.argv[1:]
client = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret,
                      region_name=region)
real = client.upload_part
def upload_part(**given):
    answer = real(**given)
    os.kill(os.getpid(), signal.SIGKILL)
    return answer
client.upload_part = upload_part
ParquetStore(client, bucket, multipart_threshold=1).write(key, pa.table({"a": [5, 6]}).to_reader())
"""


def test_a_kill_between_the_parts_of_an_upload_changes_nothing(store: ParquetStore, s3_server: Any) -> None:
    before = write(store, 1)
    arguments = [
        s3_server.endpoint_url,
        s3_server.access_key,
        s3_server.secret_key,
        s3_server.region,
        store.bucket,
        KEY,
    ]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    assert store.stat(KEY) == before
    assert read(store) == [1]
    assert write(store, 5, 6).rows == 2


class Damage:
    """A client whose GET answers other bytes than those stored."""

    def __init__(self, client: Any, change: Any) -> None:
        self._client = client
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_object(self, **given: Any) -> dict[str, Any]:
        answer = self._client.get_object(**given)
        data = self._change(answer["Body"].read())
        return {**answer, "Body": StreamingBody(io.BytesIO(data), len(data))}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda data: data[:-1], "bytes"),
        (lambda data: data[:0], "0 bytes"),
        (lambda data: data[:50] + bytes([data[50] ^ 1]) + data[51:], "sha256"),
        (lambda data: b"x" * len(data), "sha256"),
    ],
    ids=["truncated", "empty", "one bit", "another file"],
)
def test_a_damaged_object_is_refused_with_key_expected_and_found(store: ParquetStore, change: Any, found: str) -> None:
    info = write(store, 1, 2, 3)
    damaged = ParquetStore(Damage(store._client, change), store.bucket, remedy=lambda key: f"rewrite {key}")
    with pytest.raises(ObjectVerificationError) as caught, damaged.open(info):
        pytest.fail("a row could have been read")
    assert f"s3://{store.bucket}/{KEY}" in str(caught.value)
    assert "expected " in str(caught.value)
    assert found in str(caught.value)
    assert caught.value.fix == f"rewrite {KEY}"


def test_an_object_that_matches_its_checksum_but_not_its_record_is_refused(store: ParquetStore) -> None:
    info = write(store, 1, 2, 3)
    for wrong in ({"rows": 4}, {"digest": "0" * 64}, {"size": info.size + 1}, {"sha256": "0" * 64}):
        with pytest.raises(ObjectVerificationError), store.open(ObjectInfo(**(vars(info) | wrong))):
            pytest.fail("a row could have been read")


def test_a_file_of_others_is_known_as_such_and_not_read(store: ParquetStore) -> None:
    store._client.put_object(Bucket=store.bucket, Key=KEY, Body=b"PAR1 not really")
    info = store.stat(KEY)
    assert info is not None
    assert not info.is_ours
    with pytest.raises(ObjectVerificationError), store.open(info):
        pytest.fail("a row could have been read")
    assert write(store, 1).rows == 1


def test_a_text_file_with_our_metadata_is_not_taken_for_parquet(store: ParquetStore) -> None:
    info = write(store, 1)
    body = b"a,b\n1,2\n"
    stored = store._client.head_object(Bucket=store.bucket, Key=KEY)["Metadata"]
    stored["sha256"] = hashlib.sha256(body).hexdigest()
    store._client.put_object(Bucket=store.bucket, Key=KEY, Body=body, Metadata=stored)
    current = store.stat(KEY)
    assert current is not None
    with pytest.raises(ObjectVerificationError, match="expected a Parquet file"), store.open(current):
        pytest.fail("a row could have been read")
    with pytest.raises(ConcurrentWriteError), store.open(info):
        pytest.fail("another version could have been read")


def test_a_missing_object_is_told_from_a_missing_bucket(store: ParquetStore) -> None:
    info = write(store, 1)
    store._client.delete_object(Bucket=store.bucket, Key=KEY)
    assert store.stat(KEY) is None
    with pytest.raises(ObjectVerificationError, match="no such object"), store.open(info):
        pytest.fail("nothing is there")
    nowhere = ParquetStore(store._client, "no-such-bucket-here")
    for action in (lambda: nowhere.stat(KEY), lambda: write(nowhere, 1), lambda: list(nowhere.list_keys(""))):
        with pytest.raises(ConfigurationError, match="no such bucket"):
            action()


def test_more_than_a_thousand_objects_are_all_listed(store: ParquetStore) -> None:
    for number in range(1005):
        store._client.put_object(Bucket=store.bucket, Key=f"many/{number:05}", Body=b"")
    assert len(list(store.list_keys("many/"))) == 1005


def test_two_columns_of_one_name_are_refused(store: ParquetStore) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataContractError, match="more than once: a"):
        store.write(KEY, table.to_reader())


class Failing:
    """A client whose requests fail with one error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def request(**_: Any) -> Any:
            raise self._error

        return request


def answer(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "x")


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (answer("AccessDenied", 403), AccessDeniedError, "lack the right"),
        (answer("403", 403), AccessDeniedError, "lack the right"),
        (answer("InvalidAccessKeyId", 403), AccessDeniedError, "AWS_ACCESS_KEY_ID"),
        (answer("SignatureDoesNotMatch", 403), AccessDeniedError, "AWS_SECRET_ACCESS_KEY"),
        (answer("ExpiredToken", 400), AccessDeniedError, "expired"),
        (answer("RequestTimeTooSkewed", 403), ConfigurationError, "clock"),
        (answer("PermanentRedirect", 301), ConfigurationError, "AWS_REGION"),
        (answer("AuthorizationHeaderMalformed", 400), ConfigurationError, "AWS_REGION"),
        (answer("NoSuchBucket", 404), ConfigurationError, "no such bucket"),
        (NoCredentialsError(), ConfigurationError, "credentials"),
        (answer("SlowDown", 503), ServiceUnavailableError, "SlowDown"),
        (answer("InternalError", 500), ServiceUnavailableError, "InternalError"),
        (answer("502", 502), ServiceUnavailableError, "502"),
        (answer("TooManyRequests", 429), ServiceUnavailableError, "429|TooManyRequests"),
        (ProtocolError("reset"), ServiceUnavailableError, "connection"),
        (ConnectionResetError(), ServiceUnavailableError, "connection"),
        (answer("MethodNotAllowed", 405), PermanentError, "MethodNotAllowed"),
    ],
)
def test_an_error_of_s3_is_permanent_or_transient_and_says_what_to_do(error, expected, text) -> None:
    info = ObjectInfo(KEY, '"e"', 1, "0" * 64, 1, "0" * 64)
    broken = ParquetStore(Failing(error), "bucket")
    with pytest.raises(expected, match=text):
        broken.stat(KEY)
    with pytest.raises(expected, match=text), broken.open(info):
        pytest.fail("nothing can be read")
    with pytest.raises(expected, match=text):
        write(broken, 1, replaces=None)


def test_a_server_that_is_not_there_is_transient_after_bounded_retries() -> None:
    client = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="us-east-1",
        config=Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=1),
    )
    with pytest.raises(ServiceUnavailableError):
        ParquetStore(client, "bucket").stat(KEY)


def test_a_download_that_breaks_midway_is_tried_again(store: ParquetStore) -> None:
    info = write(store, 1, 2)

    class Breaking(Damage):
        left = 2

        def get_object(self, **given: Any) -> dict[str, Any]:
            found = self._client.get_object(**given)
            if self.left:
                self.left -= 1
                data = found["Body"].read()
                return {**found, "Body": StreamingBody(io.BytesIO(data[:10]), len(data))}
            return found

    with ParquetStore(Breaking(store._client, None), store.bucket).open(info) as opened:
        assert opened.rows == 2
    always = Breaking(store._client, None)
    always.left = 99
    with pytest.raises(ServiceUnavailableError), ParquetStore(always, store.bucket).open(info):
        pytest.fail("nothing can be read")


def test_an_upload_whose_answer_was_lost_counts_as_done(store: ParquetStore) -> None:
    class Lossy(Damage):
        def put_object(self, **given: Any) -> Any:
            body = given["Body"].read()
            self._client.put_object(**{**given, "Body": body})
            return self._client.put_object(**{**given, "Body": body})

    lossy = ParquetStore(Lossy(store._client, None), store.bucket)
    assert write(lossy, 1, replaces=None) == store.stat(KEY)
