"""Ports of the embedded servers: the same every time for one home, different for different homes."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

from retail_medallion.errors import ConfigurationError

LOOPBACK = "127.0.0.1"

# Below the range from which Linux (32768) and macOS (49152) give ports to outgoing connections.
_FIRST, _LAST = 15000, 31999
_STEP = 2
_USUAL_POSTGRES_PORT = 5432


def candidates(home: Path, offset: int, *, remembered: int | None) -> Iterator[int]:
    """Ports to try for a server, best first, without end in sight: the whole range once.

    Args:
        home: Folder of the embedded servers; its path decides where the search starts.
        offset: Which of the home's servers: 0 or 1.
        remembered: The port this server had last.
    """
    if remembered is not None:
        yield remembered
    slots = (_LAST - _FIRST + 1) // _STEP
    digest = hashlib.sha256(str(home.resolve()).encode()).digest()
    first = int.from_bytes(digest[:8], "big") % slots
    for distance in range(slots):
        yield _FIRST + (first + distance) % slots * _STEP + offset


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of a killed server that still linger do not count: servers set this option as well.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def explicit_port(variable: str, text: str) -> int:
    """Read a port that was asked for.

    Raises:
        ConfigurationError: It is no port, or PostgreSQL's usual one, which belongs to the machine's own server.
    """
    port = int(text) if text.isdecimal() else 0
    if not 1024 <= port <= 65535 or port == _USUAL_POSTGRES_PORT:  # noqa: PLR2004 - the bounds of a TCP port
        raise ConfigurationError(
            f"{variable} is not a port the embedded servers may take.",
            where=f"environment variable {variable}",
            why=f"got {text!r}; allowed are 1024 to 65535, except {_USUAL_POSTGRES_PORT}",
            fix=f"unset {variable} to have a free port chosen, or name another one",
        )
    return port
