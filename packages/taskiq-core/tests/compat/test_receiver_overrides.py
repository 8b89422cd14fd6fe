"""Receivers of other people: what their `callback` and `run_task` get, and may do."""

import asyncio
import functools
from collections.abc import Callable
from typing import Annotated, Any

import pytest

from taskiq_core import (
    Context,
    Delivery,
    Receiver,
    TaskiqDepends,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqResult,
)
from taskiq_core.exceptions import NoResultError
from taskiq_core.messages.acks import AckableMessage


class LeasedDelivery(Delivery):
    """A delivery with a lease, which writes down how it was settled."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, lease=60.0)
        self.settled: list[str] = []

    async def ack(self) -> None:
        self.settled.append("ack")

    async def release(self, delay: float = 0) -> None:
        self.settled.append("release")


async def run_one(receiver_class: type[Receiver], broker: Any, **options: Any) -> None:
    receiver = receiver_class(broker, max_tasks_to_execute=1, **options)
    await asyncio.wait_for(receiver.listen(asyncio.Event()), 10)


# -- callback ---------------------------------------------------------------------------------


def receiver_that_passes(change: Callable[[Any], Any], seen: list[Any]) -> type[Receiver]:
    class Passes(Receiver):
        async def callback(self, message: Any, raise_err: bool = False) -> None:
            seen.append(message)
            await super().callback(change(message), raise_err)

    return Passes


@pytest.fixture
def leased(broker: Any) -> Any:
    broker.make = LeasedDelivery
    return broker


@pytest.mark.parametrize("kind", ["broker", "leased", "ack_only"])
async def test_callback_gets_an_ackable_message(request: pytest.FixtureRequest, kind: str) -> None:
    broker, seen = request.getfixturevalue(kind), []
    task = await broker.task("answer")(lambda: 42).kiq()

    await run_one(receiver_that_passes(lambda message: message, seen), broker)

    (message,) = seen
    assert isinstance(message, AckableMessage)
    assert message.data == broker.sent[0].message
    assert broker.results[task.task_id].return_value == 42
    if kind == "ack_only":
        assert broker.acked == 1
    else:
        assert [str(each) for each in broker.yielded[0].settled] in (["ack"], ["('ack', None)"])


async def test_callback_gets_bytes_of_a_broker_that_wants_no_acknowledgement(ack_only: Any) -> None:
    ack_only.make = bytes
    seen: list[Any] = []
    task = await ack_only.task("answer")(lambda: 42).kiq()

    await run_one(receiver_that_passes(lambda message: message, seen), ack_only)

    assert seen == [ack_only.sent[0].message]
    assert ack_only.results[task.task_id].return_value == 42


@pytest.mark.parametrize("kind", ["ack_only", "leased"])
async def test_callback_may_pass_a_copy_with_another_acknowledgement(
    request: pytest.FixtureRequest, kind: str
) -> None:
    broker, acks = request.getfixturevalue(kind), []

    def copied(message: AckableMessage) -> AckableMessage:
        async def ack() -> None:
            acks.append("mine")
            await message.ack()  # type: ignore[misc]  # this one is async

        return AckableMessage(data=message.data, ack=ack)

    task = await broker.task("answer")(lambda: 42).kiq()
    if kind == "ack_only":
        broker.make = lambda data: AckableMessage(data=data, ack=_async(broker._ack))

    await run_one(receiver_that_passes(copied, []), broker)

    assert acks == ["mine"]
    assert broker.results[task.task_id].return_value == 42
    if kind == "leased":
        assert broker.yielded[0].settled == ["ack"]
    else:
        assert broker.acked == 1


async def test_copy_whose_acknowledgement_does_nothing_is_not_acknowledged(ack_only: Any) -> None:
    def copied(message: AckableMessage) -> AckableMessage:
        return message.model_copy(update={"ack": lambda: None})

    await ack_only.task("answer")(lambda: 42).kiq()

    await run_one(receiver_that_passes(copied, []), ack_only)

    assert ack_only.acked == 0


@pytest.mark.parametrize("kind", ["ack_only", "leased"])
async def test_callback_may_pass_only_the_bytes(request: pytest.FixtureRequest, kind: str) -> None:
    """Whether the message is acknowledged is up to the method then."""
    broker = request.getfixturevalue(kind)
    task = await broker.task("answer")(lambda: 42).kiq()

    await run_one(receiver_that_passes(lambda message: message.data, []), broker)

    assert broker.results[task.task_id].return_value == 42
    if kind == "leased":
        assert broker.yielded[0].settled == ["release"]
    else:
        assert broker.acked == 0


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("kind", ["leased", "broker", "ack_only"])
async def test_message_that_callback_drops_is_released_or_left_alone(
    request: pytest.FixtureRequest, kind: str, raises: bool
) -> None:
    class Drops(Receiver):
        async def callback(self, message: Any, raise_err: bool = False) -> None:
            if raises:
                raise RuntimeError("mine")

    broker = request.getfixturevalue(kind)
    await broker.task("answer")(lambda: 42).kiq()

    await run_one(Drops, broker)

    assert broker.results == {}
    assert len(broker.sent) == 1
    if kind == "ack_only":
        assert broker.acked == 0
    else:
        assert [str(each) for each in broker.yielded[0].settled] in (
            ["release"],
            ["('release', 0.0)"],
        )


async def test_bytes_are_sent_again_when_callback_raises(ack_only: Any) -> None:
    """They have left their store, so nothing else would bring them back."""

    class Raises(Receiver):
        async def callback(self, message: Any, raise_err: bool = False) -> None:
            raise RuntimeError("mine")

    ack_only.make = bytes
    await ack_only.task("answer")(lambda: 42).kiq()

    await run_one(Raises, ack_only)

    assert len(ack_only.sent) == 2


@pytest.mark.parametrize("kind", ["leased", "ack_only"])
async def test_callback_may_acknowledge_what_it_drops(
    request: pytest.FixtureRequest, kind: str
) -> None:
    class Screens(Receiver):
        async def callback(self, message: Any, raise_err: bool = False) -> None:
            await message.ack()

    broker = request.getfixturevalue(kind)
    await broker.task("answer")(lambda: 42).kiq()

    await run_one(Screens, broker)

    if kind == "leased":
        assert broker.yielded[0].settled == ["ack"]
    else:
        assert broker.acked == 1


class FailingHook(TaskiqMiddleware):
    """Raises in the hook of the given name."""

    def __init__(self, hook: str) -> None:
        super().__init__()
        self.hook = hook

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        self._fail("pre_execute")
        return message

    def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: Any) -> None:
        self._fail("on_error")

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self._fail("post_execute")

    def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self._fail("post_save")

    def _fail(self, hook: str) -> None:
        if hook == self.hook:
            raise ConnectionError(hook)


@pytest.mark.parametrize("hook", ["pre_execute", "on_error", "post_execute", "post_save"])
async def test_exception_of_a_middleware_leaves_callback_if_asked_for(
    ack_only: Any, hook: str
) -> None:
    @ack_only.task
    def fail() -> None:
        raise LookupError

    ack_only.add_middlewares(FailingHook(hook))
    await fail.kiq()
    message = ack_only.make(ack_only.sent[0].message)

    with pytest.raises(ConnectionError, match=hook):
        await Receiver(ack_only).callback(message, raise_err=True)
    acked = ack_only.acked
    await Receiver(ack_only).callback(message)

    assert (acked, ack_only.acked) == (0, 1)


async def test_exception_of_the_result_backend_leaves_callback_if_asked_for(
    broker: Any, results: Any, delivered: Callable[..., Any]
) -> None:
    results.failures = [ConnectionError("down")]
    await broker.task("answer")(lambda: 42).kiq()
    delivery = delivered(broker)

    with pytest.raises(ConnectionError, match="down"):
        await Receiver(broker).callback(delivery, raise_err=True)

    assert delivery.settled == [("release", 0.0)]


async def test_exception_of_the_task_stays_in_its_result(ack_only: Any) -> None:
    @ack_only.task
    def fail() -> None:
        raise LookupError

    task = await fail.kiq()

    await Receiver(ack_only).callback(ack_only.sent[0].message, raise_err=True)

    assert isinstance(ack_only.results[task.task_id].error, LookupError)


# -- run_task ---------------------------------------------------------------------------------


class CountsErrors(TaskiqMiddleware):
    """Takes the result from every task that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: Any) -> None:
        self.errors.append(exception)
        result.error = NoResultError()


async def test_run_task_calls_on_error_once_and_before_it_returns(broker: Any) -> None:
    returned: list[Any] = []

    class Looks(Receiver):
        async def run_task(self, *args: Any, **kwargs: Any) -> Any:
            result = await super().run_task(*args, **kwargs)
            returned.append(result.error)
            return result

    middleware = CountsErrors()
    broker.add_middlewares(middleware)

    @broker.task
    def fail() -> None:
        raise LookupError

    await fail.kiq()
    await run_one(Looks, broker)

    assert [type(error) for error in middleware.errors] == [LookupError]
    assert [type(error) for error in returned] == [NoResultError]


async def test_run_task_of_a_program_calls_on_error(broker: Any) -> None:
    middleware = CountsErrors()
    broker.add_middlewares(middleware)

    @broker.task(task_name="fail")
    async def fail() -> None:
        raise LookupError

    result = await Receiver(broker).run_task(fail.original_func, call_of("fail"))

    assert isinstance(result.error, NoResultError)
    assert len(middleware.errors) == 1


def call_of(name: str, *args: Any) -> TaskiqMessage:
    return TaskiqMessage(task_id="1", task_name=name, labels={}, args=list(args), kwargs={})


async def test_run_task_of_a_wrapper_has_the_dependencies_and_types_of_the_task(
    broker: Any,
) -> None:
    @broker.task(task_name="double")
    async def double(number: int, context: Annotated[Context, TaskiqDepends()]) -> tuple[int, str]:
        return 2 * number, context.message.task_id

    @functools.wraps(double.original_func)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await double.original_func(*args, **kwargs)

    for target in (double, double.original_func, wrapper, functools.partial(double.original_func)):
        result = await Receiver(broker).run_task(target, call_of("double", "21"))

        assert result.return_value == (42, "1"), result.error


async def test_run_task_of_a_function_that_is_not_a_task(broker: Any) -> None:
    def double(number: int, context: Context = TaskiqDepends()) -> int:
        assert context.broker is broker
        return 2 * number

    result = await Receiver(broker).run_task(double, call_of("unknown", "21"))

    assert result.return_value == 42


async def test_overridden_run_task_may_leave_out_the_ack_controller(broker: Any) -> None:
    """The task can be stopped, and its message acknowledged, all the same."""

    class Forgets(Receiver):
        async def run_task(self, target: Any, message: Any, *args: Any, **kwargs: Any) -> Any:
            return await super().run_task(target, message)

    @broker.task
    async def work(context: Context = TaskiqDepends()) -> bool:
        await context.ack()
        return context.is_acked

    task = await work.kiq()
    await run_one(Forgets, broker)

    assert broker.results[task.task_id].return_value is True
    assert broker.yielded[0].settled == [("ack", None)]


async def test_overridden_run_task_need_not_run_the_task(broker: Any) -> None:
    class Remembers(Receiver):
        async def run_task(self, target: Any, message: Any, ack_controller: Any = None) -> Any:
            return TaskiqResult(is_err=False, return_value="known", execution_time=0.0)

    task = await broker.task("t")(lambda: "new").kiq()
    await run_one(Remembers, broker)

    assert broker.results[task.task_id].return_value == "known"


async def test_abort_reaches_a_task_below_an_overridden_run_task(broker: Any) -> None:
    class Wraps(Receiver):
        async def run_task(self, *args: Any, **kwargs: Any) -> Any:
            return await super().run_task(*args, **kwargs)

    started = asyncio.Event()

    @broker.task
    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    task = await hang.kiq()
    receiver = Wraps(broker, max_tasks_to_execute=1)
    listening = asyncio.create_task(receiver.listen(asyncio.Event()))
    await started.wait()
    assert receiver.abort(task.task_id)
    await asyncio.wait_for(listening, 10)

    assert "was aborted" in str(broker.results[task.task_id].error)


def _async(function: Callable[[], None]) -> Callable[[], Any]:
    async def call() -> None:
        function()

    return call


# -- methods that are replaced ----------------------------------------------------------------


@pytest.mark.parametrize("target", ["object", "class"])
async def test_replaced_run_task_and_callback_are_called(
    broker: Any, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Also in a receiver that has run something before."""
    receiver = Receiver(broker)
    runs: list[str] = []

    @broker.task
    async def task() -> str:
        return "original"

    async def run_task(*call: Any) -> TaskiqResult[Any]:
        runs.append("run_task")
        return TaskiqResult(is_err=False, return_value="replaced", execution_time=0.0)

    async def callback(*call: Any) -> None:
        runs.append("callback")
        await original(*([receiver] if target == "class" else []), call[-1])

    async def run() -> Any:
        sent = await task.kiq()
        receiver.max_tasks_to_execute = (receiver.max_tasks_to_execute or 0) + 1
        await asyncio.wait_for(receiver.listen(asyncio.Event()), 10)
        return (await sent.wait_result(timeout=10)).return_value

    before = await run() if target == "object" else None
    replaced = receiver if target == "object" else Receiver
    original = replaced.callback
    monkeypatch.setattr(replaced, "run_task", run_task)
    monkeypatch.setattr(replaced, "callback", callback)
    if target == "class":
        receiver = Receiver(broker)

    assert await run() == "replaced"
    assert runs == ["callback", "run_task"]
    if target == "object":
        monkeypatch.undo()
        assert (before, await run()) == ("original", "original")


async def test_methods_that_are_replaced_after_their_first_use_are_called(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    @broker.task
    async def task() -> None: ...

    async def send_and_run() -> None:
        await task.kiq()
        await run_one(Receiver, broker)

    def noting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            called.append(name)
            return method(*args, **kwargs)

        return call

    await send_and_run()
    owners = {
        "id_generator": broker,
        "dumps": broker.formatter,
        "kick": broker,
        "loads": broker.formatter,
        "set_result": broker.result_backend,
    }
    for name, owner in owners.items():
        monkeypatch.setattr(owner, name, noting(name, getattr(owner, name)))
    await send_and_run()

    assert called == list(owners)
