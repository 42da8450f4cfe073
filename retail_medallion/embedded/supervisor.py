"""What is the same for both embedded servers: find it again, start it, move to another port, stop it."""

from __future__ import annotations

import itertools
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from retail_medallion.embedded import ports, processes
from retail_medallion.embedded.home import Home, ServerRecord
from retail_medallion.embedded.privileges import Privileges
from retail_medallion.embedded.processes import ProcessIdentity
from retail_medallion.errors import ConfigurationError, ServiceUnavailableError

_INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL")
_STARTS_BEFORE_GIVING_UP = 8
_LOG_LIMIT_BYTES = 10_000_000


@dataclass(frozen=True)
class Launch:
    """How a server is started.

    Attributes:
        command: The program and its arguments.
        variables: Its environment, beyond the few variables it inherits.
    """

    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


class EmbeddedServer(ABC):
    """A server of one home. Everything but reading its properties needs the home's lock.

    A server counts as running when it answers as itself on its port; a process number alone proves nothing.

    Args:
        home: Where it keeps its data.
        environ: Variables that may name its port; default: this process's environment.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    port_variable: ClassVar[str]
    port_offset: ClassVar[int]
    stop_steps: ClassVar[Sequence[tuple[signal.Signals, float]]]
    start_seconds: ClassVar[float] = 60

    def __init__(self, home: Home, *, environ: Mapping[str, str] | None = None) -> None:
        self.home = home
        self._environ = os.environ if environ is None else environ
        self.folder = home.path / self.name
        self.log = home.path / f"{self.name}.log"

    @property
    def host(self) -> str:
        """Address the server listens on: loopback only."""
        return ports.LOOPBACK

    @property
    def port(self) -> int:
        """Port the server has, or had last.

        Raises:
            ServiceUnavailableError: It never ran.
        """
        port = self.home.record(self.name).port
        if port is None:
            raise ServiceUnavailableError(
                f"The embedded {self.title} has not been started yet.",
                where=str(self.home.path),
                fix="retail-medallion up",
            )
        return port

    @property
    def process(self) -> ProcessIdentity | None:
        """The process that serves, if it lives."""
        process = self.home.record(self.name).process or self.stray_process()
        return process if process is not None and process.is_alive() else None

    def answers(self) -> bool:
        """Whether this very server, not another one on its port, answers now."""
        port = self.home.record(self.name).port
        return port is not None and self.process is not None and self.probe(port)

    def ensure_running(self) -> bool:
        """Start the server unless it already runs.

        Returns:
            True if it was started, False if it was found running.

        Raises:
            ServiceUnavailableError: It does not start; the end of its log is in the message.
        """
        if self._found_running():
            return False
        self.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        self._shorten_log()
        for port in itertools.islice(self._free_ports(), _STARTS_BEFORE_GIVING_UP):
            if self._start(port):
                return True
        raise ServiceUnavailableError(
            f"The embedded {self.title} does not start.",
            where=str(self.log),
            why=self._end_of_log() or "its log is empty",
            fix=f"mend what the log names; `{self.port_variable}` sets another port",
        )

    def stop(self) -> None:
        """Stop the server and wait until nothing of it is left. Does nothing if it is stopped."""
        record = self.home.record(self.name)
        for process in (record.process, self.stray_process()):
            if process is not None:
                processes.stop(process, self.stop_steps)
        self.clear_remains()
        self.home.remember(self.name, ServerRecord(port=record.port))

    @abstractmethod
    def prepare(self) -> None:
        """Make what the server needs before its first start."""

    @abstractmethod
    def launch(self, port: int) -> Launch:
        """How to start the server on a port."""

    @abstractmethod
    def probe(self, port: int) -> bool:
        """Ask the server on this port something that only this home's server answers."""

    def stray_process(self) -> ProcessIdentity | None:
        """A process of this home that is not on record, because the record was lost or never written."""
        return None

    @abstractmethod
    def clear_remains(self) -> None:
        """Remove what a killed server leaves behind and what would hinder the next start."""

    def privileges(self) -> Privileges:
        """Under which user the server runs."""
        return Privileges()

    def base_variables(self) -> dict[str, str]:
        """The inherited part of the environment: nothing that could change a server's behaviour."""
        return {name: os.environ[name] for name in _INHERITED if name in os.environ}

    def _found_running(self) -> bool:
        record = self.home.record(self.name)
        process = self.process
        if process is None or record.port is None:
            return False
        # It may still be starting, or replaying its log after a kill.
        port = record.port
        answered = processes.wait_until(lambda: self.probe(port) or not process.is_alive(), self.start_seconds)
        if answered and process.is_alive():
            if record.process != process:
                self.home.remember(self.name, ServerRecord(port, process))
            return True
        return False

    def _start(self, port: int) -> bool:
        launch, privileges = self.launch(port), self.privileges()
        process = processes.start_detached(
            [*privileges.prefix, *launch.command],
            environment={**self.base_variables(), **launch.variables},
            directory=self.folder,
            log=self.log,
            user=privileges.user,
            group=privileges.group,
        )
        self.home.remember(self.name, ServerRecord(port, process))
        processes.wait_until(lambda: self.probe(port) or not process.is_alive(), self.start_seconds)
        if process.is_alive() and self.probe(port):
            return True
        self.stop()
        return False

    def _free_ports(self) -> Iterator[int]:
        asked = self._environ.get(self.port_variable)
        if asked:
            port = ports.explicit_port(self.port_variable, asked)
            if not ports.is_free(port):
                raise ConfigurationError(
                    f"The port named for the embedded {self.title} is taken.",
                    where=f"environment variable {self.port_variable}, port {port}",
                    why="another program listens on it",
                    fix=f"unset {self.port_variable} to have a free port chosen, or name another one",
                )
            yield from itertools.repeat(port, 2)
            return
        remembered = self.home.record(self.name).port
        for port in ports.candidates(self.home.path, self.port_offset, remembered=remembered):
            if ports.is_free(port):
                yield port

    def _shorten_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)

    def _end_of_log(self, lines: int = 8) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def read_first_number(path: Path) -> int | None:
    """The number in the first line of a file, such as a pid file; None if there is none."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
