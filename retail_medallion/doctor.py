"""Whether everything a run needs is there: settings, mapping files, servers, and the shape of the warehouse.

Each check stands alone, so that one that fails never hides the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from retail_medallion import config, migrations
from retail_medallion.errors import ConfigurationError, MappingError, RetailMedallionError, SchemaDriftError
from retail_medallion.gold.registry import TABLES
from retail_medallion.mapping import check_mapping, load_mappings
from retail_medallion.model import load_model
from retail_medallion.orchestration.io_managers import bronze_store
from retail_medallion.orchestration.sources import found_files, without_database
from retail_medallion.storage.postgres.session import ConnectionSettings, connect, engine

_OLDEST_POSTGRES = 140000


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        what: What was looked at.
        says: What was found, in words.
        is_well: Whether a run can go on.
    """

    what: str
    says: str
    is_well: bool


def examine() -> Iterator[Finding]:
    """All checks, one finding or more each, in the order in which to mend them."""
    yield _found("canonical model", lambda: f"{len(load_model().entities)} entities")
    codes = []
    for finding, code in _mapping_files():
        yield finding
        codes += [code] if code else []
    yield from _sources(codes)
    yield _found("warehouse", lambda: _answers(config.warehouse_database()))
    yield _found("migration", _shape)
    yield _found("gold", _gold)
    yield _found("S3", _bucket)


def _found(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look(), is_well=True)
    except RetailMedallionError as error:
        return Finding(what, str(error), is_well=False)


def _mapping_files() -> Iterator[tuple[Finding, str | None]]:
    """A finding for each mapping file, with the code of the source where the file is sound."""
    directory = config.sources_directory()
    names = config.chosen_sources() or sorted(file.stem for file in found_files())
    if not names:
        yield Finding("mapping files", f"there are none in {directory}", is_well=False), None
    for name in names:

        def look(name: str = name) -> str:
            mapping = load_mappings(directory, [name])[name]
            problems = check_mapping(mapping, load_model())
            if problems:
                more = f" ({len(problems)} problems in all)" if len(problems) > 1 else ""
                raise MappingError(f"{problems[0]}{more}")
            return f"{len(mapping.entities)} entities"

        finding = _found(f"mapping {name}", look)
        yield finding, name if finding.is_well else None


def _sources(codes: Sequence[str]) -> Iterator[Finding]:
    """A source without a database is left out of runs, which is wrong only if it was asked for or there is no other."""
    missing = without_database(codes)
    for code in codes:
        if code in missing and not config.chosen_sources() and len(missing) < len(codes):
            yield Finding(f"source {code}", f"left out of runs. {missing[code].what}", is_well=True)
        else:
            yield _found(f"source {code}", partial(_answers_of, code))


def _answers_of(code: str) -> str:
    return _answers(config.source_database(code))


def _answers(settings: ConnectionSettings) -> str:
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::integer, current_setting('server_version')")
        number, version = cursor.fetchone() or (0, "unknown")
    if number < _OLDEST_POSTGRES:
        raise ConfigurationError(f"PostgreSQL {version} is too old.", where=settings.where, fix="Use 14 or later.")
    return f"{settings.where} answers, PostgreSQL {version}"


def _shape() -> str:
    with engine(config.warehouse_database()).connect() as connection:
        found = migrations.due(connection, load_model())
    if found.is_empty:
        return "the warehouse is empty, the first run makes it"
    lines = [f"revision {script.revision}: {script.doc}" for script in found.revisions]
    lines += [str(difference) for difference in found.additive]
    lines += [f"{difference} (needs a revision written by hand)" for difference in found.by_hand]
    if lines:
        raise SchemaDriftError(
            "A migration is due.",
            why="\n    ".join(lines),
            fix="`retail-medallion migrate` does it; for what needs a revision see docs/migrations.md.",
        )
    left = "".join(f"; left alone: {difference}" for difference in found.left_alone)
    return f"none is due{left}"


def _gold() -> str:
    """Gold changes its shape by itself, so that it differs is worth knowing and not wrong."""
    with engine(config.warehouse_database()).connect() as connection:
        if connection.scalar(sa.text("SELECT to_regclass('meta.gold_declaration') IS NULL")):
            return "not there yet, the first run makes it"
        rows = connection.execute(sa.text("SELECT table_name, shape FROM meta.gold_declaration"))
        shapes = {row.table_name: row.shape for row in rows}
    other = sorted(name for name, table in TABLES.items() if shapes.get(name) != table.shape)
    return f"the next run changes the shape of {', '.join(other)}" if other else "as declared"


def _bucket() -> str:
    bucket = config.bronze_bucket()
    # Asking for a first key needs what a run needs: an endpoint, credentials, the bucket and the right to list it.
    next(iter(bronze_store().list_keys("")), None)
    return f"bucket {bucket!r} answers"
