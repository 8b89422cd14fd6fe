"""Reports tasks to a taskiq-admin dashboard."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_admin.middleware import TaskiqAdminMiddleware

__all__ = ["TaskiqAdminMiddleware"]
__version__ = "1.0.0"
_HOMES = {"TaskiqAdminMiddleware": "taskiq_admin.middleware"}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
