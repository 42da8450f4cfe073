"""`retail-medallion erase`: takes a customer's personal data out of the warehouse, and lists who was taken out.

What belongs here: arguments and printing. What does not: what is personal (model), taking it out (silver).
"""

from __future__ import annotations

import click
import sqlalchemy as sa
from rich.table import Table

from retail_medallion import config
from retail_medallion.commands.shared import console, plain_errors, use_embedded_servers
from retail_medallion.errors import ConfigurationError, SchemaDriftError
from retail_medallion.silver import erasure, tables
from retail_medallion.silver.erasure import ErasureReport


@click.command()
@click.option("--source", help="Code of the source.")
@click.option("--customer", help="Key of the customer in the source.")
@click.option("--reason", help="A reference, such as the number of the request; no personal data.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken out, and do nothing.")
@click.option("--list", "listed", is_flag=True, help="List the erasures instead.")
@plain_errors
def erase(source: str | None, customer: str | None, reason: str | None, *, dry_run: bool, listed: bool) -> None:
    """Take a customer's personal data out of Silver, in all versions, and out of every load to come."""
    from retail_medallion.model import load_model
    from retail_medallion.storage.postgres.session import engine
    from retail_medallion.storage.postgres.transactions import in_transaction

    subject = (customer or "").strip()
    if not listed and (source is None or not subject):
        raise ConfigurationError("Nobody is named.", fix="Give --source and --customer, or --list.")
    use_embedded_servers()
    warehouse = engine(config.warehouse_database())
    with warehouse.connect() as connection:
        _check(connection, source)
        if listed:
            _print_list(connection, source)
            return
    if source is None:
        return
    model = load_model()
    if dry_run:
        with warehouse.connect() as connection:
            report = erasure.preview(connection, model, source, subject)
    else:
        report = in_transaction(
            warehouse,
            erasure.locks(model, source),
            lambda connection: erasure.erase(connection, model, source, subject, reason),
            where=f"the erasure of a customer of {source}",
        )
    _print_report(report, source, subject, dry_run=dry_run)


def _check(connection: sa.Connection, source: str | None) -> None:
    """Refuse a warehouse without a list of erasures, and a source it does not know."""
    if connection.scalar(sa.text("SELECT to_regclass('silver_meta.erasure') IS NULL")):
        raise SchemaDriftError(
            "The warehouse has no list of erasures yet.", fix="Run `retail-medallion migrate`, then this again."
        )
    known = connection.execute(sa.select(tables.source.c.source_system).order_by(sa.text("1"))).scalars().all()
    if source is not None and source not in known:
        raise ConfigurationError(
            f"There is no source {source!r} in the warehouse.", fix=f"Use one of: {', '.join(known) or 'none yet'}"
        )


def _print_list(connection: sa.Connection, source: str | None) -> None:
    found = erasure.requested(connection, source)
    if not found:
        console.print("Nobody was erased.")
        return
    table = Table("source", "entity", "id", "asked for at (UTC)", "reason", title="Erasures")
    for entry in found:
        moment = f"{entry.requested_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(*map(_plain, (entry.source, entry.entity, entry.id, moment, entry.reason or "")))
    console.print(table)


def _print_report(report: ErasureReport, source: str, subject: str, *, dry_run: bool) -> None:
    if report.erased:
        table = Table("layer", "table", title="Rows with personal data " + ("found" if dry_run else "taken out"))
        table.add_column("rows", justify="right")
        for found in report.erased:
            table.add_row(found.layer, found.table, f"{found.rows:,}")
        console.print(table)
    else:
        console.print(f"Silver holds no personal data of customer {subject} of {source}.", markup=False)
    if dry_run:
        console.print("Nothing was changed.")
    else:
        console.print("It is kept out of every load from now on.")
        if report.changed:
            console.print(
                f"Gold follows with its next run, of whatever day: rows waiting for it: {report.changed:,}."
                f" For example `retail-medallion run --source {source} --start <day>`.",
                markup=False,
            )
    if report.bronze_objects:
        console.print(
            "Bronze still holds the data: this command does not rewrite its objects, a separate job has to."
            f" Rows of the customer came from these {len(report.bronze_objects):,}:",
            markup=False,
        )
        for key in report.bronze_objects:
            click.echo(f"  {key}")
    else:
        console.print("No Bronze object is known to Silver to hold rows of the customer.")


def _plain(text: str) -> str:
    """Text that is not read as markup."""
    from rich.markup import escape

    return escape(text)
