"""The part of the documentation that is made from the finding rules."""

from __future__ import annotations

from retail_medallion.model import CanonicalModel
from retail_medallion.silver.findings.registry import finding_rules


def describe_findings(model: CanonicalModel) -> str:
    """The declared rules in Markdown, a table per entity, and the columns the generic rules hold for."""
    rules = finding_rules(model)
    lines: list[str] = []
    for entity in model.entities.values():
        declared = [rules[f"{entity.entity}.{finding.id}"] for finding in entity.findings]
        lines += [f"### {entity.entity}", ""]
        if declared:
            lines += ["| Rule | Column | Fires when | Severity | Looks again at | When these change |"]
            lines += ["|---|---|---|---|---|---|"]
        for rule in declared:
            drivers = ", ".join(sorted({name for name, _ in rule.drivers}))
            name = rule.id.partition(".")[2]
            lines.append(f"| `{name}` | {rule.column} | {rule.message} | {rule.severity} | {rule.scope} | {drivers} |")
        if declared:
            lines.append("")
        if references := [f"`{c.name}`" for c in entity if c.references]:
            lines.append(f"G08: {', '.join(references)}.")
        if entity.distinct:
            lines.append(f"G09: {', '.join(f'`{name}`' for name in entity.distinct)}.")
        lines.append("")
    return "\n".join(lines)
