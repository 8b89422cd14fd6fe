"""TaskLocation: where a task is that has no result."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from taskiq_cli.commands.queue_option import each_queue, has
from taskiq_cli.commands.units import age_text, moment_text, time_left_text
from taskiq_cli.terminal_text import one_line, plain
from taskiq_core.capabilities import Capability

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.history import DeliveryRecord
    from taskiq_core.messages.message_info import MessageInfo

_TEXTS: Final = {
    "running": (
        "Task {task} runs on worker {worker} ({host}) since {since}, for {age}, attempt {attempt}."
    ),
    "delivered": (
        "Task {task} of queue {queue} is with worker {worker}, attempt {attempt}. No worker says "
        "that it runs."
    ),
    "waiting": "Task {task} waits in queue {queue} since {since}, for {age}, attempt {attempt}.",
    "delayed": (
        "Task {task} waits in queue {queue} until {due_at}, for another {left}, attempt {attempt}."
    ),
    "dead": "Task {task} was buried in queue {queue}: {reason}. `taskiq dead list` lists it.",
    "ended": (
        "Task {task} ended at {since} on worker {worker}, attempt {attempt}: {reason}. It stores "
        "no result, or its result has expired."
    ),
    "unknown": (
        "Task {task} is unknown: it is in no queue, and no result is stored. It stores none, its "
        "result has expired, or there was no such task."
    ),
    "missing": (
        "There is no result of task {task}: it waits or runs, it stores none, its result has "
        "expired, or there was no such task. More is not known: {reason}."
    ),
}


PAGE: Final = 100
"""Messages of a page that a search asks for."""
_NOT_FOUND: Final = ("unknown", "missing")


@dataclass(frozen=True, slots=True)
class TaskLocation:
    """Where a task without a result was found.

    Attributes:
        state: running, delivered, waiting, delayed, dead or ended; unknown where the store was
            searched, and missing where it could not be searched.
        queue: the queue of its message.
        attempt: which delivery it is, or will be next.
        worker: the worker that has it, or had it last.
        host: the machine of that worker.
        since: when it was sent, or began to run, or ended.
        due_at: when a delayed message is due.
        reason: why it was buried, how it ended, or why its state is missing.
    """

    state: str
    queue: str | None = None
    attempt: int | None = None
    worker: str | None = None
    host: str | None = None
    since: datetime | None = None
    due_at: datetime | None = None
    reason: str | None = None


async def locate_task(broker: "AsyncBroker", task_id: str) -> TaskLocation:
    """Find a task among what workers run, in the queues, and in the history."""
    if has(broker, Capability.PRESENCE) and (running := await _running(broker, task_id)):
        return running
    searched = TaskLocation("missing", reason="the broker can't list its messages")
    if has(broker, Capability.INSPECT):
        searched = await _message(broker, task_id)
    if searched.state not in _NOT_FOUND or not has(broker, Capability.HISTORY):
        return searched
    return await _ended(broker, task_id) or searched


def location_text(task_id: str, found: TaskLocation) -> str:
    """Return a sentence that says where a task is."""
    now = datetime.now(UTC)
    return _TEXTS[found.state].format(
        task=one_line(task_id),
        queue=one_line(found.queue or "-"),
        worker=one_line(found.worker or "unknown"),
        host=one_line(found.host or "-"),
        attempt=found.attempt,
        since=moment_text(found.since),
        age=age_text(found.since, now),
        due_at=moment_text(found.due_at),
        left=time_left_text(found.due_at, now),
        reason=one_line(found.reason or "-"),
    )


def location_object(task_id: str, found: TaskLocation) -> dict[str, Any]:
    """Return where a task is for JSON, without what is not known."""
    values = {name: value for name, value in plain(found).items() if value is not None}
    return {"task_id": task_id, **values}


async def _running(broker: "AsyncBroker", task_id: str) -> TaskLocation | None:
    for worker in await broker.workers():
        for task in worker.running:
            if task.task_id == task_id:
                return TaskLocation(
                    "running",
                    attempt=task.attempt,
                    worker=worker.worker_id,
                    host=worker.host,
                    since=task.started_at,
                )
    return None


async def _message(broker: "AsyncBroker", task_id: str) -> TaskLocation:
    from taskiq_cli.commands.messages import find_messages
    from taskiq_core.messages.message_info import MessageFilter, MessageState

    where = MessageFilter(task_id=task_id)
    is_complete = True
    for chosen in await each_queue(broker):
        for state in MessageState:
            found = await find_messages(broker, state, chosen, where=where, limit=PAGE)
            if found.messages:
                return _of_message(found.messages[0])
            is_complete &= found.after is None
    if is_complete:
        return TaskLocation("unknown")
    return TaskLocation("missing", reason="its queues are too long to be searched to the end")


def _of_message(message: "MessageInfo") -> TaskLocation:
    is_with_worker = message.state.value in ("delivered", "dead")
    return TaskLocation(
        message.state.value,
        queue=message.queue,
        attempt=message.attempt if is_with_worker else message.attempt + 1,
        worker=message.owner,
        since=message.sent_at,
        due_at=message.due_at,
        reason=message.reason,
    )


async def _ended(broker: "AsyncBroker", task_id: str) -> TaskLocation | None:
    page = await broker.deliveries_of_past(task_id=task_id, limit=1)
    return _of_delivery(page.deliveries[0]) if page.deliveries else None


def _of_delivery(delivery: "DeliveryRecord") -> TaskLocation:
    error = f" ({delivery.error})" if delivery.error else ""
    return TaskLocation(
        "ended",
        queue=delivery.queue or None,
        attempt=delivery.attempt,
        worker=delivery.worker_id or None,
        since=delivery.ended_at,
        reason=f"{delivery.end.value}{error}",
    )
