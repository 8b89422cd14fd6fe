"""A worker for brokers that run tasks where they are sent: the probe waits for the test's word."""

import asyncio

from taskiq_dependencies import Depends

from taskiq_core.broker import AsyncBroker
from taskiq_core.client.context import Context
from taskiq_core.exceptions import TaskRejectedError, TaskRetryError
from taskiq_core.messages.message import TaskiqMessage
from taskiq_testkit.deadline import within
from taskiq_testkit.outcome_recorder import OutcomeRecorder
from taskiq_testkit.probe import PROBE, ProbeDelivery, Worker


class InplaceWorker(Worker):
    """Deliveries of a broker that has no stream, by way of the task that they run.

    What the test decides becomes what the task does: it returns, raises TaskRetryError or raises
    TaskRejectedError.

    Args:
        broker: whose tasks to catch.
        patience: seconds to wait for each.
    """

    def __init__(self, broker: AsyncBroker, patience: float) -> None:
        self.patience = patience
        self.recorder = OutcomeRecorder()
        self._begun: asyncio.Queue[InPlaceDelivery] = asyncio.Queue()
        self._waiting: set[InPlaceDelivery] = set()
        broker.add_middlewares(self.recorder)

        # A method of its own can't be a task: dependencies are not resolved for bound methods.
        async def probe(text: str, context: Context = Depends()) -> None:
            del text  # it is in the message
            await self._hold(context)

        broker.register_task(probe, PROBE)

    async def next(self) -> ProbeDelivery:
        """The next run of the probe."""
        async with within(self.patience, "the start of a task"):
            return await self._begun.get()

    async def close(self) -> None:
        """Let all that is held end."""
        for held in list(self._waiting):
            held.decide(None)

    async def _hold(self, context: Context) -> None:
        held = InPlaceDelivery(self, context.message, context.attempt)
        self._waiting.add(held)
        self._begun.put_nowait(held)
        try:
            await held.decision
        finally:
            self._waiting.discard(held)


class InPlaceDelivery(ProbeDelivery):
    """A run of the probe that waits for what the test decides."""

    def __init__(self, worker: InplaceWorker, message: TaskiqMessage, attempt: int) -> None:
        super().__init__(message, attempt)
        self.decision: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._worker = worker

    def decide(self, error: Exception | None) -> None:
        """Let the task end."""
        if self.decision.done():
            return
        if error is None:
            self.decision.set_result(None)
        else:
            self.decision.set_exception(error)

    async def ack(self) -> None:
        """Let the task return."""
        await self._settled_by(None)

    async def release(self, delay: float = 0) -> None:
        """Have the task ask for another attempt."""
        await self._settled_by(TaskRetryError(delay=delay))

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Have the task reject its message; core words the reason."""
        await self._settled_by(TaskRejectedError())

    async def _settled_by(self, error: Exception | None) -> None:
        self.decide(error)
        await self._worker.recorder.outcome_of(self.task_id, patience=self._worker.patience)
