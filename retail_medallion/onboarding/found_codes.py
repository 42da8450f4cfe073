"""Which values of the source a code map, or a canonical code list, has no answer for."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from retail_medallion.bronze.query import ExtractPlan
from retail_medallion.errors import RetailMedallionError
from retail_medallion.mapping import Block, CodeMap, Mapping, Problem, compile_block, new_duckdb, readable
from retail_medallion.mapping.check import UNKNOWN
from retail_medallion.mapping.settings import did_you_mean
from retail_medallion.model import CanonicalModel
from retail_medallion.onboarding.source import Source, schema_of, without_repetition
from retail_medallion.silver.standardisers.contacts import mask_contacts

MAXIMUM_ROWS = 10_000
_SHOWN = 10
_LONGEST = 40
_NAME = "values found"


def unlisted_values(
    mapping: Mapping, model: CanonicalModel, source: Source, block: Block, name: str, plan: ExtractPlan
) -> Iterator[Problem]:
    """Values of one column that become `unknown` or reject their row, as one problem.

    Args:
        mapping: The mapping.
        model: The canonical model.
        source: The source.
        block: The block.
        name: The canonical column.
        plan: What the block extracts.
    """
    code = _answers(mapping, model, block, name)
    if code is None:
        return
    where = mapping.where_block(block, "columns", name)
    try:
        found, complete = _values(mapping, model, source, block, name, code, plan)
    except RetailMedallionError as error:
        yield Problem(where, f"The values of {name!r} could not be looked at: {error.what}", "warning")
        return
    if not found:
        return
    column = block.columns[name]
    own = mapping.codes.get(column.code or "")
    strict = own is not None and own.strict
    what = "rejects their rows" if strict else "makes them 'unknown'"
    of = f"The code map {column.code!r}" if own is not None else f"The code list of {name!r}"
    shown = ", ".join(repr(shown_value(value)) for value in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    near = did_you_mean(found[0], code.values) if own is None else ""
    looked = "" if complete else f" (of the first {MAXIMUM_ROWS:,} rows)"
    yield Problem(where, f"{of} lacks {shown}{more}, found in the source{looked}, and {what}.{near}", "warning")


def shown_value(value: str) -> str:
    """A value of a code as it may be shown: cut, and without addresses and phone numbers."""
    masked = mask_contacts(value) if "@" in value else value
    return masked if len(masked) <= _LONGEST else f"{masked[:_LONGEST]}..."


def _answers(mapping: Mapping, model: CanonicalModel, block: Block, name: str) -> CodeMap | None:
    """The values that have an answer, as a map that names all others; None where every value has one."""
    column, entity = block.columns[name], model.entity(block.entity)
    if column.expr is None:
        return None
    if column.code is not None:
        code = mapping.codes[column.code]
        if code.otherwise not in {None, UNKNOWN}:
            return None
        return code.model_copy(update={"strict": True, "otherwise": None})
    canonical = entity.columns.get(name)
    if canonical is None or canonical.codes is None:
        return None
    return CodeMap.model_validate({value: value for value in (*model.codes[canonical.codes], UNKNOWN)})


def _values(
    mapping: Mapping,
    model: CanonicalModel,
    source: Source,
    block: Block,
    name: str,
    code: CodeMap,
    plan: ExtractPlan,
) -> tuple[list[str], bool]:
    """Values without an answer, and whether all rows were looked at."""
    column = block.columns[name].model_copy(update={"code": _NAME, "default": None})
    asked = block.model_copy(update={"columns": {name: column}, "complete": None})
    answering = mapping.model_copy(update={"codes": {_NAME: code.model_copy(update={"strict": True})}})
    compiled = compile_block(answering, asked, model, schema_of(plan))
    wanted = sorted(compiled.lineage[name] | compiled.filters)
    rows = without_repetition(source, plan, wanted, MAXIMUM_ROWS)
    table = readable(rows.to_reader()).read_all()
    numbered = table.append_column("bronze_row", pa.array(range(len(table)), pa.int64()))
    with new_duckdb() as connection:
        connection.register("bronze", numbered)
        query = f"SELECT DISTINCT unnest(strict_values) AS v FROM ({compiled.select}) ORDER BY v"  # noqa: S608
        found = [str(value).strip() for (value,) in connection.execute(query).fetchall() if value is not None]
    own = block.columns[name].code is not None
    listed = {value if own else value.lower() for value in code.values}
    found = [value for value in found if value and (value if own else value.lower()) not in listed]
    return found, len(rows) < MAXIMUM_ROWS
