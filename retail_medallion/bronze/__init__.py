"""Bronze: what a source's PostgreSQL database holds, day by day, as Parquet objects with the source's own columns.

Belongs here: reading a source (snapshots, windows, queries) and what extracting a day again means (the merge). Does not
belong here: what a column means to a retailer (mapping, silver), how objects are stored (storage), Dagster
(orchestration).
"""
