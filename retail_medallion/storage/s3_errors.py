"""What an error of S3 means: whether trying again helps, and what a person has to change if it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from urllib3.exceptions import HTTPError

from retail_medallion.errors import (
    AccessDeniedError,
    ConcurrentWriteError,
    ConfigurationError,
    PermanentError,
    RetailMedallionError,
    ServiceUnavailableError,
)

TRANSPORT_ERRORS: tuple[type[Exception], ...] = (
    HTTPClientError,
    BotoConnectionError,
    IncompleteReadError,
    ResponseStreamingError,
    HTTPError,
    ConnectionError,
    TimeoutError,
)

_TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "BadDigest",
        "IncompleteBody",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
    }
)
_CONFLICT_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_REGION_CODES = frozenset(
    {
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "301",
        "MovedPermanently",
    }
)
_DENIED_REASONS = {
    "ExpiredToken": "the session token has expired; get new credentials",
    "ExpiredTokenException": "the session token has expired; get new credentials",
    "InvalidAccessKeyId": "the access key is unknown; check AWS_ACCESS_KEY_ID",
    "InvalidToken": "the session token is not valid; check AWS_SESSION_TOKEN",
    "SignatureDoesNotMatch": "the secret does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
}
_SERVER_ERRORS_FROM = 500
_FORBIDDEN = 403
_CONFLICT = 409
_PRECONDITION_FAILED = 412
_TOO_MANY_REQUESTS = 429


def error_code(error: ClientError) -> tuple[str, int]:
    """Return S3's error code and the HTTP status of an error answer."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    return code, status


def is_missing(error: ClientError) -> bool:
    """Tell whether the answer says that there is no such object (a missing bucket answers HEAD in the same way)."""
    code, _ = error_code(error)
    return code in {"404", "NoSuchKey", "NotFound"}


def is_conflict(error: ClientError) -> bool:
    """Tell whether a conditional request found another object than the one it was made for."""
    code, status = error_code(error)
    return code in _CONFLICT_CODES or status in {_PRECONDITION_FAILED, _CONFLICT}


def _refused(error: ClientError, action: str, where: str) -> RetailMedallionError:
    code, status = error_code(error)
    what = f"S3 refused to {action}: {code or status}."
    if code == "NoSuchBucket":
        return ConfigurationError(
            what, where=where, why="There is no such bucket.", fix="Create it or name another one."
        )
    if code == "RequestTimeTooSkewed":
        return ConfigurationError(
            what, where=where, why="The clock of this machine is off.", fix="Set the clock (time synchronisation)."
        )
    if code in _REGION_CODES:
        return ConfigurationError(
            what, where=where, why="The bucket lives in another region.", fix="Set AWS_REGION to the bucket's region."
        )
    if code in _DENIED_REASONS or status == _FORBIDDEN:
        why = _DENIED_REASONS.get(
            code, "the credentials lack the right to do this, are wrong, or the clock of this machine is off"
        )
        return AccessDeniedError(
            what, where=where, why=why, fix="Reading needs s3:GetObject and s3:ListBucket, writing s3:PutObject."
        )
    return PermanentError(what, where=where, why=str(error.response.get("Error", {}).get("Message", "")) or None)


def classify(error: Exception, *, action: str, where: str) -> RetailMedallionError:
    """Turn an error of boto3 into one of ours.

    Args:
        error: What boto3 raised.
        action: What was tried, as a verb phrase ("read the object").
        where: Bucket and key.
    """
    if isinstance(error, ClientError):
        code, status = error_code(error)
        if is_conflict(error):
            return ConcurrentWriteError(
                f"The object was changed by somebody else while this tried to {action}.",
                where=where,
                why="Two runs wrote the same partition at once.",
                fix="Run this partition again.",
            )
        if code in _TRANSIENT_CODES or status >= _SERVER_ERRORS_FROM or status == _TOO_MANY_REQUESTS:
            return ServiceUnavailableError(
                f"S3 could not {action}: {code or status}.",
                where=where,
                why="The service is busy or down, retries included.",
            )
        return _refused(error, action, where)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return ConfigurationError(
            f"There are no complete S3 credentials to {action}.",
            where=where,
            fix="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role that boto3 finds.",
        )
    if isinstance(error, NoRegionError):
        return ConfigurationError("No S3 region is set.", where=where, fix="Set AWS_REGION.")
    if isinstance(error, TRANSPORT_ERRORS):
        return ServiceUnavailableError(
            f"The connection to S3 failed while this tried to {action}.", where=where, why=type(error).__name__
        )
    return PermanentError(f"S3 could not {action}.", where=where, why=str(error))


@contextmanager
def s3_errors(action: str, where: str) -> Iterator[None]:
    """Raise errors of boto3 inside the block as errors of ours."""
    try:
        yield
    except (ClientError, BotoCoreError, HTTPError, ConnectionError, TimeoutError) as error:
        raise classify(error, action=action, where=where) from error
