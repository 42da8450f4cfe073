"""`python -m benchmarks`: measures, prints tables, and writes the figures as JSON where asked."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import chain, extraction, flatness, gold, load, report, silver
from benchmarks.bench import Bench
from benchmarks.measure import Comparison


@dataclass(frozen=True)
class _Sizes:
    rows: int
    runs: int
    small: int
    items: int
    customers: int
    scale: float
    gold_lines: int
    few: int
    many: int
    naive: bool
    slow_runs: int | None


_FULL = _Sizes(
    rows=1_000_000,
    runs=5,
    small=50_000,
    items=300_000,
    customers=100_000,
    scale=1,
    gold_lines=5_000_000,
    few=10,
    many=1_000,
    naive=True,
    slow_runs=None,
)
_SMOKE = _Sizes(
    rows=100_000,
    runs=3,
    small=20_000,
    items=20_000,
    customers=10_000,
    scale=0.05,
    gold_lines=50_000,
    few=10,
    many=100,
    naive=False,
    slow_runs=2,
)

_Maker = Callable[[Bench, _Sizes], Sequence[Callable[[], Comparison]]]
_COMPARISONS: dict[str, _Maker] = {
    "extraction": lambda bench, size: [lambda: extraction.comparison(bench, size.rows, naive=size.naive)],
    "load": lambda bench, size: [
        lambda: load.comparison(bench, size.small, naive=size.naive),
        lambda: load.comparison(bench, size.rows, naive=False),
    ],
    "silver": lambda bench, size: [
        lambda: silver.comparison(bench, "sale_items", size.items, runs=size.slow_runs),
        lambda: silver.comparison(bench, "customers", size.customers, runs=size.slow_runs),
    ],
    "chain": lambda bench, size: [lambda: chain.comparison(bench, size.scale, runs=size.slow_runs)],
    "flatness": lambda bench, size: [
        lambda: flatness.comparison(bench, "sales", few=size.few, many=size.many),
        lambda: flatness.comparison(bench, "sale_items", few=size.few, many=size.many),
    ],
    "gold": lambda bench, size: [
        lambda: gold.flat_in_history(bench, few=size.few, many=size.many),
        lambda: gold.rebuild(bench, size.gold_lines, runs=1),
    ],
}

_IN_SMOKE = ["extraction", "load", "silver", "chain"]
"""What loads many days first takes longer than a smoke test may."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, help="sale lines extracted and loaded (1,000,000)")
    parser.add_argument("--runs", type=int, help="runs of each side, in turns (5)")
    parser.add_argument("--scale", type=float, help="size of the demo retailer taken through all layers (1)")
    parser.add_argument(
        "--only", choices=list(_COMPARISONS), action="append", help="measure this alone; may be repeated"
    )
    parser.add_argument("--smoke", action="store_true", help="small sizes: under three minutes")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    given = parser.parse_args(arguments)
    base = _SMOKE if given.smoke else _FULL
    size = _Sizes(
        rows=given.rows or base.rows,
        runs=given.runs or base.runs,
        small=base.small,
        items=base.items,
        customers=base.customers,
        scale=given.scale or base.scale,
        gold_lines=base.gold_lines,
        few=base.few,
        many=base.many,
        naive=base.naive,
        slow_runs=base.slow_runs,
    )

    # Asked to stop, the servers are stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    before = report.machine()
    found = []
    with Bench.open() as bench:
        for name in given.only or (_IN_SMOKE if given.smoke else list(_COMPARISONS)):
            for make in _COMPARISONS[name](bench, size):
                _tell(f"{name}: preparing")
                comparison = make()
                comparison.measure(size.runs, _tell)
                found.append((comparison.name, comparison.summary()))
    print(f"## {report.commit() or 'measured'}\n")
    print("\n".join(f"{name}: {value}" for name, value in before.items()))
    print(f"load average at the end: {report.machine()['load average']}")
    for name, entries in found:
        print("\n" + report.table(name, entries))
        if told := report.parts(entries):
            print("\n" + told)
    if given.json:
        figures = {"commit": report.commit(), "machine": before, "comparisons": dict(found)}
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
