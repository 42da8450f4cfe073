"""A daily-partitioned medallion platform for retail data, built from Dagster assets."""
