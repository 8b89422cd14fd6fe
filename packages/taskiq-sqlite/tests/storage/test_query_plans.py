"""Statements find their rows by an index, and so cost the same however full the queue is."""

import re
import sqlite3
from collections.abc import Iterator

import pytest

from taskiq_sqlite.queue import abort, admin, codec, dead_letters, fetch, pages, settle
from taskiq_sqlite.storage import (
    history_rows,
    maintenance,
    result_rows,
    schedule_rows,
    tick_rows,
    worker_rows,
)
from taskiq_sqlite.storage.schema import migrate

READ_ALL = {
    "schedule_rows.ALL_STORED",
    "worker_rows.ALL",
    "worker_rows.FORGET_ENDED",
    "fetch.LAST_FENCE",
    "dead_letters._LETTER",
    "dead_letters.PAGE",
}
"""Statements that are to read a whole small table, one row, or a page from the beginning."""
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
MODULES = (
    abort,
    admin,
    codec,
    dead_letters,
    fetch,
    history_rows,
    maintenance,
    pages,
    result_rows,
    schedule_rows,
    settle,
    worker_rows,
)
STATEMENTS = (
    {
        f"{module.__name__.rpartition('.')[2]}.{name}": text.replace("{values}", "(1, 1, 1, 1)")
        for module in MODULES
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and text.lstrip().startswith(VERBS)
        if not name.startswith("_") or "{values}" in text
        if f"{module.__name__.rpartition('.')[2]}.{name}" not in READ_ALL
    }
    | {
        "enqueue.duplicate": "SELECT task_id FROM messages WHERE unique_key = ?",
        "result_rows.progress": "SELECT body FROM progress WHERE task_id = ?",
        "result_rows.last": "SELECT max(seq) FROM results",
    }
    | {
        f"{kind}.{name}": text
        for kind in ("OF_SCHEDULES", "OF_BROKER")
        for name, text in vars(getattr(tick_rows, kind)).items()
        if isinstance(text, str)
    }
)
OF_ONE_BATCH = re.compile(r"SCAN (held|json_each|\(subquery-\d+\))( |$)")
"""Scans of what was passed in, or was cut by a LIMIT before."""


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "memory")
    yield connection
    connection.close()


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_scans_a_table(connection: sqlite3.Connection, name: str) -> None:
    statement = STATEMENTS[name]
    numbered = [int(number) for number in re.findall(r"\?(\d)", statement)]
    count = max(numbered) if numbered else statement.count("?")
    values = ["[]"] * count

    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, values)]

    scans = [step for step in plan if "SCAN" in step and not OF_ONE_BATCH.match(step)]
    assert not scans, plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


def test_all_there_are_were_found() -> None:
    assert len(STATEMENTS) > 20
