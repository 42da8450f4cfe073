"""A mapping file held against the canonical model, without any data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from retail_medallion.errors import MappingError
from retail_medallion.mapping.check_beside import overlaps
from retail_medallion.mapping.check_values import circles, own_parents, wrong_constants
from retail_medallion.mapping.grammar import Block, ColumnMapping, Complete, Mapping
from retail_medallion.mapping.guard import guard
from retail_medallion.mapping.settings import did_you_mean
from retail_medallion.model.canonical import TECHNICAL_COLUMNS, CanonicalModel, Column, Entity

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Problem:
    """Something in a mapping file that is wrong, or that somebody should look at.

    Attributes:
        where: `file:line:column`.
        what: One sentence, with what would be right.
        severity: An error stops the source; a warning does not.
    """

    where: str
    what: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.where}: {self.severity}: {self.what}"


def check_mapping(mapping: Mapping, model: CanonicalModel, *, expressions: bool = True) -> list[Problem]:
    """Hold a mapping against the model: names, keys, code maps, required columns, and every expression.

    Args:
        mapping: The mapping file.
        model: The canonical model.
        expressions: False leaves out the expressions, which take most of the time; keys beside compared blocks are
            held against each other all the same.

    Returns:
        Problems in the order of the file; empty where there is nothing to say.
    """
    problems = [*_entities(mapping, model), *_unused_codes(mapping)]
    problems += [Problem(where, what) for where, what in circles(mapping)]
    if expressions:
        for block in mapping.blocks:
            if entity := model.entities.get(block.entity):
                problems += [Problem(where, what) for where, what in own_parents(mapping, block, entity)]
        problems += [problem for block in mapping.blocks for problem in _expressions(mapping, block)]
    return sorted(problems, key=lambda problem: [int(part) for part in problem.where.rsplit(":", 2)[1:]])


def require_valid(mapping: Mapping, model: CanonicalModel, *, expressions: bool = True) -> None:
    """Raise what `check_mapping` finds; its arguments are the same.

    Raises:
        MappingError: There is at least one error; `where` is the first one's place.
    """
    errors = [
        problem for problem in check_mapping(mapping, model, expressions=expressions) if problem.severity == "error"
    ]
    if errors:
        others = "\n    ".join(f"{problem.where}: {problem.what}" for problem in errors[1:])
        why = f"there are more problems in the file:\n    {others}" if others else None
        raise MappingError(errors[0].what, where=errors[0].where, why=why)


def _entities(mapping: Mapping, model: CanonicalModel) -> Iterator[Problem]:
    for name, blocks in mapping.entities.items():
        if name not in model.entities:
            near = did_you_mean(name, model.entities)
            known = ", ".join(model.entities)
            yield Problem(mapping.where("entities", name), f"There is no entity {name!r}.{near} There are: {known}.")
            continue
        seen: set[str] = set()
        for index, block in enumerate(blocks):
            if block.name in seen:
                yield Problem(
                    mapping.where("entities", name, index, "block"), f"There are two blocks {block.name!r} of {name}."
                )
            seen.add(block.name)
            yield from _block(mapping, block, model.entities[name], model)
        yield from _whole_tables(mapping, blocks)
        yield from (Problem(where, what) for where, what in overlaps(mapping, blocks))
        if all(block.only_keys for block in blocks):
            yield Problem(mapping.where("entities", name), f"No block of {name} brings values, only keys.")


def _block(mapping: Mapping, block: Block, entity: Entity, model: CanonicalModel) -> Iterator[Problem]:
    if block.key_column != entity.key:
        yield Problem(
            mapping.where_block(block, "key"),
            f"The key of {entity.entity} is {entity.key!r}, not {block.key_column!r}.",
        )
    for name, column in block.columns.items():
        where = mapping.where_block(block, "columns", name)
        if name == entity.key:
            yield Problem(where, f"{name!r} is the key and stands under `key` already: remove it.")
        elif name in entity.columns:
            yield from _codes(mapping, where, name, column, entity.columns[name], model)
        elif name in TECHNICAL_COLUMNS:
            yield from _code_map_exists(mapping, where, column)
        else:
            known = [*entity.columns, *TECHNICAL_COLUMNS]
            near = did_you_mean(name, known)
            yield Problem(where, f"{entity.entity} has no column {name!r}.{near} It has: {', '.join(known)}.")
    yield from (Problem(where, what) for where, what in wrong_constants(mapping, block, entity))
    if not block.only_keys:
        yield from _required(mapping, block, entity)
    yield from _compared(mapping, block)
    yield from _completeness(mapping, block, entity)


def _required(mapping: Mapping, block: Block, entity: Entity) -> Iterator[Problem]:
    for column in entity:
        filled = column.default is not None or column.source_default or column.when_missing or column.of
        if column.required and not filled and column.name not in {entity.key, *block.columns}:
            where = mapping.where_block(block, "columns")
            yield Problem(
                where, f"{entity.entity} needs {column.name!r} ({column.meaning}), and nothing is mapped to it."
            )


def _code_map_exists(mapping: Mapping, where: str, column: ColumnMapping) -> Iterator[Problem]:
    if column.code is not None and column.code not in mapping.codes:
        near = did_you_mean(column.code, mapping.codes)
        yield Problem(where, f"There is no code map {column.code!r} under `codes`.{near}")


def _codes(
    mapping: Mapping, where: str, name: str, column: ColumnMapping, target: Column, model: CanonicalModel
) -> Iterator[Problem]:
    yield from _code_map_exists(mapping, where, column)
    if target.codes is None:
        return
    allowed = {*model.codes[target.codes], UNKNOWN}
    used: dict[str, str] = {str(value): where for value in (column.const, column.default) if value is not None}
    code = mapping.codes.get(column.code or "")
    if code is not None:
        places = {value: mapping.where("codes", column.code or "", key) for key, value in code.values.items()}
        if code.otherwise is not None:
            places.setdefault(code.otherwise, mapping.where("codes", column.code or "", "*"))
        used.update(places)
    for value, place in used.items():
        if value not in allowed:
            near = did_you_mean(value, allowed)
            listed = ", ".join(sorted(allowed))
            yield Problem(place, f"{value!r} is no canonical value of {name!r}.{near} Allowed: {listed}.")


def _compared(mapping: Mapping, block: Block) -> Iterator[Problem]:
    """Of a row that is gone a compared block knows the key of its extract, and nothing else."""
    if block.extract.mode != "compared":
        return
    complete = block.complete
    own = f"{block.entity}/{block.name}"
    if block.explode is None and complete is not None:
        what = "mode compared reads the rows that differ, so that `complete` would delete those beside them: remove it."
        yield Problem(mapping.where_block(block, "complete"), what)
        return
    if block.explode is not None and (complete is None or complete.seen not in {None, own}):
        what = (
            "A row that is gone does not say what its array held: say with `complete` which document the row is, "
            "so that the elements go with it."
        )
        yield Problem(mapping.where_block(block, "explode"), what)
        return
    place, text = ("key", block.key_column), block.key_expression
    if complete is not None:
        place = ("complete", "value")
        column = block.columns.get(complete.within)
        text = complete.value or (column.expr if column is not None and column.expr is not None else "")
    where = mapping.where_block(block, *place)
    try:
        read = guard(text, where=where, line=block.explode.alias if block.explode else None).columns
    except MappingError:
        # Told with the expressions.
        return
    known = {name.lower() for name in block.extract.key}
    beyond = sorted(name for name in read if name.lower() not in known)
    if beyond:
        what = (
            f"{', '.join(map(repr, beyond))} of a row that is gone is not known in mode compared: use the columns of "
            f"`extract.key` alone, or add it to them. They are: {', '.join(block.extract.key)}."
        )
        yield Problem(where, what)
    unread = [name for name in block.extract.key if name.lower() not in {column.lower() for column in read}]
    if block.explode is None and unread:
        what = (
            f"`extract.key` tells rows apart by {', '.join(map(repr, unread))}, and the key does not: one of them gone "
            f"would delete what the others say. Take {', '.join(map(repr, unread))} out of `extract.key`: rows of one "
            "key are then compared together."
        )
        yield Problem(mapping.where_block(block, "extract", "key"), what)
    if block.where is not None:
        what = (
            "In mode compared a row that no longer meets `where` is not seen as gone: where that can happen, filter in "
            "the extract's `query`."
        )
        yield Problem(mapping.where_block(block, "where"), what, "warning")


def _whole_tables(mapping: Mapping, blocks: tuple[Block, ...]) -> Iterator[Problem]:
    """What is absent from a block that covers the whole entity is deleted, whichever block brought it."""
    whole = [block for block in blocks if block.completeness is not None and block.completeness.within == "table"]
    for block in whole:
        if block.extract.mode not in {"snapshot", "keys"}:
            what = (
                f"mode {block.extract.mode} reads a part of the table, so that `within: table` would delete the rest."
            )
            yield Problem(mapping.where_block(block, "complete"), what)
    partial = [block for block in blocks if block not in whole and not block.tombstone]
    key_lists = [block for block in whole if block.extract.mode == "keys"]
    if not whole or len(partial) <= len(key_lists):
        return
    for block in partial[len(key_lists) :]:
        yield Problem(
            mapping.where_block(block, "extract"),
            f"The block {whole[0].name!r} covers all of {block.entity}: what {block.name!r} brought and does not "
            f"bring again the next day would be deleted. Read {block.name!r} as a snapshot too, or "
            f"{whole[0].name!r} as it changes.",
        )


def _completeness(mapping: Mapping, block: Block, entity: Entity) -> Iterator[Problem]:
    scopes = [column.name for column in entity if column.delete_scope]
    complete: Complete | None = block.complete
    if complete is None:
        if block.extract.mode == "documents" and scopes:
            what = f"mode documents pulls whole documents: say so with `complete: {{within: {scopes[0]}}}`"
            yield Problem(mapping.where_block(block, "extract"), f"{what}, or deleted rows are never seen.")
        return
    where = mapping.where_block(block, "complete")
    if complete.within != "table" and complete.within not in scopes:
        allowed = ", ".join(["table", *scopes])
        yield Problem(where, f"`within` cannot be {complete.within!r} for {entity.entity}. Allowed: {allowed}.")
    if complete.seen is not None and mapping.block(*complete.seen.split("/", 1)) is None:
        known = [f"{other.entity}/{other.name}" for other in mapping.blocks]
        yield Problem(where, f"There is no block {complete.seen!r}.{did_you_mean(complete.seen, known)}")


def _expressions(mapping: Mapping, block: Block) -> Iterator[Problem]:
    line = block.explode.alias if block.explode else None
    texts: list[tuple[tuple[str, ...], str, str | None]] = [(("key", block.key_column), block.key_expression, line)]
    if block.where is not None:
        texts.append((("where",), block.where, None))
    if block.explode is not None:
        texts.append((("explode", "from"), block.explode.expression, None))
    if block.complete is not None and block.complete.value is not None:
        texts.append((("complete", "value"), block.complete.value, None))
    texts += [(("columns", name), column.expr, line) for name, column in block.columns.items() if column.expr]
    for path, text, alias in texts:
        where = mapping.where_block(block, *path)
        try:
            guarded = guard(text, where=where, line=alias)
        except MappingError as error:
            because = f" ({error.why})" if error.why else ""
            yield Problem(where, f"{error.what}{because}{' ' + error.fix if error.fix else ''}")
            continue
        if path[0] == "key" and "pos" in guarded.line_parts:
            what = "The key uses the position in the array: an element inserted before another changes both."
            yield Problem(where, what, "warning")


def _unused_codes(mapping: Mapping) -> Iterator[Problem]:
    used = {column.code for block in mapping.blocks for column in block.columns.values()}
    for name in mapping.codes:
        if name not in used:
            yield Problem(mapping.where("codes", name), f"No column uses the code map {name!r}.", "warning")
