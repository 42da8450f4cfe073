"""`retail-medallion mapping coverage`, `preview` and `schema`: what a mapping covers, gives, and may say."""

from __future__ import annotations

import json
from collections.abc import Mapping as Mapped
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from retail_medallion import config
from retail_medallion.commands.mapping import mapping, opened
from retail_medallion.commands.shared import console, plain_errors
from retail_medallion.errors import ConfigurationError
from retail_medallion.mapping import Block, Mapping, load_mapping
from retail_medallion.model import load_model
from retail_medallion.onboarding.coverage import How, coverage
from retail_medallion.onboarding.preview import Preview, preview

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_STYLES: dict[str, str] = {"missing": "red", "default": "yellow", "in some blocks": "yellow"}


@mapping.command("coverage")
@click.argument("files", nargs=-1, type=_FILE)
@click.option("--entity", help="Column by column, of one entity.")
@click.option("--live", is_flag=True, help="Also list columns and tables of the sources that nothing is made of.")
@plain_errors
def show_coverage(files: tuple[Path, ...], entity: str | None, *, live: bool) -> None:
    """Show what each source covers of the canonical model: mapped + filled by the model / columns there are."""
    from retail_medallion.orchestration.sources import found_files

    model = load_model()
    mappings = [load_mapping(file) for file in files or found_files()]
    covered = {found.source.code: coverage(found, model) for found in mappings}
    if entity is None:
        _print_entities(covered)
    elif entity in model.entities:
        _print_columns(entity, covered)
    else:
        raise ConfigurationError(f"There is no entity {entity!r}.", fix=f"Use one of: {', '.join(model.entities)}")
    if live:
        for found in mappings:
            _print_unused(found, entity)


def _print_entities(covered: Mapped[str, dict[str, dict[str, How]]]) -> None:
    table = Table("entity", title="mapped + filled by the model / columns; * some blocks leave columns empty")
    for source in covered:
        table.add_column(source, justify="right", no_wrap=True)
    for entity in load_model().entities:
        cells = []
        for entities in covered.values():
            columns = list(entities.get(entity, {}).values())
            mapped = sum(how in {"mapped", "constant", "in some blocks"} for how in columns)
            some = "*" if "in some blocks" in columns else ""
            cells.append(f"{mapped} + {columns.count('default')} / {len(columns)}{some}" if columns else "-")
        table.add_row(entity, *cells)
    console.print(table)


def _print_columns(entity: str, covered: Mapped[str, dict[str, dict[str, How]]]) -> None:
    table = Table("column", title=entity)
    for source in covered:
        table.add_column(source, no_wrap=True)
    columns = dict.fromkeys(name for entities in covered.values() for name in entities.get(entity, {}))
    for name in columns:
        cells = [entities.get(entity, {}).get(name, "-") for entities in covered.values()]
        table.add_row(name, *(f"[{_STYLES[cell]}]{cell}[/]" if cell in _STYLES else cell for cell in cells))
    console.print(table)


def _print_unused(found: Mapping, entity: str | None) -> None:
    from retail_medallion.onboarding.live_check import tables_not_read, unused_columns

    code = found.source.code
    with opened(code) as source:
        for block in found.blocks:
            if entity in {None, block.entity}:
                unused = unused_columns(found, block, source.plan(block))
                listed = ", ".join(unused) or "every column is used"
                console.print(f"{code} {block.entity}/{block.name}: not used: {listed}", markup=False)
        if entity is None:
            rest = ", ".join(tables_not_read(found, source)) or "none"
            console.print(f"{code}: tables not read: {rest}", markup=False)


@mapping.command("preview")
@click.argument("file", type=_FILE)
@click.option("--entity", required=True, help="Canonical entity, such as sales.")
@click.option("--block", "name", help="One block of the entity; all by default.")
@click.option("--day", help="The day, for extracts that tell the rows of a day; yesterday by default.")
@click.option("--rows", type=click.IntRange(1, 1000), default=3, show_default=True, help="Rows of the source.")
@click.option("--show-personal-data", is_flag=True, help="Names, addresses and the like as they are.")
@plain_errors
def show_preview(
    file: Path, entity: str, name: str | None, day: str | None, rows: int, *, show_personal_data: bool
) -> None:
    """Show rows of the source beside what they become in Silver; nothing is loaded."""
    found = load_mapping(file)
    blocks = [block for block in found.entities.get(entity, ()) if name in {None, block.name}]
    if not blocks:
        known = ", ".join(f"{block.entity}/{block.name}" for block in found.blocks)
        raise ConfigurationError(f"The mapping has no {entity}/{name or '...'}.", fix=f"There are: {known}")
    chosen = config.parse_day(day, where="--day") if day else config.resolve_days(offset=1)[0]
    with opened(found.source.code) as source:
        for block in blocks:
            looked = preview(found, load_model(), source, block, chosen, rows, personal_data=show_personal_data)
            _print_preview(block, looked, str(chosen))


def _print_preview(block: Block, looked: Preview, day: str) -> None:
    of = f"of {day}" if block.extract.watermark else "as the table is now"
    left_out = f", {looked.filtered} left out by `where`" if looked.filtered else ""
    superseded = f", {looked.superseded} replaced by a later row of the same key" if looked.superseded else ""
    console.print(
        f"{block.entity}/{block.name}: {len(looked.rows)} rows {of}{left_out}{superseded}", markup=False, style="bold"
    )
    for number, row in enumerate(looked.rows, 1):
        sides = Table.grid(padding=(0, 2))
        tables = [_values(f"row {number} of the source", row.source)]
        tables += [_values("Silver", silver) for silver in row.accepted]
        sides.add_row(*tables[:2])
        for more in tables[2:]:
            sides.add_row("", more)
        console.print(sides, soft_wrap=False)
        for flag in sorted(set(row.flags)):
            console.print(f"  flagged: {flag}", markup=False, style="yellow")
        for reasons in row.rejected:
            for reason in reasons:
                given = "" if reason.value is None else f": {reason.value}"
                console.print(
                    f"  rejected: {reason.rule} {reason.column} {reason.message}{given}", markup=False, style="red"
                )
        if not row.accepted and not row.rejected:
            console.print("  gives no row of its own", markup=False)


def _values(title: str, values: Mapped[str, str | None]) -> Table:
    table = Table("column", title=title)
    table.add_column("value", overflow="fold", max_width=34)
    for name, value in values.items():
        table.add_row(escape(name), escape("" if value is None else value))
    return table


@mapping.command()
@click.option("--output", type=click.Path(path_type=Path), help="The file; printed where none is named.")
@plain_errors
def schema(output: Path | None) -> None:
    """Write the grammar as JSON Schema, for editors."""
    from retail_medallion.mapping.json_schema import json_schema

    text = json.dumps(json_schema(load_model()), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"{output}: written")
