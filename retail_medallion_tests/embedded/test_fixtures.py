from __future__ import annotations

import sqlalchemy as sa


def test_a_fresh_database_is_empty_and_reachable_by_both_drivers(fresh_database):
    with fresh_database.connect() as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (number integer)")
    engine = sa.create_engine(fresh_database.url)
    with engine.connect() as session:
        assert sa.inspect(session).get_table_names() == ["kept"]
    engine.dispose()


def test_the_next_fresh_database_knows_nothing_of_the_last(fresh_database):
    engine = sa.create_engine(fresh_database.url)
    with engine.connect() as session:
        assert sa.inspect(session).get_table_names() == []
    engine.dispose()


def test_a_fresh_bucket_takes_an_object_and_starts_empty(s3_client, fresh_bucket):
    assert "Contents" not in s3_client.list_objects_v2(Bucket=fresh_bucket)
    s3_client.put_object(Bucket=fresh_bucket, Key="a b/ü.parquet", Body=b"rows")
    assert s3_client.get_object(Bucket=fresh_bucket, Key="a b/ü.parquet")["Body"].read() == b"rows"
