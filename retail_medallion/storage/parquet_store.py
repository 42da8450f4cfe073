"""Parquet objects on S3 that appear whole or not at all, and are verified before a row is handed out.

An object is written from a stream to a local temporary file, re-opened and checked, and uploaded by one conditional
request: whoever wrote the key in the meantime wins, and the loser learns of it. The object's user metadata carries
what is needed to verify it from outside (size, SHA-256, rows, content digest); the Parquet footer carries everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import EllipsisType
from typing import Any

import pyarrow as pa
from botocore.exceptions import ClientError

from retail_medallion.errors import ConcurrentWriteError, ConfigurationError, ObjectVerificationError
from retail_medallion.storage.parquet_file import FORMAT_VERSION, LocalParquet, WrittenFile, workspace, write_file
from retail_medallion.storage.s3_errors import is_missing, s3_errors
from retail_medallion.storage.s3_transfer import MULTIPART_THRESHOLD, download, upload

# S3 allows 2 KB of user metadata, names included; what does not fit is in the footer only.
_METADATA_BUDGET = 1400

IDENTITY_KEY = "identity"
"""Metadata entry that counts as content: an object whose rows are equal is still replaced when this entry differs."""


@dataclass(frozen=True)
class ObjectInfo:
    """What is known of an object without reading it.

    Attributes:
        key: Key in the bucket.
        etag: The version that everything else here describes; reads and replacements are bound to it.
        size: Bytes.
        sha256: SHA-256 of the object, hexadecimal; "" when the object was not written by this store.
        rows: Number of rows; -1 when unknown.
        digest: Content digest of the rows; "" when unknown.
        metadata: The writer's own entries, as far as S3's 2 KB carry them.
    """

    key: str
    etag: str
    size: int
    sha256: str
    rows: int
    digest: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Whether the object was written by this store."""
        return bool(self.sha256 and self.digest) and self.rows >= 0


@dataclass(frozen=True)
class ParquetObject:
    """A verified local copy of an object.

    Attributes:
        info: The object it is a copy of.
        file: The local file, verified.
    """

    info: ObjectInfo
    file: LocalParquet

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, exactly as written, field metadata included."""
        return self.file.schema

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.file.rows

    @property
    def path(self) -> Path:
        """The local Parquet file."""
        return self.file.path

    @property
    def metadata(self) -> dict[str, str]:
        """The writer's own entries, complete, from the footer."""
        return self.file.metadata

    def reader(self, columns: list[str] | None = None) -> pa.RecordBatchReader:
        """Stream the rows, in the order in which they were written."""
        return self.file.reader(columns)


def _encode(written: WrittenFile) -> dict[str, str]:
    entries: dict[str, str] = {}
    for name, value in written.metadata.items():
        if len(json.dumps({**entries, name: value}, ensure_ascii=True)) <= _METADATA_BUDGET:
            entries[name] = value
    return {
        "format": FORMAT_VERSION,
        "rows": str(written.rows),
        "digest": written.digest,
        "sha256": written.sha256,
        "entries": json.dumps(entries, ensure_ascii=True, separators=(",", ":")),
    }


def _decode(key: str, answer: Mapping[str, Any]) -> ObjectInfo:
    stored = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
    ours = stored.get("format") == FORMAT_VERSION
    try:
        entries = json.loads(stored.get("entries", "{}")) if ours else {}
        rows = int(stored.get("rows", -1)) if ours else -1
    except ValueError:
        ours, entries, rows = False, {}, -1
    return ObjectInfo(
        key=key,
        etag=str(answer["ETag"]),
        size=int(answer["ContentLength"]),
        sha256=stored.get("sha256", "") if ours else "",
        rows=rows,
        digest=stored.get("digest", "") if ours else "",
        metadata=entries,
    )


@dataclass(frozen=True)
class KeptObject:
    """Stands for data of a partition that already is at its place: nothing is to be written.

    Attributes:
        store: Where the object is.
        info: The object.
    """

    store: ParquetStore
    info: ObjectInfo

    def __call__(self) -> pa.RecordBatchReader:
        """Stream the rows of the object, for a consumer that wants them all the same."""
        return self.store.read(self.info)


def _default_remedy(key: str) -> str:
    return f"Write the object again (materialise the partition that owns {key})."


class ParquetStore:
    """Parquet objects in one bucket.

    Args:
        client: A boto3 S3 client.
        bucket: The bucket's name.
        volatile: Columns that differ from one extract of the same rows to the next and do not count as content.
        remedy: Makes, from a key, the sentence that tells how to write a bad or missing object again.
        multipart_threshold: Objects of this many bytes and more are uploaded in parts.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        *,
        volatile: Collection[str] = ("_extracted_at",),
        remedy: Callable[[str], str] = _default_remedy,
        multipart_threshold: int = MULTIPART_THRESHOLD,
    ) -> None:
        self._client = client
        self.bucket = bucket
        self.volatile = frozenset(volatile)
        self.remedy = remedy
        self._multipart_threshold = multipart_threshold
        self._bucket_seen = False

    def _where(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def _require_bucket(self) -> None:
        # A missing bucket answers HEAD of an object as a missing object does.
        if self._bucket_seen:
            return
        try:
            self._client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if is_missing(error):
                raise ConfigurationError(
                    "There is no such bucket.", where=f"s3://{self.bucket}", fix="Create it or name another one."
                ) from error
        self._bucket_seen = True

    def stat(self, key: str) -> ObjectInfo | None:
        """Return what S3 says of an object, or None where there is none. Verifies nothing."""
        with s3_errors("look at the object", self._where(key)):
            try:
                answer = self._client.head_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if not is_missing(error):
                    raise
                answer = None
            if answer is None:
                self._require_bucket()
                return None
        return _decode(key, answer)

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with a prefix, in order."""
        with s3_errors("list objects", self._where(prefix)):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield entry["Key"]

    def remove(self, key: str) -> None:
        """Remove an object; one that is not there is none to remove."""
        with s3_errors("remove the object", self._where(key)):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def write(
        self,
        key: str,
        reader: pa.RecordBatchReader,
        *,
        metadata: Mapping[str, str] | None = None,
        replaces: ObjectInfo | EllipsisType | None = ...,
    ) -> ObjectInfo:
        """Write a stream as one object; nothing changes at the key unless all of it succeeds.

        Args:
            key: Where to.
            reader: The rows; consumed. No rows give a typed object with 0 rows.
            metadata: The writer's own entries; read after the last row.
            replaces: What the rows were made from: an object (it must still be there, unchanged), None (there must be
                none), or ... to replace whatever is there when the write begins.

        Returns:
            The object that now is at the key: the new one, or the old one where its content is the same.

        Raises:
            ConcurrentWriteError: Somebody else wrote the key in the meantime.
        """
        existing = self.stat(key) if replaces is ... else replaces
        with workspace() as directory:
            written = write_file(reader, directory / "rows.parquet", metadata=metadata or {}, volatile=self.volatile)
            if existing is not None and self._same(existing, written):
                self._require_unchanged(existing)
                return existing
            return self._upload(key, written, existing)

    @staticmethod
    def _same(existing: ObjectInfo, written: WrittenFile) -> bool:
        return (
            existing.is_ours
            and existing.digest == written.digest
            and existing.metadata.get(IDENTITY_KEY) == written.metadata.get(IDENTITY_KEY)
        )

    def _require_unchanged(self, existing: ObjectInfo) -> None:
        current = self.stat(existing.key)
        if current is None or current.etag != existing.etag:
            raise ConcurrentWriteError(
                "The object was changed by somebody else in the meantime.",
                where=self._where(existing.key),
                why="Two runs wrote the same partition at once.",
                fix="Run this partition again.",
            )

    def _upload(self, key: str, written: WrittenFile, existing: ObjectInfo | None) -> ObjectInfo:
        condition = {"IfNoneMatch": "*"} if existing is None else {"IfMatch": existing.etag}
        stored = _encode(written)
        try:
            with s3_errors("write the object", self._where(key)):
                try:
                    etag = upload(
                        self._client,
                        written,
                        threshold=self._multipart_threshold,
                        target={"Bucket": self.bucket, "Key": key},
                        stored=stored,
                        condition=condition,
                    )
                except ClientError as error:
                    # A conditional request for an object that is gone answers 404.
                    if existing is None or not is_missing(error):
                        raise
                    self._require_bucket()
                    self._require_unchanged(existing)
                    raise
        except ConcurrentWriteError:
            # A retry inside the client meets its own first attempt when only the answer was lost.
            current = self.stat(key)
            if current is None or current.sha256 != written.sha256 or current.digest != written.digest:
                raise
            return current
        return ObjectInfo(
            key, etag, written.size, written.sha256, written.rows, written.digest, json.loads(stored["entries"])
        )

    @contextmanager
    def open(self, info: ObjectInfo) -> Iterator[ParquetObject]:
        """Fetch an object and verify it against what is known of it, before any row is handed out.

        Args:
            info: The object, from `stat`, `write` or a record kept elsewhere; exactly this version is read.

        Yields:
            A local copy, removed afterwards.

        Raises:
            ObjectVerificationError: Size, checksum, format, row count or digest are not what they should be.
            ConcurrentWriteError: The object has been replaced since `info` was taken.
        """
        if not info.is_ours:
            raise self._bad(info, "an object with rows, digest and sha256 in its metadata", "an object without them")
        with workspace() as directory:
            path = directory / "rows.parquet"
            with s3_errors("read the object", self._where(info.key)):
                try:
                    size, sha256 = download(
                        self._client, path, target={"Bucket": self.bucket, "Key": info.key, "IfMatch": info.etag}
                    )
                except ClientError as error:
                    if not is_missing(error):
                        raise
                    raise self.missing(info.key) from error
            yield ParquetObject(info, self._verified(info, path, size, sha256))

    def read(self, info: ObjectInfo) -> pa.RecordBatchReader:
        """Fetch and verify an object now, and stream its rows; the local copy goes when the stream ends."""
        stack = ExitStack()
        opened = stack.enter_context(self.open(info))

        def batches() -> Iterator[pa.RecordBatch]:
            with stack:
                yield from opened.reader()

        return pa.RecordBatchReader.from_batches(opened.schema, batches())

    def _verified(self, info: ObjectInfo, path: Path, size: int, sha256: str) -> LocalParquet:
        if size != info.size:
            raise self._bad(info, f"{info.size} bytes", f"{size} bytes")
        if sha256 != info.sha256:
            raise self._bad(info, f"sha256 {info.sha256}", f"sha256 {sha256}")
        try:
            file = LocalParquet(path)
        except (pa.ArrowInvalid, OSError, ValueError) as error:
            raise self._bad(info, "a Parquet file", "something else") from error
        if file.rows != info.rows:
            raise self._bad(info, f"{info.rows} rows", f"{file.rows} rows")
        if file.digest != info.digest:
            raise self._bad(info, f"digest {info.digest}", f"digest {file.digest or 'missing'}")
        return file

    def _bad(self, info: ObjectInfo, expected: str, found: str) -> ObjectVerificationError:
        return ObjectVerificationError(
            "The object is not what was written.",
            where=self._where(info.key),
            why=f"expected {expected}, found {found}",
            fix=self.remedy(info.key),
        )

    def missing(self, key: str) -> ObjectVerificationError:
        """Make the error that says that an object which should be there is not."""
        return ObjectVerificationError(
            "There is no such object.",
            where=self._where(key),
            why="Its partition was never materialised, or the object was deleted.",
            fix=self.remedy(key),
        )
