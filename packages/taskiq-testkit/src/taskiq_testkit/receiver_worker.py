"""A whole worker: core's receiver on a broker of its own, and what became of its deliveries."""

import asyncio
from collections.abc import AsyncGenerator

from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.outcomes import Outcome
from taskiq_core.messages.slots import Slots
from taskiq_core.receiver import Receiver
from taskiq_testkit.outcome_recorder import UNREADABLE, OutcomeRecorder


class ReceiverWorker:
    """Runs tasks as the `taskiq worker` command does.

    Args:
        broker: what it listens to; it is started.
        recorder: remembers what becomes of the deliveries.
        runs: whether there is anything to run: brokers that run tasks where they are sent have no
            receiver to start.
        patience: seconds to wait for each outcome, and for running tasks at the end.
        slots: how many tasks run at once.
        max_deliveries: how many deliveries of a message may end without being settled.

    Attributes:
        streams: how often the broker's stream of deliveries was opened; again after it broke.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        recorder: OutcomeRecorder,
        *,
        runs: bool,
        patience: float,
        slots: int = 10,
        max_deliveries: int = 5,
    ) -> None:
        self.broker = broker
        self.recorder = recorder
        self.streams = 0
        self._patience = patience
        self._finish = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        if runs:
            self._count_streams()
            receiver = Receiver(
                broker,
                run_startup=False,
                max_async_tasks=slots,
                wait_tasks_timeout=patience,
                max_deliveries=max_deliveries,
            )
            self._listening = asyncio.create_task(receiver.listen(self._finish))

    def _count_streams(self) -> None:
        open_stream = self.broker.deliveries

        def counted(slots: Slots) -> AsyncGenerator[Delivery, None]:
            self.streams += 1
            return open_stream(slots)

        # For this object only: brokers of the same class are not concerned.
        self.broker.deliveries = counted  # type: ignore[method-assign]

    async def outcome_of(self, task_id: str) -> Outcome:
        """What became of the next delivery of a task."""
        return await self.recorder.outcome_of(task_id, patience=self._patience)

    async def outcome_of_unreadable(self) -> Outcome:
        """What became of the next delivery that could not be read."""
        return await self.recorder.outcome_of(UNREADABLE, patience=self._patience)

    async def close(self) -> None:
        """Let running tasks end, and listen no more; may be called twice."""
        self._finish.set()
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await listening
