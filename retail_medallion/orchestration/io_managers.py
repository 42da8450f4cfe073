"""The two IO managers as this platform sets them up.

What belongs here: which settings they get. What does not: how they store (storage).
"""

import os

import dagster as dg
from dagster_aws.s3 import S3Resource

from retail_medallion import config
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion.storage.postgres_io_manager import PostgresIOManager
from retail_medallion.storage.s3_parquet_io_manager import S3ParquetIOManager


def bronze_io_manager() -> S3ParquetIOManager:
    """Bronze: Parquet on S3. Credentials, region and endpoint are boto3's own business."""
    return S3ParquetIOManager(
        s3_resource=S3Resource(), bucket=dg.EnvVar("S3_BUCKET_NAME"), prefix=os.environ.get("S3_PREFIX", "").strip("/")
    )


def bronze_store() -> ParquetStore:
    """The objects of Bronze, for reading outside a run."""
    return ParquetStore(S3Resource().get_client(), config.bronze_bucket())


def warehouse_io_manager() -> PostgresIOManager:
    """Silver and Gold: tables in PostgreSQL."""
    return PostgresIOManager(
        host=dg.EnvVar("WAREHOUSE_DB_HOST"),
        port=dg.EnvVar.int("WAREHOUSE_DB_PORT"),
        database=dg.EnvVar("WAREHOUSE_DB_NAME"),
        user=dg.EnvVar("WAREHOUSE_DB_USER"),
        password=dg.EnvVar("WAREHOUSE_DB_PASSWORD"),
    )
