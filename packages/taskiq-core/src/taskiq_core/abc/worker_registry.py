"""The contract of what brokers keep of workers and of the past: capabilities PRESENCE, HISTORY."""

from collections.abc import Sequence
from datetime import datetime

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError
from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    HistoryPage,
    MinuteCounters,
)
from taskiq_core.messages.worker_record import WorkerRecord


class WorkerRegistry:
    """Records of the workers on all machines; capability PRESENCE."""

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """Keep the record of a worker, in place of its last one.

        Args:
            record: what the worker says of itself.
            ttl: seconds after which the record ends unless it is announced again.
        """
        raise CapabilityError(
            broker=type(self).__name__, action="keep records", capability=Capability.PRESENCE
        )

    async def withdraw(self, worker_id: str) -> None:
        """Forget the record of a worker that ends; does nothing if there is no record."""
        raise CapabilityError(
            broker=type(self).__name__, action="keep records", capability=Capability.PRESENCE
        )

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return the records that have not ended, by worker id."""
        raise CapabilityError(
            broker=type(self).__name__, action="list workers", capability=Capability.PRESENCE
        )


class HistoryStore:
    """The last deliveries with their ends, and counters by task and minute; capability HISTORY.

    Attributes:
        history: how much is kept; None for nothing, which is the default and costs nothing.
    """

    history: HistoryOptions | None = None

    async def add_history(
        self, deliveries: Sequence[DeliveryRecord], counters: Sequence[MinuteCounters]
    ) -> None:
        """Keep what a worker has to tell.

        Each worker calls it about once a second, less often if it takes long.

        Args:
            deliveries: all that have ended since the last call, in that order; of more than
                `HistoryOptions.max_deliveries` the latest. `key` is empty.
            counters: to be added to those of the same task and minute.
        """
        raise self._lacks_history("keep history")

    async def deliveries_of_past(
        self,
        *,
        task_name: str | None = None,
        task_id: str | None = None,
        end: DeliveryEnd | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> HistoryPage:
        """Return a page of deliveries that have ended, the latest first.

        Args:
            task_name: only deliveries of this task.
            task_id: only deliveries of this message.
            end: only deliveries with this end.
            after: `HistoryPage.after` of the page before; None for the latest.
            limit: deliveries of the page at most.

        Raises:
            ValueError: `after` is not the key of a page.
        """
        raise self._lacks_history("tell its history")

    async def minute_counters(
        self, *, since: datetime, task_name: str | None = None
    ) -> Sequence[MinuteCounters]:
        """Return the counters of each minute and task, by minute and name.

        Args:
            since: the first moment of interest, in UTC; its minute is the first one.
            task_name: only counters of this task.
        """
        raise self._lacks_history("tell its history")

    def _lacks_history(self, action: str) -> CapabilityError:
        return CapabilityError(
            broker=type(self).__name__, action=action, capability=Capability.HISTORY
        )
