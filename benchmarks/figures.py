"""The figures that speed claims rest on: what each is and must reach."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of ours beside the peer's.

    Attributes:
        name: its key in the JSON.
        title: its line in the table.
        unit: of both values.
        target: what ours divided by the peer's must be at most, or at least where more is better.
        limit: what ours must be below, in its unit, where the peer has no such figure.
        more_is_better: whether it is a rate.
    """

    name: str
    title: str
    unit: str
    target: float | None = None
    limit: float | None = None
    more_is_better: bool = False

    def verdict(self, ours: float, peer: float | None) -> str:
        """`ok`, or by how much the target is missed; empty where there is none."""
        if self.limit is not None:
            return "ok" if ours <= self.limit else f"{ours / self.limit:.2f} x limit"
        if self.target is None or not peer:
            return ""
        reached = ours / peer
        missed = self.target / reached if self.more_is_better else reached / self.target
        return "ok" if missed <= 1 else f"{missed:.2f} x target"


FIGURES = (
    Figure("inmemory", "InMemoryBroker: kiq + wait_result", "us", target=0.5),
    Figure("inmemory_timeout", "  the same, wait_result(timeout=10)", "us", target=0.5),
    Figure("inmemory_inplace", "  the same, await_inplace=True", "us", target=0.5),
    Figure("inmemory_20_at_once", "  the same, 20 callers at once", "us", target=0.5),
    Figure("receiver", "receiver alone, a message", "us", target=0.4),
    Figure("receiver_ackable", "  the same, acknowledged", "us", target=0.4),
    Figure("zmq", "ZeroMQ, no-op tasks", "tasks/s", target=1.0, more_is_better=True),
    Figure("zmq_round_trip", "  round trip, median (ours only)", "ms", limit=1.5),
    Figure("zmq_round_trip_p99", "  round trip, 99 % (ours only)", "ms"),
    Figure("bare", 'python -c "pass"', "ms"),
    Figure("import", 'python -c "import taskiq"', "ms", target=0.5),
    Figure("help", "taskiq --help", "ms", target=0.5),
    Figure("memory_rss", "worker, process tree, sum of RSS", "MB", target=0.6),
    Figure("memory_pss", "worker, process tree, sum of PSS", "MB", target=0.6),
)
