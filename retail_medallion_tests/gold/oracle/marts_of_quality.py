"""What was read, refused and found, per partition."""

from __future__ import annotations

from collections import Counter

from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World


def mart_data_quality(world: World) -> list[Row]:
    rows = []
    newest = max((day for _, day in world.silver.partitions), default=None)
    for (entity, day), counts in world.silver.partitions.items():
        rules = Counter(rule for e, d, rule in world.silver.findings if (e, d) == (entity, day))
        last = max(d for e, d in world.silver.partitions if e == entity)
        rows.append(
            {
                "source_key": world.source_key,
                "partition_date": day,
                "entity": entity,
                **{
                    column: counts[column] for column in ("rows_read", "filtered", "accepted", "rejected", "superseded")
                },
                "rejections": counts["rejections"],
                "warnings": counts["warnings"],
                "findings": sum(rules.values()),
                "findings_by_rule": dict(rules),
                "days_behind": (newest - last).days if newest else None,
            }
        )
    return rows


TABLES = {"mart_data_quality": mart_data_quality}
