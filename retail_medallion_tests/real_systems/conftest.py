"""Real systems, each loaded once per session."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion_tests.real_systems.harness import LoadedSystem, load_system
from retail_medallion_tests.real_systems.systems import SYSTEMS


@pytest.fixture(scope="session")
def load_real(postgres_server: EmbeddedPostgres, s3_server: EmbeddedS3) -> Callable[[str], LoadedSystem]:
    """Loads a real system by its name, unless it is loaded already."""
    return lambda name: load_system(SYSTEMS[name], postgres_server, s3_server)


@pytest.fixture(scope="session")
def odoo(load_real: Callable[[str], LoadedSystem]) -> LoadedSystem:
    return load_real("odoo")


@pytest.fixture(scope="session")
def vendure(load_real: Callable[[str], LoadedSystem]) -> LoadedSystem:
    return load_real("vendure")


@pytest.fixture(scope="session")
def saleor(load_real: Callable[[str], LoadedSystem]) -> LoadedSystem:
    return load_real("saleor")


@pytest.fixture(scope="session")
def oscar(load_real: Callable[[str], LoadedSystem]) -> LoadedSystem:
    return load_real("oscar")


@pytest.fixture(scope="session")
def northwind(load_real: Callable[[str], LoadedSystem]) -> LoadedSystem:
    return load_real("northwind")
