"""The worker's engine: joins the steps of `flow`."""

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from taskiq_core.acks import AckableMessage, AckController, AcknowledgeType, parse_acknowledge_type
from taskiq_core.broker import AsyncBroker
from taskiq_core.context import Context
from taskiq_core.delivery import Delivery, as_delivery
from taskiq_core.exceptions import NoResultError, UnreadableMessageError
from taskiq_core.flow.backoff import backoff_delay
from taskiq_core.flow.consume import consume
from taskiq_core.flow.hooks import call_before_saving, call_hooks
from taskiq_core.flow.plan import TaskPlan, compile_plan
from taskiq_core.flow.pool import DeliveryPool
from taskiq_core.flow.read import read_message
from taskiq_core.flow.refuse import MAX_DELIVERIES, give_up, put_off
from taskiq_core.flow.run import error_result, run_plan
from taskiq_core.flow.settle import ACK, RELEASE, Bury, Outcome, Release, Settler, outcome_of_error
from taskiq_core.flow.store import store_result
from taskiq_core.labels import ACK_TYPE, attempt_of
from taskiq_core.message import TaskiqMessage
from taskiq_core.middleware_chain import MiddlewareChain, transform
from taskiq_core.result import TaskiqResult

logger = logging.getLogger(__name__)


class Receiver:
    """Takes deliveries from a broker, runs their tasks, stores the results and settles.

    Args:
        broker: whose deliveries to run.
        executor: for plain functions; None for the event loop's own threads.
        validate_params: whether arguments are restored from annotations.
        max_async_tasks: how many tasks run at once; None for no limit.
        max_async_tasks_jitter: up to so many more, at random, so that workers differ.
        max_prefetch: how many more deliveries are held, waiting.
        propagate_exceptions: whether dependencies see the exception of their task.
        run_startup: whether `listen` starts the broker up.
        ack_type: when deliveries are acknowledged; `when_saved` by default.
        on_exit: called when `max_tasks_to_execute` tasks were run.
        max_tasks_to_execute: how many tasks to run before `listen` returns; None for no limit.
        wait_tasks_timeout: seconds that running tasks get at the end; None for no limit.
        max_deliveries: how many deliveries of a message may end without being settled.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        executor: Executor | None = None,
        validate_params: bool = True,
        max_async_tasks: int | None = None,
        max_async_tasks_jitter: int = 0,
        max_prefetch: int = 0,
        propagate_exceptions: bool = True,
        run_startup: bool = True,
        ack_type: AcknowledgeType | None = None,
        on_exit: Callable[["Receiver"], None] | None = None,
        max_tasks_to_execute: int | None = None,
        wait_tasks_timeout: float | None = None,
        *,
        max_deliveries: int = MAX_DELIVERIES,
    ) -> None:
        if max_async_tasks is not None and max_async_tasks_jitter > 0:
            max_async_tasks += random.randint(0, max_async_tasks_jitter)  # no secret
        self.broker = broker
        self.executor = executor
        self.validate_params = validate_params
        self.propagate_exceptions = propagate_exceptions
        self.run_startup = run_startup
        self.ack_time = ack_type or AcknowledgeType.WHEN_SAVED
        self.on_exit = on_exit
        self.max_tasks_to_execute = max_tasks_to_execute
        self.wait_tasks_timeout = wait_tasks_timeout
        self.max_deliveries = max_deliveries
        self.pool = DeliveryPool(self.handle, limit=max_async_tasks, prefetch=max_prefetch)
        self._settler = Settler(broker)
        self._plans: dict[str, TaskPlan] = {}
        self._taken = 0

    # -- a worker's life ----------------------------------------------------------------------

    async def listen(self, finish_event: asyncio.Event) -> None:
        """Run deliveries until `finish_event` is set, the broker's stream ends or enough were run.

        At the end: nothing more is fetched, what has not started is released, what runs may finish
        for `wait_tasks_timeout` seconds and is then cancelled and released. Cancelling this method
        does the same at once.

        Raises:
            ListenError: the broker can't be listened to at all.
        """
        if self.run_startup:
            await self.broker.startup()
        for task in self.broker.get_all_tasks().values():
            self._plan(task.task_name)
        consuming = asyncio.create_task(consume(self.broker, self.pool, take=self._count))
        finishing = asyncio.create_task(finish_event.wait())
        timeout: float | None = 0.0  # holds if we are cancelled
        try:
            await asyncio.wait({consuming, finishing}, return_when=asyncio.FIRST_COMPLETED)
            timeout = self.wait_tasks_timeout
        finally:
            await _stop(consuming, finishing)
            await self.drain(timeout)
        if not consuming.cancelled():
            consuming.result()
        if self._has_enough() and self.on_exit is not None:
            self.on_exit(self)

    async def drain(self, timeout: float | None) -> None:
        """Release what has not started, let the rest finish, cancel it at the deadline.

        Args:
            timeout: seconds until the deadline, None for none; cancelling this is one, too.
        """
        for delivery in self.pool.withdraw():
            await self._settler.settle(delivery, RELEASE)
        try:
            async with asyncio.timeout(timeout):
                await self.pool.wait_idle()
        except asyncio.CancelledError:
            await self.pool.cancel()
            raise
        except TimeoutError:
            logger.warning(
                "These tasks did not finish in %s s, they are cancelled and released: %s",
                timeout,
                ", ".join(self._name_of(delivery) for delivery in self.pool.running),
            )
            await self.pool.cancel()
        await self._settler.close()

    def _count(self) -> bool:
        self._taken += 1
        return not self._has_enough()

    def _has_enough(self) -> bool:
        return self.max_tasks_to_execute is not None and self._taken >= self.max_tasks_to_execute

    def _name_of(self, delivery: Delivery) -> str:
        try:
            message = read_message(delivery, self.broker.formatter)
        except UnreadableMessageError as error:
            return str(error)
        return f"{message.task_name} ({message.task_id})"

    # -- a delivery's life --------------------------------------------------------------------

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:
        """Run one message that was fetched elsewhere.

        Args:
            message: bytes, or bytes with their acknowledgement.
            raise_err: for callers written for 0.13; whatever fails here is settled and logged.
        """
        del raise_err
        await self.handle(as_delivery(message))

    async def handle(self, delivery: Delivery) -> None:
        """Run one delivery and settle it."""
        acks = AckController(delivery.ack if delivery.is_ackable else None)
        outcome: Outcome = RELEASE  # holds if we are cancelled half-way
        try:
            outcome = await self._outcome_of(delivery, acks)
        except Exception as error:
            # Not the task's, whose exceptions are results: ours, or the broker's.
            logger.exception("A delivery can't be handled (attempt %d)", delivery.attempt)
            outcome = self._again_or_never(delivery.attempt, f"can't be handled: {error!r}")
        finally:
            if not acks.is_acked:
                await self._settler.settle(delivery, outcome)

    async def _outcome_of(self, delivery: Delivery, acks: AckController) -> Outcome:
        try:
            message = read_message(delivery, self.broker.formatter)
        except UnreadableMessageError as error:
            logger.error("%s It is buried.", error)  # noqa: TRY400  # network input, no bug of ours
            return Bury(f"unreadable: {error.reason}")
        if delivery.unsettled >= self.max_deliveries:
            return await give_up(self.broker, message, delivery)
        plan = self._plan(message.task_name)
        if plan is None:
            return await put_off(self.broker, message)
        return await self._run(plan, message, acks)

    async def _run(self, plan: TaskPlan, message: TaskiqMessage, acks: AckController) -> Outcome:
        ack_type = self._ack_type(message) if message.labels else self.ack_time
        if ack_type is AcknowledgeType.WHEN_RECEIVED:
            await acks.ack()
        chain = self.broker.middleware_chain
        message, result = await self._result_of(plan, message, acks, chain)
        outcome = ACK if result.error is None else outcome_of_error(result.error, message.labels)
        if ack_type is AcknowledgeType.WHEN_EXECUTED and outcome is ACK:
            await acks.ack()
        if result.error is None or not isinstance(result.error, NoResultError):
            result = await store_result(self.broker.result_backend, message, result)
            if chain.post_save:
                await call_hooks(chain.post_save, message, result)
        if ack_type is AcknowledgeType.MANUAL and outcome is ACK and not acks.is_acked:
            reason = "ended without the acknowledgement that it was to give itself"
            return self._again_or_never(attempt_of(message.labels), reason)
        return outcome

    async def _result_of(
        self,
        plan: TaskPlan,
        message: TaskiqMessage,
        acks: AckController,
        chain: MiddlewareChain,
    ) -> tuple[TaskiqMessage, TaskiqResult[Any]]:
        try:
            if chain.pre_execute:
                message = await transform(chain.pre_execute, message)
        except Exception as error:  # noqa: BLE001  # a middleware's failure is the task's
            result = error_result(message, error)
        else:
            result = await self.run_task(plan.func, message, acks)
        if result.error is not None:
            _log_failure(message, result.error)
            await call_before_saving(chain.on_error, message, result, result.error)
        if chain.post_execute:
            await call_before_saving(chain.post_execute, message, result)
        return message, result

    async def run_task(
        self,
        target: Callable[..., Any],
        message: TaskiqMessage,
        ack_controller: AckController | None = None,
    ) -> TaskiqResult[Any]:
        """Run one call of a function; its exceptions are in the result."""
        plan = self._plans.get(message.task_name)
        if plan is None or plan.func is not target:
            plan = compile_plan(target, validate_params=self.validate_params)
        return await run_plan(
            plan,
            message,
            lambda: Context(message, self.broker, ack_controller),
            executor=self.executor,
            propagate_exceptions=self.propagate_exceptions,
        )

    def _plan(self, task_name: str) -> TaskPlan | None:
        plan = self._plans.get(task_name)
        if plan is None:
            task = self.broker.find_task(task_name)
            if task is None:
                return None
            plan = compile_plan(task.original_func, validate_params=self.validate_params)
            self._plans[task_name] = plan
        return plan

    def _ack_type(self, message: TaskiqMessage) -> AcknowledgeType:
        label = message.labels.get(ACK_TYPE)
        if label is None:
            return self.ack_time
        try:
            return parse_acknowledge_type(label)
        except ValueError as error:
            # Refused where it is sent; this message came from somewhere else.
            logger.warning("%s (%s): %s", message.task_name, message.task_id, error)
            return self.ack_time

    def _again_or_never(self, attempt: int, reason: str) -> Outcome:
        """Release with back-off, but not for ever."""
        if attempt >= self.max_deliveries:
            return Bury(f"attempt {attempt} {reason}")
        logger.warning("Attempt %d %s; the message is released", attempt, reason)
        return Release(backoff_delay(attempt, base=1.0, cap=60.0, rng=random))


def _log_failure(message: TaskiqMessage, error: BaseException) -> None:
    if isinstance(error, NoResultError):
        logger.debug("%s (%s): %s", message.task_name, message.task_id, error)
    else:
        logger.error("%s (%s) failed", message.task_name, message.task_id, exc_info=error)


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
