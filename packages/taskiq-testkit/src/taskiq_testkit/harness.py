"""Where a contract test plays: a broker, workers of all kinds, and what they have to do with it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_testkit.deadline import until
from taskiq_testkit.inplace_worker import InplaceWorker
from taskiq_testkit.outcome_recorder import OutcomeRecorder
from taskiq_testkit.probe import ProbeDelivery, Worker, formatted, kicker
from taskiq_testkit.processes import BrokerFactory, WorkerProcess
from taskiq_testkit.receiver_worker import ReceiverWorker
from taskiq_testkit.stream_worker import RECLAIM_EVERY, StreamDelivery, StreamWorker

MakeBroker = Callable[[], AsyncBroker | Awaitable[AsyncBroker]]
Task = Callable[..., Awaitable[Any]]


class BrokerHarness:
    """A broker under test, as its client sees it, and the means to run workers beside it.

    Args:
        broker: the client's.
        make_broker: makes one more of the same queue, for a worker; None to use `broker` itself.
        broker_factory: makes one in another process; None if the author gives none.
        patience: seconds to wait for what must come.
        tick: seconds that two moments must be apart for the broker to tell them apart.
        has_workers: False for brokers that run tasks where they are sent.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        *,
        make_broker: MakeBroker | None,
        broker_factory: BrokerFactory | None,
        patience: float,
        tick: float,
        has_workers: bool,
    ) -> None:
        self.broker = broker
        self.patience = patience
        self.tick = tick
        self.has_workers = has_workers
        self._make_broker = make_broker
        self._broker_factory = broker_factory
        self._tasks: dict[str, Task] = {}
        self._in_place: InplaceWorker | None = None
        self._closing = AsyncExitStack()
        self.queues_used: set[str] = set()
        self._test_id = uuid4().hex[:8]

    async def open(self) -> None:
        """Start the client's broker."""
        await self.broker.startup()
        self._closing.push_async_callback(self.broker.shutdown)
        if not self.has_workers:
            self._in_place = InplaceWorker(self.broker, self.patience)
            self._closing.push_async_callback(self._in_place.close)

    async def close(self) -> None:
        """Stop everything, workers first."""
        await self._closing.aclose()

    # -- what the broker says of itself -------------------------------------------------------

    def declares(self, capability: Capability) -> bool:
        """Whether the broker declares a capability.

        Raises:
            AssertionError: it declares nothing, not even that it can do nothing.
        """
        if self.broker.capabilities is None:
            raise AssertionError(
                f"{type(self.broker).__name__}.capabilities is None: say what the broker can do, "
                "frozenset() if it is nothing beyond kick and listen"
            )
        return capability in self.broker.capabilities

    @property
    def has_stats(self) -> bool:
        """Whether the broker counts its messages."""
        return type(self.broker).stats is not AbstractBroker.stats

    @property
    def has_purge(self) -> bool:
        """Whether the broker's queue can be purged."""
        return type(self.broker).purge is not AbstractBroker.purge

    # -- sending ------------------------------------------------------------------------------

    async def send(self, text: str = "", *, task_id: str | None = None, **labels: Any) -> str:
        """Send the probe; its task id."""
        return (await kicker(self.broker, task_id, labels).kiq(text)).task_id

    async def kick(self, text: str) -> str:
        """Send the probe by `kick` alone; its task id."""
        task_id = uuid4().hex
        await self.broker.kick(formatted(self.broker, text, task_id))
        return task_id

    def task(self, name: str, function: Task) -> None:
        """Have a task known to workers that come, and to a broker that runs it itself."""
        self._tasks[name] = function
        if not self.has_workers:
            _learn(self.broker, self._tasks)

    async def call(self, name: str, *args: Any, **labels: Any) -> AsyncTaskiqTask[Any]:
        """Send a task of that name."""
        return await AsyncKicker[..., Any](name, self.broker, labels).kiq(*args)

    # -- workers ------------------------------------------------------------------------------

    async def worker(self, slots: int = 1) -> Worker:
        """A worker that takes deliveries as the test says, whatever kind of broker it is."""
        return self._in_place or await self.stream(slots)

    async def stream(self, slots: int = 1, **settings: Any) -> StreamWorker:
        """Start a worker of a broker that has workers; it is closed at the end.

        Args:
            slots: how many deliveries it may hold.
            settings: attributes of its broker, which a worker sets.
        """
        worker = StreamWorker(await self.worker_broker(**settings), slots, self.patience)
        self._closing.push_async_callback(worker.close)
        return worker

    async def receiver(self, *, slots: int = 10, max_deliveries: int = 5) -> ReceiverWorker:
        """A whole worker; it is closed at the end."""
        broker = await self.worker_broker() if self.has_workers else self.broker
        _learn(broker, self._tasks)
        recorder = OutcomeRecorder()
        broker.add_middlewares(recorder)
        broker.reclaim_interval = RECLAIM_EVERY
        receiver = ReceiverWorker(
            broker,
            recorder,
            runs=self.has_workers,
            patience=self.patience,
            slots=slots,
            max_deliveries=max_deliveries,
        )
        self._closing.push_async_callback(receiver.close)
        return receiver

    async def process(self, slots: int = 1) -> WorkerProcess:
        """A worker in a process of its own, which listens; it is killed at the end."""
        if self._broker_factory is None:
            raise AssertionError(
                "A broker that declares `ack` is tested with worker processes that are killed: "
                "give your class a fixture `broker_factory` that returns "
                'BrokerFactory("module:function", config). If it runs tasks where they are sent, '
                "say so by has_workers = False."
            )
        process = await WorkerProcess.spawn(
            self._broker_factory, slots=slots, patience=self.patience
        )
        self._closing.push_async_callback(process.kill)
        await process.ready()
        return process

    async def worker_broker(self, **settings: Any) -> AsyncBroker:
        """One more broker of the queue, started; the client's own if it can be the only one.

        Args:
            settings: attributes that a worker sets before start-up: `queues`, `worker_id`.
        """
        if self._make_broker is None:
            await self._set_up_again(settings)
            return self.broker
        made = self._make_broker()
        broker = await made if inspect.isawaitable(made) else made
        broker.is_worker_process = True
        for name, value in settings.items():
            setattr(broker, name, value)
        await broker.startup()
        self._closing.push_async_callback(broker.shutdown)
        return broker

    async def _set_up_again(self, settings: Mapping[str, Any]) -> None:
        """Start the client's broker anew, as one that a worker has set up."""
        if settings:
            await self.broker.shutdown()
            for name, value in settings.items():
                setattr(self.broker, name, value)
            await self.broker.startup()

    def queue(self, name: str) -> str:
        """Return the name of a queue of this test beside the default one.

        It is one that no other test uses, for brokers whose tests share a server.
        """
        full = f"{name}-{self._test_id}"
        self.queues_used.add(full)
        return full

    async def tune_in(self, workers: Sequence[StreamWorker]) -> None:
        """Wait until each of these workers gets what is sent; for a broker that broadcasts."""
        for worker in workers:
            worker.begin()
        pending = [asyncio.create_task(_text_of(worker, "tuning")) for worker in workers]
        while not all(task.done() for task in pending):
            await self.send("tuning")
            await asyncio.wait(pending, timeout=self.tick)
        await asyncio.gather(*pending)
        await self.send("tuned in")
        await asyncio.gather(*(_text_of(worker, "tuned in") for worker in workers))

    async def vanish(self, worker: StreamWorker) -> None:
        """Have a worker go without settling what it holds, as one that dies."""
        await worker.close()
        if worker.broker is not self.broker:
            await worker.broker.shutdown()

    # -- leases -------------------------------------------------------------------------------

    def lease_of(self, held: StreamDelivery) -> float:
        """The lease of a delivery, in seconds.

        Raises:
            AssertionError: it has none, or one that no test wants to wait for.
        """
        lease = held.delivery.lease
        if lease is None:
            raise AssertionError("The broker declares `lease`, but Delivery.lease is None")
        if lease > self.patience / 4:
            raise AssertionError(
                f"The lease is {lease:g} s. The tests wait until leases run out: make the broker "
                "of the fixtures with one of about a second"
            )
        return lease

    async def lease_over(self, held: StreamDelivery, *, kept: StreamDelivery | None = None) -> None:
        """Wait until a lease that nobody renews has run out.

        Args:
            held: whose lease it is.
            kept: another delivery, whose lease is renewed meanwhile.
        """
        for _ in range(2):
            await asyncio.sleep(self.lease_of(held) * 0.55)
            if kept is not None:
                await kept.delivery.extend()

    async def reclaimed(self) -> None:
        """Have what dead workers had delivered again, as a worker would that has nothing to do."""
        if self.declares(Capability.LEASE) and not self.broker.reclaims_itself:
            await self.until(self.broker.reclaim, "the end of a lease")

    # -- looking ------------------------------------------------------------------------------

    async def until(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Look until there is something true, for what has no event."""
        return await until(look, patience=self.patience, what=what)

    async def counts(self, *, queue: str | None = None, **expected: int) -> None:
        """Wait until the broker's stats say so; worker and client may be different processes."""
        seen: list[QueueStats] = []

        async def agrees() -> bool:
            stats = await (self.broker.stats(queue=queue) if queue else self.broker.stats())
            seen[:] = [stats]
            # None: a server that can't tell.
            return all(getattr(stats, name) in (None, n) for name, n in expected.items())

        try:
            await self.until(agrees, "the count")
        except AssertionError as error:
            raise AssertionError(f"stats() should say {expected}, but says {seen}") from error

    async def is_empty(self, worker: Worker) -> None:
        """Check that nothing is left: what is sent now is all that comes."""
        for _ in range(2):
            sentinel = await self.send("sentinel")
            held = await worker.next()
            if held.task_id != sentinel:
                raise AssertionError(
                    f"the message {held.text!r} came, as attempt {held.attempt}, but nothing "
                    "should be left"
                )
            await held.ack()
        for expired in await self.broker.expire_queued():
            await expired.bury("expired")  # as each worker does on a timer
        if self.has_stats:
            await self.counts(waiting=0, delivered=0, delayed=0)

    async def gather(self, worker: Worker, count: int) -> list[ProbeDelivery]:
        """Take so many deliveries and acknowledge each."""
        taken: list[ProbeDelivery] = []
        for _ in range(count):
            held = await worker.next()
            await held.ack()
            taken.append(held)
        return taken


async def _text_of(worker: StreamWorker, text: str) -> None:
    """Acknowledge what comes, until that text has."""
    while True:
        held = await worker.next()
        await held.ack()
        if held.text == text:
            return


def _learn(broker: AsyncBroker, tasks: dict[str, Task]) -> None:
    for name, function in tasks.items():
        if broker.find_task(name) is None:
            broker.register_task(function, name)
