"""PostgreSQL as a store of Arrow data: reading, loading and replacing rows with the types of the catalogue."""
