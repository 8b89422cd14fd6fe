"""Tests of applications: what they send is recorded, and run when the test says."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_pytest.broker import TestBroker
    from taskiq_pytest.errors import PendingTaskError, TooManyTasksError
    from taskiq_pytest.sent_task import SentTask

__all__ = ["PendingTaskError", "SentTask", "TestBroker", "TooManyTasksError"]
__version__ = "1.0.0"
_HOMES = {
    "PendingTaskError": "taskiq_pytest.errors",
    "SentTask": "taskiq_pytest.sent_task",
    "TestBroker": "taskiq_pytest.broker",
    "TooManyTasksError": "taskiq_pytest.errors",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
