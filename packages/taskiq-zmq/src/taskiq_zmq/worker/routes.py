"""Routes: the delivery that a result belongs to; results have a task id, deliveries a tag."""

from collections import deque
from typing import Final

from taskiq_zmq.delivery import ZeroMQDelivery
from taskiq_zmq.worker.link import Link

MAX_SETTLED: Final = 10_000
"""Settled deliveries whose results may still be sent."""


class Routes:
    """The deliveries of this worker, by task id."""

    def __init__(self) -> None:
        self._routes: dict[str, tuple[Link, ZeroMQDelivery]] = {}
        self._settled: deque[ZeroMQDelivery] = deque()

    def add(self, link: Link, delivery: ZeroMQDelivery) -> None:
        """Add a delivery; of two deliveries of one task, the later one counts."""
        self._routes[delivery.task_id] = link, delivery

    def find(self, task_id: str) -> tuple[Link, ZeroMQDelivery] | None:
        """Return the connection and delivery of a task; None if the connection is gone."""
        found = self._routes.get(task_id)
        if found is None:
            return None
        link, delivery = found
        return found if link.holds(delivery) else None

    def aborted(self) -> list[str]:
        """Return the ids of tasks of this worker that are to be aborted."""
        return [task_id for task_id, (_, delivery) in self._routes.items() if delivery.aborted]

    def settled(self, delivery: ZeroMQDelivery) -> None:
        """Forget a settled delivery, at once if its result is sent, else after many more."""
        if delivery.has_result:
            self.remove(delivery)
            return
        self._settled.append(delivery)
        if len(self._settled) > MAX_SETTLED:
            self.remove(self._settled.popleft())

    def remove(self, delivery: ZeroMQDelivery) -> None:
        """Forget a delivery, unless a later one of its task replaced it."""
        found = self._routes.get(delivery.task_id)
        if found is not None and found[1] is delivery:
            del self._routes[delivery.task_id]
