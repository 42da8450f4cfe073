"""A mapping held against the database it reads: tables, columns, types, indexes, and the values of coded columns.

Types are found on zero rows. The only values read are those of columns that are translated or have a code list.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from retail_medallion.bronze.block import EXTRACTED_AT
from retail_medallion.bronze.query import ExtractPlan
from retail_medallion.bronze.windows import window_of
from retail_medallion.errors import RetailMedallionError
from retail_medallion.mapping import Block, Mapping, Problem, column_lineage, compile_block
from retail_medallion.mapping.settings import did_you_mean
from retail_medallion.model import CanonicalModel
from retail_medallion.onboarding.found_codes import unlisted_values
from retail_medallion.onboarding.source import Source, schema_of

FEW_ROWS = 10_000
"""Reading a table of so many rows once a day needs no index."""

# A day no source has rows of: where an index finds it, its date stands in the condition of the index.
_PROBED_DAY = dt.date(1987, 3, 14)
_MISSING_COLUMN = re.compile(r'column "?(?:[^".]+\.)?([^"]+?)"? does not exist')
_MISSING_TABLE = re.compile(r'relation "(?:[^".]+\.)?([^"]+)" does not exist')


@dataclass(frozen=True)
class BlockFacts:
    """What the database says about one block.

    Attributes:
        name: `entity/block`.
        columns: Columns of the extract.
        rows: Rows as the server's planner estimates them.
        watermark: How a day's rows are found: `by an index`, `by reading all`, or None where the mode needs none.
        key: Whether a constraint or unique index keeps the key unique; None where it cannot be told, as of queries.
    """

    name: str
    columns: int
    rows: int
    watermark: str | None
    key: bool | None


@dataclass
class LiveCheck:
    """What was found out about a mapping.

    Attributes:
        problems: In the order of the file.
        facts: One entry for each block that can be extracted.
        unread: Blocks of which nothing more could be said.
    """

    problems: list[Problem] = field(default_factory=list)
    facts: list[BlockFacts] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def check_live(mapping: Mapping, model: CanonicalModel, source: Source) -> LiveCheck:
    """Hold a mapping against its database.

    What `check_mapping` finds is not found again: the file alone has to be right first.

    Args:
        mapping: The mapping.
        model: The canonical model.
        source: Its database.
    """
    found = LiveCheck()
    plans: dict[str, ExtractPlan] = {}
    for block in mapping.blocks:
        name = f"{block.entity}/{block.name}"
        try:
            plans[name] = source.plan(block)
        except RetailMedallionError as error:
            found.problems.append(_refused(mapping, block, error, source))
            found.unread.append(name)
    for block in mapping.blocks:
        name = f"{block.entity}/{block.name}"
        if name in plans:
            found.problems += _block(mapping, model, source, block, plans)
            found.facts.append(_facts(source, block, plans[name]))
            found.problems += _slow(mapping, block, found.facts[-1])
    found.problems.sort(key=lambda problem: [int(part) for part in problem.where.rsplit(":", 2)[1:]])
    return found


def _refused(mapping: Mapping, block: Block, error: RetailMedallionError, source: Source) -> Problem:
    part = "table" if block.extract.table is not None else "query"
    if "watermark" in error.what.lower() or (block.extract.watermark and "watermark" in (error.where or "")):
        part = "watermark"
    elif "which its key or document names" in error.what:
        part = "key"
    suggestion = _suggestion(block, error, source)
    because = f" ({error.why})" if error.why and "SQLSTATE" not in error.why else ""
    return Problem(mapping.where_block(block, "extract", part), f"{error.what.rstrip('.')}.{because}{suggestion}")


def _suggestion(block: Block, error: RetailMedallionError, source: Source) -> str:
    text = f"{error.what} {error.why or ''}"
    if column := _MISSING_COLUMN.search(text):
        words = set(re.findall(r"\w+", f"{block.extract.table or ''} {block.extract.query or ''}".lower()))
        near = {name for (_, table), names in source.columns.items() if table.lower() in words for name in names}
        return did_you_mean(column[1], near)
    if table := _MISSING_TABLE.search(text):
        return _near_table(table[1], source)
    if block.extract.table is not None and error.what.startswith("There is no table"):
        return _near_table(block.extract.table, source)
    if named := re.search(r"no column '(.+)', which its key", text):
        return did_you_mean(named[1], re.findall(r"\w+", error.why or ""))
    return ""


def _near_table(table: str, source: Source) -> str:
    bare = table.replace('"', "").rpartition(".")[2]
    same = [known.qualified for known in source.tables if known.name == bare]
    if same:
        return f" Did you mean {same[0]!r}?"
    by_name = {known.name: known.qualified for known in source.tables}
    near = did_you_mean(bare, by_name)
    return near.replace(f"{_named(near)!r}", repr(by_name[_named(near)])) if near else ""


def _named(suggestion: str) -> str:
    return suggestion.partition("'")[2].rpartition("'")[0]


def _block(
    mapping: Mapping, model: CanonicalModel, source: Source, block: Block, plans: dict[str, ExtractPlan]
) -> Iterator[Problem]:
    schema = schema_of(plans[f"{block.entity}/{block.name}"])
    other = block.complete.seen if block.complete else None
    if other is not None and other not in plans:
        return
    seen = schema_of(plans[other]) if other is not None else None
    try:
        compile_block(mapping, block, model, schema, seen)
    except RetailMedallionError as error:
        yield from _all_of(mapping, model, block, error, schema, seen)
        return
    plan = plans[f"{block.entity}/{block.name}"]
    for name in block.columns:
        yield from unlisted_values(mapping, model, source, block, name, plan)


def _all_of(
    mapping: Mapping,
    model: CanonicalModel,
    block: Block,
    first: RetailMedallionError,
    schema: pa.Schema,
    seen: pa.Schema | None,
) -> Iterator[Problem]:
    """Compiling ends at the first error, so each column is compiled alone."""
    places = set()
    for name, column in block.columns.items():
        alone = block.model_copy(update={"columns": {name: column}, "complete": None})
        try:
            compile_block(mapping, alone, model, schema, seen)
        except RetailMedallionError as error:
            if error.where not in places:
                places.add(error.where)
                yield _as_problem(mapping, block, error)
    if first.where not in places:
        yield _as_problem(mapping, block, first)


def _as_problem(mapping: Mapping, block: Block, error: RetailMedallionError) -> Problem:
    where = error.where if error.where and re.search(r":\d+:\d+$", error.where) else mapping.where_block(block)
    because = f" ({error.why})" if error.why else ""
    return Problem(where, f"{error.what}{because}{' ' + error.fix if error.fix else ''}")


def _facts(source: Source, block: Block, plan: ExtractPlan) -> BlockFacts:
    rows = source.explain(plan.select(None, ordered=False))["Plan Rows"]
    watermark = None
    if plan.block.mode.is_windowed:
        watermark = "by an index" if _by_index(source, plan) else "by reading all"
    key = None
    if block.extract.table is not None:
        unique = source.unique_keys(block.extract.table)
        key = any(columns <= set(block.extract.key) for columns in unique)
    return BlockFacts(f"{block.entity}/{block.name}", len(plan.columns), int(str(rows)), watermark, key)


def _by_index(source: Source, plan: ExtractPlan) -> bool:
    window = window_of(_PROBED_DAY, dt.date(1970, 1, 1))
    explained = source.explain(plan.select(window, ordered=False), seqscan=False)
    return any(_PROBED_DAY.isoformat() in condition for condition in _index_conditions(explained))


def _index_conditions(plan: dict[str, object]) -> Iterator[str]:
    if isinstance(condition := plan.get("Index Cond"), str):
        yield condition
    children = plan.get("Plans")
    for child in children if isinstance(children, list) else []:
        yield from _index_conditions(child)


def _slow(mapping: Mapping, block: Block, facts: BlockFacts) -> Iterator[Problem]:
    if facts.watermark == "by reading all" and facts.rows > FEW_ROWS:
        what = f"no index serves the watermark, so that each day reads all of about {facts.rows:,} rows."
        yield Problem(mapping.where_block(block, "extract", "watermark"), f"{what} Ask for one.", "warning")
    if facts.key is False:
        key = ", ".join(block.extract.key)
        what = f"nothing in the database keeps the key ({key}) unique: of rows with the same one, the last counts."
        yield Problem(mapping.where_block(block, "extract", "key"), what, "warning")


def tables_not_read(mapping: Mapping, source: Source) -> list[str]:
    """Tables of the source that no block of the mapping names, as far as the texts tell; empty ones are left out."""
    texts = " ".join(f"{block.extract.table or ''} {block.extract.query or ''}" for block in mapping.blocks).lower()
    words = set(re.findall(r"\w+", texts))
    return [
        table.qualified if table.rows is None else f"{table.qualified} (about {table.rows:,} rows)"
        for table in source.tables
        if table.kind in {"r", "p"} and table.rows != 0 and table.name.lower() not in words
    ]


def unused_columns(mapping: Mapping, block: Block, plan: ExtractPlan) -> list[str]:
    """Columns of an extract that nothing in its block uses."""
    used = {edge.source.lower() for edge in column_lineage(mapping, block)}
    used |= {name.lower() for name in (*block.extract.key, *block.extract.document)}
    return [c.name for c in plan.columns if c.name.lower() not in used and c.name != EXTRACTED_AT]
