"""What may stand beside a block of mode compared: nothing that can speak of the same keys or documents.

A compared block tells of a key that is gone as soon as its own extract has it no more. Silver keeps what is said of a
key, not who said it, so a key that another block still has would be deleted with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlglot import exp

from retail_medallion.errors import MappingError
from retail_medallion.mapping.grammar import Block, Mapping
from retail_medallion.mapping.guard import guard

_INTEGERS = frozenset(
    {
        *(exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.INT128),
        *(exp.DType.UTINYINT, exp.DType.USMALLINT, exp.DType.UINT, exp.DType.UBIGINT, exp.DType.UINT128),
    }
)
_BEGINS_AN_INTEGER = re.compile(r"[-+0-9]")


@dataclass(frozen=True)
class _Start:
    """How each text that an expression makes begins.

    Attributes:
        text: The same characters for every row; "" where nothing is known.
        ends: There is nothing after them.
        integer: It is an integer, whichever.
    """

    text: str = ""
    ends: bool = False
    integer: bool = False

    def never_equals(self, other: _Start) -> bool:
        """Whether no text of the one can be a text of the other."""
        if self.integer or other.integer:
            text = self.text or other.text
            return bool(text) and not _BEGINS_AN_INTEGER.match(text)
        if self.ends and other.ends:
            return self.text != other.text
        one, two = sorted((self, other), key=lambda start: len(start.text))
        return bool(one.text) and not two.text.startswith(one.text)


def overlaps(mapping: Mapping, blocks: Sequence[Block]) -> Iterator[tuple[str, str]]:
    """Place and sentence of every pair of blocks of an entity of which one could delete what the other still has.

    Args:
        mapping: The mapping file.
        blocks: All blocks of one entity.
    """
    # What a tombstone block has is gone, whoever else says so.
    for one, two in combinations([block for block in blocks if not block.tombstone], 2):
        compared = [block for block in (one, two) if block.extract.mode == "compared"]
        if not compared:
            continue
        whole = [block for block in (one, two) if block.completeness and block.completeness.within == "table"]
        if whole:
            yield from _beside_the_whole(mapping, compared[0], whole[0])
        elif found := _same_documents(mapping, one, two) or _same_keys(mapping, one, two):
            yield found


def _beside_the_whole(mapping: Mapping, compared: Block, whole: Block) -> Iterator[tuple[str, str]]:
    if whole.extract.mode == "keys":
        what = (
            f"The block {compared.name!r} is compared and tells by itself which keys are gone; a list of all keys "
            "beside it would say the contrary, or delete what it does not list: remove this block."
        )
        yield mapping.where_block(whole, "extract"), what


def _same_keys(mapping: Mapping, one: Block, two: Block) -> tuple[str, str] | None:
    deleting = [block for block in (one, two) if block.extract.mode == "compared" and block.explode is None]
    if not deleting:
        # The elements of an array go with their document.
        return None
    keys = [_read(block, block.key_expression) for block in (one, two)]
    if None in keys or _of_the_same_rows(one, two, *keys) or _start(keys[0]).never_equals(_start(keys[1])):
        return None
    what = (
        f"The keys of {one.name!r} and {two.name!r} can be the same, and a key that is gone from {deleting[0].name!r}, "
        f"which is compared, would be deleted although the other block still has it. Begin the keys with different "
        f"texts (\"'{one.name}:' || ...\" and \"'{two.name}:' || ...\"; CAST(... AS BIGINT) for one without a text), "
        "or read both in one block, with UNION ALL in its `query`."
    )
    return mapping.where_block(two, "key", two.key_column), what


def _same_documents(mapping: Mapping, one: Block, two: Block) -> tuple[str, str] | None:
    for covering, other in ((one, two), (two, one)):
        complete = covering.complete
        if complete is None:
            continue
        covered = _read(covering, complete.value or _expression(covering, complete.within))
        documents = _read(other, _expression(other, complete.within))
        if documents is None or covered is None or _start(covered).never_equals(_start(documents)):
            continue
        told = other.complete
        if told is not None and (told.within, told.seen) == (complete.within, complete.seen):
            again = _read(other, told.value or _expression(other, told.within))
            if _of_the_same_rows(one, two, covered, again):
                continue
        what = (
            f"{covering.name!r} covers whole documents ({complete.within}): what {other.name!r} has of such a document "
            f"and does not bring on the same day would be deleted, and a compared block brings what differs alone. "
            "Read both in one block, with UNION ALL in its `query`."
        )
        return mapping.where_block(covering, "complete"), what
    return None


def _of_the_same_rows(one: Block, two: Block, left: exp.Expr | None, right: exp.Expr | None) -> bool:
    """Whether both read the same rows and compute the same of them: then both lose a row on the same day."""
    return one.extract == two.extract and left is not None and left == right


def _expression(block: Block, name: str) -> str | None:
    column = block.columns.get(name)
    if column is None or column.code is not None:
        return None
    if column.const is not None:
        return exp.Literal.string(str(column.const)).sql(dialect="duckdb")
    return column.expr


def _read(block: Block, text: str | None) -> exp.Expr | None:
    if text is None:
        return None
    try:
        return guard(text, where="", line=block.explode.alias if block.explode else None).tree.unnest()
    except MappingError:
        # Told with the expressions.
        return None


def _start(tree: exp.Expr | None) -> _Start:
    if tree is None:
        return _Start()
    found = _begins(tree)
    # As keys are cleaned: no control characters, no spaces around.
    text = "".join(letter for letter in found.text if unicodedata.category(letter) != "Cc")
    return _Start(text.lstrip().rstrip() if found.ends else text.lstrip(), found.ends, found.integer)


def _begins(tree: exp.Expr) -> _Start:
    tree = tree.unnest()
    if isinstance(tree, exp.Literal) and tree.is_string:
        return _Start(tree.name, ends=True)
    if isinstance(tree, exp.Cast):
        kind = tree.to.this
        return _begins(tree.this) if kind == exp.DType.TEXT else _Start(integer=kind in _INTEGERS)
    if isinstance(tree, exp.DPipe):
        return _joined([tree.left, tree.right])
    if isinstance(tree, exp.Concat):
        return _joined(tree.expressions)
    if isinstance(tree, exp.Anonymous) and tree.name.lower() == "key":
        first = _begins(tree.expressions[0])
        text = first.text.replace("\\", "\\\\").replace("/", "\\/")
        return _Start(text + "/" if first.ends else text)
    return _Start()


def _joined(parts: Sequence[exp.Expr]) -> _Start:
    text = ""
    for part in parts:
        found = _begins(part)
        text += found.text
        if not found.ends:
            return _Start(text)
    return _Start(text, ends=True)
