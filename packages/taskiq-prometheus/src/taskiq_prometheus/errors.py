"""Errors of taskiq-prometheus."""

from taskiq_core.exceptions import TaskiqError


class MetricsPortError(TaskiqError):
    """The port for metrics can't be served: another program has it, or the address is wrong."""

    __template__ = "Metrics can't be served at {address}:{port}: {reason}. {cure}"
    address: str
    port: int
    reason: str
    cure: str = "Choose others: PrometheusMiddleware(server_addr=..., server_port=...)."
