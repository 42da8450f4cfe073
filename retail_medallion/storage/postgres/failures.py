"""PostgreSQL's errors, told in our words: permanent or transient, without any value of any row."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import psycopg2
import sqlalchemy as sa

from retail_medallion.errors import (
    AccessDeniedError,
    ConcurrentWriteError,
    DataContractError,
    LockTimeoutError,
    RetailMedallionError,
    ServiceUnavailableError,
    SourceSchemaError,
)

_BY_STATE: dict[str, type[RetailMedallionError]] = {
    "55P03": LockTimeoutError,
    "57014": ServiceUnavailableError,
    "42501": AccessDeniedError,
    "25006": AccessDeniedError,
    "25P02": DataContractError,
}
_BY_CLASS: dict[str, type[RetailMedallionError]] = {
    "08": ServiceUnavailableError,
    "0A": SourceSchemaError,
    "22": DataContractError,
    "23": DataContractError,
    "25": ServiceUnavailableError,
    "28": AccessDeniedError,
    "2F": DataContractError,
    "3D": SourceSchemaError,
    "3F": SourceSchemaError,
    "40": ConcurrentWriteError,
    "42": SourceSchemaError,
    "44": DataContractError,
    "53": ServiceUnavailableError,
    "54": SourceSchemaError,
    "57": ServiceUnavailableError,
    "58": ServiceUnavailableError,
    "P0": DataContractError,
    "XX": ServiceUnavailableError,
}
_FIXES: dict[type[RetailMedallionError], str] = {
    ServiceUnavailableError: "check that the server is up and reachable, then run again",
    AccessDeniedError: "check the user, the password and the rights granted",
    ConcurrentWriteError: "run again",
    LockTimeoutError: "run again when the other session is done; pg_stat_activity and pg_locks name it",
    SourceSchemaError: "compare the query or the declared columns with the database",
    DataContractError: "compare the rows of this column with the type and the constraints declared for it",
}
_COPY_COLUMN = re.compile(r"^COPY .+, line (\d+)(?:, column ([^:\n]+?))?(?:: |$)", re.MULTILINE)


def translate(error: BaseException, where: str) -> RetailMedallionError:
    """Turn a psycopg2 or SQLAlchemy error into one of ours.

    PostgreSQL quotes the offending value in the message of a data error and in every detail, so of those only the
    name of the condition, the column and the constraint are kept.

    Args:
        error: What was raised; an error of ours is returned as it is.
        where: The table, query or database, for the message.
    """
    if isinstance(error, RetailMedallionError):
        return error
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        error = error.orig
    if not isinstance(error, psycopg2.Error):
        return DataContractError(f"{type(error).__name__} while talking to PostgreSQL", where=where)
    state = error.pgcode
    if state is None:
        return _without_state(error, where)
    kind = _BY_STATE.get(state) or _BY_CLASS.get(state[:2], DataContractError)
    place = ", ".join([where, *_place(error)])
    # What PostgreSQL supposes was meant are names of its catalogue, and of no row.
    hint = error.diag.message_hint if state[:2] == "42" else None
    why = f"SQLSTATE {state}" + (f": {hint}" if hint else "")
    return kind(_sentence(error, state), where=place, why=why, fix=_FIXES.get(kind))


def sqlstate(error: BaseException) -> str | None:
    """Give the SQLSTATE of a psycopg2 or SQLAlchemy error, or None where there is none."""
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        error = error.orig
    return error.pgcode if isinstance(error, psycopg2.Error) else None


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise every database error of the block as one of ours.

    The original is dropped from the chain, because logs print chains and the original may quote a row.
    """
    failure: RetailMedallionError | None = None
    try:
        yield
    except (psycopg2.Error, sa.exc.DBAPIError) as error:
        failure = translate(error, where)
    if failure is not None:
        raise failure


def _without_state(error: psycopg2.Error, where: str) -> RetailMedallionError:
    text = str(error).lower()
    if "authentication failed" in text or "no password supplied" in text or "pg_hba.conf" in text:
        return AccessDeniedError("PostgreSQL refused the credentials", where=where, fix=_FIXES[AccessDeniedError])
    if "does not exist" in text and isinstance(error, psycopg2.OperationalError):
        return SourceSchemaError("The database or the role does not exist", where=where, fix="check its name")
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) or not text:
        return ServiceUnavailableError(
            "The connection to PostgreSQL could not be made or was lost",
            where=where,
            fix=_FIXES[ServiceUnavailableError],
        )
    return ServiceUnavailableError(
        f"{type(error).__name__} while talking to PostgreSQL", where=where, fix=_FIXES[ServiceUnavailableError]
    )


def _sentence(error: psycopg2.Error, state: str) -> str:
    condition = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).lower()
    primary = error.diag.message_primary
    if state[:2] in {"22", "P0"} or primary is None:
        return f"PostgreSQL refused a value: {condition}"
    return f"PostgreSQL: {primary}"


def _place(error: psycopg2.Error) -> list[str]:
    diag = error.diag
    found = []
    if diag.table_name:
        found.append(f"table {diag.schema_name}.{diag.table_name}")
    column = diag.column_name
    copy = _COPY_COLUMN.search(diag.context or "")
    if copy and not column:
        column = copy.group(2)
    if column:
        found.append(f"column {column!r}")
    if diag.constraint_name:
        found.append(f"constraint {diag.constraint_name!r}")
    if copy:
        found.append(f"row {copy.group(1)} of this load")
    return found
