"""`taskiq result` of a task that has no result: it says where the task is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskiq_cli.commands import messages
from taskiq_cli.commands.task_location import locate_task, location_text
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.messages.history import DeliveryEnd
from taskiq_core.messages.worker_record import RunningTask
from taskiq_testservers.operator_project import OperatorProject, make_past, make_record


def test_task_that_runs(store: OperatorProject) -> None:
    started = datetime.now(UTC) - timedelta(days=3)
    task = RunningTask(task_id="1", task_name="mail", attempt=2, started_at=started)
    store.announce(make_record("server-1-4102", running=[task]))

    text = store.run("result", "1")
    found = store.run("result", "1", "--json")

    assert text.out == (
        f"Task 1 runs on worker server-1-4102 (server-1) since {started:%Y-%m-%d %H:%M:%S} UTC, "
        "for 3 d, attempt 2.\n"
    )
    assert (text.exit_code, found.exit_code) == (1, 1)
    assert found.json["state"] == "running"
    assert found.json["worker"] == "server-1-4102"


def test_task_in_a_queue(store: OperatorProject) -> None:
    store.kick("mail", task_id="held")
    store.take(worker="w7")
    store.kick("mail", task_id="waits", queue_name="mails")
    store.kick("mail", task_id="late", delay=432_000)

    held = store.run("result", "held")
    waits = store.run("result", "waits")
    late = store.run("result", "late")

    assert held.out.startswith("Task held of queue default is with worker w7, attempt 1.")
    assert waits.out.startswith("Task waits waits in queue mails since ")
    assert waits.out.endswith("attempt 1.\n")
    assert late.out.startswith("Task late waits in queue default until ")
    assert "for another 5 d" in late.out


def test_task_that_was_buried_or_has_ended(store: OperatorProject) -> None:
    store.bury("mail", task_id="dead", reason="failed 3 times")
    store.remember(make_past("past", DeliveryEnd.FAILED, error="ValueError: 7"))

    dead = store.run("result", "dead")
    past = store.run("result", "past", "--json").json

    assert dead.out == (
        "Task dead was buried in queue default: failed 3 times. `taskiq dead list` lists it.\n"
    )
    assert (past["state"], past["reason"]) == ("ended", "failed (ValueError: 7)")


def test_unknown_task(store: OperatorProject) -> None:
    ran = store.run("result", "x")

    assert ran.exit_code == 1
    assert ran.out.startswith("Task x is unknown: it is in no queue, and no result is stored.")
    assert store.run("result", "x", "--json").json == {"task_id": "x", "state": "unknown"}


async def test_queue_that_is_too_long_to_be_searched(
    store: OperatorProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not found in a part of a queue is not called unknown."""
    monkeypatch.setattr(messages, "MAX_PAGES", 1)
    async with store.broker() as broker:
        for number in range(30):
            await AsyncKicker[Any, Any]("mail", broker, {}).with_task_id(f"{number}").kiq()

        near = await locate_task(broker, "0")
        far = await locate_task(broker, "29")

    assert (near.state, far.state) == ("waiting", "missing")
    assert "More is not known: its queues are too long to be searched to the end." in (
        location_text("29", far)
    )
