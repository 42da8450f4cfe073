"""From a workbook back into mapping files: what would change, and why it must not.

Nothing is written before everything was found right: every edit, the files they give, and that those files mean what
the workbook asked for and nothing else.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from retail_medallion.errors import ConcurrentWriteError, MappingError
from retail_medallion.mapping import Block, ColumnMapping, Problem, check_mapping, read_mapping
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.mapping.guard import guard
from retail_medallion.mapping.yaml_text import read_yaml
from retail_medallion.model import CanonicalModel
from retail_medallion.workbook.contents.book import editable_sheets
from retail_medallion.workbook.contents.codes import CANONICAL
from retail_medallion.workbook.inputs import Inputs
from retail_medallion.workbook.merge import Edit, Remark, by_row, merge
from retail_medallion.workbook.read import read_workbook
from retail_medallion.workbook.rows import EXPRESSION, SETTINGS, entered
from retail_medallion.workbook.write import shortened
from retail_medallion.workbook.yaml_edit import YamlText, rendered

_BOM = b"\xef\xbb\xbf"
Path_ = tuple[str | int, ...]


@dataclass
class Import:
    """What taking a workbook back would do.

    Attributes:
        edits: Changed cells.
        remarks: Why nothing may be written; empty where everything may.
        warnings: What the check says about the new files and did not say about the old ones.
        before: File to its bytes.
        after: File to its bytes afterwards; only files that change.
    """

    edits: list[Edit] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    before: dict[Path, bytes] = field(default_factory=dict)
    after: dict[Path, bytes] = field(default_factory=dict)


def plan(content: bytes, inputs: Inputs) -> Import:
    """Find out what a workbook asks for.

    Args:
        content: The workbook.
        inputs: What the repository says now. What only a run can tell may be missing: it is not looked at.

    Raises:
        WorkbookError: It is no workbook of ours, or not safe to read.
    """
    book = read_workbook(content)
    found = merge(book, [shortened(sheet) for sheet in editable_sheets(inputs)])
    result = Import(found.edits, found.remarks)
    by_source: dict[str, list[tuple[str, list[Edit]]]] = {}
    for key, edits in by_row(found.edits):
        source = key.split("\x1f" if edits[0].title == CANONICAL else "/", 1)[0]
        by_source.setdefault(source, []).append((key, edits))
    for source, rows in by_source.items():
        _SourceImport(inputs.mappings[source], inputs.model, result).run(rows)
    if result.remarks:
        result.after = {}
    return result


def write(result: Import) -> None:
    """Write the changed files, each at once.

    Raises:
        ConcurrentWriteError: A file changed since it was read; nothing is written.
    """
    for file in result.after:
        if file.read_bytes() != result.before[file]:
            raise ConcurrentWriteError("The mapping file was changed meanwhile.", where=str(file), fix="Import again.")
    for file, content in result.after.items():
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(name).chmod(file.stat().st_mode)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


class _SourceImport:
    """Takes the edits of one source into its file."""

    def __init__(self, mapping: SourceMapping, model: CanonicalModel, result: Import) -> None:
        self._mapping = mapping
        self._model = model
        self._result = result
        self._content = mapping.path.read_bytes()
        result.before[mapping.path] = self._content
        self._bom = _BOM if self._content.startswith(_BOM) else b""
        self._wanted: Any = copy.deepcopy(read_yaml(self._content, mapping.path.name).data)
        self._text = YamlText(self._content[len(self._bom) :].decode())
        self._removed: list[Path_] = []
        self._cells: dict[Path_, str] = {}

    def run(self, rows: list[tuple[str, list[Edit]]]) -> None:
        """Edit the text, hold it against what it should mean, and check it."""
        before = len(self._result.remarks)
        for key, edits in rows:
            try:
                if edits[0].title == CANONICAL:
                    self._code(key, edits[0])
                else:
                    self._row(key, edits)
            except MappingError as error:
                self._refuse(edits[0].cell, error)
        if len(self._result.remarks) > before:
            return
        try:
            content = self._edited()
            mapping = read_mapping(content, self._mapping.path)
        except MappingError as error:
            self._refuse(rows[0][1][0].cell, error)
            return
        self._check(mapping, content)
        self._result.after[self._mapping.path] = content

    def _edited(self) -> bytes:
        """The new text, once it is known to mean what the workbook asks for."""
        for path in self._removed:
            self._text.remove(path)
        content = self._bom + self._text.text().encode()
        if read_yaml(content, self._mapping.path.name).data != self._wanted:
            raise MappingError(
                "The mapping file is written in a way that cannot be changed in place.",
                fix="Change it in the file; aliases (*name) and anchors (&name) are the usual cause.",
            )
        return content

    def _row(self, map_id: str, edits: list[Edit]) -> None:
        _, entity, name, column = map_id.split("/", 3)
        block = self._mapping.block(entity, name)
        if block is None:
            raise MappingError(f"There is no block {entity}/{name}.")
        index = self._mapping.entities[entity].index(block)
        head: Path_ = ("entities", entity, index)
        changes = {SETTINGS[edit.title]: entered(edit.new, edit.title) for edit in edits}
        if not self._allowed(block, edits):
            return
        if column == block.key_column:
            self._key((*head, "key", column), changes, edits)
            return
        path = (*head, "columns", column)
        self._cells[path] = edits[0].cell
        columns = self._at(path[:-1])
        raw = columns.get(column)
        settings = dict(raw) if isinstance(raw, dict) else {} if column not in columns else {"expr": raw}
        after = {
            key: value for key, value in {**settings, **changes}.items() if value is not None or key not in changes
        }
        if not after:
            if column in columns:
                del columns[column]
                self._removed.append(path)
            return
        try:
            ColumnMapping.model_validate(after)
        except ValidationError as error:
            raise MappingError(_first(error)) from None
        self._settings(path, raw, changes, after)
        is_bare = not isinstance(raw, dict) and set(after) == {"expr"}
        columns[column] = after["expr"] if is_bare else after

    def _settings(self, path: Path_, raw: Any, changes: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Put the settings of one column into the text."""
        if path[-1] not in self._at(path[:-1]):
            self._text.insert(path[:-1], str(path[-1]), after["expr"] if set(after) == {"expr"} else after)
        elif not isinstance(raw, dict):
            if set(after) == {"expr"}:
                self._text.replace(path, after["expr"])
            else:
                self._text.replace_by_settings(path, after)
        else:
            for setting, value in changes.items():
                if value is None and setting in raw:
                    self._removed.append((*path, setting))
                elif value is not None and setting in raw:
                    self._text.replace((*path, setting), value)
                elif value is not None:
                    self._text.insert(path, setting, value)

    def _key(self, path: Path_, changes: Mapping[str, Any], edits: list[Edit]) -> None:
        expression = changes.get("expr")
        if set(changes) != {"expr"} or expression is None:
            raise MappingError("The key has an expression and nothing else.")
        self._cells[path] = edits[0].cell
        self._text.replace(path, expression)
        self._at(path[:-1])[str(path[-1])] = expression

    def _code(self, key: str, edit: Edit) -> None:
        _, name, value = key.split("\x1f", 2)
        entries = self._at(("codes", name))
        listed = [entry for entry in entries if entry.strip() == value and not isinstance(entries[entry], bool)]
        raw = listed[-1] if listed else None
        path: Path_ = ("codes", name, value if raw is None else raw)
        self._cells[path] = edit.cell
        if raw is None:
            self._text.insert(path[:-1], value, edit.new)
            entries[value] = edit.new
        elif not edit.new:
            self._removed.append(path)
            del entries[raw]
        else:
            self._text.replace(path, edit.new)
            entries[raw] = edit.new

    def _at(self, path: Path_) -> dict[str, Any]:
        at = self._wanted
        for part in path:
            at = at[part]
        if not isinstance(at, dict):
            raise MappingError("There are no keys and values here.", where=".".join(str(part) for part in path))
        return at

    def _allowed(self, block: Block, edits: list[Edit]) -> bool:
        """Whether each text may stand in a mapping file, and each expression passes the guard."""
        line = block.explode.alias if block.explode else None
        refused = len(self._result.remarks)
        for edit in edits:
            try:
                read_yaml(f"text: {rendered(edit.new)}".encode(), edit.cell)
                if edit.title == EXPRESSION and edit.new:
                    guard(edit.new, where=edit.cell, line=line)
            except MappingError as error:
                self._refuse(edit.cell, error)
        return len(self._result.remarks) == refused

    def _check(self, mapping: SourceMapping, content: bytes) -> None:
        """Refuse what the check says about the new file and did not say about the same place of the old one."""
        known = Counter(told for told, _ in self._problems(self._mapping, self._content))
        places = {
            mapping.where(*path, *setting): cell
            for path, cell in self._cells.items()
            for setting in [(), *((name,) for name in SETTINGS.values())]
        }
        for told, problem in self._problems(mapping, content):
            if known[told]:
                known[told] -= 1
                continue
            cell = places.get(problem.where)
            if problem.severity == "warning":
                self._result.warnings.append(f"{cell or problem.where}: {problem.what}")
            else:
                self._result.remarks.append(Remark(cell or problem.where, problem.what))

    def _problems(self, mapping: SourceMapping, content: bytes) -> Iterator[tuple[tuple[Path_, str], Problem]]:
        """What the check says, by its words and by the keys that lead to it: lines move when others are put in."""
        paths: dict[str, Path_] = {}
        for path in read_yaml(content, mapping.path.name).positions:
            paths.setdefault(mapping.where(*path), path)
        for problem in check_mapping(mapping, self._model):
            yield (paths.get(problem.where, ()), problem.what), problem

    def _refuse(self, cell: str, error: MappingError) -> None:
        parts = [error.what, f"({error.why})" if error.why else "", error.fix or ""]
        self._result.remarks.append(Remark(cell, " ".join(part for part in parts if part)))


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in detail["loc"])
    message = str(detail.get("ctx", {}).get("error", detail["msg"]))
    return f"{place}: {message}." if place else f"{message[:1].upper()}{message[1:]}."
