"""Making a warehouse, telling whether it is behind the model, and bringing it up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script

from retail_medallion.errors import SchemaDriftError
from retail_medallion.migrations import books
from retail_medallion.migrations.difference import Difference, compare
from retail_medallion.model import CanonicalModel
from retail_medallion.silver import views
from retail_medallion.silver.findings.schema import ensure_findings
from retail_medallion.silver.schema import ensure_schema, take_schema_lock

COMMAND = "retail-medallion migrate"
_SHOWN = 20


@dataclass(frozen=True)
class Due:
    """What keeps a warehouse from the shape of the model.

    Attributes:
        is_empty: There is no Silver yet; the first run makes it.
        revisions: Revisions written by hand that the warehouse has not had yet, oldest first.
        differences: What is other than the model says.
    """

    is_empty: bool
    revisions: Sequence[Script]
    differences: Sequence[Difference]

    @property
    def additive(self) -> list[Difference]:
        """What `migrate` adds."""
        return [d for d in self.differences if d.is_additive]

    @property
    def by_hand(self) -> list[Difference]:
        """What takes a revision written by hand."""
        return [d for d in self.differences if not d.is_additive and d.stops_runs]

    @property
    def left_alone(self) -> list[Difference]:
        """What stays as it is without harm."""
        return [d for d in self.differences if not d.is_additive and not d.stops_runs]

    @property
    def is_due(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.revisions or self.additive or self.by_hand)

    @property
    def stops_runs(self) -> bool:
        """Whether a run has to wait for it."""
        return bool(self.revisions) or any(d.stops_runs for d in self.differences)


def due(connection: sa.Connection, model: CanonicalModel) -> Due:
    """Compare a warehouse with the model; nothing is changed.

    Raises:
        SchemaDriftError: A newer version of this package has migrated the warehouse.
    """
    if books.is_empty(connection):
        return Due(is_empty=True, revisions=(), differences=())
    revision, differences = books.revision(connection), compare(connection, model)
    # Nobody wrote a revision down, and there is nothing a revision could still do.
    as_new = revision is None and not differences
    revisions = () if as_new else books.revisions_after(revision)
    return Due(is_empty=False, revisions=revisions, differences=differences)


def prepare(connection: sa.Connection, model: CanonicalModel) -> None:
    """Make Silver in an empty warehouse; in any other, make sure that a run can write to it.

    One look at the books where nothing changed since the last time. Runs in the caller's transaction.

    Raises:
        SchemaDriftError: The warehouse is behind the model.
    """
    shape = books.fingerprint(connection, model)
    known = books.recorded_shape(connection) == shape and books.revision(connection) == books.newest_revision()
    # Somebody may have dropped Silver, to build it anew from Bronze, and left the books.
    if known and not books.is_empty(connection):
        return
    take_schema_lock(connection)
    if books.is_empty(connection):
        ensure_schema(connection, model)
        books.stamp(connection)
        books.record_shape(connection, shape)
        return
    found = due(connection, model)
    if found.stops_runs:
        raise _behind(found)
    ensure_findings(connection, model)
    if not found.is_due:
        books.stamp(connection)
        books.record_shape(connection, shape)


def migrate(connection: sa.Connection, model: CanonicalModel, *, tell: Callable[[str], None]) -> None:
    """Run the revisions that are due, then add what the model has and the warehouse has not.

    All or nothing, in the caller's transaction.

    Args:
        connection: The warehouse.
        model: The canonical model.
        tell: Told of each step before it is done.

    Raises:
        SchemaDriftError: There is a difference that nothing may be done about without a revision written by hand.
    """
    take_schema_lock(connection)
    if books.is_empty(connection):
        tell("the warehouse is empty: make it from the model")
        prepare(connection, model)
        return
    found = due(connection, model)
    if found.revisions:
        if books.revision(connection) is None:
            books.stamp(connection, "0001")
        # A view holds on to the columns it shows; those that are gone count as outdated below.
        views.drop_views(connection, views.views(model))
        for script in found.revisions:
            tell(f"revision {script.revision}: {script.doc}")
        books.upgrade(connection)
        found = due(connection, model)
    refuse_by_hand(found)
    operations = Operations(MigrationContext.configure(connection))
    for difference in found.differences:
        if difference.apply is not None:
            tell(str(difference))
            difference.apply(operations)
    ensure_findings(connection, model)
    books.stamp(connection)
    books.record_shape(connection, books.fingerprint(connection, model))


def refuse_by_hand(found: Due) -> None:
    """Raise where something is different that nothing may be done about without a revision.

    Raises:
        SchemaDriftError: There is such a difference.
    """
    if found.by_hand:
        raise _by_hand(found)


def _behind(found: Due) -> SchemaDriftError:
    if found.by_hand:
        return _by_hand(found)
    lines = [*(f"revision {script.revision}" for script in found.revisions), *map(str, found.additive)]
    return SchemaDriftError(
        "The warehouse is behind the canonical model.",
        why=_listed(lines),
        fix=f"See what would change with `{COMMAND} --dry-run`, then run `{COMMAND}`.",
    )


def _by_hand(found: Due) -> SchemaDriftError:
    return SchemaDriftError(
        "The warehouse has a shape that is never changed by itself, because rows or meaning could be lost.",
        why=_listed(list(map(str, found.by_hand))),
        fix="Write a revision for it, see docs/migrations.md, or take the change out of the model.",
    )


def _listed(lines: list[str]) -> str:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n    ".join(["", *lines[:_SHOWN], *more]).strip()
