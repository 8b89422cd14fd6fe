"""The contract's defaults, and the result backend of a broker that has none."""

from typing import Any

import pytest

from taskiq_core import AsyncResultBackend, TaskiqResult
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.exceptions import CapabilityError
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.shared_broker import AsyncSharedBroker

RESULT = TaskiqResult[Any](is_err=False, return_value=1, execution_time=0.0)


class Minimal(AsyncResultBackend[Any]):
    """As little as a plugin must write."""

    def __init__(self) -> None:
        self.stored: dict[str, TaskiqResult[Any]] = {}

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        self.stored[task_id] = result

    async def is_result_ready(self, task_id: str) -> bool:
        return task_id in self.stored

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        return self.stored[task_id]


async def test_three_methods_make_a_result_backend() -> None:
    backend = Minimal()

    for _ in range(2):
        await backend.startup()
    await backend.set_result("1", RESULT)
    await backend.set_progress("1", TaskProgress(state="HALF", meta=None))

    assert await backend.wait("1", check_interval=0) is RESULT
    assert await backend.get_progress("1") is None
    for _ in range(2):
        await backend.shutdown()


def test_backend_that_knows_no_urls_says_so() -> None:
    with pytest.raises(CapabilityError, match=r"^Minimal can't be made from a URL: "):
        Minimal.from_url("minimal://host")


async def test_without_a_backend_results_are_dropped() -> None:
    backend = DummyResultBackend()

    await backend.set_result("1", RESULT)

    with pytest.warns(UserWarning, match="no result backend"):
        assert (await backend.get_result("1")).return_value is None


async def test_without_a_backend_tasks_are_ready_at_once_with_a_warning(broker: Any) -> None:
    broker.with_result_backend(DummyResultBackend())
    task = await broker.task("t")(lambda: None).kicker().with_task_id("7").kiq()

    assert await task.is_ready()
    for asking in (task.get_result(), task.wait_result()):
        with pytest.warns(UserWarning, match="no result backend") as warned:
            result = await asking
        assert (result.is_err, result.return_value, result.error) == (False, None, None)
        assert str(warned[0].message) == (
            "The result of task 7 can't be read: this broker has no result backend. "
            "Give it one with broker.with_result_backend(...)."
        )


def test_broker_has_none_by_default() -> None:
    assert isinstance(AsyncSharedBroker().result_backend, DummyResultBackend)
