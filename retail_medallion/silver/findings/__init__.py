"""What is wrong across rows: rules over current Silver, kept up to date for what changed."""

from retail_medallion.silver.findings.read import FoundRow, RuleCount, count_findings, worst_findings
from retail_medallion.silver.findings.refresh import (
    FindingChanges,
    differing_findings,
    recompute_all,
    recompute_findings,
    refresh_findings,
)
from retail_medallion.silver.findings.registry import active_rules, finding_rules
from retail_medallion.silver.findings.rules import FindingRule

__all__ = [
    "FindingChanges",
    "FindingRule",
    "FoundRow",
    "RuleCount",
    "active_rules",
    "count_findings",
    "differing_findings",
    "finding_rules",
    "recompute_all",
    "recompute_findings",
    "refresh_findings",
    "worst_findings",
]
