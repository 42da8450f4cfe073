"""Tables in the three forms that assets give and take: an Arrow stream, an Arrow table, a pandas DataFrame.

The stream is the common form: the other two are turned into one, and made from one. Values keep their Arrow types in
both directions; pandas never infers a type.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from typing import Any, TypeAlias, TypeVar, overload

import pandas as pd
import pyarrow as pa

from retail_medallion.errors import ConfigurationError, DataContractError

Tabular: TypeAlias = "pa.RecordBatchReader | pa.Table | pd.DataFrame"

TABULAR_TYPES: tuple[type, ...] = (pa.RecordBatchReader, pa.Table, pd.DataFrame)

_Wanted = TypeVar("_Wanted", pa.RecordBatchReader, pa.Table, pd.DataFrame)


def is_tabular(value: object) -> bool:
    """Tell whether ``value`` is one of the three forms."""
    return isinstance(value, TABULAR_TYPES)


def as_reader(value: Tabular) -> pa.RecordBatchReader:
    """Turn any of the three forms into a stream of record batches.

    Args:
        value: A stream (returned as it is), a table, or a DataFrame. Columns of a DataFrame that are not Arrow-backed
            are converted by pyarrow; an ``object`` column of mixed types is refused. A named index becomes columns,
            an unnamed one is dropped.

    Returns:
        A stream that can be read once.

    Raises:
        ConfigurationError: ``value`` is none of the three.
        DataContractError: A DataFrame column has no single Arrow type, or two columns share a name.
    """
    if isinstance(value, pa.RecordBatchReader):
        reader = value
    elif isinstance(value, pa.Table):
        reader = value.to_reader()
    elif isinstance(value, pd.DataFrame):
        reader = _table_of(value).to_reader()
    else:
        raise ConfigurationError(
            f"{type(value).__name__} is not a table",
            why="only pyarrow.RecordBatchReader, pyarrow.Table and pandas.DataFrame are",
            fix="return one of these three",
        )
    refuse_duplicate_names(reader.schema.names, where="the table handed over")
    return reader


@overload
def convert(reader: pa.RecordBatchReader, wanted: type[_Wanted]) -> _Wanted: ...
@overload
def convert(reader: pa.RecordBatchReader, wanted: Any) -> Any: ...
def convert(reader: pa.RecordBatchReader, wanted: Any) -> Any:
    """Turn a stream into the form an annotation asks for.

    Args:
        reader: The stream; consumed unless the stream itself is wanted.
        wanted: ``pa.RecordBatchReader``, ``pa.Table`` or ``pd.DataFrame``. A DataFrame gets Arrow-backed dtypes, so
            integers with NULL stay integers and decimals stay decimals.

    Raises:
        ConfigurationError: ``wanted`` is none of the three.
    """
    if wanted is pa.RecordBatchReader:
        return reader
    if wanted is pa.Table:
        with reader:
            return reader.read_all()
    if wanted is pd.DataFrame:
        with reader:
            return reader.read_all().to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    raise ConfigurationError(
        f"A table cannot be given as {wanted!r}",
        fix="annotate the input as pyarrow.RecordBatchReader, pyarrow.Table or pandas.DataFrame",
    )


def annotated_form(annotation: Any, offered: tuple[type, ...]) -> type | None:
    """Find which of the ``offered`` types an annotation names.

    ``X | None`` counts as ``X``, and a subclass counts as the class offered. An annotation naming several of the
    offered types gives the first of them in the order offered.

    Returns:
        The type, or None where the annotation says nothing (missing, ``Any`` or ``object``) or names none of them.
    """
    if annotation is None or annotation is Any or annotation is object:
        return None
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members: tuple[Any, ...] = typing.get_args(annotation)
    else:
        members = (typing.get_origin(annotation) or annotation,)
    named = [member for member in members if isinstance(member, type)]
    return next((form for form in offered if any(issubclass(member, form) for member in named)), None)


def refuse_duplicate_names(names: list[str], *, where: str) -> None:
    """Raise a DataContractError when a column name occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataContractError(
                f"Column {name!r} occurs twice", where=where, fix="give every column a name of its own"
            )
        seen.add(name)


def count_bytes(reader: pa.RecordBatchReader, tally: list[int]) -> pa.RecordBatchReader:
    """Pass a stream through and add each batch's size in bytes to ``tally[0]`` and its rows to ``tally[1]``."""

    def passing() -> typing.Iterator[pa.RecordBatch]:
        for batch in reader:
            tally[0] += batch.nbytes
            tally[1] += batch.num_rows
            yield batch

    return pa.RecordBatchReader.from_batches(reader.schema, passing())


def _table_of(frame: pd.DataFrame) -> pa.Table:
    named_index = any(name is not None for name in frame.index.names)
    columns = [str(name) for name in frame.columns]
    refuse_duplicate_names(columns, where="the DataFrame handed over")
    try:
        table = pa.Table.from_pandas(frame, preserve_index=named_index)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        bad = [str(name) for name in frame.columns if not _converts(frame[name])]
        raise DataContractError(
            "A DataFrame column has no single Arrow type",
            where="column " + ", ".join(repr(name) for name in bad),
            why="it mixes types, or holds Python objects Arrow does not know",
            fix="give the column an Arrow dtype, e.g. astype(pandas.ArrowDtype(pyarrow.string()))",
        ) from None
    return table.replace_schema_metadata(None)


def _converts(series: pd.Series[Any]) -> bool:
    try:
        pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return False
    return True


def union_of(forms: tuple[type, ...]) -> Any:
    """Make the union type of several types, for messages and signatures."""
    return functools.reduce(operator.or_, forms)
