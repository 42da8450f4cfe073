"""Asset checks over whole layers: reconciliations of current Silver, of Silver with Gold, and what Gold still has to do.

`silver_rules` declares what is reconciled in Silver, `layers` compares Silver with Bronze and Gold, `pending` reads the
queue. How they are hung into Dagster is `orchestration.checks` and `orchestration.gold_checks`.
"""
