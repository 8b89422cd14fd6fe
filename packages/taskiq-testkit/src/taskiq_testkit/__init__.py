"""The contract that every taskiq broker, result backend and schedule source must pass."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_testkit.clock import VirtualClock
    from taskiq_testkit.contract import departs
    from taskiq_testkit.contracts.broker import BrokerContract
    from taskiq_testkit.contracts.results import ResultBackendContract
    from taskiq_testkit.contracts.schedules import ScheduleSourceContract
    from taskiq_testkit.processes import BrokerFactory
    from taskiq_testkit.reference.broker import ReferenceBroker
    from taskiq_testkit.reference.results import ReferenceResultBackend
    from taskiq_testkit.reference.schedules import ReferenceScheduleSource
    from taskiq_testkit.reference.server import ReferenceServer
    from taskiq_testkit.tcp_proxy import TcpProxy

__all__ = [
    "BrokerContract",
    "BrokerFactory",
    "ReferenceBroker",
    "ReferenceResultBackend",
    "ReferenceScheduleSource",
    "ReferenceServer",
    "ResultBackendContract",
    "ScheduleSourceContract",
    "TcpProxy",
    "VirtualClock",
    "departs",
]
__version__ = "1.0.0"
_HOMES = {
    "BrokerContract": "taskiq_testkit.contracts.broker",
    "BrokerFactory": "taskiq_testkit.processes",
    "ReferenceBroker": "taskiq_testkit.reference.broker",
    "ReferenceResultBackend": "taskiq_testkit.reference.results",
    "ReferenceScheduleSource": "taskiq_testkit.reference.schedules",
    "ReferenceServer": "taskiq_testkit.reference.server",
    "ResultBackendContract": "taskiq_testkit.contracts.results",
    "ScheduleSourceContract": "taskiq_testkit.contracts.schedules",
    "TcpProxy": "taskiq_testkit.tcp_proxy",
    "VirtualClock": "taskiq_testkit.clock",
    "departs": "taskiq_testkit.contract",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
