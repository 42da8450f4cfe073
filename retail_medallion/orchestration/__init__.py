"""Dagster wiring only: partitions, assets, jobs, resources, runs."""
