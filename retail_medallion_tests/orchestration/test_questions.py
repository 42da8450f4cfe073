"""The questions in docs/questions: each is one query on Gold, with its answer on the demo retailer beside it.

To write the answers anew after a change that means them:
    python -m retail_medallion_tests.orchestration.test_questions
with the variables of a warehouse that `retail-medallion demo` has filled.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from retail_medallion.demo.generator import create_demo_database
from retail_medallion_tests.platform import NewPlatform, Platform
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on

FOLDER = Path(__file__).parents[2] / "docs" / "questions"
QUESTIONS = sorted(FOLDER.glob("*.sql"))
LAST = dt.date(2026, 6, 30)

each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda path: path.stem)


def answer(database: FreshDatabase, question: Path) -> str:
    """The answer as CSV, as psql writes it."""
    with contextlib.closing(database.connect()) as connection:
        return answer_on(connection, question)


def answer_on(connection: Any, question: Path) -> str:
    """The same on an open connection."""
    with connection.cursor() as cursor:
        cursor.execute(question.read_text(encoding="utf-8"))
        return as_csv([column.name for column in cursor.description or ()], cursor.fetchall())


def as_csv(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Rows as text, numbers as PostgreSQL writes them."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if value is None else str(value) for value in row] for row in rows])
    return target.getvalue()


def test_there_are_twenty_questions_and_each_says_what_it_asks() -> None:
    assert len(QUESTIONS) == 20
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    for question in QUESTIONS:
        first = question.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("-- ")
        assert first.endswith("?")
        assert f"[{first[3:]}]({question.name})" in index


@each_question
def test_a_question_reads_one_fact_per_grain_and_repairs_no_doubles(question: Path) -> None:
    query = sqlglot.parse_one(question.read_text(encoding="utf-8"), dialect="postgres")
    for select in query.find_all(exp.Select):
        assert select.args.get("distinct") is None
        tables = [join.this for join in select.args.get("joins") or ()] + [select.args["from_"].this]
        facts = [t.name for t in tables if isinstance(t, exp.Table) and t.name.startswith(("fct_", "mart_"))]
        assert len(facts) <= 1, facts


@each_question
def test_a_question_runs_and_its_answer_has_the_columns_that_are_shown(loaded: Platform, question: Path) -> None:
    shown = question.with_suffix(".csv").read_text(encoding="utf-8").splitlines()
    assert answer(loaded.warehouse, question).splitlines()[0] == shown[0]
    assert len(shown) > 1, "the question has no answer on the demo retailer"


@pytest.fixture(scope="module")
def demo(postgres_server: Any, new_platform_for: Callable[..., NewPlatform]) -> Iterator[Platform]:
    """The platform as `retail-medallion demo` leaves it."""
    with fresh_database_on(postgres_server, prefix="whole_demo") as database:
        with contextlib.closing(database.connect()) as connection:
            create_demo_database(connection, end=LAST)
        platform = new_platform_for(database)()
        first = platform.mappings["demo"].source.first_day
        platform.materialise([first + dt.timedelta(days=n) for n in range((LAST - first).days + 1)])
        yield platform


@pytest.mark.slow
@pytest.mark.timeout(900)
@each_question
def test_the_answer_on_the_demo_retailer_is_the_one_shown(demo: Platform, question: Path) -> None:
    assert answer(demo.warehouse, question) == question.with_suffix(".csv").read_text(encoding="utf-8")


def _write_answers() -> None:
    from retail_medallion import config
    from retail_medallion.storage.postgres.session import connect

    config.read_dotenv()
    with contextlib.closing(connect(config.warehouse_database())) as connection:
        for question in QUESTIONS:
            question.with_suffix(".csv").write_text(answer_on(connection, question), encoding="utf-8")


if __name__ == "__main__":
    _write_answers()
