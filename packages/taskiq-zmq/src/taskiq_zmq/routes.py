"""Which delivery a result belongs to: results are known by task, deliveries by tag."""

from collections import deque
from typing import Final

from taskiq_zmq.deliveries import ZeroMQDelivery
from taskiq_zmq.link import Link

MAX_SETTLED: Final = 10_000
"""Deliveries that are settled, and whose results may still be sent."""


class Routes:
    """The deliveries in this worker's hands, by task."""

    def __init__(self) -> None:
        self._routes: dict[str, tuple[Link, ZeroMQDelivery]] = {}
        self._settled: deque[ZeroMQDelivery] = deque()

    def add(self, link: Link, delivery: ZeroMQDelivery) -> None:
        """A delivery came; of two of one task, the later one counts."""
        self._routes[delivery.task_id] = link, delivery

    def find(self, task_id: str) -> tuple[Link, ZeroMQDelivery] | None:
        """Where the result of a task goes; None if its hub is gone."""
        found = self._routes.get(task_id)
        if found is None:
            return None
        link, delivery = found
        return found if link.holds(delivery) else None

    def aborted(self) -> list[str]:
        """The tasks that are here and are to be aborted."""
        return [task_id for task_id, (_, delivery) in self._routes.items() if delivery.aborted]

    def settled(self, delivery: ZeroMQDelivery) -> None:
        """A delivery is settled: forget it, now or when many more have been."""
        if delivery.has_result:
            self.remove(delivery)
            return
        self._settled.append(delivery)
        if len(self._settled) > MAX_SETTLED:
            self.remove(self._settled.popleft())

    def remove(self, delivery: ZeroMQDelivery) -> None:
        """Forget a delivery, unless a later one of the same task took its place."""
        found = self._routes.get(delivery.task_id)
        if found is not None and found[1] is delivery:
            del self._routes[delivery.task_id]
