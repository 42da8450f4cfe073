"""What all commands share: where they print, how they fail, and the embedded servers.

What belongs here: what is the same for every command. What does not: a command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from rich.console import Console

from retail_medallion.errors import RetailMedallionError

P = ParamSpec("P")

# Written to a file or a pipe, a table keeps room for its columns.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Print our own errors as what, where, why and fix, without a traceback, and exit with 1."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except RetailMedallionError as error:
            print_error(error)
            sys.exit(1)

    return wrapped


def print_error(error: RetailMedallionError) -> None:
    """Print an error to standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), style="red", markup=False)


def use_embedded_servers() -> None:
    """Start the embedded servers unless variables name others, and point this process at them."""
    from retail_medallion import embedded

    servers = embedded.up()
    os.environ.update(embedded.environment(servers))
