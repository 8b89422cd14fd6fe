"""The metrics, by the names that taskiq 0.13 has for them, and four more."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS: Final = Histogram.DEFAULT_BUCKETS
"""Upper bounds in seconds, those of prometheus-client."""

_TASK: Final = ("task_name",)


class Metrics:
    """Every metric of one process.

    Args:
        registry: where they are registered; None if files carry them to another process.
        buckets: upper bounds of execution times, in seconds.
        wait_buckets: upper bounds of waiting times, in seconds.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None,
        *,
        buckets: Sequence[float] = BUCKETS,
        wait_buckets: Sequence[float] = BUCKETS,
    ) -> None:
        self.received_tasks = Counter(
            "received_tasks", "Number of received tasks", _TASK, registry=registry
        )
        self.found_errors = Counter(
            "found_errors", "Number of found errors", _TASK, registry=registry
        )
        self.success_tasks = Counter(
            "success_tasks", "Number of successfully executed tasks", _TASK, registry=registry
        )
        self.saved_results = Counter(
            "saved_results", "Number of saved results in result backend", _TASK, registry=registry
        )
        self.execution_time = Histogram(
            "execution_time",
            "Time of function execution",
            _TASK,
            buckets=buckets,
            registry=registry,
        )
        self.queue_wait_time = Histogram(
            "queue_wait_time",
            "Seconds from sending a task to its first start, without its delay",
            _TASK,
            buckets=wait_buckets,
            registry=registry,
        )
        self.tasks_in_flight = Gauge(
            "tasks_in_flight",
            "Number of tasks that are running now",
            _TASK,
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.retried_tasks = Counter(
            "retried_tasks",
            "Number of runs after which a task was given back to be run again",
            _TASK,
            registry=registry,
        )
        self.dead_letters = Counter(
            "dead_letters",
            "Number of buried messages",
            ("task_name", "reason"),
            registry=registry,
        )
