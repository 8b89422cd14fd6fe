"""What taskiq 0.13 lets subclasses of `Receiver` override, as steps of the worker's flow.

A receiver whose class overrides nothing has no use for these.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from time import monotonic
from typing import Any

from pydantic import PrivateAttr

from taskiq_core.flow.execute import handle_error
from taskiq_core.flow.handle import DeliveryHandler
from taskiq_core.flow.plan import TaskPlan
from taskiq_core.flow.run import error_result
from taskiq_core.flow.run_state import Run
from taskiq_core.loggers import RECEIVER
from taskiq_core.messages.acks import AckableMessage
from taskiq_core.messages.delivery import AckOnlyDelivery, Delivery, as_delivery
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.middleware_chain import Hook

logger = logging.getLogger(RECEIVER)


# -- run_task ---------------------------------------------------------------------------------

_current_run: ContextVar[Run | None] = ContextVar("taskiq_run", default=None)


def run_of(message: TaskiqMessage) -> Run | None:
    """Return the run of a message whose overridden `run_task` is on its way; None for others."""
    run = _current_run.get()
    is_same = run is not None and run.message is not None
    return run if is_same and run.message.task_id == message.task_id else None  # type: ignore[union-attr]  # checked above


class OverriddenRunTask:
    """The step that runs a task, by a subclass's `run_task`.

    Args:
        run_task: the method.
        on_error: the `on_error` hooks as they are now.
    """

    def __init__(
        self,
        run_task: Callable[..., Awaitable[TaskiqResult[Any]]],
        on_error: Callable[[], tuple[Hook, ...]],
    ) -> None:
        self._run_task = run_task
        self._on_error = on_error

    async def run(self, plan: TaskPlan, message: TaskiqMessage, run: Run) -> TaskiqResult[Any]:
        """Run a task; `on_error` hooks are called by the method that is overridden.

        Args:
            plan: how the task is run; its function is passed on.
            message: the message of the task.
            run: the run, whose own cancellation is an outcome.

        Returns:
            The result, also of a task that was cancelled.
        """
        started = monotonic()
        token = _current_run.set(run)
        try:
            result = await self._run_task(plan.func, message, run)
        except asyncio.CancelledError as cancelled:
            if run.is_ending():
                raise
            result = error_result(message, cancelled)
            result.execution_time = monotonic() - started
            await run.drop_own_cancellation()
            await handle_error(self._on_error(), message, result, run)
        finally:
            _current_run.reset(token)
        await run.drop_own_cancellation()
        return result


# -- callback ---------------------------------------------------------------------------------


class DeliveredMessage(AckableMessage):
    """A delivery in the form that `callback` gets."""

    _delivery: Delivery = PrivateAttr()


class _Passed:
    """A delivery that is in the hands of a `callback`.

    Attributes:
        delivery: what the broker yielded.
        message: its form for the method.
        is_settled: whether it has been acknowledged, or will be settled by the receiver.
    """

    def __init__(self, delivery: Delivery, acknowledge: Callable[[], Awaitable[None]]) -> None:
        self.delivery = delivery
        self.is_settled = False
        self._acknowledge = acknowledge
        self.message: bytes | AckableMessage = delivery.data
        if delivery.is_ackable:
            self.message = message = DeliveredMessage(data=delivery.data, ack=self._ack)
            message._delivery = delivery  # private to users of the message

    async def _ack(self) -> None:
        await self._acknowledge()
        self.is_settled = True


_passed: ContextVar[_Passed | None] = ContextVar("taskiq_passed", default=None)


class OverriddenCallback:
    """The entry of deliveries into a receiver whose class overrides `callback`.

    The method gets what a broker of taskiq 0.13 yields: bytes, or an `AckableMessage`. It passes
    that, a copy, or the bytes alone to the method that it overrides, or nothing at all.

    Args:
        callback: the method.
        handler: runs and settles deliveries.
    """

    def __init__(self, callback: Callable[..., Awaitable[None]], handler: DeliveryHandler) -> None:
        self._callback = callback
        self._handler = handler

    async def handle(self, delivery: Delivery) -> None:
        """Pass a delivery to the method, and settle it if the method raises or drops it.

        A dropped one is released where the broker can do that, else it is left alone: the method
        has acknowledged it, or its store delivers it again.
        """
        passed = _Passed(delivery, partial(self._handler.acknowledge, delivery))
        is_failed = False
        with _passing(passed):
            try:
                await self._callback(passed.message)
            except Exception:
                is_failed = True
                logger.exception("The receiver's callback failed")
            finally:
                if not passed.is_settled:
                    # Bytes that can't be acknowledged are gone from their store.
                    is_gone = is_failed and not delivery.is_ackable
                    await self._handler.drop(delivery, is_sent_again=is_gone)


async def handle_message(
    handler: DeliveryHandler,
    hold: Callable[[Delivery], None],
    message: bytes | AckableMessage | Delivery,
    *,
    raise_err: bool,
) -> None:
    """Run what `Receiver.callback` was called with, by an override or by a program.

    Args:
        handler: runs and settles deliveries.
        hold: has the lease of a delivery renewed.
        message: the message, or an override's copy of it with another `ack` or other bytes.
        raise_err: whether exceptions of middlewares and of the result backend are raised.
    """
    passed = _passed.get()
    if passed is None or isinstance(message, Delivery):
        delivery = as_delivery(message)
        hold(delivery)
        await handler.handle(delivery, raise_err=raise_err)
        return
    delivery = passed.delivery
    if message is passed.message:
        passed.is_settled = True
        await handler.handle(delivery, raise_err=raise_err)
    elif isinstance(delivery, AckOnlyDelivery):
        passed.is_settled = True
        await handler.handle(as_delivery(message), raise_err=raise_err)
    elif isinstance(message, AckableMessage):
        passed.is_settled = True
        delivery.data = message.data
        await handler.handle(delivery, raise_err=raise_err, ack=message.ack)
    else:
        # Only the bytes: whether the message is acknowledged is up to the override.
        delivery.data = message
        await handler.handle(delivery, raise_err=raise_err, ack=_leave)


async def _leave() -> None:
    """Acknowledge nothing."""


@contextmanager
def _passing(passed: _Passed) -> Generator[None, None, None]:
    token = _passed.set(passed)
    try:
        yield
    finally:
        _passed.reset(token)
