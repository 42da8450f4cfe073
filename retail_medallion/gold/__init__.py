"""Gold: dimensions, facts and marts computed inside PostgreSQL from the current state of Silver."""
