"""A delivery's life in a worker, from its bytes to its settlement."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.brokers.delivery_task import DeliveryTask
from taskiq_core.brokers.outage import Outage
from taskiq_core.exceptions import NoResultError, UnreadableMessageError
from taskiq_core.flow.abandoned_threads import AbandonedThreads
from taskiq_core.flow.delivery_end import ReportEnd, log_end
from taskiq_core.flow.execute import handle_error
from taskiq_core.flow.heard_aborts import HeardAborts
from taskiq_core.flow.hooks import call_after_settling, call_before_saving, call_hooks
from taskiq_core.flow.leases import LeaseKeeper
from taskiq_core.flow.plan import PlanBook, TaskPlan
from taskiq_core.flow.read import name_of, read_message
from taskiq_core.flow.rejection import abort_queued, bury_unreadable, expire, give_up, put_off
from taskiq_core.flow.run import error_result
from taskiq_core.flow.run_state import Run
from taskiq_core.flow.running_deliveries import RunningDeliveries
from taskiq_core.flow.settle import Acknowledge, Settler, outcome_of_error
from taskiq_core.flow.store import Store, store_once, store_result
from taskiq_core.loggers import RECEIVER
from taskiq_core.messages.acks import AcknowledgeType, parse_acknowledge_type
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.exception_bounds import bounded
from taskiq_core.messages.labels import ACK_TYPE, attempt_of
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import ACK, LEAVE, RELEASE, Bury, Outcome, Release
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.middleware_chain import MiddlewareChain, transform

logger = logging.getLogger(RECEIVER)

RunTask = Callable[[TaskPlan, TaskiqMessage, Run], Awaitable[TaskiqResult[Any]]]
"""Runs a task with its `on_error` hooks. An exception that it raises is in the result."""


class DeliveryHandler:
    """Runs one delivery at a time through the steps, and settles it exactly once.

    Args:
        broker: whose deliveries they are.
        plans: how to run tasks.
        settler: settles.
        leases: knows which deliveries still belong to this worker.
        running: finds what runs, to stop it.
        threads: waits for threads that can't be stopped.
        heard_aborts: the aborts that may be of deliveries which nobody has read yet.
        run_task: runs a task.
        is_ending: whether the cancellation of the current asyncio task is the end of its worker.
        ack_time: when deliveries are acknowledged, unless a label says otherwise.
        max_deliveries: how many deliveries of a message may end without being settled.

    Attributes:
        report_end: called for each delivery that was settled; None if nothing is to be reported.
    """

    report_end: ReportEnd | None

    def __init__(
        self,
        broker: AsyncBroker,
        *,
        plans: PlanBook,
        settler: Settler,
        leases: LeaseKeeper,
        running: RunningDeliveries,
        threads: AbandonedThreads,
        heard_aborts: HeardAborts,
        run_task: RunTask,
        is_ending: Callable[[], bool],
        ack_time: AcknowledgeType,
        max_deliveries: int,
    ) -> None:
        self._broker = broker
        self._plans = plans
        self._settler = settler
        self._leases = leases
        self._running = running
        self._threads = threads
        self._heard_aborts = heard_aborts
        self._run_task = run_task
        self._is_ending = is_ending
        self._ack_time = ack_time
        self._max_deliveries = max_deliveries
        self.report_end = log_end
        self._store_result = partial(store_result, outage=Outage("The result backend", logger))

    async def handle(
        self, delivery: Delivery, *, raise_err: bool = False, ack: Acknowledge | None = None
    ) -> None:
        """Run one delivery, whose lease is held, and settle it.

        Args:
            delivery: what to run.
            raise_err: whether exceptions of middlewares and of the result backend are raised; the
                delivery is released, or left alone if it can't be.
            ack: called in place of `delivery.ack`.
        """
        run = self._begin(delivery, raise_err=raise_err, ack=ack)
        outcome: Outcome = RELEASE  # holds if we are cancelled half-way
        try:
            run.message = message = read_message(delivery, self._broker.formatter)
            if message.task_id in self._heard_aborts and await self._is_aborted(delivery, message):
                delivery.aborted = True
            outcome = await self._outcome_of(delivery, message, run)
        except UnreadableMessageError as error:
            outcome = await bury_unreadable(self._store_for(delivery), delivery, error)
        except asyncio.CancelledError as error:
            if run.is_ending():
                raise
            await run.drop_own_cancellation()
            outcome = await self._fail(delivery, run, error)
        except Exception as error:
            if raise_err:
                outcome = RELEASE if run.can_release else LEAVE
                raise
            outcome = await self._fail(delivery, run, error)
        finally:
            await self._end(delivery, run, outcome, ack)
        if run.abandoned is not None:
            await self._threads.wait(run)

    async def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge a delivery whose task has not ended; it is not renewed any more."""
        await self._settler.acknowledge(delivery)
        self._leases.forget(delivery)

    async def drop(self, delivery: Delivery, *, is_sent_again: bool = False) -> None:
        """Settle a delivery that is not run: release it, or leave it alone if it can't be.

        Args:
            delivery: what to settle.
            is_sent_again: whether the message is sent anew rather than left alone.
        """
        self._leases.forget(delivery)
        _spare_from_cancellation(asyncio.current_task())
        if is_sent_again or self._settler.can_release(delivery):
            await self._settler.settle(delivery, RELEASE)

    def _outcome_of(
        self, delivery: Delivery, message: TaskiqMessage, run: Run
    ) -> Coroutine[Any, Any, Outcome]:
        """Run the task, or refuse its message."""
        if delivery.aborted:
            return abort_queued(self._store_for(delivery), message)
        if delivery.expired:
            return expire(self._store_for(delivery), message)
        if delivery.unsettled >= self._max_deliveries:
            return give_up(self._store_for(delivery), message, delivery)
        plan = self._plans.find(message.task_name)
        if plan is None:
            return put_off(self._store_for(delivery), message)
        return self._run(plan, delivery, message, run)

    async def _fail(self, delivery: Delivery, run: Run, error: BaseException) -> Outcome:
        """Something else than the task failed, whose exceptions are results: we, or the broker."""
        name = name_of(delivery, self._broker.formatter)
        logger.error(
            "%s can't be handled (attempt %d)", name, delivery.attempt, exc_info=bounded(error)
        )
        outcome = self._again_or_never(name, delivery.attempt, f"can't be handled: {error!r}")
        if isinstance(outcome, Bury) and run.message is not None:
            return await self._tell(delivery, run.message, error, outcome)
        return outcome

    async def _is_aborted(self, delivery: Delivery, message: TaskiqMessage) -> bool:
        """Whether an abort that was heard of before is that of this delivery.

        A store with leases knows: the abort may be that of an earlier message of the same id.
        Without, it is taken for this one's, and for that of no other.
        """
        if delivery.lease is None:
            self._heard_aborts.discard(message.task_id)
            return True
        try:
            return await self._leases.ask_for_abort(delivery)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            logger.warning(
                "%s (%s) is started, although it may have been aborted: the next renewal of its "
                "lease shows that (%s)",
                message.task_name,
                message.task_id,
                error or type(error).__name__,
            )
            return False

    def _begin(self, delivery: Delivery, *, raise_err: bool, ack: Acknowledge | None) -> Run:
        if ack is None and delivery.is_ackable:
            ack = partial(self.acknowledge, delivery)
        run = Run(
            ack,
            is_ending=self._is_ending,
            is_delivered=True,
            can_release=self._settler.can_release(delivery),
            raise_err=raise_err,
        )
        run.asyncio_task = asyncio.current_task()
        self._running.add(delivery, run)
        if self._leases.is_lost(delivery):  # while it waited for a slot
            self._running.lose(delivery)
        return run

    async def _end(
        self, delivery: Delivery, run: Run, outcome: Outcome, ack: Acknowledge | None
    ) -> None:
        _spare_from_cancellation(run.asyncio_task)
        try:
            self._leases.forget(delivery)
            end = outcome
            if run.is_acked:
                outcome = ACK
            elif not await self._settler.settle(delivery, outcome, ack=ack):
                outcome = end = LEAVE
            hooks = self._broker.middleware_chain.post_settle
            if hooks:
                await call_after_settling(hooks, run.message, outcome)
            if self.report_end is not None:
                self.report_end(delivery, run, end)
        finally:
            self._running.remove(delivery)

    async def _run(
        self,
        plan: TaskPlan,
        delivery: Delivery,
        message: TaskiqMessage,
        run: Run,
    ) -> Outcome:
        chain = self._broker.middleware_chain
        failure: Exception | None = None
        if chain.pre_execute:
            try:
                run.message = message = await transform(chain.pre_execute, message)
            except Exception as error:
                if run.raise_err:
                    raise
                failure = error  # a middleware's failure is the task's
        # Read after the hooks, which may set the label.
        ack_type = self._ack_type(message) if ACK_TYPE in message.labels else self._ack_time
        if ack_type is AcknowledgeType.WHEN_RECEIVED and run.is_ackable:
            await run.ack()
        if failure is None:
            result = await self._run_task(plan, message, run)
        else:
            result = error_result(message, failure)
            await handle_error(chain.on_error, message, result, run)
        run.result = result
        if run.has_lost_lease:
            logger.warning("%s (%s): %s", message.task_name, message.task_id, result.error)
            return LEAVE
        return await self._finish(delivery, message, run, result, ack_type, chain)

    async def _finish(
        self,
        delivery: Delivery,
        message: TaskiqMessage,
        run: Run,
        result: TaskiqResult[Any],
        ack_type: AcknowledgeType,
        chain: MiddlewareChain,
    ) -> Outcome:
        """Store the result, after the function and its `on_error` hooks have run."""
        if ack_type is AcknowledgeType.WHEN_EXECUTED:
            await _ack_if_done(message, run, result)
        if chain.post_execute:
            await call_before_saving(chain.post_execute, message, result, run=run)
        outcome = _outcome_of_result(result, message)
        if not isinstance(result.error, NoResultError):
            stored = await self._save(delivery, message, result, run)
            if stored is None:
                return LEAVE
            if chain.post_save:
                await call_hooks(chain.post_save, message, stored, run=run)
        if run.is_acked and isinstance(outcome, Release):
            # The queue has forgotten the message: it can't be given back.
            await self._settler.send_again(delivery, outcome)
            return ACK
        if ack_type is AcknowledgeType.MANUAL and outcome is ACK and not run.is_acked:
            return self._outcome_without_ack(message, run)
        return outcome

    def _outcome_without_ack(self, message: TaskiqMessage, run: Run) -> Outcome:
        """Return what becomes of a task that was to acknowledge its message, and did not."""
        if not run.can_release:
            return (
                LEAVE  # the store delivers it again by its own rules, or it is acknowledged later
            )
        reason = "ended without the acknowledgement that it was to give itself"
        name = f"{message.task_name} ({message.task_id})"
        return self._again_or_never(name, attempt_of(message.labels), reason)

    def _save(
        self, delivery: Delivery, message: TaskiqMessage, result: TaskiqResult[Any], run: Run
    ) -> Coroutine[Any, Any, TaskiqResult[Any] | None]:
        """Store the result; None if the lease was lost: it is another worker's to store."""
        backend = self._broker.result_backend
        if run.raise_err:
            return store_once(backend, message, result)
        return self._store_result(backend, self._leases, delivery, message, result)

    async def _tell(
        self, delivery: Delivery, message: TaskiqMessage, error: BaseException, outcome: Outcome
    ) -> Outcome:
        """Store an error result for the caller of a task that is given up."""
        stored = await self._store_for(delivery)(message, error_result(message, error))
        return LEAVE if stored is None else outcome

    def _store_for(self, delivery: Delivery) -> Store:
        return partial(self._store_result, self._broker.result_backend, self._leases, delivery)

    def _ack_type(self, message: TaskiqMessage) -> AcknowledgeType:
        label = message.labels[ACK_TYPE]
        if label is None:
            return self._ack_time
        try:
            return parse_acknowledge_type(label)
        except ValueError as error:
            # Refused where it is sent; this message came from somewhere else.
            logger.warning("%s (%s): %s", message.task_name, message.task_id, error)
            return self._ack_time

    def _again_or_never(self, name: str, attempt: int, reason: str) -> Outcome:
        """Release with back-off, but not for ever."""
        if attempt >= self._max_deliveries:
            return Bury(f"attempt {attempt} {reason}")
        logger.warning("%s: attempt %d %s; the message is released", name, attempt, reason)
        return Release(backoff_delay(attempt, base=1.0, cap=60.0, rng=random))


def _spare_from_cancellation(task: asyncio.Task[Any] | None) -> None:
    """Have a worker that ends wait for the settlement that begins here."""
    if isinstance(task, DeliveryTask):
        task.is_settling = True


async def _ack_if_done(message: TaskiqMessage, run: Run, result: TaskiqResult[Any]) -> None:
    if run.is_ackable and _outcome_of_result(result, message) is ACK:
        await run.ack()


def _outcome_of_result(result: TaskiqResult[Any], message: TaskiqMessage) -> Outcome:
    return ACK if result.error is None else outcome_of_error(result.error, message.labels)
