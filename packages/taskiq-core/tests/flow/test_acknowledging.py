"""When a delivery is acknowledged, among the steps of its task."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from taskiq_core import (
    AcknowledgeType,
    Context,
    Receiver,
    TaskiqDepends,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqResult,
)
from taskiq_core.api import run_receiver_task
from taskiq_core.messages.acks import AckableMessage
from taskiq_core.messages.labels import ACK_TYPE


class Steps(TaskiqMiddleware):
    """Writes down when each hook is called."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self.steps = steps

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        self.steps.append("pre_execute")
        return message

    def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: Any) -> None:
        self.steps.append("on_error")

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self.steps.append("post_execute")

    def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self.steps.append("post_save")


async def steps_of(broker: Any, ack_type: AcknowledgeType, *, fails: bool = False) -> list[str]:
    steps: list[str] = []
    broker.add_middlewares(Steps(steps))

    @broker.task
    async def work() -> None:
        steps.append("function")
        if fails:
            raise LookupError

    save = broker.result_backend.set_result

    async def set_result(task_id: str, result: Any) -> None:
        steps.append("save")
        await save(task_id, result)

    broker.result_backend.set_result = set_result
    await work.kiq()
    message = AckableMessage(data=broker.sent[-1].message, ack=lambda: steps.append("ack"))
    await Receiver(broker, ack_type=ack_type).callback(message)
    return steps


@pytest.mark.parametrize(
    ("ack_type", "before"),
    [
        (AcknowledgeType.WHEN_RECEIVED, "function"),
        (AcknowledgeType.WHEN_EXECUTED, "post_execute"),
        (AcknowledgeType.WHEN_SAVED, None),
        (AcknowledgeType.MANUAL, "never"),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
async def test_place_of_the_acknowledgement_among_the_steps(
    ack_only: Any, ack_type: AcknowledgeType, before: str | None, fails: bool
) -> None:
    steps = ["pre_execute", "function", "post_execute", "save", "post_save"]
    if fails:
        steps.insert(2, "on_error")
    if before is None:
        steps.append("ack")
    elif before != "never":
        steps.insert(steps.index(before), "ack")

    assert await steps_of(ack_only, ack_type, fails=fails) == steps


async def test_pre_execute_may_choose_the_ack_type(ack_only: Any) -> None:
    class Chooses(TaskiqMiddleware):
        def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
            message.labels[ACK_TYPE] = "when_received"
            return message

    acked_before: list[int] = []
    ack_only.add_middlewares(Chooses())

    @ack_only.task
    async def work() -> None:
        acked_before.append(ack_only.acked)

    await work.kiq()
    await Receiver(ack_only).callback(ack_only.make(ack_only.sent[-1].message))

    assert acked_before == [1]


async def test_manual_message_that_is_not_acknowledged_is_left_to_its_store(ack_only: Any) -> None:
    """A broker that can only acknowledge: its own rules and counts decide about the message."""
    contexts: list[Context] = []

    @ack_only.task(ack_type="manual")
    async def work(context: Context = TaskiqDepends()) -> None:
        contexts.append(context)

    await work.kiq()
    receiver = Receiver(ack_only)
    await receiver.callback(ack_only.make(ack_only.sent[-1].message))
    await receiver.drain(0)
    sent_and_acked = (len(ack_only.sent), ack_only.acked)
    await contexts[0].ack()

    assert sent_and_acked == (1, 0)
    assert ack_only.acked == 1  # an acknowledgement that comes later is fine


async def test_task_that_acknowledges_what_cannot_be_has_an_error_result(ack_only: Any) -> None:
    @ack_only.task
    async def work(context: Context = TaskiqDepends()) -> None:
        assert not context.is_ackable
        await context.ack()

    task = await work.kiq()
    await Receiver(ack_only).callback(ack_only.sent[-1].message)

    error = ack_only.results[task.task_id].error
    assert isinstance(error, RuntimeError)
    assert str(error) == "Current message is not ackable."


@pytest.mark.parametrize("ack_type", list(AcknowledgeType))
async def test_bytes_need_no_acknowledgement(ack_only: Any, ack_type: AcknowledgeType) -> None:
    task = await ack_only.task("answer")(lambda: 42).kiq()

    await Receiver(ack_only, ack_type=ack_type).callback(ack_only.sent[-1].message)

    assert ack_only.results[task.task_id].return_value == 42
    assert len(ack_only.sent) == 1


async def test_acknowledgement_that_a_task_withholds(ack_only: Any) -> None:
    class Withholds(Receiver):
        async def run_task(self, target: Any, message: Any, ack_controller: Any = None) -> Any:
            ack_controller.is_acked = True
            return await super().run_task(target, message, ack_controller)

    await ack_only.task("t")(lambda: None).kiq()

    receiver = Withholds(ack_only, max_tasks_to_execute=1)
    await receiver.listen(asyncio.Event())

    assert ack_only.acked == 0


@pytest.mark.parametrize("number", [0, -1])
async def test_no_positive_limit_is_no_limit_and_is_warned_of(
    broker: Any, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    everyone = asyncio.Barrier(50)

    @broker.task
    async def meet() -> None:
        await everyone.wait()

    for _ in range(50):
        await meet.kiq()
    receiver = Receiver(broker, max_async_tasks=number, max_tasks_to_execute=50)
    await asyncio.wait_for(receiver.listen(asyncio.Event()), 10)

    assert len(broker.results) == 50
    assert f"max_async_tasks is {number}: any number of tasks runs at once" in caplog.text


@pytest.mark.parametrize(
    "start", [Receiver, run_receiver_task], ids=["receiver", "run_receiver_task"]
)
async def test_negative_prefetch_is_refused_before_anything_starts(
    broker: Any, start: Callable[..., Any]
) -> None:
    with pytest.raises(ValueError, match=r"^max_prefetch cannot be negative$"):
        await start(broker, max_prefetch=-1)

    assert not broker.is_worker_process
