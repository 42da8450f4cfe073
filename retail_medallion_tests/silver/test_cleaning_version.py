from __future__ import annotations

from pathlib import Path

import pytest

from retail_medallion.model import currencies
from retail_medallion.silver import cleaning_version as module


@pytest.mark.parametrize(
    "name",
    [Path(currencies.__file__).name, "standards.py", "macros.py", "transform.py", "partition.py", "quarantine.py"],
)
def test_what_decides_a_cleaned_value_is_part_of_the_version(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes
    before = module.cleaning_version.__wrapped__()
    monkeypatch.setattr(Path, "read_bytes", lambda file: read(file) + (b"#" if file.name == name else b""))
    assert module.cleaning_version.__wrapped__() != before
