"""Which sources this code location has.

What belongs here: where mapping files are looked for and which of them count. What does not: what is in them (mapping).
"""

from retail_medallion import config
from retail_medallion.mapping import Mapping, load_mappings


def found_mappings() -> dict[str, Mapping]:
    """The mappings in RETAIL_SOURCES_DIR, or those shipped, limited to RETAIL_SOURCES where that is set.

    Raises:
        MappingError: A mapping file breaks the grammar.
        ConfigurationError: The directory is missing, or a source that is named has no file.
    """
    return load_mappings(config.sources_directory(), config.chosen_sources())
