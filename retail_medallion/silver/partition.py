"""Finds the Bronze objects a Silver partition is made from and opens them as cleaned rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from retail_medallion.mapping import Block, Mapping
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.silver.transform import BronzeInput, TransformedPartition, transform
from retail_medallion.silver.writer import BronzeObject, SilverPartition
from retail_medallion.storage.parquet_store import ObjectInfo, ParquetObject

FindObject = Callable[[str, str, dt.date], ObjectInfo]
"""Finds the Bronze object of (entity, block, day); raises where it was never materialised."""

OpenObject = Callable[[ObjectInfo], AbstractContextManager[ParquetObject]]
"""Fetches and verifies a Bronze object."""


def scope_blocks(mapping: Mapping, entity: str) -> list[tuple[str, Block]]:
    """Blocks of other entities that tell which documents an extract of `entity` covered, as (entity, block)."""
    found: dict[str, tuple[str, Block]] = {}
    for block in mapping.entities[entity]:
        if block.complete is not None and block.complete.seen is not None:
            other, name = block.complete.seen.split("/")
            found[block.complete.seen] = (other, next(b for b in mapping.entities[other] if b.name == name))
    return list(found.values())


def silver_partition(
    mapping: Mapping, model: CanonicalModel, entity: Entity, day: dt.date, *, find: FindObject, open_object: OpenObject
) -> SilverPartition:
    """One cell of Silver as the writer takes it; nothing is read yet beyond what S3 says of the objects."""
    blocks = mapping.entities[entity.entity]
    own = {block.name: find(entity.entity, block.name, day) for block in blocks}
    others = {
        f"{other}/{block.name}": (block, find(other, block.name, day))
        for other, block in scope_blocks(mapping, entity.entity)
    }

    @contextmanager
    def cleaned() -> Iterator[TransformedPartition]:
        with ExitStack() as stack:

            def opened(block: Block, info: ObjectInfo) -> BronzeInput:
                bronze = stack.enter_context(open_object(info))
                return BronzeInput(
                    block=block, schema=bronze.schema, open=bronze.reader, observed=_observed(info), rows=bronze.rows
                )

            inputs = [opened(block, own[block.name]) for block in blocks]
            seen = {name: opened(block, info) for name, (block, info) in others.items()}
            yield stack.enter_context(transform(mapping, model, entity.entity, day, inputs, seen))

    objects = [
        *(_recorded(name, info) for name, info in own.items()),
        *(_recorded(name, info) for name, (_, info) in others.items()),
    ]
    return SilverPartition(
        day=day,
        mode="+".join(sorted({block.extract.mode for block in blocks})),
        observed=any(_observed(info) for info in own.values()),
        objects=objects,
        whole=_whole(blocks, own),
        transform=cleaned,
    )


def _whole(blocks: Sequence[Block], own: dict[str, ObjectInfo]) -> frozenset[str]:
    whole = [b.name for b in blocks if b.completeness is not None and b.completeness.within == "table"]
    # Only together do they cover the entity; where one is missing nothing is taken for gone.
    return frozenset(whole if all(_observed(own[name]) for name in whole) else ())


def _observed(info: ObjectInfo) -> bool:
    return info.metadata.get("observed", "true") == "true"


def _recorded(name: str, info: ObjectInfo) -> BronzeObject:
    return BronzeObject(block=name, key=info.key, etag=info.etag, digest=info.digest, rows=info.rows)
