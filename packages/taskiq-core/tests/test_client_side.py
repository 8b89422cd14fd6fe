"""Declaring and sending tasks, and waiting for them."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from taskiq_core import (
    AsyncBroker,
    TaskiqDepends,
    TaskiqEvents,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqResult,
    TaskiqState,
    gather,
)
from taskiq_core.api import run_receiver_task
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.client.progress_tracker import ProgressTracker
from taskiq_core.compat.deprecation import TaskiqDeprecationWarning
from taskiq_core.exceptions import (
    DuplicateTaskError,
    ResultBackendMissingError,
    ResultGetError,
    ResultIsReadyError,
    SendTaskError,
    SharedBrokerListenError,
    SharedBrokerSendTaskError,
    TaskArgumentError,
    TaskDefinitionError,
    TaskiqResultTimeoutError,
    UnsupportedLabelError,
)
from taskiq_core.formatters.json_formatter import JSONFormatter
from taskiq_core.messages.labels import parse_label, prepare_label
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.progress import TaskProgress, TaskState
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_core.shared_broker import AsyncSharedBroker


def result_of(value: Any) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.0)


# -- declaring ---------------------------------------------------------------------------------


def test_forms_of_the_decorator(broker: Any) -> None:
    @broker.task
    async def plain() -> None: ...

    @broker.task("named", queue="slow")
    async def named() -> None: ...

    @broker.task(task_name="by_keyword")
    def by_keyword() -> int:
        """Counts."""
        return 7

    registered = broker.register_task(lambda: 1, "from_lambda", x=1)

    assert plain.task_name == f"{__name__}:plain"
    assert (named.task_name, named.labels) == ("named", {"queue": "slow"})
    assert by_keyword() == 7
    assert by_keyword.__doc__ == "Counts."
    assert broker.find_task("from_lambda") is registered
    assert broker.local_task_registry.keys() == {
        plain.task_name,
        "named",
        "by_keyword",
        "from_lambda",
    }


def test_two_functions_of_one_name_are_refused(broker: Any) -> None:
    @broker.task(task_name="send")
    async def send_mail() -> None: ...

    with pytest.raises(DuplicateTaskError) as caught:

        @broker.task(task_name="send")
        async def send_fax() -> None: ...

    text = str(caught.value)
    assert text.startswith("Task name 'send' is taken by ")
    assert "send_mail" in text
    assert "send_fax" in text
    assert Path(__file__).name in text


def test_function_of_a_module_that_is_imported_again_replaces_the_old_one(broker: Any) -> None:
    def declare() -> Any:
        @broker.task(task_name="again")
        async def again() -> None: ...

        return again

    declare()
    second = declare()

    assert broker.find_task("again") is second


def test_generator_functions_are_refused(broker: Any) -> None:
    async def numbers() -> Any:
        yield 1

    with pytest.raises(TaskDefinitionError, match="a task returns once"):
        broker.register_task(numbers)


def test_wrong_acknowledgement_type_is_refused_where_it_is_declared(broker: Any) -> None:
    with pytest.raises(ValueError, match="'sometimes' is not an acknowledgement type; use one of"):

        @broker.task(ack_type="sometimes")
        async def work() -> None: ...


def test_task_of_a_script_has_the_name_that_its_worker_will_know(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/mail.py").write_text(
        "from taskiq_core.client.task_names import default_task_name\n"
        "def send(): ...\n"
        "print(default_task_name(send))\n"
    )

    for command in (["jobs/mail.py"], ["-m", "jobs.mail"]):
        printed = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert printed.stdout == "jobs.mail:send\n"


def test_lambdas_have_names_of_their_own(broker: Any) -> None:
    first, second = broker.register_task(lambda: 1), broker.register_task(lambda: 2)

    assert first.task_name != second.task_name


# -- sending -----------------------------------------------------------------------------------


async def test_kicker_gives_labels_an_id_and_another_broker(broker: Any, ack_only: Any) -> None:
    @broker.task(task_name="t", a=1)
    async def t(number: int) -> int:
        return number

    task = await (
        t.kicker()
        .with_labels(b=True, types_of_exceptions=(ValueError,))
        .with_task_id("my-id")
        .with_broker(ack_only)
        .kiq(5)
    )

    (sent,) = ack_only.sent
    message = ack_only.formatter.loads(sent.message)
    message.parse_labels()
    assert task.task_id == sent.task_id == "my-id"
    assert message.labels == {"a": 1, "b": True}
    assert message.args == [5]
    assert ack_only.find_task("t") is t
    assert broker.sent == []


async def test_labels_of_a_call_do_not_stick_to_the_task(broker: Any) -> None:
    @broker.task(a=1)
    async def t() -> None: ...

    await t.kicker().with_labels(a=2).kiq()
    await t.kiq()

    assert [message.labels for message in broker.sent] == [{"a": "2"}, {"a": "1"}]


@pytest.mark.parametrize(
    ("args", "kwargs", "argument"),
    [
        ((1, print), {}, "number 2 (builtin_function_or_method)"),
        ((), {"when": [object()]}, "'when' (list)"),
    ],
)
async def test_argument_that_cannot_be_serialized_is_named_before_anything_is_sent(
    broker: Any, args: Any, kwargs: Any, argument: str
) -> None:
    @broker.task(task_name="t")
    async def t(*args: Any, **kwargs: Any) -> None: ...

    with pytest.raises(TaskArgumentError) as caught:
        await t.kiq(*args, **kwargs)

    assert f"Task 't' was not sent: its argument {argument} can't be serialized" in str(
        caught.value
    )
    assert broker.sent == []


async def test_label_that_the_broker_cannot_honour_is_refused(broker: Any) -> None:
    @broker.task(task_name="t")
    async def t() -> None: ...

    with pytest.raises(UnsupportedLabelError, match="Task 't' asks for 'priority', which"):
        await t.kicker().with_labels(priority=3).kiq()
    assert broker.sent == []


async def test_label_that_the_broker_cannot_honour_is_refused_at_start_up(broker: Any) -> None:
    @broker.task(delay=5)
    async def t() -> None: ...

    with pytest.raises(UnsupportedLabelError, match="'delay'"):
        await broker.startup()


async def test_broker_that_says_nothing_of_its_abilities_gets_every_label(ack_only: Any) -> None:
    @ack_only.task(delay=5, priority=1)
    async def t() -> None: ...

    await t.kiq()

    assert ack_only.sent[0].labels == {"delay": "5", "priority": "1"}


async def test_failure_of_the_broker_is_a_send_error_with_its_cause(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: BrokerMessage) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(broker, "kick", fail)

    @broker.task(task_name="t")
    async def t() -> None: ...

    with pytest.raises(
        SendTaskError, match="Cannot send task 't' to the queue: no route"
    ) as caught:
        await t.kiq()
    assert isinstance(caught.value.__cause__, ConnectionError)


async def test_middlewares_see_a_message_in_order_and_its_end_in_reverse(broker: Any) -> None:
    calls: list[str] = []

    class Sync(TaskiqMiddleware):
        def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
            calls.append("sync pre_send")
            message.args.append(2)
            return message

        def post_send(self, message: TaskiqMessage) -> None:
            calls.append("sync post_send")

    class Async(TaskiqMiddleware):
        async def startup(self) -> None:
            calls.append("async startup")

        async def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
            calls.append("async pre_send")
            return message.model_copy(update={"task_id": "changed"})

        async def post_send(self, message: TaskiqMessage) -> None:
            calls.append(f"async post_send {message.args}")

        async def shutdown(self) -> None:
            calls.append("async shutdown")

    broker.add_middlewares([Sync(), Async()])

    @broker.task
    async def t(*numbers: int) -> None: ...

    async with broker:
        await t.kiq(1)

    assert calls == [
        "async startup",
        "sync pre_send",
        "async pre_send",
        "async post_send [1, 2]",
        "sync post_send",
        "async shutdown",
    ]
    assert broker.sent[0].task_id == "changed"
    assert all(middleware.broker is broker for middleware in broker.middlewares)


def test_only_middlewares_can_be_added(broker: Any) -> None:
    with pytest.raises(TypeError, match="is not a TaskiqMiddleware"):
        broker.add_middlewares(object())


async def test_handlers_are_called_with_the_state_once(broker: Any) -> None:
    @broker.on_event(TaskiqEvents.CLIENT_STARTUP)
    def connect(state: TaskiqState) -> None:
        state.pool = "open"
        state["starts"] = state.get_value("starts", 0) + 1

    @broker.on_event(TaskiqEvents.CLIENT_SHUTDOWN)
    async def disconnect(state: TaskiqState) -> None:
        state.set_value("pool", "closed")

    await broker.startup()
    await broker.startup()
    open_state = broker.state.pool
    await broker.shutdown()

    assert open_state == "open"
    assert (broker.state["pool"], broker.state.starts) == ("closed", 1)
    with pytest.raises(AttributeError, match="the state has no 'missing'"):
        _ = broker.state.missing


async def test_broker_whose_start_up_failed_can_be_started_again(broker: Any) -> None:
    attempts = 0

    async def connect(_: TaskiqState) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ConnectionError

    broker.add_event_handler(TaskiqEvents.CLIENT_STARTUP, connect)

    with pytest.raises(ConnectionError):
        await broker.startup()
    await broker.startup()

    assert attempts == 2


# -- formats -----------------------------------------------------------------------------------


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(json_values), st.dictionaries(st.text(), json_values))
def test_messages_survive_their_journey(args: list[Any], kwargs: dict[str, Any]) -> None:
    message = TaskiqMessage(task_id="1", task_name="t", labels={}, args=args, kwargs=kwargs)

    assert JSONFormatter().loads(JSONFormatter().dumps(message).message) == message


def test_nan_is_not_turned_into_nothing() -> None:
    formatter = JSONFormatter()
    message = TaskiqMessage(
        task_id="1", task_name="t", labels={}, args=[float("nan"), float("inf")], kwargs={}
    )

    nan, infinity = formatter.loads(formatter.dumps(message).message).args

    assert nan != nan  # noqa: PLR0124  # so NaN is recognized
    assert infinity == float("inf")


async def test_another_serializer(broker: Any) -> None:
    broker.with_serializer(JSONSerializer(default=str))

    @broker.task
    async def t(moment: datetime, identity: UUID) -> None: ...

    await t.kiq(datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1))

    assert broker.formatter.loads(broker.sent[0].message).args == [
        "2026-01-01 00:00:00+00:00",
        "00000000-0000-0000-0000-000000000001",
    ]


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.text() | st.binary())
def test_labels_come_back_as_they_were(value: Any) -> None:
    back = parse_label(*prepare_label(value))

    assert back == value
    assert type(back) is type(value)


# -- waiting -----------------------------------------------------------------------------------


class Report(BaseModel):
    lines: int


async def test_result_is_polled_for_and_restored_from_the_annotation(broker: Any) -> None:
    @broker.task
    async def report() -> Report:
        return Report(lines=1)

    task = await report.kiq()
    waiting = asyncio.create_task(task.wait_result(check_interval=0))
    await broker.result_backend.set_result(task.task_id, result_of({"lines": 3}))

    assert (await waiting).return_value == Report(lines=3)
    assert (await task.get_result()).return_value == Report(lines=3)


async def test_waiting_ends_at_its_timeout(broker: Any) -> None:
    @broker.task
    async def never() -> None: ...

    task = await never.kiq()

    with pytest.raises(TaskiqResultTimeoutError, match=r"timeout=0.01"):
        await task.wait_result(timeout=0.01, check_interval=0)
    with pytest.raises(TaskiqResultTimeoutError):
        await gather(task, timeout=0.01, periodicity=0)


async def test_gather_keeps_the_order_of_its_arguments(broker: Any) -> None:
    @broker.task
    async def number() -> int:
        return 0

    tasks = [await number.kiq() for _ in range(3)]
    for value, task in reversed(list(enumerate(tasks))):
        await broker.result_backend.set_result(task.task_id, result_of(value))

    assert [result.return_value for result in await gather(*tasks)] == [0, 1, 2]
    assert await gather() == ()


async def test_failing_store_is_an_error_of_the_result_backend(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise ConnectionError

    monkeypatch.setattr(broker.result_backend, "is_result_ready", fail)
    monkeypatch.setattr(broker.result_backend, "get_result", fail)

    @broker.task
    async def t() -> None: ...

    task = await t.kiq()

    with pytest.raises(ResultIsReadyError):
        await task.is_ready()
    with pytest.raises(ResultGetError):
        await task.get_result()


async def test_waiting_without_a_result_backend_is_an_error_and_no_endless_wait(
    broker: Any,
) -> None:
    broker.with_result_backend(DummyResultBackend())

    @broker.task
    async def t() -> None: ...

    task = await t.kiq()

    with pytest.raises(ResultBackendMissingError, match="this broker has no result backend"):
        await task.wait_result()


# -- the shared broker -------------------------------------------------------------------------


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> AsyncSharedBroker:
    monkeypatch.setattr(
        AsyncBroker, "global_task_registry", type(AsyncBroker.global_task_registry)()
    )
    return AsyncSharedBroker()


async def test_shared_task_is_sent_with_the_default_broker(
    shared: AsyncSharedBroker, broker: Any
) -> None:
    @shared.task(task_name="shared")
    async def t() -> None: ...

    with pytest.raises(SharedBrokerSendTaskError, match="default_broker"):
        await t.kiq()
    shared.default_broker(broker)
    await t.kiq()

    assert [message.task_name for message in broker.sent] == ["shared"]
    assert broker.find_task("shared") is t
    assert "shared" in broker.get_all_tasks()


def test_shared_broker_cannot_be_listened_to(shared: AsyncSharedBroker) -> None:
    with pytest.raises(SharedBrokerListenError):
        shared.listen()


# -- imports -----------------------------------------------------------------------------------


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, taskiq_core; print({'pydantic', 'asyncio', 'pluggy'} & sys.modules.keys())"

    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert printed.stdout == "set()\n"


def test_every_public_name_is_there() -> None:
    import taskiq_core

    assert all(getattr(taskiq_core, name) is not None for name in taskiq_core.__all__)
    assert issubclass(TaskiqDeprecationWarning, UserWarning)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = taskiq_core.nonsense


# -- a worker in a program of one's own --------------------------------------------------------


async def test_worker_runs_in_this_program_until_it_is_cancelled(broker: Any) -> None:
    gate, started = asyncio.Event(), asyncio.Event()

    @broker.task
    async def add(first: int, second: int) -> int:
        return first + second

    @broker.task
    async def endless() -> None:
        started.set()
        await gate.wait()

    task = await add.kiq(1, 2)
    await endless.kiq()
    worker = asyncio.create_task(run_receiver_task(broker, run_startup=True))
    result = await task.wait_result(check_interval=0, timeout=10)
    await started.wait()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker

    assert result.return_value == 3
    assert broker.is_worker_process
    assert [delivery.settled for delivery in broker.yielded] == [
        [("ack", None)],
        [("release", 0.0)],
    ]


async def test_task_says_how_far_it_has_come(broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, TaskProgress[Any]] = {}

    async def keep(task_id: str, progress: TaskProgress[Any]) -> None:
        said[task_id] = progress

    async def tell(task_id: str) -> TaskProgress[Any] | None:
        return said.get(task_id)

    monkeypatch.setattr(broker.result_backend, "set_progress", keep)
    monkeypatch.setattr(broker.result_backend, "get_progress", tell)

    @broker.task
    async def work(tracker: ProgressTracker[int] = TaskiqDepends()) -> Any:
        await tracker.set_progress(TaskState.STARTED, 1)
        await tracker.set_progress("half-way", 50)
        return (await tracker.get_progress()).meta

    task = await work.kiq()
    before = await task.get_progress()
    worker = asyncio.create_task(run_receiver_task(broker))
    result = await task.wait_result(check_interval=0, timeout=10)
    worker.cancel()

    assert before is None
    assert result.raise_for_error().return_value == 50
    assert await task.get_progress() == TaskProgress(state="half-way", meta=50)


async def test_result_backend_is_stopped_though_a_handler_of_shutdown_fails(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = asyncio.Event()

    async def stop() -> None:
        stopped.set()

    async def fail(_: TaskiqState) -> None:
        raise ConnectionError

    monkeypatch.setattr(broker.result_backend, "shutdown", stop)
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, fail)
    await broker.startup()

    with pytest.raises(ConnectionError):
        await broker.shutdown()

    assert stopped.is_set()
