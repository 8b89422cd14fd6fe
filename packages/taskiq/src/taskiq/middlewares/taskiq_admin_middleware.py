"""Reports of tasks to a dashboard."""

from taskiq._cure import not_installed

try:
    from taskiq_admin import TaskiqAdminMiddleware
except ImportError as error:
    raise not_installed("TaskiqAdminMiddleware", "taskiq-admin", error) from error

__all__ = ["TaskiqAdminMiddleware"]
