"""Whether a source is up to date and right: `pending` for every day, `full_recompute` for when there is time.

What belongs here: how they are hung into Dagster and shown. What does not: the queue and the recomputation (checks,
silver, gold).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from retail_medallion.checks.pending import Pending, pending_of
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.recompute import compare, hold_tables
from retail_medallion.gold.registry import TABLES
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel
from retail_medallion.orchestration import keys
from retail_medallion.silver.recompute import differing_rows

PENDING = "pending"
FULL_RECOMPUTE = "full_recompute"


def upkeep_checks(mapping: SourceMapping, model: CanonicalModel) -> list[dg.AssetChecksDefinition]:
    """The checks of a source that look at what is stored as a whole."""
    return [_pending_check(mapping), _silver_recompute_check(mapping, model), _gold_recompute_check(mapping)]


def dear_checks(mapping: SourceMapping) -> list[dg.AssetCheckKey]:
    """The checks of a source that are too dear for each day."""
    silver = [keys.asset_key(mapping.source.code, keys.SILVER, name) for name in mapping.entities]
    return [dg.AssetCheckKey(key, FULL_RECOMPUTE) for key in (*silver, *_gold_keys(mapping))]


def _gold_keys(mapping: SourceMapping) -> dict[dg.AssetKey, GoldTable]:
    source = mapping.source.code
    return {keys.asset_key(source, keys.GOLD, table.name): table for table in TABLES.values() if table.has_source}


def _pending_check(mapping: SourceMapping) -> dg.AssetChecksDefinition:
    source = mapping.source.code

    @dg.multi_asset_check(
        name=f"{source}_gold_pending",
        specs=[
            dg.AssetCheckSpec(PENDING, asset=key, description="Gold has taken up every change that Silver recorded.")
            for key in _gold_keys(mapping)
        ],
        can_subset=True,
        required_resource_keys={"warehouse"},
    )
    def pending(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with context.resources.warehouse.engine().connect() as connection:
            found = pending_of(connection, source)
        for check in sorted(context.selected_asset_check_keys):
            of_table = found[check.asset_key.path[-1]]
            yield dg.AssetCheckResult(
                asset_key=check.asset_key,
                check_name=PENDING,
                passed=of_table.is_up_to_date,
                severity=dg.AssetCheckSeverity.WARN,
                description=_pending_in_words(of_table),
                metadata=_pending_metadata(of_table),
            )

    return pending


def _pending_in_words(found: Pending) -> str:
    said = []
    if found.ready:
        said.append(f"{found.ready:,} keys are pending, the oldest since {found.since:%Y-%m-%d %H:%M:%S %Z}")
    if found.behind is not None:
        said.append(f"written as of {found.behind}, and the data reach {found.horizon}")
    if not said:
        said.append("nothing is pending")
    if found.waiting:
        said.append(f"{found.waiting:,} keys wait for a parent that is not in Gold")
    return "; ".join(said)


def _pending_metadata(found: Pending) -> Mapping[str, Any]:
    metadata: dict[str, Any] = {"pending_keys": found.ready, "waiting_for_parent": found.waiting}
    if found.since is not None:
        metadata["pending_since"] = dg.TimestampMetadataValue(found.since.timestamp())
    return metadata


def _silver_recompute_check(mapping: SourceMapping, model: CanonicalModel) -> dg.AssetChecksDefinition:
    source = mapping.source.code

    @dg.multi_asset_check(
        name=f"{source}_silver_{FULL_RECOMPUTE}",
        specs=[
            dg.AssetCheckSpec(
                FULL_RECOMPUTE,
                asset=keys.asset_key(source, keys.SILVER, name),
                description="Every row of the current state is the one its versions give.",
            )
            for name in mapping.entities
        ],
        can_subset=True,
        required_resource_keys={"warehouse"},
    )
    def silver_recompute(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        if _is_left_out(context):
            return
        with context.resources.warehouse.engine().connect() as opened:
            connection = opened.execution_options(isolation_level="REPEATABLE READ")
            for check in sorted(context.selected_asset_check_keys):
                differing = differing_rows(connection, source, model.entity(check.asset_key.path[-1]))
                yield dg.AssetCheckResult(
                    asset_key=check.asset_key,
                    check_name=FULL_RECOMPUTE,
                    passed=not differing,
                    description=f"{differing:,} rows are missing, too many, or other than the versions say"
                    if differing
                    else "every row is the one its versions give",
                    metadata={"differing_rows": differing},
                )

    return silver_recompute


def _gold_recompute_check(mapping: SourceMapping) -> dg.AssetChecksDefinition:
    source = mapping.source.code

    @dg.multi_asset_check(
        name=f"{source}_gold_{FULL_RECOMPUTE}",
        specs=[
            dg.AssetCheckSpec(
                FULL_RECOMPUTE,
                asset=key,
                description="Every stored row is the one a full computation from current Silver gives.",
            )
            for key in _gold_keys(mapping)
        ],
        can_subset=True,
        required_resource_keys={"warehouse"},
    )
    def gold_recompute(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        if _is_left_out(context):
            return
        with context.resources.warehouse.engine().connect() as opened:
            connection = opened.execution_options(isolation_level="REPEATABLE READ")
            hold_tables(connection)
            unread = [name for name, of in pending_of(connection, source).items() if not of.is_up_to_date]
            differences = compare(connection, source)
        for check in sorted(context.selected_asset_check_keys):
            found = differences[check.asset_key.path[-1]]
            said = f"{found.missing:,} rows are missing or other than Silver says, {found.unexpected:,} are not from it"
            if found and unread:
                said += f"; changes are pending for {', '.join(unread)}: run Gold, then look again"
            yield dg.AssetCheckResult(
                asset_key=check.asset_key,
                check_name=FULL_RECOMPUTE,
                passed=not found,
                # What is not taken up yet may well differ.
                severity=dg.AssetCheckSeverity.WARN if unread else dg.AssetCheckSeverity.ERROR,
                description=said if found else "every row is the one Silver gives",
                metadata={"missing": found.missing, "unexpected": found.unexpected},
            )

    return gold_recompute


def _is_left_out(context: dg.AssetCheckExecutionContext) -> bool:
    """Whether the run writes assets: Dagster adds all their checks where somebody picks assets by hand."""
    if not context.run.asset_selection:
        return False
    context.log.info("Left out of a run that writes assets: it computes everything anew. Run the check alone.")
    return True
