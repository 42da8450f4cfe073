"""The code location has one name, whichever way the web server finds it: what it remembers is kept under that name."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_workspace_and_the_project_name_the_location_alike():
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    (entry,) = workspace["load_from"]
    assert entry["python_module"]["location_name"] == project["code_location_name"] == "retail_medallion"
    assert entry["python_module"]["module_name"] == f"{project['root_module']}.definitions"


def test_the_command_that_starts_the_ui_uses_the_same_workspace():
    packaged = resources.files("retail_medallion.embedded").joinpath("workspace.yaml")
    assert packaged.read_text() == (ROOT / "workspace.yaml").read_text()
