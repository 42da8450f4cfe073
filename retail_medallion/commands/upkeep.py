"""`retail-medallion migrate` and `retail-medallion doctor`: the shape of the warehouse, and whether all is in order.

What belongs here: arguments and printing. What does not: the checks (doctor), the changes (migrations).
"""

from __future__ import annotations

import sys

import click

from retail_medallion import config
from retail_medallion.commands.shared import console, plain_errors, use_embedded_servers

_LOCK_SECONDS = 60


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@plain_errors
def migrate(*, dry_run: bool) -> None:
    """Bring Silver to the shape of the canonical model: written revisions, then what can be added without loss."""
    from retail_medallion import migrations
    from retail_medallion.model import load_model
    from retail_medallion.storage.postgres.session import engine
    from retail_medallion.storage.postgres.transactions import in_transaction

    use_embedded_servers()
    settings, model = config.warehouse_database(), load_model()
    with engine(settings).connect() as connection:
        found = migrations.due(connection, model)
    shown: set[str] = set()
    for revision in found.revisions:
        shown.add(f"revision {revision.revision}: {revision.doc}")
        console.print(f"revision {revision.revision}: {revision.doc}", markup=False)
    for title, differences in (
        ("add", found.additive),
        ("needs a revision", found.by_hand),
        ("left alone", found.left_alone),
    ):
        for difference in differences:
            shown.add(str(difference))
            console.print(f"{title}: {difference}", markup=False)
    if not found.is_due and not found.is_empty:
        console.print("Silver has the shape of the canonical model.")
    elif dry_run:
        console.print("Nothing was changed.")
        if found.revisions:
            console.print("After the revisions the warehouse is compared again.")
    if not found.revisions:
        migrations.refuse_by_hand(found)
    if dry_run:
        return

    def tell(step: str) -> None:
        # What is due only once the revisions are done; and no step twice where the transaction is tried again.
        if step not in shown:
            shown.add(step)
            console.print(step, markup=False)

    in_transaction(
        engine(settings),
        [],
        lambda connection: migrations.migrate(connection, model, tell=tell),
        where=f"the schema of {settings.where}",
        lock_timeout_seconds=_LOCK_SECONDS,
    )
    if found.is_due or found.is_empty:
        console.print("Done.")


@click.command()
@plain_errors
def doctor() -> None:
    """Check settings, mapping files, servers, and whether a migration is due. Exits with 1 if anything is wrong."""
    from retail_medallion.doctor import examine

    use_embedded_servers()
    healthy = True
    for finding in examine():
        healthy &= finding.is_well
        sign, style = ("ok   ", "green") if finding.is_well else ("WRONG", "red")
        console.print(sign, style=style, end=" ")
        console.print(f"{finding.what}: {finding.says}", markup=False)
    if not healthy:
        sys.exit(1)
