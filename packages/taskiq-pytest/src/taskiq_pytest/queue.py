"""TestQueue: the messages of a test, from `kick` until they are settled."""

from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import Any, Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.queue_labels import QueueLabels, queue_labels
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import DuplicateKeyError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.receiver import Receiver
from taskiq_pytest.deliveries import TestDelivery
from taskiq_pytest.errors import PendingTaskError, TooManyTasksError
from taskiq_pytest.results import TestResults
from taskiq_pytest.sent_task import SentTask
from taskiq_pytest.virtual_time import VirtualTime

MANY_RUNS: Final = 10_000
"""Runs after which `run_pending` takes its tasks for endless."""


class TestQueue:
    """Records messages, and runs them one after another.

    Args:
        broker: whose messages they are; the labels are honoured that it can honour, and delays.
        executor: for plain functions.
        time: the clock of the test.
        is_eager: whether what is not delayed is run when it is sent.

    Attributes:
        sent: all messages, in the order of their sending.
        pending: the deliveries that have not begun, in the order in which they became pending.
        results: the results of the test.
    """

    __test__ = False  # not a class of tests, as pytest would think

    def __init__(
        self, broker: AsyncBroker, executor: Executor, time: VirtualTime, *, is_eager: bool
    ) -> None:
        self.sent: list[SentTask] = []
        self.pending: list[TestDelivery] = []
        self.results: TestResults[Any] = TestResults(self.run_until_done)
        self._broker = broker
        self._time = time
        self._is_eager = is_eager
        self._running: list[TestDelivery] = []
        self._receiver = Receiver(broker, executor=executor, run_startup=False)

    # -- sending ------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Record a message, and make it pending."""
        labels = queue_labels(message)
        task = self._record(message, labels)
        self._refuse_duplicate(task)
        self.sent.append(task)
        self.results.expect(task.task_id)
        delivery = TestDelivery(task, self.release)
        if self._is_eager and not labels.delay:
            await self._run(delivery)
        else:
            self.pending.append(delivery)

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Record messages, one after another."""
        for message in messages:
            await self.kick(message)

    def _record(self, message: BrokerMessage, labels: QueueLabels) -> SentTask:
        call = self._broker.formatter.loads(message.message)
        call.parse_labels()
        can = self._broker.capabilities or frozenset()
        expires = labels.expires_after if Capability.EXPIRY in can else None
        return SentTask(
            task_name=message.task_name,
            task_id=message.task_id,
            args=call.args,
            kwargs=call.kwargs,
            labels=call.labels,
            message=message,
            sent_at=self._time.now(),
            due_at=self._time.after(labels.delay),
            expires_at=None if expires is None else self._time.after(expires),
            priority=labels.priority if Capability.PRIORITY in can else 0,
            unique_key=labels.unique_key if Capability.UNIQUE in can else None,
        )

    def _refuse_duplicate(self, task: SentTask) -> None:
        if task.unique_key is None:
            return
        for other in (*self._running, *self.pending):
            if other.task.unique_key == task.unique_key:
                raise DuplicateKeyError(
                    task_name=task.task_name,
                    unique_key=task.unique_key,
                    holder=other.task.task_id,
                )

    # -- running ------------------------------------------------------------------------------

    @property
    def next_due(self) -> datetime | None:
        """When the first pending message is due; None if nothing is pending."""
        return min((each.task.due_at for each in self.pending), default=None)

    async def run_next(self) -> SentTask | None:
        """Run the message that is due and comes first: by priority, then by when it was due.

        Returns:
            The message; None if nothing is due.
        """
        due = [each for each in self.pending if each.task.due_at <= self._time.now()]
        if not due:
            return None
        first = min(due, key=lambda each: (-each.task.priority, each.task.due_at))
        self.pending.remove(first)
        await self._run(first)
        return first.task

    async def run_pending(self, limit: int) -> list[SentTask]:
        """Run what is due, and what that sends, until nothing is due.

        Args:
            limit: how many runs are taken for endless.

        Returns:
            The messages that were run, one entry for each attempt.

        Raises:
            TooManyTasksError: something was still due after `limit` runs.
        """
        ran: list[SentTask] = []
        while (task := await self.run_next()) is not None:
            ran.append(task)
            due = self.next_due
            if len(ran) == limit and due is not None and due <= self._time.now():
                raise TooManyTasksError(limit=limit, task_name=self.pending[-1].task.task_name)
        return ran

    async def run_until_done(self, task_id: str) -> None:
        """Run what is due until a task has its result; one that runs already is left to its end.

        Raises:
            PendingTaskError: nothing is due any more that could bring the result.
        """
        while task_id not in self.results.results and not self._find(task_id, self._running):
            if await self.run_next() is None:
                raise PendingTaskError(task_id=task_id, reason=self._why_not_run(task_id))

    def _why_not_run(self, task_id: str) -> str:
        if waiting := self._find(task_id, self.pending):
            return f"it is due at {waiting[0].task.due_at}, and it is {self._time.now()} now"
        if any(each.task_id == task_id for each in self.sent):
            return "it has ended and saved none"
        return "it was not sent in this test"

    async def _run(self, delivery: TestDelivery) -> None:
        task = delivery.task
        task.attempts += 1
        if task.expires_at is not None:
            delivery.expired = self._time.now() >= task.expires_at
        self._running.append(delivery)
        try:
            await self._receiver.handle(delivery)
        finally:
            self._running.remove(delivery)
            task.saved_result = self.results.results.get(task.task_id)
            if not self._find(task.task_id, self.pending):
                self.results.settled(task.task_id)

    # -- settling -----------------------------------------------------------------------------

    def release(self, delivery: TestDelivery, delay: float) -> None:
        """Make a message pending again, as its next attempt, in `delay` seconds."""
        delivery.task.due_at = self._time.after(0.0 if delivery.aborted else delay)
        self.pending.append(TestDelivery(delivery.task, self.release, before=delivery))

    async def request_abort(self, task_id: str) -> AbortState:
        """Cancel a task that runs; one that is pending ends without being started."""
        if self._receiver.abort(task_id):
            return AbortState.RUNNING
        waiting = self._find(task_id, self.pending)
        for delivery in waiting:
            delivery.aborted = True
            delivery.task.due_at = self._time.now()
        return AbortState.QUEUED if waiting else AbortState.UNKNOWN

    def _find(self, task_id: str, deliveries: list[TestDelivery]) -> list[TestDelivery]:
        return [each for each in deliveries if each.task.task_id == task_id]
