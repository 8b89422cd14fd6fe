"""TestBroker: an application's broker whose messages stay in the test."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NoReturn, ParamSpec, Self

from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.memory_claims import MemoryTickClaims
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.events import TaskiqEvents
from taskiq_pytest.errors import WorkerInTestError
from taskiq_pytest.queue import MANY_RUNS, TestQueue
from taskiq_pytest.sent_task import SentTask
from taskiq_pytest.sent_tasks import check_call, check_times
from taskiq_pytest.virtual_time import VirtualTime
from taskiq_scheduler import SchedulerLoop, TaskiqScheduler

_Params = ParamSpec("_Params")
_STARTUP = (TaskiqEvents.CLIENT_STARTUP, TaskiqEvents.WORKER_STARTUP)
_SHUTDOWN = (TaskiqEvents.CLIENT_SHUTDOWN, TaskiqEvents.WORKER_SHUTDOWN)


class TestBroker:
    """Records what is sent with a broker, and runs it when the test says.

    A context manager. Inside, the broker connects to nothing: messages and results are kept here.
    Everything else is its own: tasks, middlewares, serializer, event handlers, and which labels it
    can honour. Afterwards it is as it was.

    `with` fires no events. `async with` calls the handlers of start-up and shutdown, of clients and
    of workers, as `await broker.startup()` of the application does.

    Args:
        broker: the application's.
        eager: whether `kiq` runs what is not delayed before it returns.
        start: the moment that the clock shows at first; the machine's time if it is None.
    """

    __test__ = False  # not a class of tests, as pytest would think

    def __init__(
        self, broker: AsyncBroker, *, eager: bool = False, start: datetime | None = None
    ) -> None:
        self.broker = broker
        self._before = dict(vars(broker))
        self._time = VirtualTime(start)
        self._executor = ThreadPoolExecutor(thread_name_prefix="taskiq")
        self._queue = TestQueue(broker, self._executor, self._time, is_eager=eager)
        self._claims = MemoryTickClaims(clock=self._time.monotonic)
        self._scheduler_loops: dict[TaskiqScheduler, SchedulerLoop] = {}

    def __enter__(self) -> Self:
        vars(self.broker).update(
            kick=self._queue.kick,
            kick_many=self._queue.kick_many,
            listen=self._refuse_worker,
            deliveries=self._refuse_worker,
            request_abort=self._queue.request_abort,
            tick_claims=lambda **_: self._claims,
            startup=partial(AsyncBroker.startup, self.broker),
            shutdown=partial(AsyncBroker.shutdown, self.broker),
            startup_events=lambda: _STARTUP,
            shutdown_events=lambda: _SHUTDOWN,
            result_backend=self._queue.results,
            history=None,
        )
        return self

    def __exit__(self, *_: object) -> None:
        vars(self.broker).clear()
        vars(self.broker).update(self._before)
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def __aenter__(self) -> Self:
        self.__enter__()
        try:
            await self.broker.startup()
        except BaseException:
            self.__exit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.broker.shutdown()
        finally:
            self.__exit__()

    def _refuse_worker(self, *_: Any) -> NoReturn:
        raise WorkerInTestError(broker=type(self.broker).__name__)

    # -- what was sent ------------------------------------------------------------------------

    @property
    def sent(self) -> list[SentTask]:
        """Everything that was sent, in its order."""
        return list(self._queue.sent)

    @property
    def pending(self) -> list[SentTask]:
        """What was sent and not begun, delayed tasks and waiting retries included."""
        return [each.task for each in self._queue.pending]

    @property
    def dead(self) -> list[SentTask]:
        """What has become a dead letter."""
        return [each for each in self._queue.sent if each.buried is not None]

    def sent_by(self, task: AsyncTaskiqDecoratedTask[..., Any]) -> list[SentTask]:
        """Return the calls of a task that were sent, in their order."""
        return [each for each in self._queue.sent if each.task_name == task.task_name]

    def assert_sent(
        self, task: AsyncTaskiqDecoratedTask[..., Any], *, times: int | None = None
    ) -> list[SentTask]:
        """Check that a task was sent.

        Args:
            task: which.
            times: how often; None for at least once.

        Returns:
            Its calls, in their order.

        Raises:
            AssertionError: it was sent more or less often; the message lists what was sent.
        """
        return check_times(task, self._queue.sent, times)

    def assert_not_sent(self, task: AsyncTaskiqDecoratedTask[..., Any]) -> None:
        """Check that a task was not sent; see `assert_sent`."""
        check_times(task, self._queue.sent, 0)

    def assert_sent_with(
        self,
        task: AsyncTaskiqDecoratedTask[_Params, Any],
        *args: _Params.args,
        **kwargs: _Params.kwargs,
    ) -> SentTask:
        """Check that a task was sent with these arguments, by position or by name.

        Args:
            task: which.
            args: of the call.
            kwargs: of the call.

        Returns:
            The latest such call.

        Raises:
            AssertionError: there is none; the message lists the calls that there are.
        """
        return check_call(task, self._queue.sent, args, kwargs)

    # -- running ------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The moment that the clock of the test shows, in UTC."""
        return self._time.now()

    async def run_next(self) -> SentTask | None:
        """Run the task that is due and comes first.

        Returns:
            The task; None if nothing is due.
        """
        return await self._queue.run_next()

    async def run_pending(self, *, limit: int = MANY_RUNS) -> list[SentTask]:
        """Run what is due, and what that sends, until nothing is due.

        Args:
            limit: how many runs are taken for endless.

        Returns:
            The tasks that were run, one entry for each attempt.

        Raises:
            TooManyTasksError: something was still due after `limit` runs.
        """
        return await self._queue.run_pending(limit)

    async def advance(
        self, by: timedelta | float, *, scheduler: TaskiqScheduler | None = None
    ) -> list[SentTask]:
        """Move the clock, and run each task that becomes due at the moment when it does.

        Delays, retries, expiry and the ticks of schedules go by this clock. What a task itself
        waits for, as with `asyncio.sleep`, takes real time.

        Args:
            by: how far; a number is seconds.
            scheduler: its schedules are followed on the way.

        Returns:
            The tasks that were run, one entry for each attempt.
        """
        end = self._time.after(by.total_seconds() if isinstance(by, timedelta) else by)
        ran: list[SentTask] = []
        while True:
            tick = None if scheduler is None else await self._follow(scheduler)
            if just_ran := await self.run_pending():
                ran += just_ran
                continue  # they may have added schedules
            moments = (tick, self._queue.next_due)
            coming = [each for each in moments if each is not None and self.now < each <= end]
            if not coming:
                self._time.move_to(end)
                return ran
            self._time.move_to(min(coming))

    async def _follow(self, scheduler: TaskiqScheduler) -> datetime | None:
        """Send what is due of a scheduler, and return when something is due again."""
        loop = self._scheduler_loops.get(scheduler)
        if loop is None:
            loop = self._scheduler_loops[scheduler] = SchedulerLoop(scheduler, clock=self._time)
            for source in scheduler.sources:
                await source.startup()
        await loop.update()
        await loop.send_due()
        return loop.next_due
