"""Some seconds of fuzzing: no input crashes, hangs or is refused without a place."""

from __future__ import annotations

from retail_medallion_tests.mapping.hostile.fuzzer import Fuzzer, fuzz

SECONDS = 5


def test_whatever_a_file_holds_it_is_a_mapping_or_refused_with_its_place() -> None:
    outcome = fuzz(seed=20260630, seconds=SECONDS)
    assert outcome.faults == []
    assert outcome.inputs > 0
    assert outcome.refused


def test_a_seed_makes_the_same_inputs() -> None:
    one, other = Fuzzer(7), Fuzzer(7)
    assert [one.input() for _ in range(50)] == [other.input() for _ in range(50)]
    assert Fuzzer(7).input() != Fuzzer(8).input()
