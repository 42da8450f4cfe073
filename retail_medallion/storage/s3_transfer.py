"""Bytes to and from S3: one conditional upload with a checksum, and a download that hashes what it receives."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retail_medallion.storage.parquet_file import WrittenFile
from retail_medallion.storage.s3_errors import TRANSPORT_ERRORS

MULTIPART_THRESHOLD = 64 * 2**20
_PART_SIZE = 16 * 2**20
_MAX_PARTS = 10_000
_BLOCK = 2**20
_DOWNLOAD_ATTEMPTS = 3


def _base64_sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")


def upload(
    client: Any,
    file: WrittenFile,
    *,
    threshold: int,
    target: Mapping[str, str],
    stored: Mapping[str, str],
    condition: Mapping[str, str],
) -> str:
    """Upload a file so that the object appears whole, once, or not at all.

    Args:
        client: A boto3 S3 client.
        file: The finished local file.
        threshold: From this size on the file goes in parts.
        target: Bucket and Key.
        stored: User metadata.
        condition: IfMatch or IfNoneMatch, checked by S3 at the moment the object appears.

    Returns:
        The new object's ETag.
    """
    if file.size >= threshold:
        return _upload_parts(client, file, target=target, stored=stored, condition=condition)
    with file.path.open("rb") as body:
        answer = client.put_object(
            **target,
            **condition,
            Body=body,
            Metadata=dict(stored),
            ContentType="application/vnd.apache.parquet",
            ChecksumSHA256=base64.b64encode(bytes.fromhex(file.sha256)).decode("ascii"),
        )
    return str(answer["ETag"])


def _upload_parts(
    client: Any,
    file: WrittenFile,
    *,
    target: Mapping[str, str],
    stored: Mapping[str, str],
    condition: Mapping[str, str],
) -> str:
    part_size = max(_PART_SIZE, math.ceil(file.size / _MAX_PARTS))
    upload_id = client.create_multipart_upload(
        **target,
        Metadata=dict(stored),
        ContentType="application/vnd.apache.parquet",
        ChecksumAlgorithm="SHA256",
    )["UploadId"]
    try:
        parts: list[dict[str, Any]] = []
        with file.path.open("rb") as body:
            while data := body.read(part_size):
                number = len(parts) + 1
                checksum = _base64_sha256(data)
                answer = client.upload_part(
                    **target, UploadId=upload_id, PartNumber=number, Body=data, ChecksumSHA256=checksum
                )
                parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
        answer = client.complete_multipart_upload(
            **target, **condition, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )
        return str(answer["ETag"])
    except BaseException:
        # Parts that belong to no object would be paid for until somebody finds them.
        _abort(client, upload_id, target)
        raise


def _abort(client: Any, upload_id: str, target: Mapping[str, str]) -> None:
    # The first error is the one to report; a lifecycle rule of the bucket clears what is left.
    with contextlib.suppress(Exception):
        client.abort_multipart_upload(**target, UploadId=upload_id)


def download(client: Any, path: Path, *, target: Mapping[str, str]) -> tuple[int, str]:
    """Download an object to a local file; a connection that breaks midway is tried again, a bounded number of times.

    Args:
        client: A boto3 S3 client.
        path: Where to.
        target: Bucket, Key and IfMatch.

    Returns:
        Bytes received and their SHA-256, hexadecimal.
    """
    for attempt in range(1, _DOWNLOAD_ATTEMPTS + 1):
        try:
            return _download_once(client, path, target)
        except TRANSPORT_ERRORS:
            if attempt == _DOWNLOAD_ATTEMPTS:
                raise
    raise RuntimeError("unreachable")


def _download_once(client: Any, path: Path, target: Mapping[str, str]) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    body = client.get_object(**target)["Body"]
    try:
        with path.open("wb") as out:
            while block := body.read(_BLOCK):
                digest.update(block)
                size += out.write(block)
    finally:
        body.close()
    return size, digest.hexdigest()
