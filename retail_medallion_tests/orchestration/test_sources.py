"""Which sources a code location has when a mapping file is broken."""

from __future__ import annotations

import os
import shutil
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from retail_medallion.cli import main
from retail_medallion.definitions import build_definitions
from retail_medallion.errors import MappingError
from retail_medallion.orchestration.sources import chosen_mappings, found_files, found_mappings

SHIPPED = Path(str(resources.files("retail_medallion") / "sources"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(SHIPPED / "northwind.yml", tmp_path)
    monkeypatch.setenv("RETAIL_SOURCES_DIR", str(tmp_path))
    monkeypatch.delenv("RETAIL_SOURCES", raising=False)
    return tmp_path


def broken(folder: Path, old: str, new: str) -> None:
    text = (SHIPPED / "northwind.yml").read_text().replace("code: northwind", "code: other")
    assert old in text
    (folder / "other.yml").write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("mode: snapshot", "mode: guessed", "guessed"),
        ("entities:", "entitys:", "entities"),
        ("  suppliers:", "  supplyers:", "Did you mean 'suppliers'?"),
        ("code: other", "code: another", "is called other.yml"),
    ],
)
def test_a_source_with_a_broken_mapping_does_not_stop_the_others(
    folder: Path, caplog: pytest.LogCaptureFixture, old: str, new: str, words: str
) -> None:
    broken(folder, old, new)
    mappings = found_mappings()
    assert list(mappings) == ["northwind"]
    assert build_definitions(mappings).resolve_all_asset_specs()
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert words in record.message
    assert "other.yml:" in record.message
    with pytest.raises(MappingError, match=words.replace("?", "[?]")):
        chosen_mappings(["other"])
    assert list(chosen_mappings(["northwind"])) == ["northwind"]


def test_when_no_mapping_can_be_used_it_is_an_error(folder: Path) -> None:
    broken(folder, "  suppliers:", "  supplyers:")
    (folder / "northwind.yml").unlink()
    with pytest.raises(MappingError, match="supplyers"):
        found_mappings()


def test_the_check_of_all_files_reports_what_loading_leaves_out(folder: Path) -> None:
    broken(folder, "  suppliers:", "  supplyers:")
    result = CliRunner().invoke(main, ["mapping", "check"])
    assert result.exit_code == 1
    assert "northwind.yml: ok" in result.output
    assert "supplyers" in result.output


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for variable in [name for name in os.environ if "DB_" in name or name.startswith("RETAIL_SOURCES")]:
        monkeypatch.delenv(variable)
    return monkeypatch


def stems() -> list[str]:
    return [file.stem for file in found_files()]


def test_of_the_shipped_sources_those_count_whose_database_is_named(unnamed: pytest.MonkeyPatch) -> None:
    assert stems() == ["demo"]
    unnamed.setenv("DB_HOST", "localhost")
    assert stems() == ["demo"]
    unnamed.setenv("NORTHWIND_DB_NAME", "northwind")
    assert stems() == ["northwind"]
    unnamed.setenv("DEMO_DB_HOST", "localhost")
    assert stems() == ["demo", "northwind"]


def test_a_source_that_is_asked_for_counts_whether_its_database_is_named_or_not(unnamed: pytest.MonkeyPatch) -> None:
    unnamed.setenv("DEMO_DB_HOST", "localhost")
    unnamed.setenv("RETAIL_SOURCES", "northwind")
    assert stems() == ["northwind"]


def test_all_files_of_a_folder_of_ones_own_count(folder: Path, unnamed: pytest.MonkeyPatch) -> None:
    unnamed.setenv("RETAIL_SOURCES_DIR", str(folder))
    unnamed.setenv("DEMO_DB_HOST", "localhost")
    assert stems() == ["northwind"]
