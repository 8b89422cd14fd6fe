"""The caller's handle: is it ready, the result, and how long to wait for it."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from taskiq_core import AsyncResultBackend, AsyncTaskiqTask, TaskiqResult
from taskiq_core.exceptions import (
    ResultGetError,
    ResultIsReadyError,
    ResultMissingError,
    TaskiqResultTimeoutError,
)
from taskiq_core.messages.progress import TaskProgress, TaskState


@dataclass
class Report:
    lines: int


class Results(AsyncResultBackend[Any]):
    """A store that is asked; it has the result from the given question on."""

    def __init__(self, value: Any = None, *, ready_at: float = 1) -> None:
        self.result = TaskiqResult[Any](is_err=False, return_value=value, execution_time=0.0)
        self.ready_at = ready_at
        self.questions = 0
        self.asked = asyncio.Event()
        self.with_logs: list[bool] = []

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        self.result = result

    async def is_result_ready(self, task_id: str) -> bool:
        self.questions += 1
        self.asked.set()
        return self.questions >= self.ready_at

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        self.with_logs.append(with_logs)
        return self.result.model_copy()


class Failing(Results):
    """A store whose every answer is an error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    async def is_result_ready(self, task_id: str) -> bool:
        raise self.error

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        raise self.error


def handle(results: AsyncResultBackend[Any], return_type: Any = None) -> AsyncTaskiqTask[Any]:
    return AsyncTaskiqTask("1", results, return_type)


async def test_store_that_cannot_push_is_asked_until_the_result_is_there() -> None:
    results = Results("done", ready_at=4)

    result = await handle(results).wait_result(check_interval=0, with_logs=True)

    assert result.return_value == "done"
    assert results.questions == 4
    assert results.with_logs == [True]


async def test_store_is_asked_at_the_interval_of_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)

    await handle(Results(ready_at=3)).wait_result()
    await handle(Results(ready_at=3)).wait_result(check_interval=7)

    assert pauses == [0.2, 0.2, 7, 7]


@pytest.mark.parametrize("timeout", [None, 0, -1])
async def test_no_timeout_is_no_limit(timeout: float | None) -> None:
    results = Results("done", ready_at=3)

    result = await handle(results).wait_result(timeout=timeout, check_interval=0)

    assert (result.return_value, results.questions) == ("done", 3)


async def test_waiting_ends_at_the_timeout() -> None:
    with pytest.raises(TaskiqResultTimeoutError) as caught:
        await handle(Results(ready_at=float("inf"))).wait_result(timeout=0.01, check_interval=60)

    assert (caught.value.timeout, caught.value.task_id) == (0.01, "1")
    assert str(caught.value) == "Waiting for task results has timed out, timeout=0.01, task 1"


@pytest.mark.parametrize("timeout", [-1, 60])
async def test_timeout_of_the_store_is_not_that_of_the_caller(timeout: float) -> None:
    failure = TimeoutError("of the store")

    with pytest.raises(ResultIsReadyError) as caught:
        await handle(Failing(failure)).wait_result(timeout=timeout)

    assert caught.value.__cause__ is failure


async def test_waiting_can_be_cancelled() -> None:
    results = Results(ready_at=float("inf"))
    waiting = asyncio.create_task(handle(results).wait_result(timeout=60, check_interval=60))
    await results.asked.wait()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_readiness_and_result_are_asked_for_once() -> None:
    task = handle(Results("done", ready_at=2))

    assert not await task.is_ready()
    assert await task.is_ready()
    assert (await task.get_result()).return_value == "done"


async def test_failure_of_the_store_is_an_error_of_the_result_backend() -> None:
    failure = ConnectionError("no route")
    task = handle(Failing(failure))

    with pytest.raises(ResultIsReadyError) as ready:
        await task.is_ready()
    with pytest.raises(ResultGetError) as got:
        await task.get_result()

    assert ready.value.__cause__ is got.value.__cause__ is failure


async def test_error_that_says_more_stays_what_it_is() -> None:
    with pytest.raises(ResultMissingError):
        await handle(Failing(ResultMissingError(task_id="1", place="Redis"))).get_result()


async def test_own_methods_of_a_handle_are_asked_though_the_store_pushes() -> None:
    class Pushing(Results):
        async def wait(
            self, task_id: str, *, check_interval: float = 0.2, with_logs: bool = False
        ) -> TaskiqResult[Any]:
            raise AssertionError("the handle knows better")

    class Handle(AsyncTaskiqTask[Any]):
        async def get_result(self, with_logs: bool = False) -> TaskiqResult[Any]:
            return TaskiqResult(is_err=False, return_value="own", execution_time=0.0)

    assert (await Handle("1", Pushing()).wait_result(timeout=60)).return_value == "own"


async def test_store_with_two_methods_will_do() -> None:
    class Bare:
        is_result_ready = Results.is_result_ready
        get_result = Results.get_result
        questions, ready_at = 0, 2

        def __init__(self) -> None:
            self.result = TaskiqResult[Any](is_err=False, return_value=5, execution_time=0.0)
            self.with_logs: list[bool] = []
            self.asked = asyncio.Event()

    bare: Any = Bare()

    assert (await handle(bare).wait_result(check_interval=0)).return_value == 5


async def test_labels_between_core_and_its_plugins_are_not_shown() -> None:
    results = Results("done")
    results.result.labels = {"mine": 1, "X-Taskiq-fence": 7, "X-Taskiq-sent-at": 1.5}

    assert (await handle(results).wait_result()).labels == {"mine": 1}
    assert results.result.labels.keys() >= {"X-Taskiq-fence"}


def test_handle_shows_its_id() -> None:
    assert repr(handle(Results())) == "AsyncTaskiqTask(1)"


@pytest.mark.parametrize(
    ("return_type", "plain", "expected"),
    [
        (Report, {"lines": 3}, Report(3)),
        (set[int], [1, 2], {1, 2}),
        (int, "many", "many"),
        (None, {"lines": 3}, {"lines": 3}),
        (object, {"lines": 3}, {"lines": 3}),
    ],
    ids=str,
)
async def test_value_is_restored_from_the_annotation(
    return_type: Any, plain: Any, expected: Any
) -> None:
    task = handle(Results(plain), return_type)

    assert (await task.get_result()).return_value == expected
    assert (await task.wait_result()).return_value == expected


async def test_result_of_a_failed_task_has_no_value_to_restore(
    caplog: pytest.LogCaptureFixture,
) -> None:
    results = Results()
    results.result.is_err = True
    results.result.error = ValueError("no")

    result = await handle(results, Report).wait_result()

    assert result.return_value is None
    assert caplog.text == ""


async def test_value_that_does_not_fit_is_named_with_its_task(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await handle(Results("many"), int).get_result()

    (record,) = caplog.records
    assert record.getMessage().startswith(
        "The result of 1 does not fit its annotation <class 'int'> and is passed as it came (str):"
    )


async def test_progress_is_that_of_the_store() -> None:
    class WithProgress(Results):
        async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
            return TaskProgress(state=TaskState.STARTED, meta=task_id)

    assert await handle(Results()).get_progress() is None
    assert await handle(WithProgress()).get_progress() == TaskProgress(
        state=TaskState.STARTED, meta="1"
    )
