"""Tasks that failed are run again, as often and as late as they say."""

import asyncio
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskiq_core import Context, ScheduledTask, ScheduleSource, TaskiqDepends, TaskiqMessage
from taskiq_core.exceptions import TaskRejectedError
from taskiq_core.plugins import load_plugins
from taskiq_inmemory import InMemoryBroker
from taskiq_retry import NoRetryError, SimpleRetryMiddleware, SmartRetryMiddleware
from taskiq_retry.plugin import taskiq_register_middlewares

MIDDLEWARES = [
    pytest.param(SimpleRetryMiddleware, id="simple"),
    pytest.param(lambda **options: SmartRetryMiddleware(default_delay=0, **options), id="smart"),
]


def broker_with(middleware: Any) -> InMemoryBroker:
    return InMemoryBroker(wait_for_delays=True).with_middlewares(middleware)


def message(**labels: Any) -> TaskiqMessage:
    return TaskiqMessage(task_id="1", task_name="t", labels=labels, args=[], kwargs={})


@pytest.mark.parametrize("make", MIDDLEWARES)
async def test_caller_gets_the_result_of_the_attempt_that_succeeded(make: Any) -> None:
    broker, seen = broker_with(make()), []

    @broker.task(retry_on_error=True)
    async def third_time(context: Context = TaskiqDepends()) -> str:
        seen.append(
            (context.attempt, context.message.labels.get("_retries"), context.message.task_id)
        )
        if context.attempt < 3:
            raise ConnectionError
        return "done"

    task = await third_time.kiq()
    result = await task.wait_result(timeout=10)

    assert result.return_value == "done"
    assert seen == [(1, None, task.task_id), (2, 1, task.task_id), (3, 2, task.task_id)]


@pytest.mark.parametrize("make", MIDDLEWARES)
async def test_error_of_the_last_attempt_is_the_result_and_the_message_a_dead_letter(
    make: Any,
) -> None:
    broker, runs = broker_with(make(default_retry_count=5)), 0

    @broker.task(retry_on_error=True, max_retries=2)
    async def never() -> None:
        nonlocal runs
        runs += 1
        raise ConnectionError(f"attempt {runs}")

    task = await never.kiq()
    result = await task.wait_result(timeout=10)
    await broker.wait_all()

    assert repr(result.error) == "ConnectionError('attempt 2')"
    (letter,) = await broker.dead_letters()
    assert letter.reason == "failed 2 times"
    assert letter.task_id == task.task_id


@pytest.mark.parametrize("is_error_shown", [False, True])
@pytest.mark.parametrize("make", MIDDLEWARES)
async def test_only_the_last_failure_is_an_error_with_its_traceback(
    make: Any, is_error_shown: bool, caplog: pytest.LogCaptureFixture
) -> None:
    broker = broker_with(make(default_retry_count=3, no_result_on_retry=not is_error_shown))

    @broker.task("fails", retry_on_error=True)
    async def fails() -> None:
        raise ConnectionError("line\n" * 1_000)

    await fails.kiq()
    await broker.wait_all()

    failures = [each for each in caplog.records if each.name == "taskiq.receiver.receiver"]
    assert [each.levelname for each in failures] == ["WARNING", "WARNING", "ERROR"]
    assert [each.exc_info is None for each in failures] == [True, True, False]
    assert "failed, and is tried again: ConnectionError: line line" in failures[0].message
    assert all(len(each.message) < 1_200 and "\n" not in each.message for each in failures)


@pytest.mark.parametrize(
    ("options", "labels", "error", "runs"),
    [
        ({}, {}, ValueError(), 1),
        ({"default_retry_label": True}, {}, ValueError(), 3),
        ({"default_retry_label": True}, {"retry_on_error": False}, ValueError(), 1),
        ({}, {"retry_on_error": "True"}, ValueError(), 3),
        ({}, {"retry_on_error": True}, NoRetryError(reason="it is hopeless"), 1),
        ({}, {"retry_on_error": True}, TaskRejectedError(), 1),
        ({"types_of_exceptions": [OSError]}, {"retry_on_error": True}, ValueError(), 1),
        ({"types_of_exceptions": [OSError]}, {"retry_on_error": True}, ConnectionError(), 3),
        ({}, {"retry_on_error": True, "types_of_exceptions": (KeyError,)}, ValueError(), 1),
        ({}, {"retry_on_error": True, "types_of_exceptions": KeyError}, KeyError(), 3),
    ],
)
async def test_which_failures_are_retried(
    options: dict[str, Any], labels: dict[str, Any], error: Exception, runs: int
) -> None:
    broker, count = broker_with(SimpleRetryMiddleware(**options)), 0

    @broker.task(**labels)
    async def fail() -> None:
        nonlocal count
        count += 1
        raise error

    result = await (await fail.kiq()).wait_result(timeout=10)

    assert count == runs
    assert type(result.error) is type(error)


async def test_error_of_an_attempt_can_be_shown_to_the_caller() -> None:
    broker, second = broker_with(SimpleRetryMiddleware(no_result_on_retry=False)), asyncio.Event()

    @broker.task(retry_on_error=True)
    async def fail_once(context: Context = TaskiqDepends()) -> int:
        if context.attempt == 1:
            raise ValueError("first")
        await second.wait()
        return 2

    task = await fail_once.kiq()
    first_result = await task.wait_result(timeout=10)
    second.set()
    await broker.wait_all()

    assert repr(first_result.error) == "ValueError('first')"
    assert (await task.get_result()).return_value == 2


async def test_second_attempt_is_not_before_its_delay() -> None:
    broker = broker_with(SmartRetryMiddleware(default_delay=0.05))
    loop, times = asyncio.get_running_loop(), []

    @broker.task(retry_on_error=True, max_retries=2)
    async def fail() -> None:
        times.append(loop.time())
        raise ValueError

    await (await fail.kiq()).wait_result(timeout=10)

    assert times[1] - times[0] >= 0.05


@given(
    base=st.floats(0, 1000),
    cap=st.floats(0, 1000),
    retries=st.integers(1, 10_000),
    use_jitter=st.booleans(),
)
def test_delays_double_up_to_their_bound(
    base: float, cap: float, retries: int, use_jitter: bool
) -> None:
    middleware = SmartRetryMiddleware(
        default_delay=base, use_delay_exponent=True, max_delay_exponent=cap, use_jitter=use_jitter
    )

    delay = middleware.make_delay(message(), retries)

    expected = min(base * 2 ** min(retries - 1, 63), cap)
    assert expected <= delay <= expected + (1 if use_jitter else 0)


def test_label_says_the_delay_of_one_task() -> None:
    middleware = SmartRetryMiddleware(default_delay=5, use_delay_exponent=True)

    delays = [middleware.make_delay(message(delay=2), retries) for retries in (1, 2, 3)]

    assert delays == [2, 4, 8]
    assert middleware.make_delay(message(), 1) == 5


def test_jitter_spreads() -> None:
    random.seed(1)
    middleware = SmartRetryMiddleware(use_jitter=True)

    assert len({middleware.make_delay(message(), 1) for _ in range(50)}) == 50


async def test_retries_can_be_kept_as_schedules() -> None:
    class Source(ScheduleSource):
        def __init__(self) -> None:
            self.kept: list[ScheduledTask] = []

        async def get_schedules(self) -> list[ScheduledTask]:
            return self.kept

        async def add_schedule(self, schedule: ScheduledTask) -> None:
            self.kept.append(schedule)

    source = Source()
    broker = broker_with(SmartRetryMiddleware(default_delay=60, schedule_source=source))

    @broker.task(task_name="fail", retry_on_error=True)
    async def fail(number: int) -> None:
        raise ValueError

    before = datetime.now(UTC)
    task = await fail.kiq(7)
    await broker.wait_all()

    (kept,) = source.kept
    assert (kept.task_name, kept.args, kept.task_id) == ("fail", [7], task.task_id)
    assert kept.labels == {"retry_on_error": True, "_retries": 1}
    assert kept.time is not None
    assert timedelta(seconds=59) < kept.time - before < timedelta(seconds=90)
    assert not await task.is_ready()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SmartRetryMiddleware(default_delay=-1), "default_delay is a number of seconds"),
        (
            lambda: SmartRetryMiddleware(max_delay_exponent=float("nan")),
            "max_delay_exponent is a number of seconds, not nan",
        ),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def test_plugin_is_found_and_its_middlewares_load() -> None:
    registry = load_plugins()

    assert {spec.name for spec in taskiq_register_middlewares()} <= registry.middlewares.keys()
    assert registry.resolve(registry.middlewares["smart_retry"]) is SmartRetryMiddleware


def test_no_retry_error_says_why() -> None:
    assert str(NoRetryError(reason="gone")) == "The task must not be run again: gone"


def test_program_of_the_readme(tmp_path: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    # The façade is not among this package's dependencies.
    imports = (
        "from taskiq_inmemory import InMemoryBroker\nfrom taskiq_retry import SmartRetryMiddleware"
    )
    program = program.replace("from taskiq import InMemoryBroker, SmartRetryMiddleware", imports)
    (tmp_path / "program.py").write_text(program.replace("use_jitter=True", "use_jitter=False"))

    finished = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert finished.stdout == "done at attempt 3\n", finished.stderr


async def test_aborted_task_is_not_retried() -> None:
    broker = InMemoryBroker().with_middlewares(SimpleRetryMiddleware(default_retry_label=True))
    started, runs = asyncio.Event(), []

    @broker.task
    async def hang() -> None:
        runs.append(1)
        started.set()
        await asyncio.Event().wait()

    task = await hang.kiq()
    await started.wait()
    await task.abort(timeout=10)
    await broker.wait_all()

    assert runs == [1]


@pytest.mark.parametrize("make", MIDDLEWARES)
@pytest.mark.parametrize("ack_type", ["when_received", "manual"])
async def test_a_task_that_was_acknowledged_before_it_failed_is_retried(
    make: Any, ack_type: str
) -> None:
    """The queue has forgotten it by then: it is sent anew, under the same id."""
    broker, seen = broker_with(make()), []

    @broker.task(retry_on_error=True, ack_type=ack_type)
    async def second_time(context: Context = TaskiqDepends()) -> str:
        seen.append(context.attempt)
        if ack_type == "manual":
            await context.ack()
        if context.attempt < 2:
            raise ConnectionError
        return "done"

    result = await (await second_time.kiq()).wait_result(timeout=10)

    assert result.return_value == "done"
    assert seen == [1, 2]
