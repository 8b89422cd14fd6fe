"""WorkerRecord: what a worker says of itself to operators on all machines."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from taskiq_core.worker_report import WorkerState


class RunningTask(BaseModel):
    """A task that a worker runs now.

    Attributes:
        task_id: of the message.
        task_name: of the message.
        attempt: which delivery of the message it is, from 1.
        started_at: when the delivery came, in UTC.
    """

    task_id: str
    task_name: str
    attempt: int
    started_at: datetime


class WorkerRecord(BaseModel):
    """A worker process at one moment; stored with a time-out, as JSON.

    Attributes:
        worker_id: unique among all workers of a broker, also among workers that have ended; the
            owner of what the worker holds.
        supervisor_id: unique for each `taskiq worker` command; None for a worker without one.
        host: name of the machine.
        pid: of the process, in its own namespace.
        process_space: of the machine since its last boot, and of the namespace of process ids.
            Processes with equal ones see each other; None where that is unknown.
        state: where it is in its life.
        started_at: when the worker began to listen, in UTC.
        seen_at: when it last wrote the record, in UTC.
        queues: the names of its queues; empty where the broker has one queue.
        slots_total: messages that it may hold; None for no limit.
        running: the tasks that it runs now, at most a hundred of them.
        running_count: the number of tasks that it runs now.
        tasks_done: deliveries that it has settled.
        loop_lag: seconds that its event loop last was late.
        memory: resident bytes of the process; None where that can't be read.
        versions: of taskiq and its plugins, by distribution.
        task_names: the tasks that it knows.
    """

    worker_id: str
    supervisor_id: str | None = None
    host: str
    pid: int
    process_space: str | None = None
    state: WorkerState
    started_at: datetime
    seen_at: datetime
    queues: Sequence[str] = ()
    slots_total: int | None = None
    running: Sequence[RunningTask] = ()
    running_count: int = 0
    tasks_done: int = 0
    loop_lag: float = 0.0
    memory: int | None = None
    versions: Mapping[str, str] = Field(default_factory=dict)
    task_names: Sequence[str] = ()
