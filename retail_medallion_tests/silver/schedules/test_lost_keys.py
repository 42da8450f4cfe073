"""A list of keys that comes empty from the source, through extraction, cleaning and writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from retail_medallion.errors import DataContractError
from retail_medallion_tests.servers import fresh_database_on
from retail_medallion_tests.silver.schedules.platform import Platform, instant
from retail_medallion_tests.silver.schedules.shop import DAYS, SCHEMA, shop_mappings, shop_model


@pytest.fixture
def platform(postgres_server: Any, s3_client: Any, tmp_path: Any) -> Iterator[Platform]:
    bucket = "lost-keys-" + os.urandom(6).hex()
    s3_client.create_bucket(Bucket=bucket)
    with fresh_database_on(postgres_server) as source, fresh_database_on(postgres_server) as warehouse:
        connection = source.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(SCHEMA)
        connection.close()
        made = Platform(source, warehouse, s3_client, bucket, shop_model(tmp_path / "model"), shop_mappings(tmp_path))
        made.reset()
        yield made
        made.close()


def test_members_are_not_deleted_because_the_list_of_their_keys_came_empty(platform: Platform) -> None:
    members = "INSERT INTO members SELECT n, 'member', %s FROM generate_series(1, %s) n"
    platform.change(members, instant(DAYS[0], 1), 100)
    platform.extract("members", [DAYS[0]], 0)
    platform.load("members", DAYS[0], 0)
    platform.change("DELETE FROM members")
    platform.extract("members", [DAYS[1]], 0)
    with pytest.raises(DataContractError, match=f"has 0 rows, 100 fewer than the one of {DAYS[0]}"):
        platform.load("members", DAYS[1], 0)
    assert not any(deleted for _, deleted, _, _ in platform.current("members").values())

    platform.change(members, instant(DAYS[0], 2), 80)
    platform.extract("members", [DAYS[2]], 0)
    platform.load("members", DAYS[2], 0)
    assert sum(deleted for _, deleted, _, _ in platform.current("members").values()) == 20
