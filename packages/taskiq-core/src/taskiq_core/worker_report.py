"""The state of a worker, for supervisors and operators."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a worker gets messages.

    Attributes:
        trouble: why the broker can't be listened to at the moment; None if it can. Running tasks go
            on meanwhile.
    """

    trouble: Exception | None = None

    @property
    def is_degraded(self) -> bool:
        """Whether the worker runs tasks, but gets no new ones."""
        return self.trouble is not None


class WorkerState(StrEnum):
    """Where a worker is in its life."""

    STARTING = "starting"
    """It does not listen yet."""
    RUNNING = "running"
    """It listens, and runs tasks."""
    DEGRADED = "degraded"
    """The broker can't be listened to at the moment. Running tasks go on."""
    DRAINING = "draining"
    """It takes no more messages; running tasks may finish."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A worker at one moment; `Receiver.report()` makes it.

    Attributes:
        state: where it is in its life.
        reason: why it is degraded; None if it is not.
        broker: the class of its broker.
        slots_total: how many messages it may hold, waiting ones included; None for no limit.
        slots_free: how many more it would take now; None for no limit.
        running_tasks: how many tasks run.
        last_message_at: when a message came last, in UTC; None if none has come.
    """

    state: WorkerState
    reason: str | None
    broker: str
    slots_total: int | None
    slots_free: int | None
    running_tasks: int
    last_message_at: datetime | None
