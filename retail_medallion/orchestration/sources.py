"""Which sources this code location has.

What belongs here: where mapping files are looked for and which of them count. What does not: what is in them (mapping).
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from retail_medallion import config
from retail_medallion.errors import ConfigurationError, MappingError
from retail_medallion.mapping import Mapping, load_source, mapping_files, require_valid
from retail_medallion.model import load_model

_LOG = logging.getLogger(__name__)


DEFAULT_SOURCE = "demo"
"""The shipped source that is loaded where no variable names the database of any."""


def found_files() -> list[Path]:
    """The mapping files in RETAIL_SOURCES_DIR, or those shipped, limited to RETAIL_SOURCES where that is set.

    The shipped ones are an offer: without RETAIL_SOURCES only those count whose database is named
    (`<SOURCE>_DB_HOST` or `<SOURCE>_DB_NAME`).

    Raises:
        ConfigurationError: The directory is missing, or a source that is named has no file.
    """
    directory, chosen = config.sources_directory(), config.chosen_sources()
    files = mapping_files(directory, chosen)
    if directory is None and chosen is None:
        meant = [code for code in files if config.names_source_database(code)] or [DEFAULT_SOURCE]
        files = {code: files[code] for code in meant}
    return list(files.values())


def found_mappings() -> dict[str, Mapping]:
    """The mappings of `found_files`. One that cannot be loaded is logged and left out: the others have their own days.

    Raises:
        MappingError: None can be loaded.
        ConfigurationError: The directory is missing, or a source that is named has no file.
    """
    loaded, refused = _load_each()
    if refused and not loaded:
        raise next(iter(refused.values()))
    for source, error in refused.items():
        _LOG.error("The source %s is left out, because its mapping cannot be used.\n%s", source, error)
    return loaded


def chosen_mappings(named: Sequence[str] = ()) -> dict[str, Mapping]:
    """The mappings of the sources named, or all that were found.

    Raises:
        MappingError: The mapping of a source named cannot be loaded.
        ConfigurationError: There is no mapping file of a source named.
    """
    if not named:
        return found_mappings()
    loaded, refused = _load_each()
    for code in named:
        if code in refused:
            raise refused[code]
        if code not in loaded:
            raise ConfigurationError(f"There is no source {code!r}.", fix=f"Use one of: {', '.join(loaded)}")
    return {code: loaded[code] for code in named}


def _load_each() -> tuple[dict[str, Mapping], dict[str, MappingError]]:
    """Mappings by source, and what is wrong with the others. Expressions are checked when they are compiled."""
    loaded, refused = {}, {}
    model = load_model()
    for file in found_files():
        try:
            mapping = load_source(file)
            require_valid(mapping, model, expressions=False)
            loaded[file.stem] = mapping
        except MappingError as error:
            refused[file.stem] = error
    return loaded, refused


def without_database(sources: Sequence[str]) -> dict[str, ConfigurationError]:
    """Those of the sources whose database no variable names, and what is missing."""
    missing = {}
    for source in sources:
        try:
            config.source_database(source)
        except ConfigurationError as error:
            missing[source] = error
    return missing
