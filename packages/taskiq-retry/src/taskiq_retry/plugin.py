"""What taskiq-retry adds to taskiq."""

from taskiq_core.plugins import MiddlewareSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_middlewares() -> list[MiddlewareSpec]:
    """Two middlewares, with and without delays."""
    return [
        MiddlewareSpec(name="simple_retry", factory="taskiq_retry:SimpleRetryMiddleware"),
        MiddlewareSpec(name="smart_retry", factory="taskiq_retry:SmartRetryMiddleware"),
    ]
