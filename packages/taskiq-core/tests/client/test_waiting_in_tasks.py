"""A task that waits for another while its worker has no place for that one."""

import asyncio
from typing import Any

import pytest

from taskiq_core import Receiver
from taskiq_core.exceptions import TaskiqResultTimeoutError


@pytest.mark.parametrize(("limit", "is_warned"), [(1, True), (2, False)])
async def test_wait_that_may_never_end_is_warned_of(
    broker: Any, caplog: pytest.LogCaptureFixture, limit: int, is_warned: bool
) -> None:
    @broker.task
    async def inner() -> int:
        return 42

    @broker.task
    async def outer() -> int:
        task = await inner.kiq()
        try:
            result = await task.wait_result(check_interval=0.01, timeout=0.1 if limit == 1 else 10)
        except TaskiqResultTimeoutError:
            return 0
        return int(result.return_value)

    task = await outer.kiq()
    receiver = Receiver(broker, max_async_tasks=limit, max_tasks_to_execute=2)
    await asyncio.wait_for(receiver.listen(asyncio.Event()), 20)

    assert broker.results[task.task_id].return_value == (0 if is_warned else 42)
    assert ("while all slots of its worker are taken" in caplog.text) is is_warned


async def test_program_outside_a_worker_is_not_warned(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    task = await broker.task("answer")(lambda: 42).kiq()
    receiver = Receiver(broker, max_async_tasks=1, max_tasks_to_execute=1)
    listening = asyncio.create_task(receiver.listen(asyncio.Event()))

    result = await task.wait_result(check_interval=0.01, timeout=10)
    await listening

    assert result.return_value == 42
    assert "slots of its worker" not in caplog.text
