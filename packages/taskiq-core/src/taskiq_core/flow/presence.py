"""Presence: announces the record of a worker every few seconds, and withdraws it at the end."""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import reason_of
from taskiq_core.flow.delivery_end import attempt_number
from taskiq_core.flow.process_facts import host_name, process_space, resident_memory, versions
from taskiq_core.flow.run_state import Run
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.worker_record import RunningTask, WorkerRecord
from taskiq_core.worker_report import WorkerReport

logger = get_logger(__name__)

INTERVAL: Final = 5.0
"""Seconds between two announcements."""
TTL: Final = 3 * INTERVAL
"""Seconds after which the record of a worker that announces nothing more ends."""
MAX_RUNNING: Final = 100
"""Running tasks that are named in a record."""
_LAG_SAMPLES: Final = 5
"""How often the event loop's lag is measured between two announcements."""
_WITHDRAW_TIMEOUT: Final = 2.0
"""Seconds that the withdrawal gets: a worker that leaves does not wait for a store that is down."""


class PresentWorker(Protocol):
    """What a worker says of itself.

    Attributes:
        supervisor_id: of the `taskiq worker` command that started it; None without one.
    """

    supervisor_id: str | None

    @property
    def tasks_done(self) -> int:
        """The number of deliveries that have ended here."""
        ...

    def report(self) -> WorkerReport:
        """Return the state of the worker."""
        ...

    def running_tasks(self, limit: int) -> Sequence[RunningTask]:
        """Return the tasks that run now, at most so many."""
        ...


class Presence:
    """Keeps the record of one worker in the store.

    Args:
        broker: whose store; its `worker_id` names the record.
        worker: which is described.
    """

    def __init__(self, broker: AsyncBroker, worker: PresentWorker) -> None:
        self._broker = broker
        self._worker = worker
        self._lag = 0.0
        self._is_in_trouble = False
        queues = broker.queues
        self._facts = WorkerRecord(
            worker_id=broker.worker_id,
            supervisor_id=worker.supervisor_id,
            host=host_name(),
            pid=os.getpid(),
            process_space=process_space(),
            state=worker.report().state,
            started_at=datetime.now(UTC),
            seen_at=datetime.now(UTC),
            queues=() if queues is None else tuple(queues.weights),
            versions=versions(),
            task_names=sorted(broker.get_all_tasks()),
        )

    async def run(self) -> None:
        """Announce the record every few seconds, until this is cancelled."""
        while True:
            await self._announce()
            await self._measure_lag()

    async def withdraw(self) -> None:
        """Forget the record, as the worker ends; a failure is logged."""
        try:
            async with asyncio.timeout(_WITHDRAW_TIMEOUT):
                await self._broker.withdraw(self._broker.worker_id)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            logger.warning(
                "The record of this worker can't be withdrawn, it ends in %g s: %s",
                TTL,
                reason_of(error),
            )

    def record(self) -> WorkerRecord:
        """Return the record as it is now."""
        report = self._worker.report()
        return self._facts.model_copy(
            update={
                "state": report.state,
                "seen_at": datetime.now(UTC),
                "slots_total": report.slots_total,
                "running": self._worker.running_tasks(MAX_RUNNING),
                "running_count": report.running_tasks,
                "tasks_done": self._worker.tasks_done,
                "loop_lag": self._lag,
                "memory": resident_memory(),
            }
        )

    async def _announce(self) -> None:
        try:
            async with asyncio.timeout(INTERVAL):
                await self._broker.announce(self.record(), ttl=TTL)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            if not self._is_in_trouble:
                logger.warning("This worker can't be announced: %s", reason_of(error))
            self._is_in_trouble = True
        else:
            self._is_in_trouble = False

    async def _measure_lag(self) -> None:
        """Sleep until the next announcement, and see how late the event loop was meanwhile."""
        loop, step, worst = asyncio.get_running_loop(), INTERVAL / _LAG_SAMPLES, 0.0
        for _ in range(_LAG_SAMPLES):
            due = loop.time() + step
            await asyncio.sleep(step)
            worst = max(worst, loop.time() - due)
        self._lag = worst


def running_task(delivery: Delivery, run: Run) -> RunningTask:
    """Describe a run that has not ended."""
    message = run.message
    seconds = time.monotonic() - run.started
    return RunningTask(
        task_id=delivery.task_id or "" if message is None else message.task_id,
        task_name="" if message is None else message.task_name,
        attempt=attempt_number(delivery, run),
        started_at=datetime.fromtimestamp(time.time() - seconds, UTC),
    )
