# ruff: noqa: S101  # contract tests assert
"""ResultBackendContract: everything that a result backend must keep."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
import pytest_asyncio

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import ResultGetError, TaskiqError
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_testkit.cancellation import Interruption, Moment, cancelled_everywhere
from taskiq_testkit.contract import Contract, proves
from taskiq_testkit.contracts.cancellation import at_each_moment
from taskiq_testkit.contracts.enqueue import MEGABYTE, TEXTS
from taskiq_testkit.contracts.pushed_results import NEVER
from taskiq_testkit.deadline import within
from taskiq_testkit.reports import report_subject

MakeResultBackend = Callable[[], AsyncResultBackend[Any]]
MANY = 50


class ResultHarness:
    """A result backend under test, started."""

    def __init__(self, backend: AsyncResultBackend[Any], patience: float, interval: float) -> None:
        self.backend = backend
        self.patience = patience
        self.interval = interval

    def declares(self, capability: Capability) -> bool:
        """Result backends have no capabilities: all of the contract is for each."""
        return True

    async def store(self, task_id: str, value: Any, **fields: Any) -> None:
        """Store a result."""
        await self.backend.set_result(task_id, result_of(value, **fields))

    async def value(self, task_id: str) -> Any:
        """The return value that is stored."""
        return (await self.backend.get_result(task_id)).return_value

    async def wait(self, task_id: str) -> TaskiqResult[Any]:
        """Wait for a result, for as long as the test has patience."""
        async with within(self.patience, f"the arrival of the result of {task_id}"):
            return await self.backend.wait(task_id, check_interval=self.interval)


class ResultBackendContract(Contract):
    """What every result backend must keep. Inherit it, and override the fixture `result_backend`.

    Attributes:
        compares_fences: False for stores that can't compare and store in one step, so that the
            result of a worker that lost its lease may replace a later one.
        keeps_progress: False if `set_progress` does nothing.
        pushes: whether `wait` is woken by the store, so that `check_interval` does not matter.
    """

    kind = "result backend"

    compares_fences: bool = True
    keeps_progress: bool = True
    pushes: bool = False

    @pytest.fixture
    def result_backend(self) -> AsyncResultBackend[Any]:
        """The result backend that is tested, with a store of its own that is empty."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `result_backend` that makes what is tested"
        )

    @pytest.fixture
    def make_result_backend(self) -> MakeResultBackend | None:
        """Makes one more object on the store of `result_backend`; the kit starts and stops it."""
        return None

    @pytest_asyncio.fixture
    async def harness(
        self, request: pytest.FixtureRequest, result_backend: AsyncResultBackend[Any]
    ) -> AsyncGenerator[ResultHarness, None]:
        """The result backend, started; for the tests of the kit."""
        report_subject(request.node, type(self), result_backend, ())
        await result_backend.startup()
        interval = NEVER if self.pushes else 0.01
        yield ResultHarness(result_backend, self.patience, interval)
        await result_backend.shutdown()

    # -- storing ------------------------------------------------------------------------------

    @proves()
    async def test_stored_is_read(self, harness: ResultHarness) -> None:
        """A result is read as it was stored: value, time, labels; and again."""
        await harness.store("id", {"answer": [42, None]}, execution_time=1.5, labels={"a": "b"})

        for _ in range(2):
            result = await harness.backend.get_result("id")
            assert (result.is_err, result.error) == (False, None)
            assert result.return_value == {"answer": [42, None]}
            assert (result.execution_time, result.labels["a"]) == (1.5, "b")

    @proves()
    async def test_not_ready_before(self, harness: ResultHarness) -> None:
        """A result that is not stored is not ready, and asking for it raises ResultGetError."""
        assert not await harness.backend.is_result_ready("id")
        with pytest.raises(ResultGetError):
            await harness.backend.get_result("id")

        await harness.store("id", 1)

        assert await harness.backend.is_result_ready("id")
        assert not await harness.backend.is_result_ready("another id")

    @pytest.mark.parametrize("value", [None, False, 0, "", [], TEXTS, "x" * MEGABYTE], ids=range(7))
    @proves()
    async def test_any_value(self, harness: ResultHarness, value: Any) -> None:
        """Values that look like nothing, of any script and of a megabyte come back."""
        await harness.store("id", value)

        assert await harness.backend.is_result_ready("id")
        assert await harness.value("id") == value

    @proves()
    async def test_error_is_kept(self, harness: ResultHarness) -> None:
        """The exception of a task comes back with its type and its message."""
        await harness.store("id", None, is_err=True, error=ValueError("no such thing"))

        result = await harness.backend.get_result("id")

        assert result.is_err
        with pytest.raises(ValueError, match="no such thing"):
            result.raise_for_error()

    @proves()
    async def test_log_is_given_when_asked_for(self, harness: ResultHarness) -> None:
        """The log of a task is kept, and given to callers that ask for it."""
        await harness.store("id", 1, log="it went well")

        assert (await harness.backend.get_result("id", with_logs=True)).log == "it went well"
        assert (await harness.backend.get_result("id")).log is None

    @proves()
    async def test_last_one_stands(self, harness: ResultHarness) -> None:
        """A result may be stored twice; the last one stands."""
        await harness.store("id", "first")
        await harness.store("id", "second")

        assert await harness.value("id") == "second"

    @proves(needs=("compares_fences",))
    async def test_later_delivery_stands(self, harness: ResultHarness) -> None:
        """The result of an earlier delivery, whose lease was lost, replaces no later one's."""
        await harness.store("id", "second", labels={FENCE: 2})
        await harness.store("id", "late", labels={FENCE: 1})
        late = await harness.value("id")
        await harness.store("id", "second again", labels={FENCE: 2})
        again = await harness.value("id")
        await harness.store("id", "third", labels={FENCE: 10})

        assert (late, again, await harness.value("id")) == ("second", "second again", "third")

    @proves()
    async def test_results_are_told_apart(self, harness: ResultHarness) -> None:
        """Of many results that are stored and read at once, each goes to its own task."""
        ids = [f"task {number} \u4efb" for number in range(MANY)]
        await asyncio.gather(*(harness.store(each, each) for each in ids))

        values = await asyncio.gather(*map(harness.value, ids))

        assert values == ids

    @proves()
    async def test_value_that_cannot_be_stored(self, harness: ResultHarness) -> None:
        """A value that can't be serialized raises when it is stored, and nothing is ready then."""
        try:
            await harness.store("id", object())
        except (TaskiqError, TypeError, ValueError, AttributeError):
            assert not await harness.backend.is_result_ready("id")
        else:
            assert isinstance(await harness.value("id"), object)

    # -- waiting ------------------------------------------------------------------------------

    @proves()
    async def test_wait_ends_when_the_result_is_there(self, harness: ResultHarness) -> None:
        """All who wait get the result when it is stored, and a later caller gets it at once."""
        waiting = [asyncio.create_task(harness.wait("id")) for _ in range(3)]
        other = asyncio.create_task(harness.wait("another id"))
        await asyncio.sleep(2 * min(harness.interval, 0.01))

        await harness.store("id", "here")

        results = [*await asyncio.gather(*waiting), await harness.wait("id")]
        assert [result.return_value for result in results] == ["here"] * 4
        assert not other.done()
        other.cancel()
        await asyncio.wait({other})

    @proves()
    async def test_wait_does_not_end_early(self, harness: ResultHarness) -> None:
        """Nobody gets a result that is not stored, whatever else is."""
        waiting = asyncio.create_task(harness.wait("id"))
        for number in range(10):
            await asyncio.sleep(min(harness.interval, 0.01))
            await harness.store(f"another {number}", number)
        assert not waiting.done()

        await harness.store("id", "at last")

        assert (await waiting).return_value == "at last"

    @proves()
    async def test_one_who_gives_up_disturbs_nobody(self, harness: ResultHarness) -> None:
        """When one of two who wait is cancelled, the other one gets the result."""
        impatient = asyncio.create_task(harness.wait("id"))
        waiting = asyncio.create_task(harness.wait("id"))
        await asyncio.sleep(2 * min(harness.interval, 0.01))
        impatient.cancel()
        await asyncio.wait({impatient})

        await harness.store("id", "still here")

        assert (await waiting).return_value == "still here"

    @at_each_moment
    @proves()
    async def test_cancelled_store(self, harness: ResultHarness, moment: Moment) -> None:
        """Storing that was cancelled was done or not, and can be done again."""
        storing = cancelled_everywhere(lambda place: harness.store(str(place), place), moment)
        seen: list[Interruption[None]] = [each async for each in storing]

        for each in seen:
            if not each.is_finished:
                await harness.store(str(each.place), each.place)

        assert [await harness.value(str(each.place)) for each in seen] == [
            each.place for each in seen
        ]

    # -- progress, and life -------------------------------------------------------------------

    @proves(needs=("keeps_progress",))
    async def test_progress_is_kept(self, harness: ResultHarness) -> None:
        """How far a task has come is None until it says so; its last word stands."""
        assert await harness.backend.get_progress("id") is None

        for percent in (10, 50):
            progress = TaskProgress(state="loading", meta={"percent": percent})
            await harness.backend.set_progress("id", progress)

        found = await harness.backend.get_progress("id")
        assert found is not None
        assert (found.state, found.meta) == ("loading", {"percent": 50})
        assert not await harness.backend.is_result_ready("id")

    @proves()
    async def test_startup_and_shutdown_twice(self, harness: ResultHarness) -> None:
        """Starting and stopping twice is harmless, and one that was stopped starts again."""
        for _ in range(2):
            await harness.backend.startup()
            await harness.backend.startup()
            await harness.backend.shutdown()
            await harness.backend.shutdown()
        await harness.backend.startup()

        await harness.store("id", "alive")

        assert await harness.value("id") == "alive"

    @proves(needs=("make_result_backend",))
    async def test_every_reader_sees_the_same(
        self, harness: ResultHarness, make_result_backend: MakeResultBackend
    ) -> None:
        """Another object on the same store reads what this one stored, and is woken by it."""
        other = make_result_backend()
        await other.startup()
        reader = ResultHarness(other, harness.patience, harness.interval)
        waiting = asyncio.create_task(reader.wait("id"))

        await harness.store("id", "for all")

        assert (await waiting).return_value == "for all"
        assert await reader.value("id") == await harness.value("id") == "for all"
        await other.shutdown()


def result_of(value: Any, **fields: Any) -> TaskiqResult[Any]:
    """A result with this return value."""
    facts: dict[str, Any] = {"is_err": False, "execution_time": 0.0, "labels": {}, **fields}
    return TaskiqResult(return_value=value, **facts)
