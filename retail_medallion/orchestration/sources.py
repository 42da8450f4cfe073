"""Which sources this code location has.

What belongs here: where mapping files are looked for and which of them count. What does not: what is in them (mapping).
"""

from collections.abc import Sequence

from retail_medallion import config
from retail_medallion.errors import ConfigurationError
from retail_medallion.mapping import Mapping, load_mappings


def found_mappings() -> dict[str, Mapping]:
    """The mappings in RETAIL_SOURCES_DIR, or those shipped, limited to RETAIL_SOURCES where that is set.

    Raises:
        MappingError: A mapping file breaks the grammar.
        ConfigurationError: The directory is missing, or a source that is named has no file.
    """
    return load_mappings(config.sources_directory(), config.chosen_sources())


def chosen_mappings(named: Sequence[str] = ()) -> dict[str, Mapping]:
    """The mappings of the sources named, or all that were found.

    Raises:
        ConfigurationError: There is no mapping file of a source named.
    """
    found = found_mappings()
    unknown = sorted(set(named) - set(found))
    if unknown:
        raise ConfigurationError(f"There is no source {unknown[0]!r}.", fix=f"Use one of: {', '.join(found)}")
    return {code: found[code] for code in (named or found)}


def without_database(sources: Sequence[str]) -> dict[str, ConfigurationError]:
    """Those of the sources whose database no variable names, and what is missing."""
    missing = {}
    for source in sources:
        try:
            config.source_database(source)
        except ConfigurationError as error:
            missing[source] = error
    return missing
