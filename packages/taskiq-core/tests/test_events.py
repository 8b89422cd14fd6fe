"""Handlers of events: called in order, plain or async, with the state."""

import asyncio
from typing import Any

import pytest

from taskiq_core import TaskiqEvents, TaskiqState
from taskiq_core.events import EventHandlers


def noting(calls: list[Any], name: str) -> Any:
    def handler(state: TaskiqState) -> None:
        calls.append((name, state))

    return handler


async def test_handlers_are_called_in_the_order_of_registration() -> None:
    handlers, calls, state = EventHandlers(), [], TaskiqState()

    async def awaited(state: TaskiqState) -> None:
        await asyncio.sleep(0)
        calls.append(("second", state))

    handlers[TaskiqEvents.CLIENT_STARTUP] += [noting(calls, "first"), awaited]
    handlers[TaskiqEvents.CLIENT_STARTUP].append(noting(calls, "third"))
    handlers[TaskiqEvents.CLIENT_SHUTDOWN].append(noting(calls, "another event"))

    await handlers.fire(TaskiqEvents.CLIENT_STARTUP, state)

    assert [name for name, _ in calls] == ["first", "second", "third"]
    assert all(seen is state for _, seen in calls)


async def test_first_error_ends_it() -> None:
    handlers, calls = EventHandlers(), []

    def fail(_: TaskiqState) -> None:
        raise ConnectionError("no database")

    handlers[TaskiqEvents.WORKER_STARTUP] += [noting(calls, "first"), fail, noting(calls, "last")]

    with pytest.raises(ConnectionError, match="no database"):
        await handlers.fire(TaskiqEvents.WORKER_STARTUP, TaskiqState())

    assert [name for name, _ in calls] == ["first"]


async def test_event_without_handlers_leaves_no_trace() -> None:
    handlers = EventHandlers()

    await handlers.fire(TaskiqEvents.WORKER_STARTUP, TaskiqState())

    assert handlers == {}


@pytest.mark.parametrize(
    ("is_worker", "expected"),
    [
        (False, ["CLIENT_STARTUP", "CLIENT_SHUTDOWN"]),
        (True, ["WORKER_STARTUP", "WORKER_SHUTDOWN"]),
    ],
)
async def test_broker_fires_the_events_of_its_kind_of_process(
    broker: Any, is_worker: bool, expected: list[str]
) -> None:
    calls: list[Any] = []
    broker.is_worker_process = is_worker
    for event in TaskiqEvents:
        broker.add_event_handler(event, noting(calls, event.value))

    async with broker:
        pass

    assert calls == [(name, broker.state) for name in expected]


async def test_one_handler_can_have_several_events(broker: Any) -> None:
    calls: list[str] = []

    @broker.on_event(TaskiqEvents.CLIENT_STARTUP, TaskiqEvents.CLIENT_SHUTDOWN)
    def note(_: TaskiqState) -> None:
        calls.append("called")

    assert broker.with_event_handlers(TaskiqEvents.CLIENT_STARTUP, note, note) is broker
    async with broker:
        assert len(calls) == 3

    assert len(calls) == 4
    note(broker.state)  # still the function
