"""Resources: the snapshot of each source, the warehouse's schema.

What belongs here: what assets share during a run, and how long it lives. What does not: settings (config).
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
import sqlalchemy as sa
from pydantic import PrivateAttr

from retail_medallion import config
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.gold.schema import ensure_schema as ensure_gold
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.migrations import prepare as prepare_silver
from retail_medallion.model import CanonicalModel
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.shared_snapshot import snapshot_held_by_run
from retail_medallion.silver.schema import register_source
from retail_medallion.storage.postgres.catalogue import TableName
from retail_medallion.storage.postgres.session import connect, engine
from retail_medallion.storage.postgres.statistics import analyze_if_stale
from retail_medallion.storage.postgres.transactions import in_transaction

# A reader that keeps a table open does not make every later reader queue behind us for longer than this.
_SCHEMA_LOCK_SECONDS = 60


class SourceSnapshots(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One exported snapshot per source and run, shared by all Bronze assets of the run.

    Where each step has a process, the process of the run holds it, and lets it go. Else it is taken here and let go as
    soon as the last of them is done, because an open snapshot keeps the source from cleaning up.

    Attributes:
        entities: Entities with a Bronze asset, by source.
    """

    entities: dict[str, list[str]]
    _open: dict[str, SourceSnapshot] = PrivateAttr(default_factory=dict)
    _waiting: dict[str, set[str]] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["SourceSnapshots", None, None]:  # noqa: ARG002
        """Let go of what a failed run left open."""
        try:
            yield self
        finally:
            for source in list(self._open):
                self._close(source)

    @contextmanager
    def of_run(self, context: dg.AssetExecutionContext, source: str) -> Iterator[SourceSnapshot]:
        """The snapshot of a source; the first asset of the run that asks takes it."""
        if source not in self._open:
            snapshot = SourceSnapshot(
                lambda: connect(config.source_database(source)),
                source=source,
                exported=snapshot_held_by_run(context.instance, context.run.run_id, source),
            )
            self._open[source] = snapshot.__enter__()
            self._waiting[source] = self._bronze_of_run(context, source)
        try:
            yield self._open[source]
        finally:
            self._waiting[source].discard(context.asset_key.path[-1])
            if not self._waiting[source]:
                self._close(source)

    def _bronze_of_run(self, context: dg.AssetExecutionContext, source: str) -> set[str]:
        selection = context.run.asset_selection
        names = self.entities[source]
        return {n for n in names if selection is None or keys.asset_key(source, keys.BRONZE, n) in selection}

    def _close(self, source: str) -> None:
        # An asset that failed in the middle of a day may be tidied up after the resource itself.
        if (snapshot := self._open.pop(source, None)) is not None:
            snapshot.close()


class Warehouse:
    """The warehouse's schema, made when the first asset of a process needs it.

    Args:
        model: The canonical model.
        mappings: Mappings of the sources of this code location.
    """

    def __init__(self, model: CanonicalModel, mappings: Mapping[str, SourceMapping]) -> None:
        self._model = model
        self._mappings = mappings
        self._prepared: set[str] = set()

    def engine(self) -> sa.Engine:
        """An engine on the warehouse."""
        return engine(config.warehouse_database())

    def prepare(self) -> None:
        """Make an empty warehouse, check that any other fits the model, write down the settings of the sources.

        Raises:
            SchemaDriftError: The warehouse is behind the model.
        """
        place = config.warehouse_database().where
        if place in self._prepared:
            return

        def work(connection: sa.Connection) -> None:
            prepare_silver(connection, self._model)
            for mapping in self._mappings.values():
                register_source(connection, mapping, mapping.source.first_day)
            ensure_gold(connection)

        in_transaction(
            self.engine(), [], work, where=f"the schema of {place}", lock_timeout_seconds=_SCHEMA_LOCK_SECONDS
        )
        self._prepared.add(place)

    def refresh_statistics(self, tables: Iterable[TableName]) -> None:
        """Let the planner know of tables that were filled a moment ago."""
        analyze_if_stale(self.engine(), tables)
