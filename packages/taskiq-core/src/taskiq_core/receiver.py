"""The worker's engine: joins the steps of `flow`."""

import asyncio
import logging
import random
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.brokers.delivery_task import DeliveryTask
from taskiq_core.brokers.outage import Outage
from taskiq_core.brokers.url_options import read_switch
from taskiq_core.client.task import worker_is_full
from taskiq_core.compat.receiver_overrides import (
    OverriddenCallback,
    OverriddenRunTask,
    handle_message,
    run_of,
)
from taskiq_core.flow.abandoned_threads import AbandonedThreads
from taskiq_core.flow.consume import consume
from taskiq_core.flow.dead_workers import reclaim_from, reclaim_from_neighbours
from taskiq_core.flow.execute import TaskExecution, handle_error
from taskiq_core.flow.handle import DeliveryHandler, RunTask
from taskiq_core.flow.heard_aborts import HeardAborts
from taskiq_core.flow.leases import LeaseKeeper
from taskiq_core.flow.loop_watchdog import MAX_BLOCK, LoopWatchdog
from taskiq_core.flow.notices import hear_aborts, hear_losses
from taskiq_core.flow.plan import PlanBook, TaskPlan
from taskiq_core.flow.presence import Presence, running_task
from taskiq_core.flow.process_facts import new_worker_id
from taskiq_core.flow.rejection import MAX_DELIVERIES
from taskiq_core.flow.run_state import Run, is_asyncio_task_cancelled
from taskiq_core.flow.running_deliveries import RunningDeliveries
from taskiq_core.flow.settle import Settler
from taskiq_core.flow.store_reports import store_reports
from taskiq_core.flow.suspects import SuspectLane
from taskiq_core.flow.upkeep import expire_regularly, reclaim_regularly
from taskiq_core.loggers import RECEIVER
from taskiq_core.messages.acks import AckableMessage, AckController, AcknowledgeType
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Outcome
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.worker_record import RunningTask, WorkerRecord
from taskiq_core.worker_report import Health, WorkerReport, WorkerState

logger = logging.getLogger(RECEIVER)


class Receiver:
    """Takes deliveries from a broker, runs their tasks, stores the results and settles.

    Args:
        broker: whose deliveries to run.
        executor: for plain functions; None for threads of its own.
        validate_params: whether arguments are restored from annotations.
        max_async_tasks: how many tasks run at once; None for no limit, as is 0 or less, with a
            warning.
        max_async_tasks_jitter: up to so many more, at random, so that workers differ.
        max_prefetch: how many more deliveries are held, waiting.
        propagate_exceptions: whether dependencies see the exception of their task.
        run_startup: whether `listen` starts the broker up.
        ack_type: when deliveries are acknowledged; `when_saved` by default.
        on_exit: called when `max_tasks_to_execute` tasks were run.
        max_tasks_to_execute: how many tasks to run before `listen` returns; None for no limit.
        wait_tasks_timeout: seconds that running tasks get at the end; None for no limit.
        max_deliveries: how many deliveries of a message may end without being settled.
        strict: whether arguments that do not fit their annotations are refused in all tasks, as
            with `@broker.task(strict=True)` in one; they are passed as they came otherwise. A
            command gives text, "true".
        max_block: seconds for which leases are renewed while a task blocks the event loop.

    Raises:
        ValueError: `max_prefetch` is negative.

    Attributes:
        supervisor_id: of the command that started this worker; set by it, else None.
    """

    supervisor_id: str | None = None

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
        strict: bool | str = False,
        max_block: float = MAX_BLOCK,
    ) -> None:
        if max_prefetch < 0:
            raise ValueError("max_prefetch cannot be negative")
        max_async_tasks = _limit_of(max_async_tasks, max_async_tasks_jitter)
        self.broker = broker
        self._has_own_executor = executor is None
        self.executor = executor or _thread_pool()
        self.validate_params = validate_params
        self.propagate_exceptions = propagate_exceptions
        self.run_startup = run_startup
        self.ack_time = ack_type or AcknowledgeType.WHEN_SAVED
        self.on_exit = on_exit
        self.max_tasks_to_execute = max_tasks_to_execute
        self.wait_tasks_timeout = wait_tasks_timeout
        self.max_deliveries = max_deliveries = int(max_deliveries)  # a command gives text
        if broker.capabilities is not None:  # others know nothing of this attribute
            broker.max_deliveries = max_deliveries
        self.health = Health()
        self._plans = PlanBook(
            broker,
            validate_params=validate_params,
            strict=strict if isinstance(strict, bool) else read_switch(strict),
        )
        self._settler = Settler(broker)
        self._outage = Outage(type(broker).__name__, logger)
        self._running = RunningDeliveries()
        self._threads = AbandonedThreads()
        self._leases = LeaseKeeper(
            broker, self._running.lose, self._running.abort_delivery, outage=self._outage
        )
        self._heard_aborts = HeardAborts()
        self._execution = TaskExecution(
            broker, executor=self.executor, propagate_exceptions=propagate_exceptions
        )
        self._handler = DeliveryHandler(
            broker,
            plans=self._plans,
            settler=self._settler,
            leases=self._leases,
            running=self._running,
            threads=self._threads,
            heard_aborts=self._heard_aborts,
            run_task=self._choose_run_task(),
            is_ending=self._is_ending,
            ack_time=self.ack_time,
            max_deliveries=max_deliveries,
        )
        self.pool: DeliveryPool[Delivery]
        self.pool = DeliveryPool(
            self._choose_handle(), limit=max_async_tasks, prefetch=max_prefetch
        )
        self._suspects = SuspectLane(
            self.pool, give_back=self._give_back, max_deliveries=max_deliveries
        )
        self.watchdog = LoopWatchdog(
            broker,
            held=self._leases.held,
            is_busy=lambda: bool(self.pool.running),
            name_of=self._name_of_blocking,
            max_block=float(max_block),
        )
        self._taken = 0
        self._last_message_at: float | None = None
        self._stage = WorkerState.STARTING
        self._is_listen_cancelled: Callable[[], bool] = lambda: False

    # Programs replace these methods in a subclass, in the class, or in one receiver, the last one
    # perhaps after its first message.

    def _choose_run_task(self) -> RunTask:
        def run_task(*call: Any) -> Awaitable[TaskiqResult[Any]]:
            return self.run_task(*call)

        own, usual = vars(self), self._execution.run
        replaced = OverriddenRunTask(run_task, lambda: self.broker.middleware_chain.on_error).run
        if type(self).run_task is not _RUN_TASK:
            return replaced

        def run(plan: TaskPlan, message: TaskiqMessage, run: Run) -> Awaitable[TaskiqResult[Any]]:
            return (replaced if "run_task" in own else usual)(plan, message, run)

        return run

    def _choose_handle(self) -> Callable[[Delivery], Coroutine[Any, Any, None]]:
        def callback(message: bytes | AckableMessage) -> Awaitable[None]:
            return self.callback(message)

        own, usual = vars(self), self._handler.handle
        replaced = OverriddenCallback(callback, self._handler).handle
        if type(self).callback is not _CALLBACK:
            return replaced

        def handle(delivery: Delivery) -> Coroutine[Any, Any, None]:
            return (replaced if "callback" in own else usual)(delivery)

        return handle

    # -- a worker's life ----------------------------------------------------------------------

    async def listen(self, finish_event: asyncio.Event) -> None:
        """Run deliveries until `finish_event` is set, the broker's stream ends or enough were run.

        At the end: nothing more is fetched, what has not started is released, what runs may finish
        for `wait_tasks_timeout` seconds and is then cancelled and released. Cancelling this method
        does the same at once.

        Raises:
            ListenError: the broker can't be listened to at all.
            BrokerSetupError: it can't, as it is set up.
        """
        if self.run_startup:
            self.broker.worker_id = self.broker.worker_id or new_worker_id()
            await self.broker.startup()
        for task_name in self.broker.get_all_tasks():
            self._plans.find(task_name)
        self._stage = WorkerState.RUNNING
        self._is_listen_cancelled = _cancelled_from_here_on()
        # The asyncio tasks that are made from here on run tasks, and inherit it.
        outside = worker_is_full.set(self.pool.is_full)
        try:
            await self._listen(finish_event)
        finally:
            worker_is_full.reset(outside)
        if self._has_enough() and self.on_exit is not None:
            self.on_exit(self)

    async def _listen(self, finish_event: asyncio.Event) -> None:
        async with self._upkeep(), self.reporting():
            consuming = asyncio.create_task(
                consume(
                    self.broker,
                    self.pool,
                    suspects=self._suspects,
                    take=self._take,
                    on_trouble=self._set_health,
                    outage=self._outage,
                )
            )
            finishing = asyncio.create_task(finish_event.wait())
            timeout: float | None = 0.0  # holds if we are cancelled
            try:
                await asyncio.wait({consuming, finishing}, return_when=asyncio.FIRST_COMPLETED)
                timeout = self.wait_tasks_timeout
            finally:
                await _stop(consuming, finishing)
                await self.drain(timeout)
                self._end_threads()
        if not consuming.cancelled():
            consuming.result()

    async def drain(self, timeout: float | None) -> None:
        """Release what has not started, let the rest finish, cancel it at the deadline.

        Args:
            timeout: seconds until the deadline, None for none; cancelling this is one, too.
        """
        self._stage = WorkerState.DRAINING
        for delivery in [*self._suspects.withdraw(), *self.pool.withdraw()]:
            await self._handler.drop(delivery, is_sent_again=True)
        self._threads.drain()
        try:
            async with asyncio.timeout(timeout):
                await self.pool.wait_idle()
        except asyncio.CancelledError:
            await self.cancel_running()
            raise
        except TimeoutError:
            logger.warning(
                "These tasks did not finish in %s s, they are cancelled and released: %s",
                timeout,
                self._running.describe(),
            )
            await self.cancel_running()
        await self._settler.close()

    def abort(self, task_id: str) -> bool:
        """Stop a task that runs here; its result is an error result with `TaskAbortedError`.

        Returns:
            Whether such a task runs here.
        """
        return self._running.abort(task_id)

    def reporting(self) -> AbstractAsyncContextManager[None]:
        """Announce this worker and write its history meanwhile, where the broker keeps them.

        `listen` does so by itself; brokers that call `handle` themselves enter it.
        """
        return store_reports(self.broker, self._handler, self)

    def record(self) -> WorkerRecord:
        """Return what operators on all machines see of this worker now."""
        return Presence(self.broker, self).record()

    def report(self) -> WorkerReport:
        """How this worker is now: what health checks and operators see."""
        trouble, slots, last = self.health.trouble, self.pool.slots, self._last_message_at
        is_degraded = trouble is not None and self._stage is WorkerState.RUNNING
        has_limit = slots.limit != sys.maxsize
        return WorkerReport(
            state=WorkerState.DEGRADED if is_degraded else self._stage,
            reason=f"{type(trouble).__name__}: {trouble}" if is_degraded else None,
            broker=type(self.broker).__name__,
            slots_total=slots.limit if has_limit else None,
            slots_free=slots.free if has_limit else None,
            running_tasks=len(self.pool.running),
            last_message_at=None if last is None else datetime.fromtimestamp(last, UTC),
        )

    @property
    def tasks_done(self) -> int:
        """How many of the deliveries that `listen` has taken have ended."""
        return self._taken - self.pool.slots.taken

    def running_tasks(self, limit: int) -> Sequence[RunningTask]:
        """Return the tasks that run now, the longest first, at most so many."""
        return [running_task(*item) for item in islice(self._running.items(), limit)]

    async def reclaim_from(self, worker_id: str) -> int:
        """Have what a dead worker held delivered again.

        Args:
            worker_id: of a process that is certain to have ended.

        Returns:
            The number of messages given back.
        """
        return await reclaim_from(self.broker, worker_id)

    @asynccontextmanager
    async def _upkeep(self) -> AsyncGenerator[None, None]:
        """Renew leases, reclaim, and hear of aborts and losses, until the last task has ended."""
        tasks = [
            asyncio.create_task(self._leases.run()),
            asyncio.create_task(reclaim_regularly(self.broker, self._outage)),
            asyncio.create_task(expire_regularly(self.broker, self.handle, self._outage)),
            asyncio.create_task(hear_aborts(self.broker, self._hear_abort, self._outage)),
            asyncio.create_task(hear_losses(self.broker, self._lose_without_lease, self._outage)),
            asyncio.create_task(reclaim_from_neighbours(self.broker)),
        ]
        try:
            with self.watchdog.watching():
                yield
        finally:
            await _stop(*tasks)

    async def _give_back(self, delivery: Delivery, outcome: Outcome) -> None:
        self._leases.forget(delivery)
        await self._settler.settle(delivery, outcome)

    def _end_threads(self) -> None:
        if self._has_own_executor:
            self.executor.shutdown(wait=False, cancel_futures=True)
            # It has no thread until it is used.
            self.executor = self._execution.executor = _thread_pool()

    def _name_of_blocking(self, task: asyncio.Task[Any] | None) -> str:
        """Name the task that runs in an asyncio task, or the tasks that may have started it."""
        names = self._running.names(self.pool.delivery_of(task))
        if len(names) == 1:
            return names[0]
        return f"Something, perhaps of one of {len(names)} running tasks ({', '.join(names[:5])}),"

    def _take(self, delivery: Delivery) -> bool:
        self._leases.hold(delivery)  # also while it waits for a slot
        self._taken += 1
        self._last_message_at = time.time()
        return not self._has_enough()

    def _has_enough(self) -> bool:
        return self.max_tasks_to_execute is not None and self._taken >= self.max_tasks_to_execute

    def _set_health(self, trouble: Exception | None) -> None:
        self.health = Health(trouble)

    def _lose_without_lease(self, delivery: Delivery) -> None:
        if self._running.is_unacknowledged(delivery) or delivery in self.pool.waiting:
            self._leases.lose(delivery)

    def _is_ending(self) -> bool:
        """Whether a delivery that is cancelled is to be given back, as the worker ends.

        What the pool runs is cancelled by the worker, or together with it. In an asyncio task of a
        program's own, which called `handle`, any cancellation is the program's.
        """
        task = asyncio.current_task()
        if not isinstance(task, DeliveryTask):
            return is_asyncio_task_cancelled()
        return task.is_cancelled_by_worker or self._is_listen_cancelled()

    def _hear_abort(self, task_id: str) -> None:
        if not self.abort(task_id):
            self._heard_aborts.add(task_id)  # its delivery may be on its way, or wait here unread

    async def cancel_running(self) -> None:
        """Cancel the tasks that run, and wait until their messages are released.

        Plain functions in threads can't be stopped; they see it in `Context.cancellation`. What
        settles its message at this moment is not disturbed.
        """
        self._running.announce_shutdown()
        await self.pool.cancel()

    # -- a delivery's life --------------------------------------------------------------------

    async def handle(self, delivery: Delivery) -> None:
        """Run one delivery and settle it; for a delivery that `listen` has not taken."""
        # Not before this runs: an asyncio task that is cancelled before its first step forgets
        # nothing, and the lease would be renewed for ever.
        self._leases.hold(delivery)
        await self._handler.handle(delivery)

    async def callback(
        self, message: bytes | AckableMessage | Delivery, raise_err: bool = False
    ) -> None:
        """Run one message; a subclass that overrides it is called for every message.

        Args:
            message: bytes, or bytes with their acknowledgement, in the forms of taskiq 0.13; an
                override gets one of these. A delivery as well.
            raise_err: whether exceptions of middlewares and of the result backend are raised here;
                otherwise they are logged, and storing the result is tried again.
        """
        await handle_message(self._handler, self._leases.hold, message, raise_err=raise_err)

    async def run_task(
        self,
        target: Callable[..., Any],
        message: TaskiqMessage,
        ack_controller: AckController | None = None,
    ) -> TaskiqResult[Any]:
        """Run one call of a task, and the `on_error` hooks if it fails.

        A subclass that overrides it is called for every message.

        Args:
            target: the function, its task or a wrapper.
            message: the call; names the task whose parameters and dependencies these are.
            ack_controller: acknowledges the message, for the task.

        Returns:
            The result; what the function raised is in it, as the hooks have left it.
        """
        run = run_of(message) or Run()
        plan = self._plans.of(target, message.task_name)
        result = await self._execution.call(plan, message, run, ack_controller or run)
        if result.error is not None:
            await run.drop_own_cancellation()  # it is not for the hooks
            await handle_error(self.broker.middleware_chain.on_error, message, result, run)
        return result


# As they are here: programs replace them in the class, too.
_RUN_TASK, _CALLBACK = Receiver.run_task, Receiver.callback


def _limit_of(max_async_tasks: int | None, jitter: int) -> int | None:
    """Return how many tasks may run at once; None for no limit."""
    if max_async_tasks is None:
        return None
    if max_async_tasks <= 0:
        logger.warning(
            "max_async_tasks is %d: any number of tasks runs at once, until memory is used up. "
            "Give a positive number to set a limit.",
            max_async_tasks,
        )
        return None
    return max_async_tasks + random.randint(0, max(0, jitter))  # no secret


def _thread_pool() -> Executor:
    return ThreadPoolExecutor(thread_name_prefix="taskiq")


def _cancelled_from_here_on() -> Callable[[], bool]:
    """Whether the asyncio task that runs has been cancelled since this was called."""
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    return lambda: task is not None and task.cancelling() > before


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
