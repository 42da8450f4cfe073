"""A seeded fuzzer of mapping files: sound files and hostile ones, cut, joined, doubled and spoilt.

Whatever comes out is either a mapping or refused with `file:line:column`; nothing else is raised, and nothing takes
long. Run by hand for minutes: `python -m retail_medallion_tests.mapping.hostile.fuzzer --seconds 600`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources

from retail_medallion.errors import MappingError
from retail_medallion.mapping import check_mapping, column_lineage, read_mapping
from retail_medallion.model import load_model
from retail_medallion_tests.mapping.bronze import FILES
from retail_medallion_tests.mapping.hostile import expressions, files

SLOW = 20.0
"""Seconds of processor time of one input from which it counts as a hang."""

_PLACE = re.compile(r"fuzz\.yml:[1-9][0-9]*:[1-9][0-9]*")
_MARKS = [*"{}[]:,&*!|>'\"%@`#?-~\t\n\x00\x07\u202e\ud800", "<<", ": ", "- ", "---\n", "!!", "&a ", "*a ", "\\u0000"]
_ODD = ["", "0", "-1", "1e400", "NaN", "null", "true", "~", "9" * 400, "x" * 5000, "{}", "[]", "'", '"', "$$", "\\"]
_ENOUGH_ALIASES = 60


@dataclass
class Outcome:
    """What became of the inputs of a run.

    Attributes:
        accepted: Inputs that are mappings without an error.
        refused: Inputs that were refused, by kind.
        slowest: Seconds of processor time of the slowest input.
        faults: Inputs on which something else happened, with what.
    """

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """All inputs."""
        return self.accepted + sum(self.refused.values()) + len(self.faults)


def corpus() -> list[str]:
    """Sound files to start from."""
    shipped = resources.files("retail_medallion") / "sources"
    texts = [file.read_text() for file in sorted(FILES.glob("*.yml"))]
    # Only the beginning of the long ones: most of the time would go into checking them again and again.
    texts += [file.read_text()[:4000].rpartition("\n")[0] for file in shipped.iterdir() if file.name.endswith(".yml")]
    return [*texts, files.SOUND]


class Fuzzer:
    """Makes inputs from a seed.

    Args:
        seed: The same seed makes the same inputs.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - has to be repeatable, not secret
        self._texts = corpus()
        self._pieces = [text for text, _ in expressions.WITHOUT_DATA if len(text) < 2000]
        self._pieces += [text for text, _ in (*files.QUERIES, *files.WATERMARKS)]
        self._yaml = [text for text, _ in files.YAML if len(text) < 2000]
        self._changes: tuple[Callable[[str], str], ...] = (
            self._mark, self._mark, self._cut, self._double, self._swap_words, self._swap_words, self._splice,
            self._expression, self._expression, self._odd_value, self._indent, self._yaml_piece, self._aliases,
        )  # fmt: skip

    def input(self) -> bytes:
        """One input."""
        text = self._random.choice(self._texts)
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 6))):
            text = self._random.choice(self._changes)(text)
        content = text.encode("utf-8", "surrogatepass")
        if self._random.random() < 0.05:
            place = self._random.randrange(len(content) + 1)
            content = content[:place] + self._random.randbytes(self._random.randint(1, 4)) + content[place:]
        return content

    def _place(self, text: str) -> int:
        return self._random.randrange(len(text) + 1)

    def _mark(self, text: str) -> str:
        place = self._place(text)
        return text[:place] + self._random.choice(_MARKS) + text[place:]

    def _cut(self, text: str) -> str:
        place = self._place(text)
        return text[:place] + text[place + self._random.choice((1, 2, 5, 20, 200)) :]

    def _double(self, text: str) -> str:
        start = self._place(text)
        part = text[start : start + self._random.choice((1, 10, 100))]
        return text[:start] + part * self._random.choice((2, 3, 30)) + text[start:]

    def _swap_words(self, text: str) -> str:
        words = list(re.finditer(r"\w+", text))
        if not words:
            return text
        one, other = self._random.choice(words), self._random.choice(words)
        return text[: one.start()] + other[0] + text[one.end() :]

    def _splice(self, text: str) -> str:
        other = self._random.choice(self._texts)
        return text[: self._place(text)] + other[self._place(other) :]

    def _expression(self, text: str) -> str:
        places = list(re.finditer(r'"(?:[^"\\\n]|\\.)*"', text))
        if not places:
            return text
        place = self._random.choice(places)
        piece = self._random.choice(self._pieces)
        if self._random.random() < 0.4:
            piece = self._spoilt(piece)
        return text[: place.start()] + json.dumps(piece) + text[place.end() :]

    def _spoilt(self, piece: str) -> str:
        other = self._random.choice(self._pieces)
        cut = piece[: self._place(piece)] + self._random.choice(("", " ", "(", ")", "'", ",", "::", "->>")) + other
        return cut[: self._random.choice((20, 200, 2000))]

    def _odd_value(self, text: str) -> str:
        values = list(re.finditer(r"(?<=: )[^\s,{}\[\]]+", text))
        if not values:
            return text
        value = self._random.choice(values)
        return text[: value.start()] + self._random.choice(_ODD) + text[value.end() :]

    def _indent(self, text: str) -> str:
        lines = text.split("\n")
        index = self._random.randrange(len(lines))
        lines[index] = self._random.choice((" ", "  ", "\t", "")) + lines[index].lstrip(" ")
        return "\n".join(lines)

    def _yaml_piece(self, text: str) -> str:
        lines = text.split("\n")
        lines.insert(self._random.randrange(len(lines) + 1), self._random.choice(self._yaml))
        return "\n".join(lines)

    def _aliases(self, text: str) -> str:
        count = self._random.choice((1, 5, _ENOUGH_ALIASES))
        return text.replace(": ", ": &a ", 1) + "\nz: [" + "*a, " * count + "]\n"


def look(content: bytes, outcome: Outcome) -> None:
    """Read and check one input and note what became of it."""
    model = load_model()
    before = time.process_time()
    try:
        mapping = read_mapping(content, "fuzz.yml")
        problems = check_mapping(mapping, model)
        for problem in problems:
            if not _PLACE.fullmatch(problem.where):
                raise AssertionError(f"no place: {problem.where}")  # noqa: TRY301 - noted below with its input
        if any(problem.severity == "error" for problem in problems):
            outcome.refused["by the check"] += 1
        else:
            for block in mapping.blocks:
                column_lineage(mapping, block)
            outcome.accepted += 1
    except MappingError as error:
        if _PLACE.fullmatch(error.where or ""):
            outcome.refused["by the reader"] += 1
        else:
            outcome.faults.append((content.decode("utf-8", "replace"), f"no place: {error.where}"))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        outcome.faults.append((content.decode("utf-8", "replace"), f"{type(error).__name__}: {error}"))
    taken = time.process_time() - before
    outcome.slowest = max(outcome.slowest, taken)
    if taken > SLOW:
        outcome.faults.append((content.decode("utf-8", "replace"), f"took {taken:.1f} s"))


def fuzz(seed: int, seconds: float) -> Outcome:
    """Make and look at inputs for some seconds of the clock."""
    fuzzer, outcome = Fuzzer(seed), Outcome()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        look(fuzzer.input(), outcome)
    return outcome


def main() -> None:
    """Run from a shell."""
    parser = argparse.ArgumentParser(description="Fuzz the reader and the checks of mapping files.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    outcome = fuzz(arguments.seed, arguments.seconds)
    print(f"{outcome.inputs} inputs in {arguments.seconds:.0f} s, seed {arguments.seed}: {outcome.accepted} accepted,")
    print(f"refused {dict(outcome.refused)}, slowest {outcome.slowest:.2f} s of processor time")
    for text, what in outcome.faults[:20]:
        print(f"FAULT {what}\n{text!r}")
    raise SystemExit(1 if outcome.faults else 0)


if __name__ == "__main__":
    main()
