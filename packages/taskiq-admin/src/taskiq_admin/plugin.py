"""What taskiq-admin adds to taskiq."""

from taskiq_core.plugins import MiddlewareSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_middlewares() -> list[MiddlewareSpec]:
    """One middleware."""
    return [MiddlewareSpec(name="admin", factory="taskiq_admin:TaskiqAdminMiddleware")]
