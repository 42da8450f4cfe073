"""A transaction is done once: not lost to a deadlock or a broken connection, and not done twice."""

from __future__ import annotations

import threading

import psycopg2
import pytest
import sqlalchemy as sa

from retail_medallion.errors import ConcurrentWriteError, LockTimeoutError, ServiceUnavailableError
from retail_medallion.storage.postgres import transactions
from retail_medallion.storage.postgres.session import ConnectionSettings, engine
from retail_medallion.storage.postgres.transactions import in_transaction

INSERT = sa.text("INSERT INTO log VALUES (:word)")


@pytest.fixture
def database(fresh_database, monkeypatch):
    monkeypatch.setattr(transactions, "_FIRST_PAUSE_SECONDS", 0.02)
    parts = psycopg2.extensions.parse_dsn(fresh_database.dsn)
    made = engine(
        ConnectionSettings(
            host=parts["host"],
            port=int(parts["port"]),
            database=parts["dbname"],
            user=parts["user"],
            password=parts.get("password"),
        )
    )
    with made.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE log (word text); CREATE TABLE pair (n integer PRIMARY KEY, v integer)")
        )
        connection.execute(sa.text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
    return made


def words(database):
    with database.connect() as connection:
        return [word for (word,) in connection.execute(sa.text("SELECT word FROM log ORDER BY 1"))]


def test_two_transactions_that_deadlock_both_end_up_committed(database):
    both_hold_one = threading.Barrier(2, timeout=20)
    attempts = {1: 0, 2: 0}
    failures = []

    def updating(first, second):
        def work(connection):
            attempts[first] += 1
            connection.execute(sa.text("UPDATE pair SET v = v + 1 WHERE n = :n"), {"n": first})
            if attempts[first] == 1:
                both_hold_one.wait()
            connection.execute(sa.text("UPDATE pair SET v = v + 1 WHERE n = :n"), {"n": second})

        try:
            in_transaction(database, [], work, where="table pair")
        except Exception as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=updating, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert sum(attempts.values()) == 3
    with database.connect() as connection:
        assert connection.execute(sa.text("SELECT v FROM pair")).scalars().all() == [2, 2]


def test_a_deadlock_is_raised_as_transient_where_the_work_cannot_be_repeated(database):
    def failing(connection):
        connection.execute(sa.text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))

    with pytest.raises(ConcurrentWriteError):
        in_transaction(database, [], failing, where="table log", may_repeat=lambda: False)


def test_a_connection_lost_in_the_middle_is_begun_anew(database):
    calls = []

    def work(connection):
        calls.append(connection.scalar(sa.text("SELECT pg_backend_pid()")))
        connection.execute(INSERT, {"word": "done"})
        if len(calls) == 1:
            with database.connect() as killer:
                killer.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": calls[0]})
            connection.execute(INSERT, {"word": "unreachable"})

    in_transaction(database, [], work, where="table log")
    assert len(calls) == 2
    assert words(database) == ["done"]


def test_a_server_that_stays_away_is_a_transient_error_without_the_statement(database):
    def work(connection):
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        with database.connect() as killer:
            killer.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        connection.execute(INSERT, {"word": "secret"})

    with pytest.raises(ServiceUnavailableError) as caught:
        in_transaction(database, [], work, where="table log")
    assert "secret" not in str(caught.value)
    assert words(database) == []


@pytest.mark.parametrize("reached", [True, False], ids=["after", "before"])
def test_a_connection_lost_during_commit_does_the_work_exactly_once(database, monkeypatch, reached):
    calls, commits = [], []
    commit = sa.Connection.commit

    def breaking(connection):
        commits.append(connection)
        if len(commits) > 1:
            return commit(connection)
        if reached:
            commit(connection)
        else:
            connection.rollback()
        raise sa.exc.OperationalError("COMMIT", None, psycopg2.OperationalError("server closed the connection"))

    monkeypatch.setattr(sa.Connection, "commit", breaking)

    def work(connection):
        calls.append(1)
        connection.execute(INSERT, {"word": "done"})

    in_transaction(database, [], work, where="table log")
    assert len(calls) == (1 if reached else 2)
    assert words(database) == ["done"]


def test_a_lock_that_is_not_granted_in_time_says_so(database):
    held, release = threading.Event(), threading.Event()

    def hold(_):
        held.set()
        release.wait(20)

    holder = threading.Thread(target=in_transaction, args=(database, ["one"], hold), kwargs={"where": "table log"})
    holder.start()
    assert held.wait(20)
    try:
        with pytest.raises(LockTimeoutError):
            in_transaction(database, ["one"], lambda _: None, where="table log", lock_timeout_seconds=0.2)
        in_transaction(database, ["another"], lambda _: None, where="table log", lock_timeout_seconds=0.2)
    finally:
        release.set()
        holder.join(20)


def test_an_error_of_the_work_rolls_everything_back_and_is_not_repeated(database):
    calls = []

    def work(connection):
        calls.append(1)
        connection.execute(INSERT, {"word": "half"})
        raise LookupError("no")

    with pytest.raises(LookupError):
        in_transaction(database, [], work, where="table log")
    assert len(calls) == 1
    assert words(database) == []
