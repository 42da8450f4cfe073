"""Silver: Bronze rows mapped, cleaned and validated into the canonical model, as versions and as current state."""
