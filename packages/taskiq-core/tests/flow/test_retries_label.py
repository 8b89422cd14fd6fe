"""The label `_retries`: failures before this attempt, with either counter of deliveries."""

from collections.abc import Callable
from typing import Any

import pytest

from taskiq_core import Receiver, TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq_core.exceptions import TaskRetryError
from taskiq_core.messages.labels import RELEASE


class Sees(TaskiqMiddleware):
    """Notes the label in the first hook, and asks for retries."""

    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.error = error

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        labels = message.labels
        self.seen.append((labels.get("_retries"), labels.get("X-Taskiq-requeue")))
        return message

    def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: Any) -> None:
        if self.error is not None:
            result.error = self.error


@pytest.mark.parametrize(
    ("labels", "options", "seen"),
    [
        ({}, {}, (None, None)),
        ({}, {"attempt": 3}, (2, "2")),
        ({}, {"attempt": 3, "unsettled": 1}, (1, "2")),
        ({}, {"attempt": 3, "unsettled": 2}, (None, "2")),
        ({}, {"attempt": 5, "failures": 1}, (1, "4")),
        ({}, {"attempt": 5, "failures": 0}, (None, "4")),
        ({"_retries": 2}, {}, (2, None)),
        ({"_retries": 2}, {"attempt": 2}, (3, "1")),
        ({"_retries": 2}, {"attempt": 2, "failures": 0}, (2, "1")),
    ],
)
async def test_label_counts_failures_and_no_lost_workers(
    broker: Any,
    delivered: Callable[..., Any],
    labels: dict[str, Any],
    options: dict[str, Any],
    seen: tuple[Any, Any],
) -> None:
    middleware = Sees()
    broker.add_middlewares(middleware)
    await broker.task("t")(lambda: None).kicker().with_labels(**labels).kiq()

    await Receiver(broker).handle(delivered(broker, **options))

    assert middleware.seen == [seen]


@pytest.mark.parametrize(
    ("error", "failures"),
    [(TaskRetryError(is_failure=True), 1), (TaskRetryError(), 0)],
)
async def test_store_that_keeps_failures_is_given_the_number_at_the_release(
    broker: Any, delivered: Callable[..., Any], error: BaseException, failures: int
) -> None:
    broker.add_middlewares(Sees(error))

    @broker.task
    def fail() -> None:
        raise LookupError

    await fail.kiq()
    delivery = delivered(broker, failures=0)
    await Receiver(broker).handle(delivery)

    assert delivery.settled == [("release", 0.0)]
    assert delivery.failures == failures


async def test_middleware_has_the_error_stored_and_the_message_released(
    broker: Any, delivered: Callable[..., Any]
) -> None:
    class Stores(TaskiqMiddleware):
        def on_error(
            self, message: TaskiqMessage, result: TaskiqResult[Any], exception: Any
        ) -> None:
            message.labels[RELEASE] = 2.5

    broker.add_middlewares(Stores())

    @broker.task
    def fail() -> None:
        raise LookupError

    task = await fail.kiq()
    delivery = delivered(broker)
    await Receiver(broker).handle(delivery)

    assert isinstance(broker.results[task.task_id].error, LookupError)
    assert delivery.settled == [("release", 2.5)]
    assert RELEASE not in (await task.get_result()).labels
