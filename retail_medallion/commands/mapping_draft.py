"""`retail-medallion mapping new`: a first draft from a live database."""

from __future__ import annotations

from pathlib import Path

import click

from retail_medallion import config
from retail_medallion.commands.mapping import mapping, opened
from retail_medallion.commands.shared import console, plain_errors
from retail_medallion.errors import ConfigurationError
from retail_medallion.mapping.settings import country_code, currency_code, language_code, name, owner, time_zone
from retail_medallion.model import load_model

_CHECKS = {
    "code": name, "tenant": name, "owner": owner, "timezone": time_zone, "currency": currency_code,
    "country": country_code, "language": language_code,
}  # fmt: skip


@mapping.command()
@click.option("--source", "code", required=True, help="Code of the source; its database is <CODE>_DB_*.")
@click.option("--output", type=click.Path(path_type=Path), help="The file; <code>.yml among the mapping files.")
@click.option("--tenant", help="The retailer; the code of the source by default.")
@click.option("--owner", default="team:data", show_default=True, help="E-mail address or team:name.")
@click.option("--timezone", default="UTC", show_default=True, help="IANA zone.")
@click.option("--currency", default="EUR", show_default=True, help="ISO 4217.")
@click.option("--country", default="DE", show_default=True, help="ISO 3166-1 alpha-2.")
@click.option("--language", default="en", show_default=True, help="BCP 47.")
@plain_errors
def new(code: str, output: Path | None, **settings: str | None) -> None:
    """Look at a source's database and write a first draft of its mapping."""
    from retail_medallion.onboarding.draft import make_draft
    from retail_medallion.onboarding.draft_text import draft_text

    given = {"code": code, **{setting: value or code for setting, value in settings.items()}}
    for setting, value in given.items():
        try:
            _CHECKS[setting](value)
        except ValueError as error:
            raise ConfigurationError(f"{error}.", where=f"--{'source' if setting == 'code' else setting}") from None
    file = output or (config.sources_directory() or Path()) / f"{code}.yml"
    if file.exists():
        raise ConfigurationError("The file is there already.", where=str(file), fix="Name another one by --output.")
    with opened(code) as source:
        draft = make_draft(source, load_model(), given)
    file.write_text(draft_text(draft), encoding="utf-8")
    active = [made for made in draft.entities if not made.missing]
    for made in active:
        console.print(
            f"  {made.entity.entity:<22}{made.chosen.confidence:>4.0%}  {made.chosen.table.name},"
            f" columns: {len(made.columns)}, open points: {len(made.open)}",
            markup=False,
        )
    for made in draft.entities:
        if made.missing:
            console.print(f"  {made.entity.entity:<22}      waits for {', '.join(made.missing)}", markup=False)
    if draft.absent:
        console.print(f"  no table for {', '.join(draft.absent)}", markup=False)
    console.print(f"{file}: {len(active)} entities drafted.", markup=False)
    console.print("Decide what it calls OPEN, then: retail-medallion mapping check --live", markup=False)
