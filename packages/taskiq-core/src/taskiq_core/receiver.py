"""The worker's engine: joins the steps of `flow`."""

import asyncio
import logging
import random
import sys
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.brokers.delivery_task import DeliveryTask
from taskiq_core.brokers.outage import Outage
from taskiq_core.client.context import Context
from taskiq_core.exceptions import LeaseLostError, TaskAbortedError, WorkerShutdownError
from taskiq_core.flow.consume import consume
from taskiq_core.flow.handle import DeliveryHandler
from taskiq_core.flow.heard_aborts import HeardAborts
from taskiq_core.flow.leases import LeaseKeeper
from taskiq_core.flow.loop_watchdog import MAX_BLOCK, LoopWatchdog
from taskiq_core.flow.plan import PlanBook
from taskiq_core.flow.rejection import MAX_DELIVERIES
from taskiq_core.flow.run import error_result, run_plan
from taskiq_core.flow.run_state import Run, is_asyncio_task_cancelled
from taskiq_core.flow.settle import Settler
from taskiq_core.flow.suspects import SuspectLane
from taskiq_core.flow.upkeep import expire_regularly, hear_aborts, reclaim_regularly
from taskiq_core.messages.acks import AckableMessage, AckController, AcknowledgeType
from taskiq_core.messages.delivery import Delivery, as_delivery
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import RELEASE, Outcome
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.worker_report import Health, WorkerReport, WorkerState

logger = logging.getLogger(__name__)


class Receiver:
    """Takes deliveries from a broker, runs their tasks, stores the results and settles.

    Args:
        broker: whose deliveries to run.
        executor: for plain functions; None for threads of its own.
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
        max_block: seconds for which leases are renewed while a task blocks the event loop.
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
        max_block: float = MAX_BLOCK,
    ) -> None:
        if max_async_tasks is not None and max_async_tasks_jitter > 0:
            max_async_tasks += random.randint(0, max_async_tasks_jitter)  # no secret
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
        self.health = Health()
        self._plans = PlanBook(broker, validate_params=validate_params)
        self._settler = Settler(broker)
        self._outage = Outage(type(broker).__name__, logger)
        self._leases = LeaseKeeper(broker, self._lose, self._abort_delivery, outage=self._outage)
        self._heard_aborts = HeardAborts()
        self._handler = DeliveryHandler(
            broker,
            plans=self._plans,
            settler=self._settler,
            leases=self._leases,
            heard_aborts=self._heard_aborts,
            run_task=self.run_task,
            ack_time=self.ack_time,
            max_deliveries=max_deliveries,
        )
        is_overridden = type(self).callback is not Receiver.callback
        handle = self._handle_by_override if is_overridden else self.handle
        self.pool: DeliveryPool[Delivery]
        self.pool = DeliveryPool(handle, limit=max_async_tasks, prefetch=max_prefetch)
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
        self._runs: dict[Delivery, Run] = {}
        self._unhandled: set[Delivery] = set()
        self._abandoned: set[asyncio.Future[Any]] = set()
        self._taken = 0
        self._last_message_at: float | None = None
        self._stage = WorkerState.STARTING
        self._is_listen_cancelled: Callable[[], bool] = lambda: False

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
            await self.broker.startup()
        for task_name in self.broker.get_all_tasks():
            self._plans.find(task_name)
        self._stage = WorkerState.RUNNING
        self._is_listen_cancelled = _cancelled_from_here_on()
        async with self._upkeep():
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
        if self._has_enough() and self.on_exit is not None:
            self.on_exit(self)

    async def drain(self, timeout: float | None) -> None:
        """Release what has not started, let the rest finish, cancel it at the deadline.

        Args:
            timeout: seconds until the deadline, None for none; cancelling this is one, too.
        """
        self._stage = WorkerState.DRAINING
        for delivery in [*self._suspects.withdraw(), *self.pool.withdraw()]:
            await self._give_back(delivery, RELEASE)
        for waiting in self._abandoned:
            waiting.cancel()  # their results are stored, only their threads go on
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
                ", ".join(map(_name_of, self._runs.values())),
            )
            await self.cancel_running()
        await self._settler.close()

    def abort(self, task_id: str) -> bool:
        """Stop a task that runs here; its result is an error result with `TaskAbortedError`.

        Returns:
            Whether such a task runs here.
        """
        found = [
            delivery
            for delivery, run in self._runs.items()
            if run.message and run.message.task_id == task_id
        ]
        for delivery in found:
            delivery.aborted = True  # also when it is given back at this moment
            self._abort_delivery(delivery)
        return bool(found)

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

    @asynccontextmanager
    async def _upkeep(self) -> AsyncGenerator[None, None]:
        """Renew leases, reclaim and hear of aborts, until the last task has ended."""
        tasks = [
            asyncio.create_task(self._leases.run()),
            asyncio.create_task(reclaim_regularly(self.broker, self._outage)),
            asyncio.create_task(expire_regularly(self.broker, self.handle, self._outage)),
            asyncio.create_task(hear_aborts(self.broker, self._hear_abort, self._outage)),
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
            self.executor = _thread_pool()  # which has no thread until it is used

    def _name_of_blocking(self, task: asyncio.Task[Any] | None) -> str:
        """Name the task that runs in an asyncio task, or those that may have started it."""
        delivery = self.pool.delivery_of(task)
        runs = [self._runs.get(delivery)] if delivery else list(self._runs.values())
        names = [_name_of(run) for run in runs if run is not None]
        if len(names) == 1:
            return names[0]
        return f"Something, perhaps of one of {len(names)} running tasks ({', '.join(names[:5])}),"

    def _take(self, delivery: Delivery) -> bool:
        self._leases.hold(delivery)
        self._taken += 1
        self._last_message_at = time.time()
        return not self._has_enough()

    def _has_enough(self) -> bool:
        return self.max_tasks_to_execute is not None and self._taken >= self.max_tasks_to_execute

    def _set_health(self, trouble: Exception | None) -> None:
        self.health = Health(trouble)

    def _lose(self, delivery: Delivery) -> None:
        run = self._runs.get(delivery)
        if run is not None:
            reason = "it ran out, and the message was given to another worker"
            run.stop(LeaseLostError(reason=reason))

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

    def _abort_delivery(self, delivery: Delivery) -> None:
        run = self._runs.get(delivery)
        if run is not None and run.message is not None:
            message = run.message
            run.stop(TaskAbortedError(task_name=message.task_name, task_id=message.task_id))

    async def cancel_running(self) -> None:
        """Cancel the tasks that run, and wait until their messages are released.

        Plain functions in threads can't be stopped; they see it in `Context.cancellation`. What
        settles its message at this moment is not disturbed.
        """
        for run in self._runs.values():
            if run.message is not None:
                run.cancellation.request(
                    WorkerShutdownError(
                        task_name=run.message.task_name, task_id=run.message.task_id
                    )
                )
        await self.pool.cancel()

    # -- a delivery's life --------------------------------------------------------------------

    async def callback(
        self, message: bytes | AckableMessage | Delivery, raise_err: bool = False
    ) -> None:
        """Run one message; a subclass that overrides it is called for every message.

        Args:
            message: bytes, bytes with their acknowledgement, or a delivery. A worker passes the
                delivery, which has `data` and `ack`, too.
            raise_err: for callers written for 0.13; whatever fails here is settled and logged.
        """
        del raise_err
        await self.handle(as_delivery(message))

    async def handle(self, delivery: Delivery) -> None:
        """Run one delivery and settle it."""
        self._unhandled.discard(delivery)
        if delivery.lease is None:
            ack = delivery.ack if delivery.is_ackable else None
            run = Run(ack, is_ending=self._is_ending)
        else:
            self._leases.hold(delivery)
            run = Run(partial(self._ack_leased, delivery), is_ending=self._is_ending)
        self._runs[delivery] = run
        if self._leases.is_lost(delivery):  # while it waited for a slot
            self._lose(delivery)
        try:
            await self._handler.handle(delivery, run)
        finally:
            del self._runs[delivery]
        if run.abandoned is not None:
            await self._wait_abandoned(run)

    async def run_task(
        self,
        target: Callable[..., Any],
        message: TaskiqMessage,
        ack_controller: AckController | None = None,
    ) -> TaskiqResult[Any]:
        """Run one call of a function; its exceptions are in the result."""
        run = ack_controller if isinstance(ack_controller, Run) else Run()
        try:
            return await run_plan(
                self._plans.of(target, message.task_name),
                message,
                run,
                lambda: Context(
                    message, self.broker, ack_controller, cancellation=run.cancellation
                ),
                executor=self.executor,
                propagate_exceptions=self.propagate_exceptions,
            )
        except KeyboardInterrupt as error:
            # In a worker signals come another way: the task itself raised it, and would end one
            # worker after the other.
            if not self.broker.is_worker_process:
                raise
            return error_result(message, error)

    async def _ack_leased(self, delivery: Delivery) -> None:
        await delivery.ack()
        self._leases.forget(delivery)

    async def _handle_by_override(self, delivery: Delivery) -> None:
        """Settle a delivery although somebody's `callback` raised, or dropped it."""
        self._unhandled.add(delivery)
        try:
            await self.callback(delivery)
        except Exception:
            logger.exception("%s.callback failed", type(self).__qualname__)
        finally:
            if delivery in self._unhandled:
                self._unhandled.discard(delivery)
                self._leases.forget(delivery)
                await self._settler.settle(delivery, RELEASE)

    async def _wait_abandoned(self, run: Run) -> None:
        """Keep the slot of a thread that goes on, until it ends or the worker does."""
        if run.abandoned is None or run.abandoned.done():
            return
        if self._stage is WorkerState.DRAINING:
            return  # nobody needs the slot any more
        logger.warning("%s goes on in its thread; its slot stays taken", _name_of(run))
        waiting = asyncio.ensure_future(asyncio.wrap_future(run.abandoned))
        self._abandoned.add(waiting)
        try:
            await asyncio.wait({waiting})
        finally:
            self._abandoned.discard(waiting)
        if not waiting.cancelled():
            waiting.exception()  # nobody wants to know it any more


def _thread_pool() -> Executor:
    return ThreadPoolExecutor(thread_name_prefix="taskiq")


def _cancelled_from_here_on() -> Callable[[], bool]:
    """Whether the asyncio task that runs has been cancelled since this was called."""
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    return lambda: task is not None and task.cancelling() > before


def _name_of(run: Run) -> str:
    if run.message is None:
        return "a message that was not read yet"
    return f"{run.message.task_name} ({run.message.task_id})"


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
