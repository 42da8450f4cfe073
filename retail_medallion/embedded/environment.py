"""The environment variables that point the rest of the package at the embedded servers.

The package itself only ever reads environment variables. They come in groups, one per use of a server: a
group whose leading variable is set already belongs to somebody else's server and is left alone.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retail_medallion.embedded.home import Home

if TYPE_CHECKING:
    from retail_medallion.embedded.servers import Servers

_DEFAULT_BUCKET = "retail-medallion"
_DEFAULT_PREFIX = "retail"
_SHELL_FILE = "environment.sh"
_OFF = {"0", "false", "no", "off"}


@dataclass(frozen=True)
class DatabaseGroup:
    """The variables of one database.

    Attributes:
        prefix: What the variables' names begin with.
        name_variable: The variable that holds the database's name.
        default_name: The database's name on the embedded server, and the name of the role that owns it.
        purpose: What it is for, as shown to people.
    """

    prefix: str
    name_variable: str
    default_name: str
    purpose: str

    def database(self, environ: Mapping[str, str]) -> str:
        """Name of the database."""
        return environ.get(self.name_variable) or self.default_name

    def external_because(self, environ: Mapping[str, str], home: Home) -> str | None:
        """The variable that sends this database to another server than the home's; None if there is none."""
        host_variable = f"{self.prefix}_HOST"
        host = environ.get(host_variable)
        if not host:
            return embedded_is_off(environ)
        own_port = home.record("postgres").port
        return None if (host, environ.get(f"{self.prefix}_PORT")) == ("127.0.0.1", str(own_port)) else host_variable


DATABASES = (
    DatabaseGroup("WAREHOUSE_DB", "WAREHOUSE_DB_NAME", "retail_warehouse", "Silver and Gold"),
    DatabaseGroup("DEMO_DB", "DEMO_DB_NAME", "retail_demo", "the demo retailer's application database"),
    DatabaseGroup(
        "DEMO_JOURNAL_DB", "DEMO_JOURNAL_DB_NAME", "retail_demo_journal", "the demo delicatessens' application database"
    ),
    DatabaseGroup(
        "DEMO_DOCUMENTS_DB",
        "DEMO_DOCUMENTS_DB_NAME",
        "retail_demo_documents",
        "the demo surf shop's application database",
    ),
    DatabaseGroup("DAGSTER_PG", "DAGSTER_PG_DB", "retail_dagster", "Dagster's runs and events"),
)


def embedded_is_off(environ: Mapping[str, str]) -> str | None:
    """`RETAIL_EMBEDDED` if that variable forbids embedded servers, else None."""
    return "RETAIL_EMBEDDED" if environ.get("RETAIL_EMBEDDED", "1").strip().lower() in _OFF else None


def s3_external_because(environ: Mapping[str, str], home: Home) -> str | None:
    """The variables that send Bronze to another S3 than the home's; None if there are none.

    Credentials alone do not: many machines have some lying about. Credentials and the name of a bucket do.
    """
    for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        endpoint = environ.get(variable)
        if endpoint:
            return None if endpoint == f"http://127.0.0.1:{home.record('s3').port}" else variable
    if environ.get("S3_BUCKET_NAME"):
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN"):
            if environ.get(variable):
                return f"S3_BUCKET_NAME with {variable}"
    return embedded_is_off(environ)


def bucket_name(environ: Mapping[str, str]) -> str:
    """Name of the bucket that holds Bronze."""
    return environ.get("S3_BUCKET_NAME") or _DEFAULT_BUCKET


def environment(servers: Servers, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables to add to the environment of whatever uses the servers.

    Args:
        servers: Servers that are up.
        environ: What is set already; default: this process's environment.

    Returns:
        Variable names and values, passwords among them. Variables of groups that belong to other servers are absent.
    """
    known = os.environ if environ is None else environ
    variables = {"RETAIL_HOME": str(servers.home.path)}
    for group in DATABASES:
        if group.external_because(known, servers.home) is None:
            variables |= {
                f"{group.prefix}_HOST": servers.postgres.host,
                f"{group.prefix}_PORT": str(servers.postgres.port),
                group.name_variable: group.database(known),
                f"{group.prefix}_USER": group.default_name,
                f"{group.prefix}_PASSWORD": servers.home.secret(group.default_name),
            }
    if s3_external_because(known, servers.home) is None:
        variables |= {
            "AWS_ENDPOINT_URL": servers.s3.endpoint_url,
            "AWS_ACCESS_KEY_ID": servers.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": servers.s3.secret_key,
            "AWS_REGION": servers.s3.region,
            "AWS_DEFAULT_REGION": servers.s3.region,
            # Every clone of S3 is many times slower with a checksum in the trailer of each request.
            "AWS_REQUEST_CHECKSUM_CALCULATION": known.get("AWS_REQUEST_CHECKSUM_CALCULATION") or "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": known.get("AWS_RESPONSE_CHECKSUM_VALIDATION") or "when_required",
            "S3_BUCKET_NAME": bucket_name(known),
        }
        # A token that belongs to other credentials must not travel with these.
        variables |= {"AWS_SESSION_TOKEN": ""} if known.get("AWS_SESSION_TOKEN") else {}
    variables["S3_PREFIX"] = known.get("S3_PREFIX") or _DEFAULT_PREFIX
    variables["DAGSTER_HOME"] = known.get("DAGSTER_HOME") or str(servers.dagster_home)
    return variables


def write_shell_file(servers: Servers, environ: Mapping[str, str] | None = None) -> None:
    """Write `environment.sh` into the home: `source` it to use plain `dagster` commands with the servers."""
    variables = environment(servers, environ)
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
    servers.home.write_private(_SHELL_FILE, "".join(lines))
