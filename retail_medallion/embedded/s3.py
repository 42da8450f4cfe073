"""The embedded S3: a real S3 API over HTTP (ministack), on loopback, with its objects in the home."""

from __future__ import annotations

import http.client
import importlib.util
import json
import signal
import sys
from pathlib import Path
from typing import Any, ClassVar

from retail_medallion.embedded.processes import ProcessIdentity
from retail_medallion.embedded.supervisor import EmbeddedServer, Launch, read_first_number
from retail_medallion.errors import ConfigurationError

REGION = "us-east-1"
ACCESS_KEY = "retail-medallion"


class EmbeddedS3(EmbeddedServer):
    """One S3 server per home. It accepts any secret key: it guards nothing, it only listens on loopback."""

    name: ClassVar[str] = "s3"
    title: ClassVar[str] = "S3"
    port_variable: ClassVar[str] = "RETAIL_S3_PORT"
    port_offset: ClassVar[int] = 1
    stop_steps = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))

    @property
    def endpoint_url(self) -> str:
        """Where the S3 API is."""
        return f"http://{self.host}:{self.port}"

    @property
    def access_key(self) -> str:
        """The access key to use. Never twelve digits, which this server would take for an account of its own."""
        return ACCESS_KEY

    @property
    def secret_key(self) -> str:
        """The secret key to use."""
        return self.home.secret(self.name)

    @property
    def region(self) -> str:
        """The region to name in requests."""
        return REGION

    def client(self) -> Any:
        """A boto3 client for this server, whatever the environment says."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session(
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key, region_name=self.region
        ).client(
            "s3",
            endpoint_url=self.endpoint_url,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def ensure_bucket(self, bucket: str) -> None:
        """Create a bucket if it is missing."""
        client = self.client()
        if bucket not in {entry["Name"] for entry in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=bucket)

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            ConfigurationError: The server is not installed.
        """
        if importlib.util.find_spec("ministack") is None:
            raise ConfigurationError(
                "The embedded S3 is not installed.",
                why="the optional dependencies `embedded` are missing",
                fix="pip install 'retail-medallion[embedded]', or set AWS_ENDPOINT_URL or S3_BUCKET_NAME",
            )
        self.folder.chmod(0o700)
        for folder in ("objects", "state", "temporary"):
            (self.folder / folder).mkdir(exist_ok=True)

    def launch(self, port: int) -> Launch:
        """This interpreter running the server's module, which is configured by its environment alone."""
        variables = {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": self.host,
            "SERVICES": "s3",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.folder / "objects"),
            "LOG_LEVEL": "WARNING",
            "MINISTACK_REGION": self.region,
            # Its pid file goes to the temporary folder, where that of another user would be in the way.
            "TMPDIR": str(self.folder / "temporary"),
            "HOME": str(self.folder),
            # Would otherwise listen on 8883 of all interfaces, and on an SFTP port.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # Would otherwise look through the containers of this machine.
            "DOCKER_HOST": "unix:///nonexistent",
        }
        return Launch([sys.executable, "-m", "ministack"], variables)

    def probe(self, port: int) -> bool:
        """Ask for the state of the S3 service."""
        session = http.client.HTTPConnection(self.host, port, timeout=3)
        try:
            session.request("GET", "/_ministack/health")
            response = session.getresponse()
            body = json.loads(response.read())
            return response.status == http.HTTPStatus.OK and "s3" in body.get("services", {})
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            session.close()

    def stray_process(self) -> ProcessIdentity | None:
        """The process named in the server's own pid file, if it was started in this home."""
        pid_file = next(iter(sorted((self.folder / "temporary").glob("ministack-*.pid"))), None)
        pid = None if pid_file is None else read_first_number(pid_file)
        if pid is None or not _works_in(pid, self.folder):
            return None
        return ProcessIdentity.of(pid)

    def clear_remains(self) -> None:
        """Remove the pid files of killed servers."""
        for pid_file in (self.folder / "temporary").glob("ministack-*.pid"):
            pid_file.unlink(missing_ok=True)


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except OSError:
        return False
