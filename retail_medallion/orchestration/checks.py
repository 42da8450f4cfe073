"""Asset checks of Silver: the contract of every entity, and the findings of a source.

What belongs here: how checks are hung into Dagster and shown. What does not: what is checked (silver).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.check_tables import text_columns
from retail_medallion.orchestration.partitions import days_of_run
from retail_medallion.silver.contract import COUNTS, Contract, RefusedRow, check_contract, worst_rows
from retail_medallion.silver.findings.read import FoundRow, RuleCount, count_findings, worst_findings
from retail_medallion.silver.findings.refresh import refresh_findings
from retail_medallion.silver.shown import shown_key
from retail_medallion.storage.postgres.transactions import in_transaction

CONTRACT = "contract"
FINDINGS = "findings"


def silver_checks(mapping: SourceMapping, model: CanonicalModel) -> list[dg.AssetChecksDefinition]:
    """The checks of a source: one contract per entity, and one step for the findings of all entities."""
    entities = [model.entity(name) for name in mapping.entities]
    return [*(_contract_check(mapping, entity) for entity in entities), _findings_check(mapping, model, entities)]


def _contract_check(mapping: SourceMapping, entity: Entity) -> dg.AssetChecksDefinition:
    source = mapping.source.code

    @dg.asset_check(
        asset=keys.asset_key(source, keys.SILVER, entity.entity),
        name=CONTRACT,
        blocking=True,
        description="Rows and money of the days of the run add up, and what is stored is what was accepted.",
        required_resource_keys={"warehouse"},
    )
    def contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        days = days_of_run(context)
        with context.resources.warehouse.engine().connect() as connection:
            found = check_contract(connection, source, entity, days)
            worst = worst_rows(connection, source, entity, days) if found.counts["rejected"] else []
        return dg.AssetCheckResult(
            passed=not found.breaches,
            description=_in_words(found),
            metadata=_contract_metadata(found, worst),
        )

    return contract


def _findings_check(
    mapping: SourceMapping, model: CanonicalModel, entities: Sequence[Entity]
) -> dg.AssetChecksDefinition:
    source = mapping.source.code
    silver = [keys.asset_key(source, keys.SILVER, entity.entity) for entity in entities]

    @dg.multi_asset_check(
        name=f"{source}_silver_findings",
        specs=[
            dg.AssetCheckSpec(
                FINDINGS,
                asset=key,
                # A finding looks at rows of several entities, so it waits for all of them.
                additional_deps=[other for other in silver if other != key],
                description="What only several rows together tell: sums, balances, references, doubles.",
            )
            for key in silver
        ],
        can_subset=True,
        required_resource_keys={"warehouse"},
    )
    def findings(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        engine = context.resources.warehouse.engine()
        bring_findings_up_to_date(engine, mapping, model)
        with engine.connect() as connection:
            for check in sorted(context.selected_asset_check_keys):
                entity = check.asset_key.path[-1]
                rules = count_findings(connection, source, entity)
                total = sum(rule.count for rule in rules)
                worst = worst_findings(connection, source, entity) if total else []
                yield dg.AssetCheckResult(
                    asset_key=check.asset_key,
                    check_name=FINDINGS,
                    passed=total == 0,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{total} findings of {len(rules)} rules" if total else f"{len(rules)} rules hold",
                    metadata=_findings_metadata(model.entity(entity), total, rules, worst),
                )

    return findings


def bring_findings_up_to_date(engine: sa.Engine, mapping: SourceMapping, model: CanonicalModel) -> None:
    """Look again at what changed since the last time; nothing to do where nothing did."""
    source = mapping.source.code

    def refresh(connection: sa.Connection) -> object:
        return refresh_findings(connection, source, model, mapping.entities)

    in_transaction(engine, [], refresh, where=f"the findings of {source}")


def _in_words(found: Contract) -> str:
    if found.breaches:
        return "; ".join(found.breaches)
    counts = found.counts
    return f"{counts['accepted']:,} rows accepted, {counts['rejected']:,} rejected, of {counts['rows_read']:,} read"


def _contract_metadata(found: Contract, worst: Sequence[RefusedRow]) -> Mapping[str, Any]:
    metadata: dict[str, Any] = {name: found.counts[name] for name in COUNTS}
    metadata["days"] = len(found.days)
    if found.warnings:
        metadata["warnings_by_rule"] = _by_rule(found.warnings)
    if found.rejections:
        metadata["rejections_by_rule"] = _by_rule(found.rejections)
    if worst:
        metadata["worst_offenders"] = dg.TableMetadataValue(
            records=[
                dg.TableRecord(
                    {
                        "day": row.day.isoformat(),
                        "block": row.block,
                        "row": row.bronze_row,
                        "key": row.key or "",
                        "reasons": row.reasons,
                    }
                )
                for row in worst
            ],
            schema=text_columns("day", "block", "row", "key", "reasons", integers=("row",)),
        )
    if found.totals:
        parts = ("mapped", "accepted", "rejected", "superseded")
        metadata["control_totals"] = dg.TableMetadataValue(
            records=[
                dg.TableRecord({"column": column, **{part: str(sums[part]) for part in parts}})
                for column, sums in found.totals.items()
            ],
            schema=text_columns("column", *parts),
        )
    return metadata


def _by_rule(counts: Mapping[str, int]) -> dg.TableMetadataValue:
    return dg.TableMetadataValue(
        records=[dg.TableRecord({"rule": rule, "rows": rows}) for rule, rows in sorted(counts.items())],
        schema=text_columns("rule", "rows", integers=("rows",)),
    )


def _findings_metadata(
    entity: Entity, total: int, rules: Sequence[RuleCount], worst: Sequence[FoundRow]
) -> Mapping[str, Any]:
    metadata: dict[str, Any] = {"findings": total, "rules": len(rules)}
    fired = [rule for rule in rules if rule.count]
    if fired:
        metadata["by_rule"] = dg.TableMetadataValue(
            records=[
                dg.TableRecord({"rule": rule.rule, "findings": rule.count, "message": rule.message}) for rule in fired
            ],
            schema=text_columns("rule", "findings", "message", integers=("findings",)),
        )
    if worst:
        metadata["worst_offenders"] = dg.TableMetadataValue(
            records=[
                dg.TableRecord(
                    {
                        "rule": row.rule,
                        "id": shown_key(entity, row.id) or "",
                        "day": row.as_of_partition.isoformat(),
                        "expected": shown_key(entity, row.expected) or "",
                        "actual": shown_key(entity, row.actual) or "",
                        "delta": "" if row.delta is None else str(row.delta),
                    }
                )
                for row in worst
            ],
            schema=text_columns("rule", "id", "day", "expected", "actual", "delta"),
        )
    return metadata
