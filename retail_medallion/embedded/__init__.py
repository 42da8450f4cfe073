"""A real PostgreSQL and a real S3 API for `make demo`, `make dev` and the tests, installed by pip alone."""

from __future__ import annotations

from retail_medallion.embedded.environment import environment
from retail_medallion.embedded.home import default_home
from retail_medallion.embedded.servers import Servers, ServerStatus, down, status, up

__all__ = ["ServerStatus", "Servers", "default_home", "down", "environment", "status", "up"]
