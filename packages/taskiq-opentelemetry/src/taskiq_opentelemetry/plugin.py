"""What taskiq-opentelemetry adds to taskiq."""

from taskiq_core.plugins import MiddlewareSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_middlewares() -> list[MiddlewareSpec]:
    """One middleware."""
    factory = "taskiq_opentelemetry:OpenTelemetryMiddleware"
    return [MiddlewareSpec(name="opentelemetry", factory=factory)]
