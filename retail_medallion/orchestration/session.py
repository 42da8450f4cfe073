"""What the shell commands share: the sources of this code location, a Dagster instance, runs and their summaries.

What belongs here: one object per command. What does not: printing beyond tables (cli), how a run works (launch).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
from rich.console import Console
from rich.table import Table

from retail_medallion import config
from retail_medallion.definitions import build_definitions
from retail_medallion.errors import DateRangeError
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.orchestration import launch
from retail_medallion.orchestration.io_managers import bronze_store
from retail_medallion.orchestration.launch import FinishedRun, Progress
from retail_medallion.orchestration.sources import chosen_mappings
from retail_medallion.orchestration.storage_connections import keep_connections
from retail_medallion.reconciliation import Reconciliation, reconcile
from retail_medallion.storage.postgres.session import engine

_LAYERS = ("bronze", "silver", "gold")


@dataclass
class AssetSummary:
    """What a run did for one asset, all its days together."""

    rows: int = 0
    rejected: int = 0
    seconds: float = 0.0
    bytes: int = 0
    unchanged: int = 0
    days: int = 0


@dataclass(frozen=True)
class RunSummary:
    """What a run did, by layer and asset."""

    source: str
    assets: Mapping[tuple[str, str], AssetSummary]

    @property
    def is_unchanged(self) -> bool:
        """Whether every day already held exactly this."""
        return all(summary.unchanged == summary.days for summary in self.assets.values())

    def print(self, console: Console) -> None:
        """Print a table: layer, entity, rows, rejected, seconds, MB."""
        table = Table("layer", "entity", title=f"{self.source}: what the run holds")
        for heading in ("rows", "rejected", "seconds", "MB", "days written"):
            table.add_column(heading, justify="right")
        for (layer, name), s in sorted(self.assets.items(), key=lambda item: (_LAYERS.index(item[0][0]), item[0][1])):
            size = f"{s.bytes / 1e6:,.2f}" if s.bytes else ""
            rejected = f"{s.rejected:,}" if layer == "silver" else ""
            table.add_row(
                layer, name, f"{s.rows:,}", rejected, f"{s.seconds:.1f}", size, f"{s.days - s.unchanged}/{s.days}"
            )
        console.print(table)
        if self.is_unchanged:
            console.print("Every day already held exactly this: nothing was written again.")


@dataclass(frozen=True)
class Session:
    """One command's view of the platform."""

    mappings: Mapping[str, SourceMapping]
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    @classmethod
    @contextmanager
    def open(cls, sources: Sequence[str] = ()) -> Iterator["Session"]:
        """Find the sources, and the Dagster instance that DAGSTER_HOME names.

        Raises:
            ConfigurationError: There is no mapping file of a source.
        """
        mappings = chosen_mappings(sources)
        with dg.DagsterInstance.get() as instance:
            keep_connections(instance)
            yield cls(mappings, instance, build_definitions(mappings))

    def chunks(self, source: str, days: list[dt.date], size: int | None) -> list[list[dt.date]]:
        """Cut a range into runs, oldest days first.

        Raises:
            DateRangeError: The range begins before the first partition of the source.
        """
        first = self.mappings[source].source.first_day
        if days[0] < first:
            raise DateRangeError(
                f"{source} has no partition {days[0]}.",
                why=f"its first one is {first}, and takes everything recorded before",
                fix=f"Start at {first} or later.",
            )
        size = size or len(days)
        return [days[i : i + size] for i in range(0, len(days), size)]

    def materialise(
        self,
        source: str,
        days: Sequence[dt.date],
        *,
        progress: Progress | None = None,
        selection: str | None = None,
    ) -> FinishedRun:
        """Run all layers of a source, or the assets of a selection, for consecutive days."""
        return launch.materialise(
            self.definitions, source, days, instance=self.instance, progress=progress, selection=selection
        )

    def summary(self, source: str, run: FinishedRun) -> RunSummary:
        """Read what a run did from its materialisations."""
        assets: dict[tuple[str, str], AssetSummary] = defaultdict(AssetSummary)
        for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            materialization = entry.asset_materialization
            if materialization is None:
                continue
            values = {name: value.value for name, value in materialization.metadata.items()}
            summary = assets[(materialization.asset_key.path[1], materialization.asset_key.path[2])]
            summary.days += 1
            summary.rows += _number(values.get("dagster/partition_row_count", values.get("dagster/row_count")))
            summary.rejected += _number(values.get("rejected"))
            summary.seconds += _seconds(values.get("seconds"))
            summary.bytes += _number(values.get("bytes"))
            summary.unchanged += 1 if _is_unchanged(values) else 0
        return RunSummary(source, assets)

    def reconcile(self, source: str) -> Reconciliation:
        """Compare the layers of a source."""
        with engine(config.warehouse_database()).connect() as connection:
            return reconcile(connection, bronze_store(), source)


def _is_unchanged(values: Mapping[str, Any]) -> bool:
    """Bronze counts the objects it wrote; Silver and Gold say that a partition needed no write."""
    return bool(values.get("skipped")) or values.get("objects_written") == 0


def _number(value: Any) -> int:
    return int(value) if value is not None else 0


def _seconds(value: Any) -> float:
    return float(value) if value is not None else 0.0
