"""A delivery's life in a worker, from its bytes to its settlement."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Any

from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.brokers.outage import Outage
from taskiq_core.exceptions import NoResultError, TaskAbortedError, UnreadableMessageError
from taskiq_core.flow.heard_aborts import HeardAborts
from taskiq_core.flow.hooks import call_after_settling, call_before_saving, call_hooks
from taskiq_core.flow.leases import LeaseKeeper
from taskiq_core.flow.plan import PlanBook, TaskPlan
from taskiq_core.flow.read import read_message
from taskiq_core.flow.rejection import abort_queued, bury_unreadable, expire, give_up, put_off
from taskiq_core.flow.run import error_result
from taskiq_core.flow.run_state import Run
from taskiq_core.flow.settle import Settler, outcome_of_error
from taskiq_core.flow.store import Store, store_result
from taskiq_core.messages.acks import AcknowledgeType, parse_acknowledge_type
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.exception_bounds import bounded
from taskiq_core.messages.labels import ACK_TYPE, attempt_of
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import ACK, LEAVE, RELEASE, Bury, Outcome, Release
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.middleware_chain import transform

logger = logging.getLogger(__name__)

RunTask = Callable[[Callable[..., Any], TaskiqMessage, Run], Awaitable[TaskiqResult[Any]]]


class DeliveryHandler:
    """Runs one delivery at a time through the steps, and settles it exactly once.

    Args:
        broker: whose deliveries they are.
        plans: how to run tasks.
        settler: settles.
        leases: knows which deliveries still belong to this worker.
        heard_aborts: the aborts that may be of deliveries which nobody has read yet.
        run_task: runs a function; what it raises is in the result.
        ack_time: when deliveries are acknowledged, unless a label says otherwise.
        max_deliveries: how many deliveries of a message may end without being settled.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        *,
        plans: PlanBook,
        settler: Settler,
        leases: LeaseKeeper,
        heard_aborts: HeardAborts,
        run_task: RunTask,
        ack_time: AcknowledgeType,
        max_deliveries: int,
    ) -> None:
        self._broker = broker
        self._plans = plans
        self._settler = settler
        self._leases = leases
        self._heard_aborts = heard_aborts
        self._run_task = run_task
        self._ack_time = ack_time
        self._max_deliveries = max_deliveries
        self._store_result = partial(store_result, outage=Outage("The result backend", logger))

    async def handle(self, delivery: Delivery, run: Run) -> None:
        """Run one delivery and settle it.

        Args:
            delivery: what to run.
            run: what is to be known of it outside; filled in here.
        """
        outcome: Outcome = RELEASE  # holds if we are cancelled half-way
        try:
            outcome = await self._outcome_of(delivery, run)
        except UnreadableMessageError as error:
            outcome = await bury_unreadable(self._store_for(delivery), delivery, error)
        except asyncio.CancelledError as error:
            if run.is_ending():
                raise
            await run.drop_own_cancellation()
            outcome = await self._fail(delivery, run, error)
        except Exception as error:  # noqa: BLE001  # logged there
            outcome = await self._fail(delivery, run, error)
        finally:
            await self._settle(delivery, run, outcome)

    async def _outcome_of(self, delivery: Delivery, run: Run) -> Outcome:
        """Run the task, or refuse its message."""
        run.message = message = read_message(delivery, self._broker.formatter)
        if delivery.aborted or (
            message.task_id in self._heard_aborts and await self._is_aborted(delivery, message)
        ):
            return await abort_queued(self._store_for(delivery), message)
        if delivery.expired:
            return await expire(self._store_for(delivery), message)
        if delivery.unsettled >= self._max_deliveries:
            return await give_up(self._store_for(delivery), message, delivery)
        plan = self._plans.find(message.task_name)
        if plan is None:
            return await put_off(self._store_for(delivery), message)
        return await self._run(plan, delivery, message, run)

    async def _fail(self, delivery: Delivery, run: Run, error: BaseException) -> Outcome:
        """Something else than the task failed, whose exceptions are results: we, or the broker."""
        logger.error(
            "A delivery can't be handled (attempt %d)", delivery.attempt, exc_info=bounded(error)
        )
        outcome = self._again_or_never(delivery.attempt, f"can't be handled: {error!r}")
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

    async def _settle(self, delivery: Delivery, run: Run, outcome: Outcome) -> None:
        self._leases.forget(delivery)
        if run.is_acked:
            outcome = ACK
        elif not await self._settler.settle(delivery, outcome):
            outcome = LEAVE
        hooks = self._broker.middleware_chain.post_settle
        if hooks:
            await call_after_settling(hooks, run.message, outcome)

    async def _run(
        self,
        plan: TaskPlan,
        delivery: Delivery,
        message: TaskiqMessage,
        run: Run,
    ) -> Outcome:
        ack_type = self._ack_type(message) if message.labels else self._ack_time
        if ack_type is AcknowledgeType.WHEN_RECEIVED:
            await run.ack()
        message, result = await self._result_of(plan, message, run)
        if run.has_lost_lease:
            logger.warning("%s (%s): %s", message.task_name, message.task_id, result.error)
            return LEAVE
        outcome = ACK if result.error is None else outcome_of_error(result.error, message.labels)
        if run.is_acked and isinstance(outcome, Release):
            # The queue has forgotten the message: it can't be given back.
            await self._settler.send_again(delivery, outcome.delay)
            return ACK
        if ack_type is AcknowledgeType.WHEN_EXECUTED and outcome is ACK:
            await run.ack()
        if not (
            isinstance(result.error, NoResultError) or await self._save(delivery, message, result)
        ):
            return LEAVE
        if ack_type is AcknowledgeType.MANUAL and outcome is ACK and not run.is_acked:
            reason = "ended without the acknowledgement that it was to give itself"
            return self._again_or_never(attempt_of(message.labels), reason)
        return outcome

    async def _save(
        self,
        delivery: Delivery,
        message: TaskiqMessage,
        result: TaskiqResult[Any],
    ) -> bool:
        """Store the result; False if the lease was lost: it is another worker's to store."""
        backend = self._broker.result_backend
        stored = await self._store_result(backend, self._leases, delivery, message, result)
        if stored is None:
            return False
        hooks = self._broker.middleware_chain.post_save
        if hooks:
            await call_hooks(hooks, message, stored)
        return True

    async def _result_of(
        self,
        plan: TaskPlan,
        message: TaskiqMessage,
        run: Run,
    ) -> tuple[TaskiqMessage, TaskiqResult[Any]]:
        chain = self._broker.middleware_chain
        try:
            if chain.pre_execute:
                run.message = message = await transform(chain.pre_execute, message)
        except Exception as error:  # noqa: BLE001  # a middleware's failure is the task's
            result = error_result(message, error)
        else:
            result = await self._run_to_its_end(plan, message, run)
        if run.has_lost_lease:
            return message, result  # the task goes on elsewhere: nothing has come of it
        if result.error is not None:
            _log_failure(message, result.error)
            await call_before_saving(chain.on_error, message, result, result.error)
        if chain.post_execute:
            await call_before_saving(chain.post_execute, message, result)
        return message, result

    async def _run_to_its_end(
        self, plan: TaskPlan, message: TaskiqMessage, run: Run
    ) -> TaskiqResult[Any]:
        """The result of a task, also of one that cancels the asyncio task in which it runs."""
        started = monotonic()
        try:
            result = await self._run_task(plan.func, message, run)
        except asyncio.CancelledError as cancelled:
            if run.is_ending():
                raise
            result = error_result(message, cancelled)
            result.execution_time = monotonic() - started
        await run.drop_own_cancellation()  # what follows is not the task's any more
        return result

    async def _tell(
        self, delivery: Delivery, message: TaskiqMessage, error: BaseException, outcome: Outcome
    ) -> Outcome:
        """Whoever waits for a task that is given up gets an error result."""
        stored = await self._store_for(delivery)(message, error_result(message, error))
        return LEAVE if stored is None else outcome

    def _store_for(self, delivery: Delivery) -> Store:
        return partial(self._store_result, self._broker.result_backend, self._leases, delivery)

    def _ack_type(self, message: TaskiqMessage) -> AcknowledgeType:
        label = message.labels.get(ACK_TYPE)
        if label is None:
            return self._ack_time
        try:
            return parse_acknowledge_type(label)
        except ValueError as error:
            # Refused where it is sent; this message came from somewhere else.
            logger.warning("%s (%s): %s", message.task_name, message.task_id, error)
            return self._ack_time

    def _again_or_never(self, attempt: int, reason: str) -> Outcome:
        """Release with back-off, but not for ever."""
        if attempt >= self._max_deliveries:
            return Bury(f"attempt {attempt} {reason}")
        logger.warning("Attempt %d %s; the message is released", attempt, reason)
        return Release(backoff_delay(attempt, base=1.0, cap=60.0, rng=random))


def _log_failure(message: TaskiqMessage, error: BaseException) -> None:
    if isinstance(error, NoResultError):
        logger.debug("%s (%s): %s", message.task_name, message.task_id, error)
    elif isinstance(error, TaskAbortedError):
        logger.info("%s", error)  # somebody wanted it so
    else:
        logger.error("%s (%s) failed", message.task_name, message.task_id, exc_info=bounded(error))
