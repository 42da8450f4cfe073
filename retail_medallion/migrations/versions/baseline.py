"""Silver as the canonical model makes it; every warehouse starts here."""

from __future__ import annotations

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Do nothing: an empty warehouse is made from the model."""
