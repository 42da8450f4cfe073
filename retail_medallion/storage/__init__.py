"""Storage of Dagster assets: Parquet objects on S3 and rows of PostgreSQL tables.

Belongs here: the two IO managers and what they are made of. Does not belong here: anything of retail; these modules
work in any Dagster project.
"""
