"""TaskReport: everything that is known of one task."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.exceptions import reason_of
from taskiq_core.messages.exception_bounds import RemoteTraceback
from taskiq_core.messages.exception_records import UnknownRemoteError
from taskiq_core.messages.history import DeliveryRecord
from taskiq_core.messages.message_info import MessageInfo
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_web.access import Access
from taskiq_web.reads.broker_queues import has
from taskiq_web.reads.content import MessageContent, content_of
from taskiq_web.reads.messages import find_message
from taskiq_web.render.text import shortened
from taskiq_web.render.values import MASK, MAX_TEXT, ValueReader

MAX_DELIVERIES: Final = 100
"""Deliveries of one task that are shown."""
MAX_TRACEBACK: Final = 16_000
"""Characters of the end of a traceback."""


@dataclass(frozen=True, slots=True)
class RunningNow:
    """A delivery that a worker says it runs."""

    worker_id: str
    host: str
    attempt: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """The stored result of a task.

    Attributes:
        is_error: whether the task failed.
        value: what it returned.
        error: its exception as text.
        traceback: of the exception, if it is stored.
        log: what the task logged, where that is collected.
        seconds: how long the function ran.
    """

    is_error: bool
    value: Any = None
    error: str = ""
    traceback: str = ""
    log: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What is known of one task.

    Attributes:
        task_id: its id.
        task_name: its name; empty if it is not known.
        state: running, delivered, waiting, delayed, dead, ended or unknown.
        running: the delivery that runs now.
        message: its message in a queue, without the bytes.
        content: what the message says.
        deliveries: the ones that have ended, the oldest first.
        outcome: its result.
        progress: how far it has come, as it says.
        notes: what can't be known of it, and why.
    """

    task_id: str
    task_name: str
    state: str
    running: RunningNow | None = None
    message: MessageInfo | None = None
    content: MessageContent | None = None
    deliveries: Sequence[DeliveryRecord] = ()
    outcome: TaskOutcome | None = None
    progress: Any = None
    notes: Sequence[str] = ()


async def read_task(
    broker: AsyncBroker,
    task_id: str,
    workers: Sequence[WorkerRecord],
    access: Access,
    *,
    max_content: int,
) -> TaskReport:
    """Look for a task among workers, queues, history and results.

    Args:
        broker: is started.
        task_id: of the task.
        workers: of all machines.
        access: of the viewer.
        max_content: bytes of a message that is read.
    """
    notes: list[str] = []
    running, running_name = _running(workers, task_id)
    message, content = None, None
    if has(broker, Capability.INSPECT):
        message = await find_message(broker, task_id)
    else:
        notes.append(f"{type(broker).__name__} can't list its messages.")
    if message is not None and message.body is not None:
        content = content_of(message.body, broker, access, max_size=max_content)
    deliveries: Sequence[DeliveryRecord] = ()
    if has(broker, Capability.HISTORY):
        page = await broker.deliveries_of_past(task_id=task_id, limit=MAX_DELIVERIES)
        deliveries = page.deliveries[::-1]
    outcome, progress = await _result(broker, task_id, access, notes)
    name = running_name or (message.task_name if message else "")
    return TaskReport(
        task_id=task_id,
        task_name=name or (deliveries[-1].task_name if deliveries else ""),
        state=_state(running, message, deliveries, outcome),
        running=running,
        message=message and _without_body(message, access),
        content=content,
        deliveries=[_masked(each, access) for each in deliveries],
        outcome=outcome,
        progress=progress,
        notes=notes,
    )


def _state(
    running: RunningNow | None,
    message: MessageInfo | None,
    deliveries: Sequence[DeliveryRecord],
    outcome: TaskOutcome | None,
) -> str:
    if message is not None:
        is_running = running is not None and message.state.value == "delivered"
        return "running" if is_running else message.state.value
    if running is not None:
        return "running"
    return "ended" if deliveries or outcome else "unknown"


def _running(workers: Sequence[WorkerRecord], task_id: str) -> tuple[RunningNow | None, str]:
    for worker in workers:
        for task in worker.running:
            if task.task_id == task_id:
                found = RunningNow(worker.worker_id, worker.host, task.attempt, task.started_at)
                return found, task.task_name
    return None, ""


async def _result(
    broker: AsyncBroker, task_id: str, access: Access, notes: list[str]
) -> tuple[TaskOutcome | None, Any]:
    backend = broker.result_backend
    if isinstance(backend, DummyResultBackend):
        notes.append("The broker has no result backend here.")
        return None, None
    try:
        progress = await backend.get_progress(task_id)
        shown = None if progress is None else ValueReader(access).read(progress)
        if not await backend.is_result_ready(task_id):
            return None, shown
        result = await backend.get_result(task_id, with_logs=True)
    except Exception as error:  # noqa: BLE001  # bytes from anywhere, and any serializer
        notes.append(f"Its result can't be read: {reason_of(error)}")
        return None, None
    return _outcome(result, access), shown


def _outcome(result: Any, access: Access) -> TaskOutcome:
    value = ValueReader(access).read(result.return_value)
    log = MASK if access.masks_content and result.log else shortened(result.log or "", MAX_TEXT)
    if result.error is None:
        return TaskOutcome(result.is_err, value, log=log, seconds=result.execution_time)
    if access.masks_content:
        return TaskOutcome(True, None, error=MASK, seconds=result.execution_time)
    text = shortened(_error_text(result.error), MAX_TEXT)
    trace = _traceback(result.error)[-MAX_TRACEBACK:]
    return TaskOutcome(True, None, text, trace, log, result.execution_time)


def _error_text(error: BaseException) -> str:
    if isinstance(error, UnknownRemoteError):
        return str(error)  # names its type
    return f"{type(error).__qualname__}: {error}"


def _traceback(error: BaseException) -> str:
    if isinstance(error.__cause__, RemoteTraceback):
        return error.__cause__.text.rstrip()
    return "".join(traceback.format_exception(error)).rstrip()


def _without_body(message: MessageInfo, access: Access) -> MessageInfo:
    error = MASK if access.masks_content and message.error else message.error
    return replace(message, body=None, error=error)


def _masked(delivery: DeliveryRecord, access: Access) -> DeliveryRecord:
    if not access.masks_content or delivery.error is None:
        return delivery
    return delivery.model_copy(update={"error": MASK})
