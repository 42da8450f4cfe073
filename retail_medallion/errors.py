"""The one tree of errors.

Whether an error is permanent or transient is decided where it is raised, by the class that is raised: a retry policy
never has to guess from a message. Every error says what happened, where, why, and what to do about it.
"""

from __future__ import annotations


class RetailMedallionError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        what: What went wrong, in one sentence.
        where: The place: file:line, source, entity, day, column, table or object key.
        why: The cause, as far as it is known.
        fix: The command or the change that mends it.
    """

    def __init__(self, what: str, *, where: str | None = None, why: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix
        parts = [what]
        if where:
            parts.append(f"  where: {where}")
        if why:
            parts.append(f"  why:   {why}")
        if fix:
            parts.append(f"  fix:   {fix}")
        super().__init__("\n".join(parts))


class PermanentError(RetailMedallionError):
    """Trying again without a change gives the same error."""


class TransientError(RetailMedallionError):
    """Trying again later may succeed."""


class ConfigurationError(PermanentError):
    """A setting is missing, malformed or contradicts another one."""


class DateRangeError(ConfigurationError):
    """A day or a range of days is malformed, reversed, empty or outside what can be materialised."""


class MappingError(PermanentError):
    """A mapping file is malformed, names something that does not exist, or breaks a rule of the grammar."""


class WorkbookError(PermanentError):
    """A workbook cannot be read safely, or asks for changes that cannot be taken back into the mapping files."""


class ModelError(PermanentError):
    """The canonical model contradicts itself."""


class SourceSchemaError(PermanentError):
    """The source database has no such table or column, or a type that cannot be carried."""


class DataContractError(PermanentError):
    """Data breaks what was declared: a type, a window, a key, a bound."""


class SchemaDriftError(DataContractError):
    """A table or an object does not have the columns it was declared with."""


class ObjectVerificationError(DataContractError):
    """An object on S3 is not what was written: size, checksum, row count or format differ."""


class BalanceError(DataContractError):
    """Rows or money went in that did not come out, or the other way round."""


class AccessDeniedError(PermanentError):
    """A server refused the credentials or the right to do this."""


class ServiceUnavailableError(TransientError):
    """A server did not answer, closed the connection or asked to slow down."""


class ConcurrentWriteError(TransientError):
    """Somebody else wrote the same object or row in the meantime."""


class LockTimeoutError(TransientError):
    """A lock was not granted in time."""
