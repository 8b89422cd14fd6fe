"""The watchdog names the task that blocks the event loop, and leaves no thread."""

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

from taskiq_core.flow import loop_watchdog
from taskiq_core.receiver import Receiver


def watchdogs() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "taskiq-watchdog"]


async def test_blocking_task_is_named_with_its_stack_and_the_cure(
    broker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop_watchdog, "WARN_AFTER", 0.05)

    @broker.task("block")
    async def block() -> None:
        until = time.monotonic() + 30.0
        while not caplog.records and time.monotonic() < until:
            time.sleep(0.01)  # what the test is about

    with caplog.at_level(logging.WARNING, logger=loop_watchdog.__name__):
        finish = asyncio.Event()
        listening = asyncio.create_task(Receiver(broker).listen(finish))
        task = await block.kiq()
        await task.wait_result(check_interval=0.01, timeout=30)
        finish.set()
        await listening

    warning = caplog.records[0].getMessage()
    assert f"block ({task.task_id}) blocks the event loop" in warning
    assert "while not caplog.records" in warning or "time.sleep" in warning
    assert "asyncio.to_thread" in warning
    assert watchdogs() == []


async def test_busy_loop_that_answers_is_not_blamed(
    broker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(broker, "reclaim_interval", 0.03)
    looked = asyncio.Event()

    @broker.task("wait")
    async def wait() -> None:
        await looked.wait()

    finish = asyncio.Event()
    receiver = Receiver(broker)
    listening = asyncio.create_task(receiver.listen(finish))
    await wait.kiq()
    await asyncio.sleep(0.2)
    (watchdog,) = watchdogs()
    assert watchdog.is_alive()
    looked.set()
    finish.set()
    await listening

    assert [each for each in caplog.records if each.name == loop_watchdog.__name__] == []
    assert watchdogs() == []
