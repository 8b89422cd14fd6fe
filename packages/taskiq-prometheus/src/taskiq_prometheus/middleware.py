"""PrometheusMiddleware: counts and times tasks, and serves the numbers."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry

from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.messages.labels import DELAY, SENT_AT, attempt_of
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Bury, Outcome, Release
from taskiq_core.messages.result import TaskiqResult
from taskiq_prometheus.metrics import BUCKETS, Metrics
from taskiq_prometheus.metrics_server import MetricsServer
from taskiq_prometheus.multiprocess import FolderRegistry, shared_folder, write_metrics_to

REASONS: Final = ("unreadable", "unregistered", "rejected", "failed", "delivered")
"""The first words of reasons that core and its plugins bury for; any other one is "other"."""

UNREGISTERED: Final = "unregistered"
"""The `task_name` of messages of tasks that the worker does not have."""


class PrometheusMiddleware(TaskiqMiddleware):
    """Metrics of tasks, served by workers; a client measures and serves nothing.

    The workers of one `taskiq worker` serve one port together: whichever is asked adds up the
    numbers of all. When the one that serves dies, another takes its place.

    Args:
        metrics_path: a folder that several processes share; the one that `taskiq worker` makes for
            its workers by default.
        server_port: where workers serve the metrics.
        server_addr: the address that they listen at.
        buckets: upper bounds of execution times, in seconds.
        wait_buckets: upper bounds of waiting times, in seconds.
        registry: where a process without siblings registers the metrics.
    """

    def __init__(
        self,
        metrics_path: Path | None = None,
        server_port: int = 9000,
        server_addr: str = "0.0.0.0",  # noqa: S104  # 0.13's default: metrics are asked for from outside
        *,
        buckets: Sequence[float] = BUCKETS,
        wait_buckets: Sequence[float] = BUCKETS,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        super().__init__()
        folder = shared_folder(metrics_path)
        lock = None
        if folder is not None:
            write_metrics_to(folder)
            registry, lock = FolderRegistry(folder), folder / f"port-{server_port}.lock"
        own_registry = registry if folder is None else None
        metrics = Metrics(own_registry, buckets=buckets, wait_buckets=wait_buckets)
        self.received_tasks = metrics.received_tasks
        self.found_errors = metrics.found_errors
        self.success_tasks = metrics.success_tasks
        self.saved_results = metrics.saved_results
        self.execution_time = metrics.execution_time
        self.queue_wait_time = metrics.queue_wait_time
        self.tasks_in_flight = metrics.tasks_in_flight
        self.retried_tasks = metrics.retried_tasks
        self.dead_letters = metrics.dead_letters
        self._server = MetricsServer(registry, server_addr, server_port, lock=lock)
        self._running: Counter[str] = Counter()

    async def startup(self) -> None:
        """Start serving the metrics, in a worker.

        Raises:
            MetricsPortError: the port can't be had.
        """
        if self.broker.is_worker_process:
            await self._server.start()

    def shutdown(self) -> None:
        """Stop serving."""
        self._server.stop()

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Set the label of the time of sending."""
        message.labels.setdefault(SENT_AT, str(time.time()))
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Count a task as in flight, and observe how long it waited."""
        self.received_tasks.labels(message.task_name).inc()
        self.tasks_in_flight.labels(message.task_name).inc()
        self._running[message.task_id] += 1
        sent_at = _number(message.labels.get(SENT_AT))
        if sent_at is not None and attempt_of(message.labels) == 1:
            waited = time.time() - sent_at - (_number(message.labels.get(DELAY)) or 0.0)
            # Clocks of two machines differ a little.
            self.queue_wait_time.labels(message.task_name).observe(max(waited, 0.0))
        return message

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """A task has run."""
        outcome = self.found_errors if result.is_err else self.success_tasks
        outcome.labels(message.task_name).inc()
        self.execution_time.labels(message.task_name).observe(result.execution_time)

    def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """A result is stored."""
        self.saved_results.labels(message.task_name).inc()

    def post_settle(self, message: TaskiqMessage | None, outcome: Outcome) -> None:
        """Count retried and buried messages."""
        name = "" if message is None else self._name_of(message)
        has_run = message is not None and self._running[message.task_id] > 0
        if message is not None and has_run:
            self._running[message.task_id] -= 1
            if not self._running[message.task_id]:
                del self._running[message.task_id]
            self.tasks_in_flight.labels(name).dec()
        if isinstance(outcome, Release) and has_run:
            self.retried_tasks.labels(name).inc()
        elif isinstance(outcome, Bury):
            self.dead_letters.labels(name, _kind_of(outcome.reason)).inc()

    def _name_of(self, message: TaskiqMessage) -> str:
        """The name of a task that this worker has: each other name would be a time series."""
        return message.task_name if self.broker.find_task(message.task_name) else UNREGISTERED


def _number(value: object) -> float | None:
    """A label of a message, which anybody may have sent; None if it is not a finite number."""
    try:
        number = float(value)  # type: ignore[arg-type]  # TypeError
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _kind_of(reason: str) -> str:
    """The reason in one of few words: each value of a label is a time series."""
    first = reason.partition(" ")[0].rstrip(":")
    return first if first in REASONS else "other"
