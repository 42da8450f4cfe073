"""What the result of cleaning depends on besides Bronze, mapping and model: our own code and the libraries it asks."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata, resources

# Everything that decides what a value becomes. A row written by other code is written again when its day is
# materialised, even where Bronze, the mapping and the model are the same.
_CODE = ("mapping", "silver.standardisers")
_MODULES = (
    "bronze_rows",
    "compilation",
    "contest",
    "engines",
    "hashing",
    "partition",
    "pile",
    "quarantine",
    "rules",
    "staged_rows",
    "staging",
    "transform",
)
_LIBRARIES = ("duckdb", "email-validator", "idna", "phonenumbers", "pycountry", "python-stdnum")


@cache
def cleaning_version() -> str:
    """Hash of the cleaning code and of the versions of the libraries it uses."""
    content = hashlib.sha256()
    for library in _LIBRARIES:
        content.update(f"{library}={metadata.version(library)};".encode())
    files = [file for package in _CODE for file in resources.files(f"retail_medallion.{package}").iterdir()]
    files += [resources.files("retail_medallion.silver") / f"{module}.py" for module in _MODULES]
    files.append(resources.files("retail_medallion.model") / "currencies.py")
    for file in sorted(files, key=str):
        if file.name.endswith(".py"):
            content.update(file.read_bytes())
    return content.hexdigest()[:16]
