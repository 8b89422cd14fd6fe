"""One execution of a task: its function, and the `on_error` hooks if it failed."""

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import Executor
from time import monotonic
from typing import Any, Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.client.context import Context
from taskiq_core.exceptions import NoResultError, TaskAbortedError
from taskiq_core.flow.hooks import call_before_saving
from taskiq_core.flow.plan import TaskPlan
from taskiq_core.flow.run import error_result, run_plan
from taskiq_core.flow.run_state import Run
from taskiq_core.loggers import RECEIVER
from taskiq_core.messages.acks import AckController
from taskiq_core.messages.exception_bounds import bounded, safe_str
from taskiq_core.messages.labels import RELEASE
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.redelivery import Redelivery, redelivering
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.middleware_chain import Hook

logger = logging.getLogger(RECEIVER)

MAX_LOGGED: Final = 1_000
"""Characters of an error that the log shows of an attempt that is followed by another."""


class TaskExecution:
    """Runs tasks. An exception that a task raises becomes its result.

    Args:
        broker: whose tasks to run.
        executor: for plain functions.
        propagate_exceptions: whether dependencies see the exception of their task.
    """

    def __init__(
        self, broker: AsyncBroker, *, executor: Executor, propagate_exceptions: bool
    ) -> None:
        self._broker = broker
        self.executor = executor
        self._propagate_exceptions = propagate_exceptions

    async def run(self, plan: TaskPlan, message: TaskiqMessage, run: Run) -> TaskiqResult[Any]:
        """Run a task to its end, also one that cancels the asyncio task in which it runs.

        Args:
            plan: how to run it.
            message: the call.
            run: by which it can be stopped.

        Returns:
            The result of the task, after the `on_error` hooks if it failed.
        """
        started = monotonic()
        try:
            result = await self._start(plan, message, run, run)
        except KeyboardInterrupt as error:
            result = self._interrupted(message, error)
        except asyncio.CancelledError as cancelled:
            if run.is_ending():
                raise
            result = error_result(message, cancelled)
            result.execution_time = monotonic() - started
        if run.asyncio_task is not None and run.asyncio_task.cancelling():
            await run.drop_own_cancellation()  # what follows is not the task's any more
        if result.error is not None:
            await handle_error(self._broker.middleware_chain.on_error, message, result, run)
        return result

    async def call(
        self,
        plan: TaskPlan,
        message: TaskiqMessage,
        run: Run,
        ack_controller: AckController | None,
    ) -> TaskiqResult[Any]:
        """Call the function of a task, with its dependencies; cancellation goes on.

        Args:
            plan: how to run it.
            message: the call.
            run: by which it can be stopped.
            ack_controller: for the task, to acknowledge its message; None if it can't be.
        """
        try:
            return await self._start(plan, message, run, ack_controller)
        except KeyboardInterrupt as error:
            return self._interrupted(message, error)

    def _start(
        self,
        plan: TaskPlan,
        message: TaskiqMessage,
        run: Run,
        ack_controller: AckController | None,
    ) -> Coroutine[Any, Any, TaskiqResult[Any]]:
        return run_plan(
            plan,
            message,
            run,
            lambda: Context(message, self._broker, ack_controller, cancellation=run.cancellation),
            executor=self.executor,
            propagate_exceptions=self._propagate_exceptions,
        )

    def _interrupted(self, message: TaskiqMessage, error: KeyboardInterrupt) -> TaskiqResult[Any]:
        # In a worker signals come another way: the task itself raised it, and would end one worker
        # after the other.
        if not self._broker.is_worker_process:
            raise error
        return error_result(message, error)


async def handle_error(
    hooks: tuple[Hook, ...], message: TaskiqMessage, result: TaskiqResult[Any], run: Run
) -> None:
    """Call the `on_error` hooks, which may change the result, and log the failure.

    Does nothing if the lease was lost: the task goes on elsewhere, nothing has come of it here.

    Args:
        hooks: the `on_error` hooks of the broker.
        message: the call that failed.
        result: has the error; hooks may change it.
        run: keeps the error for the settling of the delivery.
    """
    if run.has_lost_lease or result.error is None:
        return
    run.error = result.error
    try:
        if hooks:
            redelivery = None
            if run.is_delivered:
                redelivery = Redelivery(message.task_id, is_release=run.can_release)
            with redelivering(redelivery):
                await call_before_saving(hooks, message, result, result.error, run=run)
    finally:  # only the hooks know whether another attempt follows
        _log_failure(message, result, run.error)


def _log_failure(message: TaskiqMessage, result: TaskiqResult[Any], error: BaseException) -> None:
    name = (message.task_name, message.task_id)
    if isinstance(error, NoResultError):
        logger.debug("%s (%s): %s", *name, error)
    elif isinstance(error, TaskAbortedError):
        logger.info("%s", error)  # a caller or an operator asked for it
    elif isinstance(result.error, NoResultError) or RELEASE in message.labels:
        logger.warning("%s (%s) failed, and is tried again: %s", *name, _in_one_line(error))
    else:
        logger.error("%s (%s) failed", *name, exc_info=bounded(error))


def _in_one_line(error: BaseException) -> str:
    text = " ".join(safe_str(bounded(error)).split())
    return f"{type(error).__name__}: {text}".removesuffix(": ")[:MAX_LOGGED]
