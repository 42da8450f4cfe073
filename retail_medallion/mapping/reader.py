"""Reading mapping files: from the file's text to checked classes, every error with file, line and column."""

from __future__ import annotations

import os
import typing
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from retail_medallion.errors import ConfigurationError, MappingError
from retail_medallion.mapping.grammar import Block, CodeMap, Mapping
from retail_medallion.mapping.settings import did_you_mean
from retail_medallion.mapping.yaml_text import MAXIMUM_BYTES, Document, read_yaml

_SHOWN = 20


def load_mapping(path: str | os.PathLike[str]) -> Mapping:
    """Read one mapping file.

    The file is checked against the grammar alone; `check_mapping` holds it against the canonical model.

    Args:
        path: The file.

    Raises:
        MappingError: The file cannot be read or breaks the grammar; `where` is file:line:column of the first problem.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise MappingError("The mapping file cannot be read.", where=f"{file}:1:1", why=error.strerror) from error
    return read_mapping(content, file)


def read_mapping(content: bytes, path: str | os.PathLike[str] = "<memory>") -> Mapping:
    """Read the text of a mapping file; see `load_mapping`."""
    file = Path(path)
    document = read_yaml(content, str(file))
    if not isinstance(document.data, dict):
        raise MappingError("A mapping file starts with `mapping: v1`.", where=f"{file}:1:1")
    try:
        mapping = Mapping.model_validate(document.data)
    except ValidationError as error:
        raise _as_mapping_error(error, document, str(file)) from None
    mapping._path = file  # noqa: SLF001 - set once, here, where the class cannot know it
    mapping._positions = document.positions  # noqa: SLF001
    return mapping


def load_mappings(
    directory: str | os.PathLike[str] | None = None, only: Sequence[str] | None = None
) -> dict[str, Mapping]:
    """Read all mapping files of a directory.

    Args:
        directory: Where the `*.yml` files are; the shipped sources where None.
        only: Source codes to read; all where None.

    Returns:
        Source code to mapping, in alphabetical order.

    Raises:
        MappingError: A file breaks the grammar, does not have the name of its source, or two have the same source.
        ConfigurationError: The directory is missing or a source of `only` has no file.
    """
    return {stem: load_source(file) for stem, file in mapping_files(directory, only).items()}


def load_source(file: Path) -> Mapping:
    """Read the mapping file of a source, which is called as its source is.

    Raises:
        MappingError: It breaks the grammar, or has another name.
    """
    mapping = load_mapping(file)
    if mapping.source.code != file.stem:
        raise MappingError(
            f"The file of the source {mapping.source.code!r} is called {file.name}.",
            where=mapping.where("source", "code"),
            fix=f"Call it {mapping.source.code}.yml.",
        )
    return mapping


def mapping_files(
    directory: str | os.PathLike[str] | None = None, only: Sequence[str] | None = None
) -> dict[str, Path]:
    """The files `load_mappings` reads, by source, in alphabetical order.

    Raises:
        ConfigurationError: The directory is missing or a source of `only` has no file.
    """
    folder = Path(str(resources.files("retail_medallion") / "sources")) if directory is None else Path(directory)
    if not folder.is_dir():
        raise ConfigurationError(
            "The directory of mapping files does not exist.",
            where=str(folder),
            fix="Set RETAIL_SOURCES_DIR to one that does.",
        )
    files = {file.stem: file for file in sorted(folder.glob("*.yml"))}
    for code in only or ():
        if code not in files:
            known = ", ".join(files) or "none"
            raise ConfigurationError(
                f"There is no mapping file of the source {code!r}.{did_you_mean(code, files)}",
                where=str(folder),
                fix=f"Set RETAIL_SOURCES to some of: {known}",
            )
    return {stem: file for stem, file in files.items() if only is None or stem in only}


def _as_mapping_error(error: ValidationError, document: Document, file: str) -> MappingError:
    problems = [_problem(detail, document, file) for detail in error.errors(include_url=False)]
    # A misspelt key also makes the right one missing: name the misspelling first.
    problems.sort(key=lambda problem: problem[0])
    (_, where, what), others = problems[0], problems[1:]
    lines = [f"{place}: {text}" for _, place, text in others[:_SHOWN]]
    if len(others) > _SHOWN:
        lines.append(f"and {len(others) - _SHOWN} more")
    why = "there are more problems in the file:\n    " + "\n    ".join(lines) if lines else None
    return MappingError(what, where=where, why=why)


def _problem(detail: ErrorDetails, document: Document, file: str) -> tuple[tuple[bool, int, int], str, str]:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    place = path
    # Steps of a union (its member types) are in the location and not in the file.
    while place and place not in document.positions:
        place = place[:-1]
    line, column = document.positions[place]
    name = ".".join(str(part) for part in place) or "the file"
    return (detail["type"] == "missing", line, column), f"{file}:{line}:{column}", f"{name}: {_sentence(detail, path)}"


def _sentence(detail: ErrorDetails, path: tuple[int | str, ...]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _allowed(path[:-1])
        word = str(path[-1])
        return f"there is no {word!r} here.{did_you_mean(word, known)} Allowed: {', '.join(known)}."
    if kind == "missing":
        return f"{path[-1]!r} is missing."
    if kind == "literal_error":
        word = str(detail["input"])
        known = [part.strip(" '") for part in str(context["expected"]).replace(" or ", ",").split(",")]
        return f"{word!r} is not allowed.{did_you_mean(word, known)} Allowed: {', '.join(known)}."
    if kind == "value_error":
        return f"{context['error']}."
    if kind in {"model_type", "dict_type"}:
        known = _allowed(path)
        return f"expected keys and values: {', '.join(known)}." if known else "expected `name: value` entries."
    if kind == "tuple_type":
        return "expected a list."
    return f"{detail['msg'][0].lower()}{detail['msg'][1:]}."


def _allowed(path: Iterable[int | str]) -> list[str]:
    """Keys that may stand at a place, found by walking the classes along the path."""
    at: Any = Mapping
    for part in path:
        at = _step(at, part)
    if not (isinstance(at, type) and issubclass(at, BaseModel)):
        return []
    return [field.alias or name for name, field in at.model_fields.items() if (at, name) != (Block, "entity")]


def _step(at: Any, part: int | str) -> Any:
    if isinstance(at, type) and issubclass(at, BaseModel) and at is not CodeMap:
        fields = {field.alias or name: field.annotation for name, field in at.model_fields.items()}
        at = fields.get(str(part))
    else:
        arguments = typing.get_args(at)
        at = (arguments[0] if typing.get_origin(at) is tuple else arguments[-1]) if arguments else None
    for member in typing.get_args(at):
        if isinstance(member, type) and issubclass(member, BaseModel) and type(None) in typing.get_args(at):
            return member
    return at
