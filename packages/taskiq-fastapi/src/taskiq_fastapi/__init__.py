"""FastAPI's dependencies in tasks, and tasks behind FastAPI's routes."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_dependencies import Depends as TaskiqDepends

    from taskiq_fastapi.errors import ApplicationError, RequestInWorkerError
    from taskiq_fastapi.integration import (
        broker_lifespan,
        init,
        populate_dependency_context,
    )
    from taskiq_fastapi.router import task_router

__all__ = [
    "ApplicationError",
    "RequestInWorkerError",
    "TaskiqDepends",
    "broker_lifespan",
    "init",
    "populate_dependency_context",
    "task_router",
]
__version__ = "1.0.0"
_HOMES = {
    "ApplicationError": "taskiq_fastapi.errors",
    "RequestInWorkerError": "taskiq_fastapi.errors",
    "broker_lifespan": "taskiq_fastapi.integration",
    "init": "taskiq_fastapi.integration",
    "populate_dependency_context": "taskiq_fastapi.integration",
    "task_router": "taskiq_fastapi.router",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "TaskiqDepends":
        return import_module("taskiq_dependencies").Depends
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
