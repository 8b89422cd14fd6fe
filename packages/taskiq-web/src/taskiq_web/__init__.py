"""A dashboard for any broker, as a command and as an ASGI application."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_web.access import Access, Action
    from taskiq_web.application import dashboard
    from taskiq_web.credentials import basic_access, token_access
    from taskiq_web.options import DashboardOptions

__all__ = ["Access", "Action", "DashboardOptions", "basic_access", "dashboard", "token_access"]
__version__ = "1.0.0"
_HOMES = {
    "Access": "taskiq_web.access",
    "Action": "taskiq_web.access",
    "DashboardOptions": "taskiq_web.options",
    "basic_access": "taskiq_web.credentials",
    "dashboard": "taskiq_web.application",
    "token_access": "taskiq_web.credentials",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
