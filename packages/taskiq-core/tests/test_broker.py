"""AsyncBroker: declaring tasks, sending messages, starting and stopping."""

import enum
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from taskiq_core import (
    AsyncBroker,
    BrokerMessage,
    Capability,
    Receiver,
    ScheduledTask,
    ScheduleSource,
    Slots,
    TaskiqEvents,
    TaskiqMessage,
    TaskiqMiddleware,
)
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.exceptions import (
    CapabilityError,
    SendTaskError,
    TaskArgumentError,
    TaskDefinitionError,
    UnknownTaskError,
    UnsupportedLabelError,
)
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.labels import NEEDED_CAPABILITY
from taskiq_core.serializers.json_serializer import JSONSerializer


class Simple(AsyncBroker):
    """As little as a plugin must write."""

    def __init__(self) -> None:
        super().__init__()
        self.kicked: list[BrokerMessage] = []

    async def kick(self, message: BrokerMessage) -> None:
        self.kicked.append(message)

    async def listen(self) -> AsyncGenerator[bytes, None]:
        for message in self.kicked:
            yield message.message


class NoSource(ScheduleSource):
    """A source that must not get anything."""

    async def get_schedules(self) -> list[ScheduledTask]:
        return []


class Colour(enum.Enum):
    RED = object()


# -- declaring ---------------------------------------------------------------------------------


async def add(first: int, second: int = 0) -> int:
    """Adds."""
    return first + second


@pytest.mark.parametrize(
    ("declare", "name", "labels"),
    [
        (lambda broker: broker.task(add), f"{__name__}:add", {}),
        (lambda broker: broker.task(add, a=1), f"{__name__}:add", {"a": 1}),
        (lambda broker: broker.task()(add), f"{__name__}:add", {}),
        (lambda broker: broker.task("sum")(add), "sum", {}),
        (lambda broker: broker.task("sum", a=1)(add), "sum", {"a": 1}),
        (lambda broker: broker.task(task_name="sum")(add), "sum", {}),
        (lambda broker: broker.task(a=1, b=2)(add), f"{__name__}:add", {"a": 1, "b": 2}),
        (lambda broker: broker.register_task(add), f"{__name__}:add", {}),
        (lambda broker: broker.register_task(add, "sum", a=1), "sum", {"a": 1}),
        (lambda broker: broker.register_task(add, task_name="sum"), "sum", {}),
        (lambda broker: broker.register_task(broker.task("old")(add), "sum"), "sum", {}),
    ],
)
async def test_forms_of_a_declaration(
    broker: Any, declare: Callable[[Any], Any], name: str, labels: dict[str, Any]
) -> None:
    task = declare(broker)

    assert (task.task_name, task.labels, task.broker) == (name, labels, broker)
    assert (task.__name__, task.__doc__, task.return_type) == ("add", "Adds.", int)
    assert task.original_func is add
    assert broker.find_task(name) is task
    assert await task(1, second=2) == 3
    assert repr(task) == f"AsyncTaskiqDecoratedTask({name})"


def test_task_of_two_brokers_is_two_tasks(broker: Any, ack_only: Any) -> None:
    first = broker.task(task_name="add", a=1)(add)
    second = ack_only.task(task_name="add", a=2)(first)

    assert (first.labels, first.broker) == ({"a": 1}, broker)
    assert (second.labels, second.broker, second.original_func) == ({"a": 2}, ack_only, add)


async def test_second_function_of_a_name_replaces_the_first_even_after_it_ran(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(broker)
    results = []
    for value in ("mail", "fax"):

        async def send(value: str = value) -> str:
            return value

        send.__qualname__ = f"send_{value}"
        task = await broker.task(task_name="send")(send).kiq()
        await receiver.callback(broker.sent[-1].message)
        results.append(broker.results[task.task_id].return_value)

    assert results == ["mail", "fax"]
    assert "send_mail" in caplog.text
    assert "send_fax" in caplog.text


async def test_registries_are_plain_dictionaries(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = broker.task(task_name="first")(lambda: 1)
    broker.local_task_registry = {}
    second = broker.task(task_name="second")(lambda: 2)
    broker.local_task_registry["third"] = first

    assert type(broker.local_task_registry) is dict
    assert type(broker.global_task_registry) is dict
    assert broker.get_all_tasks() == {"second": second, "third": first}
    monkeypatch.setattr(AsyncBroker, "global_task_registry", {"first": first})
    assert broker.find_task("first") is first


def test_functions_that_yield_are_refused(broker: Any) -> None:
    def plain() -> Any:
        yield 1

    async def asynchronous() -> Any:
        yield 1

    for function in (plain, asynchronous):
        with pytest.raises(TaskDefinitionError) as caught:
            broker.task(function)
        assert str(caught.value) == (
            f"The generator function {function.__qualname__} can't be a task: a task returns "
            "once; return a list, or send a task for each item"
        )
    assert broker.local_task_registry == {}


def test_what_cannot_be_called_is_refused(broker: Any) -> None:
    with pytest.raises(TaskDefinitionError, match=r"^3 can't be a task: it can't be called$"):
        broker.task("name")(3)


WRONG_TIMEOUTS = ["soon", "", -1, -0.5, float("nan"), None, True, b"5"]


@pytest.mark.parametrize("timeout", WRONG_TIMEOUTS)
def test_wrong_timeout_is_refused_where_the_task_is_declared(broker: Any, timeout: Any) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        broker.task("add", timeout=timeout)(add)

    assert str(caught.value) == (
        f"'add' can't be a task: its label 'timeout' is {timeout!r}. Give a number of seconds, at "
        "least 0"
    )
    assert broker.find_task("add") is None


@pytest.mark.parametrize("timeout", WRONG_TIMEOUTS)
async def test_wrong_timeout_is_refused_where_the_task_is_sent(broker: Any, timeout: Any) -> None:
    kicker = broker.task("add")(add).kicker().with_labels(timeout=timeout)

    with pytest.raises(SendTaskError, match=r"task 'add' .*its label 'timeout' is .*of seconds"):
        await kicker.kiq(1, 2)
    with pytest.raises(SendTaskError, match=r"task 'add' .*its label 'timeout' is .*of seconds"):
        await kicker.schedule_by_interval(NoSource(), 60, 1, 2)

    assert broker.sent == []


@pytest.mark.parametrize("timeout", [0, 1, 2.5, "3", float("inf"), Decimal("1.5")])
async def test_timeouts_that_are_numbers_of_seconds(broker: Any, timeout: Any) -> None:
    task = broker.task("add", timeout=timeout)(add)

    await task.kiq(1, 2)
    await task.kicker().with_labels(timeout=timeout).kiq(1, 2)

    assert len(broker.sent) == 2


def test_wrong_acknowledgement_type_is_refused_with_those_there_are(broker: Any) -> None:
    with pytest.raises(ValueError, match="acknowledgement type") as caught:
        broker.task(ack_type="sometimes")(add)

    assert str(caught.value) == (
        "'sometimes' is not an acknowledgement type; use one of "
        "when_received, when_executed, when_saved, manual"
    )
    assert broker.local_task_registry == {}


def test_acknowledgement_type_becomes_its_value(broker: Any) -> None:
    assert broker.task(ack_type="WHEN_RECEIVED")(add).labels == {"ack_type": "when_received"}


def test_callables_of_all_kinds_can_be_tasks(broker: Any) -> None:
    class Adder:
        def __call__(self, first: int) -> int:
            return first + 1

        def method(self, first: int) -> int:
            return first + 2

    tasks = [
        broker.register_task(Adder(), "object"),
        broker.register_task(Adder().method, "method"),
        broker.register_task(functools.partial(lambda first, more: first + more, more=3), "part"),
        broker.register_task(lambda first: first + 4, "lambda"),
    ]

    assert [task(0) for task in tasks] == [1, 2, 3, 4]


def test_return_annotation_that_only_a_type_checker_knows_is_none(broker: Any) -> None:
    def report() -> "OnlyForTypeCheckers":  # type: ignore[name-defined]  # noqa: F821
        ...

    assert broker.task(report).return_type is None


def test_tasks_are_listed_by_name(broker: Any) -> None:
    task = broker.task("sum")(add)

    assert broker.get_all_tasks() == {"sum": task}
    assert broker.find_task("difference") is None


# -- sending -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "argument"),
    [
        ((print,), {}, "number 1 (builtin_function_or_method)"),
        ((1, {"deep": [object()]}), {}, "number 2 (dict)"),
        ((1,), {"colour": Colour.RED}, f"'colour' ({__name__}.Colour)"),
        ((1, 2), {"fine": 1, "when": object()}, "'when' (object)"),
        ((object(),), {"also": object()}, "number 1 (object)"),
    ],
)
async def test_argument_at_fault_is_named_by_position_or_name(
    broker: Any, args: Any, kwargs: Any, argument: str
) -> None:
    task = broker.task("t")(lambda *args, **kwargs: None)

    with pytest.raises(TaskArgumentError) as caught:
        await task.kiq(*args, **kwargs)

    error = caught.value
    assert (error.task_name, error.argument) == ("t", argument)
    assert str(error) == (
        f"Task 't' was not sent: its argument {argument} can't be serialized ({error.reason}). "
        "Pass plain data, a pydantic model or a dataclass, or set another serializer with "
        "broker.with_serializer(...)."
    )
    assert error.reason
    assert error.__cause__ is not None
    assert broker.sent == []


async def test_serializer_of_the_user_is_asked_which_argument_it_refuses(broker: Any) -> None:
    class NoNumbers(JSONSerializer):
        def dumpb(self, value: Any) -> bytes:
            if 3 in value["args"] or 3 in value["kwargs"].values():
                raise RuntimeError("no threes")
            return super().dumpb(value)

    broker.with_serializer(NoNumbers())
    task = broker.task("t")(add)

    with pytest.raises(TaskArgumentError, match=r"argument number 2 \(int\).*\(no threes\)"):
        await task.kiq(1, 3)
    with pytest.raises(TaskArgumentError, match=r"argument 'second' \(int\).*\(no threes\)"):
        await task.kiq(1, second=3)


async def test_formatter_that_refuses_everything_is_not_the_fault_of_an_argument(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(message: TaskiqMessage) -> BrokerMessage:
        if message.args and message.kwargs:
            raise ValueError("too much")
        return BrokerMessage(task_id="1", task_name="t", message=b"", labels={})

    monkeypatch.setattr(broker.formatter, "dumps", refuse)

    with pytest.raises(SendTaskError) as caught:
        await broker.task("t")(add).kiq(1, second=2)

    assert type(caught.value) is SendTaskError
    assert str(caught.value) == (
        "Cannot send task 't' to the queue: it can't be formatted (too much)"
    )


async def test_failure_of_the_server_is_a_send_error_with_its_cause(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure: Exception = ConnectionError("no route")

    async def fail(_: BrokerMessage) -> None:
        raise failure

    monkeypatch.setattr(broker, "kick", fail)
    task = broker.task("t")(add)

    with pytest.raises(SendTaskError) as caught:
        await task.kiq(1)
    assert str(caught.value) == "Cannot send task 't' to the queue: no route"
    assert caught.value.__cause__ is failure


async def test_middlewares_hear_of_a_send_that_failed(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hears(TaskiqMiddleware):
        def on_send_error(self, message: TaskiqMessage, exception: BaseException) -> None:
            heard.append((message.task_name, exception))

    async def fail(_: BrokerMessage) -> None:
        raise OSError("down")

    heard: list[tuple[str, BaseException]] = []
    broker.add_middlewares(Hears())
    task = broker.task("t")(add)
    await task.kiq(1)
    monkeypatch.setattr(broker, "kick", fail)

    with pytest.raises(SendTaskError) as caught:
        await task.kiq(1)

    assert heard == [("t", caught.value)]


@pytest.mark.parametrize("cause", [None, OSError("disk")])
async def test_send_error_of_a_broker_always_has_a_cause(
    broker: Any, monkeypatch: pytest.MonkeyPatch, cause: Exception | None
) -> None:
    async def fail(_: BrokerMessage) -> None:
        raise UnknownTaskError(task_name="t") from cause

    monkeypatch.setattr(broker, "kick", fail)

    with pytest.raises(UnknownTaskError, match="task name - t") as caught:
        await broker.task("t")(add).kiq(1)

    if cause is None:
        assert isinstance(caught.value.__cause__, UnknownTaskError)
    else:
        assert caught.value.__cause__ is cause


async def test_message_that_is_refused_has_its_reason_as_cause(broker: Any) -> None:
    with pytest.raises(SendTaskError) as caught:
        await broker.task("t")(add).kicker().with_labels(timeout="soon").kiq(1)

    assert isinstance(caught.value.__cause__, ValueError)


async def test_middlewares_are_those_that_the_list_has_at_each_message(broker: Any) -> None:
    class Names(TaskiqMiddleware):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
            seen.append(self.name)
            return message

    seen: list[str] = []
    task = broker.task("t")(add)
    broker.add_middlewares(Names("first"))
    await task.kiq(1)
    broker.middlewares[0] = Names("in place")
    await task.kiq(1)
    broker.middlewares.clear()
    broker.middlewares.append(Names("appended"))
    await task.kiq(1)
    broker.middlewares = [Names("another list")]
    await task.kiq(1)

    assert seen == ["first", "in place", "appended", "another list"]


@pytest.mark.parametrize(("label", "capability"), NEEDED_CAPABILITY.items())
async def test_label_that_the_broker_cannot_honour_is_refused_where_it_is_sent_and_at_start_up(
    broker: Any, label: str, capability: Capability
) -> None:
    expected = (
        f"Task 't' asks for '{label}', which QueueBroker can't do. Remove the label, or use a "
        f"broker with the capability '{capability.value}': `taskiq plugins --capabilities` lists "
        "them."
    )
    task = broker.task("t")(add)

    with pytest.raises(UnsupportedLabelError) as at_kiq:
        await task.kicker().with_labels(**{label: 1}).kiq(1)
    broker.task("t", **{label: 1})(add)
    with pytest.raises(UnsupportedLabelError) as at_startup:
        await broker.startup()

    assert str(at_kiq.value) == str(at_startup.value) == expected
    assert (at_kiq.value.label, at_kiq.value.capability) == (label, capability)
    assert broker.sent == []


async def test_queue_of_a_broker_without_queues_may_be_named(broker: Any) -> None:
    broker.queue_name = "mails"

    await broker.task("t", queue_name="mails")(add).kiq(1)

    assert len(broker.sent) == 1


class HalfAborting(AsyncBroker):
    """Aborts running tasks only, and does not know of others."""

    capabilities = frozenset({Capability.ABORT_RUNNING})

    async def kick(self, message: BrokerMessage) -> None: ...

    async def listen(self) -> AsyncGenerator[bytes, None]:
        yield b""

    async def request_abort(self, task_id: str) -> AbortState:
        raise self._lacks("abort tasks that wait", Capability.ABORT_QUEUED)


async def test_abort_of_a_finished_task_says_so_where_waiting_ones_cannot_be_aborted() -> None:
    results: Any = InmemoryResults({"done"})

    assert await HalfAborting(results).abort("done") is AbortState.FINISHED
    with pytest.raises(CapabilityError, match=r"can't abort tasks that wait.*'abort_queued'"):
        await HalfAborting(results).abort("waiting")
    with pytest.raises(CapabilityError, match=r"can't abort tasks that wait.*'abort_queued'"):
        await HalfAborting().abort("waiting")


class InmemoryResults:
    """Knows which results are stored."""

    def __init__(self, stored: set[str]) -> None:
        self.stored = stored

    async def is_result_ready(self, task_id: str) -> bool:
        return task_id in self.stored


async def test_label_that_a_middleware_adds_is_checked_too(broker: Any) -> None:
    class Hurry(TaskiqMiddleware):
        def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
            message.labels["priority"] = "9"
            return message

    broker.add_middlewares(Hurry())

    with pytest.raises(UnsupportedLabelError, match="'priority'"):
        await broker.task("t")(add).kiq(1)


async def test_broker_with_the_capability_gets_the_label(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(broker), "capabilities", frozenset(Capability))

    await broker.task("t", delay=1, priority=2, expires=3, unique_key="a")(add).kiq(1)

    assert broker.sent[0].labels == {
        "delay": "1",
        "priority": "2",
        "expires": "3",
        "unique_key": "a",
    }


async def test_post_send_comes_after_the_message_was_stored_and_in_reversed_order(
    broker: Any,
) -> None:
    order: list[str] = []

    def middleware(name: str) -> TaskiqMiddleware:
        class Noting(TaskiqMiddleware):
            def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
                order.append(f"{name} pre_send, {len(broker.sent)} sent")
                return message

            async def post_send(self, message: TaskiqMessage) -> None:
                order.append(f"{name} post_send, {len(broker.sent)} sent")

        return Noting()

    broker.add_middlewares(middleware("a"), middleware("b"))

    await broker.task("t")(add).kiq(1)

    assert order == [
        "a pre_send, 0 sent",
        "b pre_send, 0 sent",
        "b post_send, 1 sent",
        "a post_send, 1 sent",
    ]


async def test_post_send_is_not_called_for_what_was_not_sent(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Noting(TaskiqMiddleware):
        def post_send(self, message: TaskiqMessage) -> None:
            raise AssertionError("nothing was sent")

    async def fail(_: BrokerMessage) -> None:
        raise ConnectionError

    monkeypatch.setattr(broker, "kick", fail)
    broker.add_middlewares(Noting())

    with pytest.raises(SendTaskError):
        await broker.task("t")(add).kiq(1)


# -- life --------------------------------------------------------------------------------------


class Counting(TaskiqMiddleware):
    def __init__(self, order: list[str]) -> None:
        super().__init__()
        self.order = order

    async def startup(self) -> None:
        self.order.append("middleware up")

    async def shutdown(self) -> None:
        self.order.append("middleware down")


class CountingResults(DummyResultBackend):
    def __init__(self, order: list[str]) -> None:
        self.order = order

    async def startup(self) -> None:
        self.order.append("results up")

    async def shutdown(self) -> None:
        self.order.append("results down")


@pytest.fixture
def order(broker: Any) -> list[str]:
    order: list[str] = []
    broker.with_middlewares(Counting(order)).with_result_backend(CountingResults(order))
    broker.add_event_handler(TaskiqEvents.CLIENT_STARTUP, lambda _: order.append("handler up"))
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, lambda _: order.append("handler down"))
    return order


UP = ["handler up", "middleware up", "results up"]
DOWN = ["handler down", "middleware down", "results down"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["startup"], UP),
        (["startup", "startup"], UP),
        (["startup", "shutdown"], UP + DOWN),
        (["startup", "shutdown", "shutdown"], UP + DOWN),
        (["shutdown"], DOWN),
        (["shutdown", "shutdown"], DOWN),
        (["shutdown", "startup", "shutdown"], DOWN + UP + DOWN),
        (["startup", "shutdown", "startup", "shutdown"], UP + DOWN + UP + DOWN),
    ],
    ids=" ".join,
)
async def test_starting_and_stopping_happens_once(
    broker: Any, order: list[str], steps: list[str], expected: list[str]
) -> None:
    for step in steps:
        method: Callable[[], Awaitable[None]] = getattr(broker, step)
        await method()

    assert order == expected


async def test_broker_is_a_context_manager(broker: Any, order: list[str]) -> None:
    async def fail_inside() -> None:
        async with broker as entered:
            assert entered is broker
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        await fail_inside()

    assert order == UP + DOWN


async def test_failed_start_can_be_tried_again(broker: Any, order: list[str]) -> None:
    failures = [ConnectionError("no server")]

    def fail_once(_: Any) -> None:
        if failures:
            raise failures.pop()

    broker.add_event_handler(TaskiqEvents.CLIENT_STARTUP, fail_once)

    with pytest.raises(ConnectionError):
        await broker.startup()
    order.clear()
    await broker.startup()

    assert order == UP


# -- parts -------------------------------------------------------------------------------------


def test_middlewares_are_added_one_by_one_or_as_a_list(broker: Any) -> None:
    first, second, third, fourth = (TaskiqMiddleware() for _ in range(4))

    broker.add_middlewares(first, [second, third])
    broker.add_middlewares()
    assert broker.with_middlewares(fourth) is broker

    assert broker.middlewares == [first, second, third, fourth]
    assert all(middleware.broker is broker for middleware in broker.middlewares)


@pytest.mark.parametrize("wrong", [object(), TaskiqMiddleware, [TaskiqMiddleware], None])
def test_only_middlewares_can_be_added(broker: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"is not a TaskiqMiddleware$"):
        broker.add_middlewares(wrong)

    assert broker.middlewares == []


def test_parts_are_replaced_in_a_chain_of_calls(broker: Any) -> None:
    results, serializer, formatter = DummyResultBackend(), JSONSerializer(), broker.formatter

    same = (
        broker.with_result_backend(results)
        .with_serializer(serializer)
        .with_formatter(formatter)
        .with_id_generator(lambda: "id")
    )

    assert same is broker
    assert (broker.result_backend, broker.serializer) == (results, serializer)
    assert (broker.formatter, broker.id_generator()) == (formatter, "id")


def test_values_of_dependencies_add_up(broker: Any) -> None:
    broker.add_dependency_context({int: 1, str: "a"})
    broker.add_dependency_context({int: 2})

    assert broker.custom_dependency_context == {int: 2, str: "a"}


async def test_two_methods_make_a_broker() -> None:
    broker = Simple()
    await broker.task("t")(add).kiq(1)
    await broker.kick_many(broker.kicked * 2)

    deliveries = [delivery async for delivery in broker.deliveries(Slots(None))]

    assert [delivery.data for delivery in deliveries] == [
        message.message for message in broker.kicked
    ]
    assert len(deliveries) == 3
    assert await broker.reclaim() == 0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda broker: broker.stats(), "Simple can't count its messages: it lacks the "),
        (lambda broker: broker.purge(), "Simple can't purge its queue: it lacks the "),
        (lambda broker: broker.abort("1"), "Simple can't abort tasks: it lacks the capability"),
    ],
)
async def test_what_a_broker_lacks_is_an_error_that_says_so(
    call: Callable[[Any], Awaitable[None]], text: str
) -> None:
    with pytest.raises(CapabilityError, match=f"^{text}"):
        await call(Simple())


def test_broker_without_transactions_refuses_to_send_inside_one() -> None:
    with pytest.raises(CapabilityError, match=r"^Simple can't send inside a transaction: "):
        Simple().in_transaction(object())


def test_broker_that_knows_no_urls_says_so() -> None:
    with pytest.raises(CapabilityError, match=r"^Simple can't be made from a URL: "):
        Simple.from_url("simple://host")
