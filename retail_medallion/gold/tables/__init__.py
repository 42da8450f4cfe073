"""One module per Gold table: its columns, its SQL and what it depends on."""
