"""Faults for workers and their server, and what tasks wrote down of themselves.

A task of the tests appends a line to a log when it is started, in one write, so that the log has
every start, also of workers that are killed; and another line when its delivery was settled. Every
start of a message but its first must be explained: the one before was not acknowledged, and while
it ran there was a fault that can have cost it its lease or its acknowledgement.
"""

import asyncio
import math
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from taskiq import (
    AsyncBroker,
    AsyncTaskiqDecoratedTask,
    AsyncTaskiqTask,
    TaskiqResult,
    broker_from_url,
)
from taskiq.exceptions import BrokerConnectionError, SendTaskError

TASKS: Final = """
import asyncio
import os
import time

from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqMiddleware, broker_from_url

LOG = os.open(os.environ["CHAOS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def write(*words: object) -> None:
    os.write(LOG, (" ".join(map(str, words)) + "\\n").encode())


class Diary(TaskiqMiddleware):
    def post_settle(self, message, outcome):
        start = message and message.labels.get("start")
        if start:  # its task was begun
            write("settled", *start, type(outcome).__name__, time.monotonic())


broker = broker_from_url().with_middlewares(Diary())


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def watch(state) -> None:
    state.watching = asyncio.create_task(write_down_stalls())


async def write_down_stalls() -> None:
    # A machine that is busy may stop a worker for longer than its lease, too.
    while True:
        begin = time.monotonic()
        await asyncio.sleep(0.1)
        if time.monotonic() - begin > 0.4:
            write("stalled", os.getpid(), begin, time.monotonic())


@broker.task(task_name="work")
async def work(number: int, context: Context = TaskiqDepends()) -> list[float]:
    labels = context.message.labels
    start = [number, labels.get("send", 1), context.attempt, os.getpid(), time.monotonic()]
    labels["start"] = start
    write("started", *start)
    await asyncio.sleep(float(os.environ["CHAOS_SECONDS"]))
    return start
"""
"""A module for `taskiq worker chaos_tasks:broker`."""
Work = AsyncTaskiqDecoratedTask[..., list[float]]


class Start(NamedTuple):
    """One start of one message.

    Attributes:
        number: the task's argument, which tells tasks apart.
        send: a client that does not know whether a task was sent sends it again; this tells the
            messages of one task apart.
        attempt: deliveries of the message so far.
        worker: the process that ran it.
        time: when, by the clock that all processes of a machine share.
    """

    number: int
    send: int
    attempt: int
    worker: int
    time: float

    @classmethod
    def of(cls, words: Iterable[str | float]) -> "Start":
        """From words of the log, or from a result."""
        *numbers, moment = words
        return cls(*map(int, numbers), time=float(moment))


class Settled(NamedTuple):
    """How the delivery of a start was settled, and when."""

    outcome: str
    time: float


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that may cost leases and acknowledgements; of all workers, or of one."""

    begin: float
    end: float
    worker: int | None = None

    def explains(self, start: Start, until: float, *, lease: float) -> bool:
        """Return whether this fault may have hurt a start that was over at a time.

        Workers that lost their leases notice it within the time of a lease; until then they may
        even start what they hold.

        Args:
            start: the start of a task.
            until: the time, by `time.monotonic()`.
            lease: of the broker, in seconds.
        """
        is_about_it = self.worker in (None, start.worker)
        return is_about_it and start.time <= self.end + lease and self.begin <= until


class Log:
    """What tasks wrote down, read on as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settled: dict[Start, Settled] = {}
        self.stalls: list[Fault] = []
        self._starts: list[Start] = []
        self._workers: dict[int, None] = {}
        self._read = 0
        path.touch()

    def starts(self) -> list[Start]:
        """All starts so far."""
        self._read_on()
        return self._starts

    def workers(self) -> list[int]:
        """The processes that have started tasks and are still there, the oldest first."""
        self._read_on()
        self._workers = {worker: None for worker in self._workers if is_there(worker)}
        return list(self._workers)

    def messages(self) -> list[list[Start]]:
        """The starts of each message, by attempt."""
        by_message: defaultdict[tuple[int, int], list[Start]] = defaultdict(list)
        for start in sorted(self.starts()):
            by_message[start.number, start.send].append(start)
        return list(by_message.values())

    def unexplained(self, faults: Iterable[Fault], *, lease: float) -> list[tuple[Start, Start]]:
        """Starts that came again though nothing had happened to the one before, and that one."""
        pairs = [pair for starts in self.messages() for pair in pairwise(starts)]
        known = [*faults, *self.stalls]
        return [pair for pair in pairs if not self._is_explained(*pair, known, lease)]

    def _is_explained(
        self, before: Start, again: Start, faults: Iterable[Fault], lease: float
    ) -> bool:
        settled = self.settled.get(before, Settled("", math.inf))
        if again.attempt == before.attempt or settled.outcome not in ("", "Leave"):
            return False  # who has acknowledged a message has ended it
        until = min(settled.time, again.time)
        return any(fault.explains(before, until, lease=lease) for fault in faults)

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                self._take(*line.decode().split())

    def _take(self, kind: str, *words: str) -> None:
        match kind:
            case "started":
                start = Start.of(words)
                self._starts.append(start)
                self._workers[start.worker] = None
            case "settled":
                self.settled[Start.of(words[:-2])] = Settled(words[-2], float(words[-1]))
            case "stalled":
                self.stalls.append(Fault(float(words[1]), float(words[2]), int(words[0])))


def is_there(process: int) -> bool:
    """Whether a process runs, or is stopped; not one that is dead and not buried."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


class Faults:
    """Kills workers, stops one for a while, and remembers that and what else was done.

    It is always the oldest one's turn: workers that are killed young are started again later and
    later.

    Args:
        log: knows the workers.
    """

    def __init__(self, log: Log) -> None:
        self.all: list[Fault] = []
        self.killed: set[int] = set()
        self.stopped: set[int] = set()
        self._log = log

    @contextmanager
    def to(self, worker: int | None = None) -> Iterator[None]:
        """What is done in this block is a fault of a worker, or of all."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.all.append(Fault(begin, time.monotonic(), worker))

    @asynccontextmanager
    async def killing(self) -> AsyncIterator[None]:
        """SIGKILL a worker every second, until the block ends."""
        doing = [asyncio.create_task(self._kill()), asyncio.create_task(self._note_stalls())]
        try:
            yield
        finally:
            for task in doing:
                task.cancel()
            await asyncio.wait(doing)
        for task in doing:
            if not task.cancelled():
                task.result()

    async def stop_one(self, seconds: float) -> None:
        """SIGSTOP a worker for a while."""
        worker = await self._oldest_worker()
        self.stopped.add(worker)
        with self.to(worker):
            os.kill(worker, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                if is_there(worker):
                    os.kill(worker, signal.SIGCONT)

    async def _note_stalls(self) -> None:
        """What stops this process stops the connections that go through it."""
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.1)
            if time.monotonic() - begin > 0.4:
                self.all.append(Fault(begin, time.monotonic()))

    async def _kill(self) -> None:
        while True:
            await asyncio.sleep(1)
            worker = await self._oldest_worker()
            self.all.append(Fault(time.monotonic(), math.inf, worker))
            os.kill(worker, signal.SIGKILL)
            self.killed.add(worker)

    async def _oldest_worker(self) -> int:
        """Return the oldest worker that was not stopped: a stopped one is to come back."""
        async with asyncio.timeout(30):
            while True:
                workers = [each for each in self._log.workers() if each not in self.stopped]
                if workers:
                    return workers[0]
                await asyncio.sleep(0.05)


class Client:
    """Sends tasks and waits for them, as a program does whose every task matters.

    Args:
        work: the task of `TASKS`.
        at_once: tasks that are under way at a time: the others are sent while the faults go on.
        patience: seconds that the result of a task may take.

    Attributes:
        repeated: sends whose fate was unknown, so that the task was sent again.
    """

    def __init__(self, work: Work, *, at_once: int, patience: float = 150.0) -> None:
        self.repeated = 0
        self._work = work
        self._patience = patience
        self._free = asyncio.Semaphore(at_once)
        self._ended = 0
        self._progress = asyncio.Condition()

    async def run(self, number: int) -> AsyncTaskiqTask[list[float]]:
        """Send a task, and wait for its result."""
        async with self._free:
            task = await self._send(number)
            await task.wait_result(timeout=self._patience)
        async with self._progress:
            self._ended += 1
            self._progress.notify_all()
        return task

    async def until_ended(self, count: int) -> None:
        """Wait until so many tasks have ended."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._ended >= count)

    async def _send(self, number: int) -> AsyncTaskiqTask[list[float]]:
        for send in range(1, 1_000):
            kicker = self._work.kicker().with_task_id(f"task-{number}").with_labels(send=send)
            try:
                return await kicker.kiq(number)
            except SendTaskError as error:
                if not isinstance(error.__cause__, BrokerConnectionError):
                    raise
                self.repeated += 1
                await asyncio.sleep(0.05)
        raise AssertionError("there was no server for too long")


def client_of(url: str) -> tuple[AsyncBroker, Work]:
    """A broker that sends, and the task of `TASKS`."""
    broker = broker_from_url(url)

    async def work(number: int) -> list[float]:
        raise AssertionError("it runs in the workers")

    return broker, broker.register_task(work, task_name="work")


async def until_it_is_empty(broker: AsyncBroker) -> None:
    """Results are stored before deliveries are acknowledged: some may run once more."""
    async with asyncio.timeout(30):
        while (stats := await broker.stats()).waiting or stats.delivered:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def assert_nothing_is_wrong(
    log: Log, faults: Faults, results: Iterable[TaskiqResult[list[float]]], *, lease: float
) -> None:
    """After the workers have ended: every result is there and the right one, all is explained.

    Args:
        log: what the tasks wrote.
        faults: what was done to them.
        results: of the tasks 0, 1, 2 ..., as they are stored at the end.
        lease: of their broker, in seconds.
    """
    stored = [Start.of(result.raise_for_error().return_value) for result in results]
    assert [each.number for each in stored] == list(range(len(stored)))
    assert log.unexplained(faults.all, lease=lease) == []
    # A worker that lost its lease has not overwritten the result of the new owner.
    latest = {starts[-1] for starts in log.messages()}
    assert [each for each in stored if each not in latest] == []
    unsettled = [each for each in log.starts() if each not in log.settled]
    assert [each for each in unsettled if each.worker not in faults.killed] == []
