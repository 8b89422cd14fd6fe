"""What a worker tells of itself."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from taskiq_core import AsyncBroker, Receiver
from taskiq_core.flow import consume
from taskiq_core.worker_report import Health, WorkerState


class NoticingReceiver(Receiver):
    """Says when its health changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.changed = asyncio.Event()
        self.changes: list[Health] = []

    def _set_health(self, trouble: Exception | None) -> None:
        super()._set_health(trouble)
        self.changes.append(self.health)
        self.changed.set()


async def test_report_of_a_worker_through_its_life(broker: Any) -> None:
    """Free slots, running tasks and the last message follow what the worker does."""
    began, end = asyncio.Event(), asyncio.Event()
    before = datetime.now(UTC)

    @broker.task
    async def hold() -> None:
        began.set()
        await end.wait()

    receiver = Receiver(broker, max_async_tasks=3, max_prefetch=1)
    first = receiver.report()
    finish = asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finish))
    await hold.kiq()
    await began.wait()
    second = receiver.report()
    finish.set()
    while receiver.report().state is WorkerState.RUNNING:  # noqa: ASYNC110  # a few turns
        await asyncio.sleep(0)
    third = receiver.report()
    end.set()
    await listening

    assert (first.state, first.broker, first.last_message_at) == ("starting", "QueueBroker", None)
    assert (first.slots_total, first.slots_free, first.running_tasks) == (4, 4, 0)
    assert (second.state, second.slots_free, second.running_tasks) == ("running", 3, 1)
    assert second.last_message_at is not None
    assert before <= second.last_message_at <= datetime.now(UTC)
    assert (third.state, third.running_tasks) == ("draining", 1)


def test_report_without_a_limit(broker: Any) -> None:
    report = Receiver(broker).report()

    assert (report.slots_total, report.slots_free) == (None, None)


async def test_trouble_ends_when_a_stream_stays_open_on_an_idle_queue(
    broker: AsyncBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that waits for work, after its server was away, is not degraded for ever."""
    failures = [OSError("no route to the server")] * 2

    async def listen() -> AsyncGenerator[Any, None]:
        if failures:
            raise failures.pop()
        await asyncio.Event().wait()
        yield b""

    monkeypatch.setattr(broker, "listen", listen)
    monkeypatch.setattr(consume, "CALM", 0.01)
    monkeypatch.setattr(consume, "RECONNECT_BASE", 0.0)
    receiver = NoticingReceiver(broker)

    listening = asyncio.create_task(receiver.listen(asyncio.Event()))
    await receiver.changed.wait()
    degraded = receiver.report()
    while receiver.health.is_degraded:
        receiver.changed.clear()
        await receiver.changed.wait()
    running = receiver.report()
    listening.cancel()

    assert degraded.state is WorkerState.DEGRADED
    assert degraded.reason == "OSError: no route to the server"
    assert (running.state, running.reason) == (WorkerState.RUNNING, None)
    assert [change.is_degraded for change in receiver.changes] == [True, True, False]


async def test_stream_that_takes_long_to_fail_is_given_longer(
    broker: AsyncBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying to connect for longer than the calm time does not show that all is well."""
    tries = 0

    async def listen() -> AsyncGenerator[Any, None]:
        nonlocal tries
        tries += 1
        if tries == 5:
            await asyncio.Event().wait()
        loop = asyncio.get_running_loop()
        failing = loop.create_future()
        loop.call_later(0.2 if tries > 1 else 0, failing.set_exception, OSError("timed out"))
        yield await failing

    monkeypatch.setattr(broker, "listen", listen)
    # Shorter than a try.
    monkeypatch.setattr(consume, "CALM", 0.02)
    monkeypatch.setattr(consume, "RECONNECT_BASE", 0.0)
    receiver = NoticingReceiver(broker)

    listening = asyncio.create_task(receiver.listen(asyncio.Event()))
    while tries < 5 or receiver.health.is_degraded:
        receiver.changed.clear()
        await receiver.changed.wait()
    listening.cancel()

    # The first reopening could not know how long a try takes; those after it did.
    degraded = [change.is_degraded for change in receiver.changes]
    assert degraded == [True, False, True, True, True, False]
