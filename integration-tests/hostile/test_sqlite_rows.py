"""Hostile rows in a SQLite file: good tasks are run, and the rest ends among the dead letters."""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.commands import StartWorker
from taskiq_testservers.hostile.formats import MESSAGE
from taskiq_testservers.hostile.mutations import Mutator
from taskiq_testservers.hostile.scale import Scale, count
from taskiq_testservers.hostile.worker_trial import WorkerTrial, send_good, until_settled
from taskiq_testservers.sqlite_poison import INSERT, NO_TEXT

COLUMNS = ("task_id", "task_name", "priority", "due", "expires", "expires_after", "attempt")
COLUMNS += ("unsettled", "lease_until", "sent_at", "state")
VALUES: tuple[Any, ...] = (
    *(b"", b"\xff\x00", "", "text", "\0", "\x1b[2J\n", "i" * 70_000, -1, 0, 1, 2, 2**63 - 1),
    *(-(2**63), 0.5, -1e300, float("inf"), float("-inf"), 1e18, NO_TEXT, "2030-01-01", "9" * 5_000),
)


def rows(scale: Scale) -> Iterator[dict[str, Any]]:
    """Rows with a hostile body, or with hostile columns."""
    rng = Random(f"{scale.seed} rows")
    mutator = Mutator(rng, largest=scale.largest)
    body = json.dumps(MESSAGE).encode()
    for number in range(scale.cases):
        now = time.time()
        row: dict[str, Any] = {
            **dict.fromkeys(("expires", "expires_after", "lease_until")),
            **dict.fromkeys(("state", "priority", "attempt", "unsettled"), 0),
            "task_id": f"planted-{number}",
            "task_name": "work",
            "due": now,
            "sent_at": now,
            "body": body,
        }
        if number % 2:
            row["body"] = mutator.of_document(MESSAGE)[1]
        else:
            for column in rng.sample(COLUMNS, rng.randint(1, 3)):
                row[column] = rng.choice(VALUES)
        yield row


def plant(path: Path, scale: Scale) -> int:
    """Insert the rows, and return how many the file took."""
    connection = sqlite3.connect(path, timeout=20)
    planted = 0
    with connection:
        for row in rows(scale):
            statement = INSERT
            for name, value in row.items():
                if value == NO_TEXT:
                    statement = statement.replace(f":{name},", f"{NO_TEXT},")
            try:
                planted += connection.execute(statement, row).rowcount
            except sqlite3.Error:  # a value that the table itself refuses
                continue
    connection.close()
    return planted


@pytest.mark.timeout(800)
async def test_good_tasks_are_run_beside_hostile_rows(
    tmp_path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    path = tmp_path / "hostile.db"
    trial = WorkerTrial(
        tmp_path,
        scale,
        f"""
        from taskiq_sqlite import SQLiteBroker
        broker = SQLiteBroker({str(path)!r}, lease=5.0)
        """,
    )
    client = SQLiteBroker(path, lease=5.0)
    async with client:
        first = await send_good(client, scale)
        planted = plant(path, scale)
        await trial.start(start_worker)
        tasks = await send_good(client, scale)

        await trial.finish(first)
        await trial.finish(tasks)
        left = await until_settled(client, seconds=40 if not scale.is_full else 200)
        facts = await trial.check()
        dead = left.dead
        letters = await client.dead_letters(limit=10_000)

    assert planted > scale.cases * 0.6
    assert dead > planted * 0.3
    assert len(letters) >= min(dead, 10_000), "an operator sees them"
    count("rows in a SQLite file", planted, buried=dead, **facts)
