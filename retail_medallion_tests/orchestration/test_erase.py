"""The erase command on a platform with the demo retailer: shown first, taken out, kept out, followed by Gold."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from retail_medallion.cli import main
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.platform import Platform, copied, days

_SCHEMAS = ("meta", "silver", "silver_versions", "silver_meta", "silver_quarantine", "gold")
PERSONAL = ("full_name", "email", "phone", "address_line1", "identity_hash")


@dataclass
class Somebody:
    """A customer of whom there is much to take out, and whose values nobody else has."""

    id: str
    values: tuple[str, ...]


@pytest.fixture
def platform(loaded: Platform, postgres_server: EmbeddedPostgres) -> Iterator[Platform]:
    with copied(loaded, postgres_server) as copy:
        yield copy


@pytest.fixture
def somebody(platform: Platform) -> Somebody:
    columns = ", ".join(f"c.{name}::text" for name in PERSONAL)
    ((id_, *values),) = platform.ask(
        f"SELECT c.customer_id, {columns} FROM silver.customers c"  # noqa: S608 our own column names
        " WHERE c.birth_date IS NOT NULL AND c.address_line1 IS NOT NULL"
        " AND c.phone IS NOT NULL AND EXISTS (SELECT FROM silver.transactions t"
        "   WHERE t.customer_id = c.customer_id AND t.masked_account IS NOT NULL)"
        " AND NOT EXISTS (SELECT FROM silver_versions.customers o WHERE o.customer_id <> c.customer_id"
        "   AND (o.email = c.email OR o.phone = c.phone OR o.full_name = c.full_name"
        "        OR o.address_line1 = c.address_line1))"
        " ORDER BY (SELECT count(*) FROM silver_versions.customers v WHERE v.customer_id = c.customer_id) DESC,"
        " c.customer_id LIMIT 1"
    )
    return Somebody(id_, tuple(values))


def erase(platform: Platform, *arguments: str) -> str:
    with platform.active():
        result = CliRunner().invoke(main, ["erase", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def traces(platform: Platform, somebody: Somebody) -> set[str]:
    """Tables in which one of the values stands in some row."""
    names = platform.ask(
        "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname = ANY(%s)",
        list(_SCHEMAS),
    )
    ask = "SELECT 1 FROM {} t, unnest(%s::text[]) v WHERE strpos(t::text, v) > 0 LIMIT 1"
    return {name for (name,) in names if platform.ask(ask.format(name), list(somebody.values))}


def objects_of(platform: Platform, somebody: Somebody) -> set[str]:
    """Bronze objects of customers whose Parquet has the customer, read row by row."""
    client = platform.s3.client()

    def clients(key: str) -> list[dict[str, Any]]:
        body = client.get_object(Bucket=platform.bucket, Key=key)["Body"].read()
        return pq.read_table(io.BytesIO(body), columns=["id", "merged_into"]).to_pylist()

    keys = [key for key in platform.objects() if "/customers/" in key]
    return {k for k in keys if any(somebody.id in (str(r["id"]), str(r["merged_into"])) for r in clients(k))}


def test_a_customer_is_shown_taken_out_and_kept_out(platform: Platform, somebody: Somebody):
    before = platform.digests()
    assert "silver.customers" in traces(platform, somebody)
    foreseen = erase(platform, "--source", "demo", "--customer", somebody.id, "--dry-run")
    assert "Nothing was changed" in foreseen
    assert platform.digests() == before

    said = erase(platform, "--source", "demo", "--customer", f" {somebody.id} ", "--reason", "request 17")
    for table in ("silver.customers", "silver_versions.customers", "silver.transactions"):
        assert table in said
        assert table in foreseen
    assert "separate job" in said
    listed = {line.strip() for line in said.splitlines() if line.strip().endswith(".parquet")}
    assert listed <= set(platform.objects())
    assert {key for key in listed if "/customers/" in key} == objects_of(platform, somebody) != set()
    assert any("/transactions/" in key for key in listed)
    assert not any(value in said + foreseen for value in somebody.values)
    assert not {table for table in traces(platform, somebody) if not table.startswith("gold.")}
    for entity in ("customers", "transactions", "sales"):
        assert platform.ask(
            f"SELECT count(*) FROM silver.{entity} WHERE customer_id = %s"  # noqa: S608 a name of the model
            " AND extras IS NOT NULL",
            somebody.id,
        ) == [(0,)]

    # Every day is loaded once more: as though the books did not know what they hold.
    erased = silver_of(platform)
    platform.execute("UPDATE silver_meta.partition_state SET load_id = gen_random_uuid()")
    platform.materialise_layers({"silver", "gold"}, days(3))
    assert silver_of(platform) == erased
    assert traces(platform, somebody) == set()
    ask = "SELECT birth_year, person_key = customer_key FROM gold.dim_customer WHERE customer_id = %s"
    assert platform.ask(ask, somebody.id) == [(None, True)]
    assert platform.reconcile().holds

    shown = erase(platform, "--list")
    assert somebody.id in shown
    assert "request 17" in shown
    again = erase(platform, "--source", "demo", "--customer", somebody.id)
    assert "holds no personal data" in again
    assert "silver" not in again.replace("Silver", "")


def silver_of(platform: Platform) -> dict[str, str]:
    """Digests of what a load writes, without its books."""
    return {name: digest for name, digest in platform.digests().items() if name.startswith(("silver.", "silver_v"))} | {
        name: digest for name, digest in platform.digests().items() if name.startswith("silver_quarantine")
    }


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--source", "demo"], "Nobody is named"),
        (["--customer", "1"], "Nobody is named"),
        (["--source", "demo", "--customer", " "], "Nobody is named"),
        (["--source", "nobody", "--customer", "1"], "There is no source 'nobody'"),
    ],
)
def test_who_is_not_named_is_not_erased(loaded: Platform, arguments: list[str], what: str):
    with loaded.active(), contextlib.suppress(SystemExit):
        result = CliRunner().invoke(main, ["erase", *arguments])
    assert result.exit_code == 1
    assert what in result.stderr
    assert loaded.ask("SELECT count(*) FROM silver_meta.erasure") == [(0,)]
