"""The folder in which the embedded servers keep data, logs, ports and passwords."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retail_medallion.embedded.processes import ProcessIdentity
from retail_medallion.errors import ConfigurationError, LockTimeoutError

FOLDER_NAME = ".retail_medallion"
_PRIVATE = 0o600


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder named by RETAIL_HOME, or `.retail_medallion` in the checkout that holds the working directory."""
    named = environ.get("RETAIL_HOME")
    if named:
        return Path(named).expanduser().absolute()
    here = Path.cwd()
    checkout = next((folder for folder in (here, *here.parents) if (folder / "workspace.yaml").exists()), here)
    return checkout / FOLDER_NAME


@dataclass(frozen=True)
class ServerRecord:
    """What is remembered of one server between two commands.

    Attributes:
        port: The port it had last; kept while it is stopped.
        process: The process that serves it; None while it is stopped.
    """

    port: int | None = None
    process: ProcessIdentity | None = None


class Home:
    """One folder of embedded servers.

    Others may pass through it (mode 0711), so that a server that had to give up root's rights reaches its own folder;
    what is secret is readable by the owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        # Both servers are started at the same time, by two threads that share this object.
        self._writing = threading.Lock()

    def create(self) -> None:
        """Make the folder.

        Raises:
            ConfigurationError: It cannot be made or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(f"{self.path} belongs to another user")
            if self.path.stat().st_uid == os.geteuid():
                self.path.chmod(0o711)
        except OSError as error:
            raise ConfigurationError(
                "The folder of the embedded servers cannot be used.",
                where=str(self.path),
                why=str(error),
                fix="set RETAIL_HOME to a folder you may write to",
            ) from error

    @contextmanager
    def locked(self, *, seconds: float = 180) -> Iterator[None]:
        """Keep every other process from starting or stopping servers of this home meanwhile.

        Raises:
            LockTimeoutError: Another process held the lock all the time.
        """
        self.create()
        with (self.path / "lock").open("a") as file:
            deadline = time.monotonic() + seconds
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise LockTimeoutError(
                            "Another command is starting or stopping the embedded servers.",
                            where=str(self.path / "lock"),
                            why=f"the lock was not given free within {seconds:.0f} s",
                            fix="wait for that command to end, then try again",
                        ) from None
                    time.sleep(0.05)
            yield

    def record(self, server: str) -> ServerRecord:
        """What is remembered of a server; an empty record if nothing is."""
        entry = self._read("state.json").get(server) or {}
        process = entry.get("process")
        return ServerRecord(entry.get("port"), ProcessIdentity(**process) if process else None)

    def remember(self, server: str, record: ServerRecord) -> None:
        """Replace what is remembered of a server. Only under the lock."""
        with self._writing:
            self._write("state.json", {**self._read("state.json"), server: asdict(record)})

    def secret(self, name: str) -> str:
        """A password of this home, made at random when it is asked for the first time. Only under the lock then."""
        with self._writing:
            known = self._read("credentials.json")
            if name not in known:
                known = {**known, name: secrets.token_urlsafe(24)}
                self._write("credentials.json", known)
            return str(known[name])

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only its owner can read, whole or not at all."""
        target = self.path / name
        draft = target.with_name(target.name + ".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        return target

    def _write(self, name: str, content: Mapping[str, object]) -> None:
        self.write_private(name, json.dumps(content, indent=2) + "\n")

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return {}
        except json.JSONDecodeError as error:
            raise ConfigurationError(
                f"{name} of the embedded servers is damaged.",
                where=str(self.path / name),
                why=str(error),
                fix="remove the file if it is state.json; restore credentials.json, or remove the whole folder",
            ) from error
        return dict(content)
