"""The reconciliations R1 to R8 as asset checks: one step over current Silver, one over Silver and Gold.

What belongs here: how they are hung into Dagster and shown. What does not: what they compare (checks).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from retail_medallion.checks.layers import SalesDay, bronze_comparisons, sales_days
from retail_medallion.checks.pending import pending_of
from retail_medallion.checks.rules import Reconciled, Rule, active, evaluate
from retail_medallion.checks.silver_rules import RULES
from retail_medallion.gold.recompute import hold_tables
from retail_medallion.gold.registry import TABLES
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.check_tables import shown_table
from retail_medallion.orchestration.io_managers import bronze_store
from retail_medallion.orchestration.partitions import days_of_run
from retail_medallion.reconciliation import Comparison
from retail_medallion.silver.findings.refresh import refresh_findings
from retail_medallion.silver.shown import shown_key
from retail_medallion.storage.postgres.transactions import in_transaction

LAYERS = "r8_layers_agree"
_DAYS_SHOWN = 31


def reconciliation_checks(mapping: SourceMapping, model: CanonicalModel) -> list[dg.AssetChecksDefinition]:
    """The reconciliations that hold for a source."""
    rules = active(RULES, mapping.entities)
    checks = [_silver_check(mapping, model, rules)] if rules else []
    return [*checks, _layers_check(mapping)] if "sales" in mapping.entities else checks


def _silver_check(mapping: SourceMapping, model: CanonicalModel, rules: Sequence[Rule]) -> dg.AssetChecksDefinition:
    source = mapping.source.code

    def silver(entity: str) -> dg.AssetKey:
        return keys.asset_key(source, keys.SILVER, entity)

    named = {dg.AssetCheckKey(silver(rule.entity), rule.name): rule for rule in rules}

    @dg.multi_asset_check(
        name=f"{source}_silver_reconciliations",
        specs=[
            dg.AssetCheckSpec(
                rule.name,
                asset=silver(rule.entity),
                additional_deps=[silver(name) for name in sorted(rule.reads - {rule.entity})],
                description=f"{rule.id}: {rule.title}",
            )
            for rule in rules
        ],
        can_subset=True,
        required_resource_keys={"warehouse"},
    )
    def reconciliations(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        engine = context.resources.warehouse.engine()

        def refresh(connection: sa.Connection) -> object:
            return refresh_findings(connection, source, model, mapping.entities)

        in_transaction(engine, [], refresh, where=f"the findings of {source}")
        with engine.connect() as connection:
            for check in sorted(context.selected_asset_check_keys):
                rule = named[check]
                found = evaluate(connection, source, rule)
                yield dg.AssetCheckResult(
                    asset_key=check.asset_key,
                    check_name=rule.name,
                    passed=not found.offenders,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{rule.title} {found.offenders:,} of {found.compared:,} do not hold."
                    if found.offenders
                    else f"{rule.title} All {found.compared:,} hold.",
                    metadata=_silver_metadata(model.entity(rule.entity), found),
                )

    return reconciliations


def _silver_metadata(entity: Entity, found: Reconciled) -> Mapping[str, Any]:
    metadata: dict[str, Any] = {"compared": found.compared, "offenders": found.offenders}
    wrong = [day for day in found.days if day.offenders][-_DAYS_SHOWN:]
    if wrong:
        metadata["by_day"] = shown_table(
            (
                {
                    "day": day.day,
                    "currency": day.currency_code,
                    "compared": day.compared,
                    "offenders": day.offenders,
                    "expected": day.expected,
                    "delta": day.delta,
                }
                for day in reversed(wrong)
            ),
            *("day", "currency", "compared", "offenders", "expected", "delta"),
            integers=("compared", "offenders"),
        )
        metadata["worst_offenders"] = shown_table(
            (
                {
                    "id": shown_key(entity, row.id),
                    "day": row.day,
                    "currency": row.currency_code,
                    "expected": row.expected,
                    "actual": row.actual,
                    "delta": row.delta,
                    "what": row.what,
                }
                for row in found.worst
            ),
            *("id", "day", "currency", "expected", "actual", "delta", "what"),
        )
    return metadata


def _layers_check(mapping: SourceMapping) -> dg.AssetChecksDefinition:
    source = mapping.source.code
    table = TABLES["fct_sale"]
    entities = [name for name in table.silver_inputs if name in mapping.entities]
    asset = keys.asset_key(source, keys.GOLD, table.name)

    @dg.multi_asset_check(
        name=f"{source}_gold_reconciliations",
        specs=[
            dg.AssetCheckSpec(
                LAYERS,
                asset=asset,
                additional_deps=[keys.asset_key(source, keys.SILVER, name) for name in entities],
                description="R8: The total of all sales of a day is the same in Silver and in Gold, exactly; what"
                " Silver accepted and refused of the days of the run is what Bronze holds (alone, of all days).",
            )
        ],
        required_resource_keys={"warehouse"},
    )
    def layers(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        days = days_of_run(context)
        # The state of a moment is compared with the state of the same moment.
        with context.resources.warehouse.engine().connect() as opened:
            connection = opened.execution_options(isolation_level="REPEATABLE READ")
            hold_tables(connection)
            totals = sales_days(connection, source)
            ready = pending_of(connection, source)[table.name].ready
            books = bronze_comparisons(connection, bronze_store(), source, entities, days)
        different = [day for day in totals if not day.holds]
        broken = [comparison for comparison in books if not comparison.holds]
        # A change of Silver that Gold has not been told to take up yet is no error of Gold.
        unread = bool(different and ready and not broken)
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=LAYERS,
            passed=not (different or broken),
            severity=dg.AssetCheckSeverity.WARN if unread else dg.AssetCheckSeverity.ERROR,
            description=_layers_in_words(totals, different, books, broken, ready),
            metadata=_layers_metadata(totals, different, books, broken),
        )

    return layers


def _layers_in_words(
    totals: Sequence[SalesDay],
    different: Sequence[SalesDay],
    books: Sequence[Comparison],
    broken: Sequence[Comparison],
    ready: int,
) -> str:
    if not different and not broken:
        return f"{len(totals):,} days agree in Silver and Gold; {len(books):,} comparisons with Bronze hold"
    said = []
    if different:
        said.append(f"{len(different):,} of {len(totals):,} days differ between Silver and Gold")
    if different and ready:
        said.append(f"fct_sale has {ready:,} changed sales to take up: run Gold, then look again")
    if broken:
        said.append(f"{len(broken):,} of {len(books):,} comparisons with Bronze do not hold")
    return "; ".join(said)


def _layers_metadata(
    totals: Sequence[SalesDay],
    different: Sequence[SalesDay],
    books: Sequence[Comparison],
    broken: Sequence[Comparison],
) -> Mapping[str, Any]:
    metadata: dict[str, Any] = {
        "days": len(totals),
        "days_that_differ": len(different),
        "comparisons": len(books),
        "comparisons_that_do_not_hold": len(broken),
    }
    by_currency: dict[str, list[SalesDay]] = {}
    for day in totals:
        by_currency.setdefault(day.currency_code, []).append(day)
    if totals:
        metadata["totals"] = shown_table(
            (
                {
                    "currency": currency,
                    "silver": sum(day.silver_total for day in days),
                    "gold": sum(day.gold_total for day in days),
                }
                for currency, days in sorted(by_currency.items())
            ),
            *("currency", "silver", "gold"),
        )
    if different:
        metadata["by_day"] = shown_table(
            (
                {
                    "day": day.day,
                    "currency": day.currency_code,
                    "silver_sales": day.silver_sales,
                    "gold_sales": day.gold_sales,
                    "silver": day.silver_total,
                    "gold": day.gold_total,
                }
                for day in reversed(different[-_DAYS_SHOWN:])
            ),
            *("day", "currency", "silver_sales", "gold_sales", "silver", "gold"),
            integers=("silver_sales", "gold_sales"),
        )
    if broken:
        metadata["worst_offenders"] = shown_table(
            (
                {"what": c.what, "one_side": f"{c.left_name} {c.left}", "other_side": f"{c.right_name} {c.right}"}
                for c in broken[:_DAYS_SHOWN]
            ),
            *("what", "one_side", "other_side"),
        )
    return metadata
