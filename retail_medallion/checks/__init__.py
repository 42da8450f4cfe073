"""Checks over whole layers: reconciliations of current Silver, of Silver with Gold, and what Gold has yet to take up.

`silver_rules` declares what is reconciled in Silver, `layers` compares Silver with Bronze and Gold, `pending` reads the
queue. How they are hung into Dagster is said in
`orchestration.reconciliation_checks` and `orchestration.upkeep_checks`.
"""
