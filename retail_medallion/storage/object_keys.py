"""Object keys, made in one place from names that were checked, so that no two assets ever share one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from retail_medallion.errors import ConfigurationError

DEFAULT_DATASET = "data"
_NAME = re.compile(r"[a-z0-9_]{1,63}\Z")
_PARTITION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,62}\Z")
_PREFIX_PART = re.compile(r"[A-Za-z0-9_.-]{1,255}\Z")
_SUFFIX = ".parquet"
_SOURCE_LAYER_NAME = 3


def checked_name(name: str, what: str) -> str:
    """Return a name that may stand in a key; others are refused, never cleaned, so that two never become one.

    Raises:
        ConfigurationError: The name has other characters than a-z, 0-9 and _, or more than 63.
    """
    if not _NAME.match(name):
        raise ConfigurationError(
            f"The {what} {name!r} cannot be part of an object key.",
            fix="Use a-z, 0-9 and _, at most 63 of them, or override `asset_path` of the IO manager.",
        )
    return name


def default_asset_path(parts: Sequence[str]) -> list[str]:
    """Turn an asset key into a path: [source, layer, name] becomes layer/source/name, others keep their order."""
    names = [checked_name(part, "part of an asset key") for part in parts]
    if len(names) == _SOURCE_LAYER_NAME:
        source, layer, name = names
        return [layer, source, name]
    return names


class ObjectKeys:
    """The keys of one asset.

    Args:
        prefix: Prefix in the bucket, may be empty.
        path: The asset's path below it.
        partition_name: Name before the `=` in the folder of a partition.
    """

    def __init__(self, prefix: str, path: Sequence[str], *, partition_name: str = "insertion_date") -> None:
        parts = [part for part in prefix.strip("/").split("/") if part]
        for part in parts:
            if not _PREFIX_PART.match(part) or part in {".", ".."}:
                raise ConfigurationError(
                    f"{prefix!r} cannot be a prefix of object keys.", fix="Use letters and digits."
                )
        self._folder = "/".join([*parts, *path])
        self._partition_name = checked_name(partition_name, "partition name")

    def folder(self, partition: str | None) -> str:
        """Return the folder of a partition, with a slash at its end."""
        if partition is None:
            return f"{self._folder}/"
        if not _PARTITION.match(partition):
            raise ConfigurationError(f"The partition {partition!r} cannot be part of an object key.")
        return f"{self._folder}/{self._partition_name}={partition}/"

    def key(self, partition: str | None, dataset: str | None = None) -> str:
        """Return the key of a dataset of a partition; without a name, of its only one."""
        name = checked_name(dataset or DEFAULT_DATASET, "dataset name")
        return f"{self.folder(partition)}{name}{_SUFFIX}"

    def dataset(self, partition: str | None, key: str) -> str | None:
        """Return the dataset that a key belongs to, or None where it is none of this partition."""
        folder = self.folder(partition)
        if not key.startswith(folder) or not key.endswith(_SUFFIX):
            return None
        name = key[len(folder) : -len(_SUFFIX)]
        return name if _NAME.match(name) else None

    def partition(self, key: str) -> str | None:
        """Return the partition that a key belongs to, or None where the asset has none."""
        head = f"{self._folder}/{self._partition_name}="
        return key[len(head) :].split("/", 1)[0] if key.startswith(head) else None
