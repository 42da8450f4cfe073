"""Compiled blocks, remembered: a range of days has the same every day, and compiling asks DuckDB for types."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import pyarrow as pa

from retail_medallion.mapping import Block, CompiledBlock, compile_block, gone_keys, tells_what_is_gone
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel
from retail_medallion.silver.bronze_rows import BronzeInput
from retail_medallion.silver.staging import BlockSelect
from retail_medallion.silver.standardisers import RowSettings


@dataclass(frozen=True)
class Compilation:
    """What a compiled block depends on."""

    source: str
    versions: tuple[str, str]
    entity: str
    name: str
    tombstone: bool
    schemas: tuple[bytes, ...]
    mapping: SourceMapping = field(compare=False)
    model: CanonicalModel = field(compare=False)
    block: Block = field(compare=False)
    schema: pa.Schema = field(compare=False)
    covering: pa.Schema | None = field(compare=False)

    @classmethod
    def of(
        cls, mapping: SourceMapping, model: CanonicalModel, bronze: BronzeInput, covering: BronzeInput | None
    ) -> Compilation:
        """What a Bronze object, and the one that names the documents it covers, is compiled for."""
        read = [bronze, *([covering] if covering else [])]
        return cls(
            source=mapping.source.code,
            versions=(mapping.version, model.version),
            entity=bronze.block.entity,
            name=bronze.block.name,
            tombstone=bronze.block.tombstone,
            schemas=tuple(one.schema.serialize().to_pybytes() for one in read),
            mapping=mapping,
            model=model,
            block=bronze.block,
            schema=bronze.schema,
            covering=covering.schema if covering else None,
        )

    def of_gone_keys(self) -> Compilation | None:
        """The same for the rows that are no states but keys that are gone; None where there are none of that kind."""
        if self.block.explode is not None or not tells_what_is_gone(self.block, self.schema):
            # What an array held goes with the document that `complete` names.
            return None
        return replace(self, block=gone_keys(self.block), tombstone=True, covering=None)


_REMEMBERED_BLOCKS = 256


@lru_cache(maxsize=_REMEMBERED_BLOCKS)
def compiled(wanted: Compilation) -> CompiledBlock:
    """The block as SQL; remembered within this process.

    Raises:
        MappingError: The mapping does not fit the Bronze columns or the model.
    """
    return compile_block(wanted.mapping, wanted.block, wanted.model, wanted.schema, wanted.covering)


@lru_cache(maxsize=_REMEMBERED_BLOCKS)
def token_columns(wanted: Compilation) -> frozenset[str]:
    """Bronze columns a session token is read from; remembered within this process.

    Raises:
        MappingError: The mapping does not fit the Bronze columns or the model.
    """
    tokens = wanted.model.entity(wanted.entity).tokens
    if not tokens:
        return frozenset()
    return frozenset[str]().union(*(compiled(wanted).lineage.get(name, ()) for name in tokens))


@lru_cache(maxsize=_REMEMBERED_BLOCKS)
def staging(wanted: Compilation, index: int) -> str:
    """The SELECT that stages the rows of a block, the `index`-th of its entity; remembered within this process.

    Raises:
        MappingError: The mapping does not fit the Bronze columns or the model.
    """
    source, block, model = wanted.mapping.source, compiled(wanted), wanted.model
    settings = RowSettings(
        source=source.code,
        timezone=source.timezone,
        country=source.country,
        currency=source.currency,
        language=source.language,
        tenant=source.tenant,
        tax_included=source.tax_included,
        day_cutoff=source.day_cutoff,
    )
    entity = model.entity(wanted.entity)
    return BlockSelect(model, entity, wanted.block, index, block.select, block.types, settings).sql()
