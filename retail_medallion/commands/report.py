"""`retail-medallion report`: the figures of the marts as one page to look at or send.

What belongs here: arguments and printing. What does not: figures, pictures, the page (report).
"""

from __future__ import annotations

from pathlib import Path

import click
import sqlalchemy as sa

from retail_medallion import config
from retail_medallion.commands.shared import console, plain_errors, use_embedded_servers
from retail_medallion.errors import ConfigurationError


@click.command()
@click.option("--source", "sources", multiple=True, help="Code of a source; all that are loaded by default.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page to write.",
)
@plain_errors
def report(sources: tuple[str, ...], output: Path) -> None:
    """Write the figures of the marts as one HTML page that needs no network."""
    from retail_medallion.report.figures import Figures
    from retail_medallion.report.page import page
    from retail_medallion.storage.postgres.session import engine

    use_embedded_servers()
    with engine(config.warehouse_database()).connect() as connection:
        found = [figures for source in sources or _loaded(connection) if (figures := Figures.of(connection, source))]
        if not found:
            raise ConfigurationError(
                "There is nothing to report on.",
                where=", ".join(sources) or "all sources",
                why="Gold has no rows of it",
                fix="retail-medallion run --source CODE",
            )
        output.write_text(page(found), encoding="utf-8")
    console.print(f"{output}: {', '.join(f'{f.source} up to {f.last}' for f in found)}", markup=False)


def _loaded(connection: sa.Connection) -> list[str]:
    if connection.execute(sa.text("SELECT to_regclass('gold.dim_source') IS NULL")).scalar():
        return []
    return list(connection.execute(sa.text("SELECT source_system FROM gold.dim_source ORDER BY 1")).scalars())
