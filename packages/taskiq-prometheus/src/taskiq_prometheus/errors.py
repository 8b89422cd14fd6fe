"""What can go wrong with metrics."""

from taskiq_core.exceptions import TaskiqError


class MetricsPortError(TaskiqError):
    """The port for metrics can't be served: another program has it, or the address is wrong."""

    __template__ = (
        "Metrics can't be served at {address}:{port}: {reason}. "
        "Choose another one: PrometheusMiddleware(server_port=...)."
    )
    address: str
    port: int
    reason: str
