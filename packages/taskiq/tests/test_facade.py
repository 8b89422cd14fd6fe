"""The façade: every name resolves, nothing is loaded before it is used, what is missing says so."""

import json
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import taskiq
import taskiq_core
import taskiq_core.exceptions
import taskiq_core.plugins

# Their packages may be missing where these tests run; `test_missing.py` is about that.
OPTIONAL = {
    "taskiq.brokers.zmq_broker": "taskiq_zmq",
    "taskiq.instrumentation": "taskiq_opentelemetry",
    "taskiq.middlewares.opentelemetry_middleware": "taskiq_opentelemetry",
    "taskiq.middlewares.prometheus_middleware": "taskiq_prometheus",
    "taskiq.middlewares.taskiq_admin_middleware": "taskiq_admin",
}
# Names that programs import from modules of 0.13 that had them by an import of their own.
BORROWED = {
    "taskiq.abc.broker": ("AckableMessage", "AsyncTaskiqDecoratedTask", "BrokerMessage"),
    "taskiq.abc.formatter": ("BrokerMessage", "TaskiqMessage"),
    "taskiq.abc.result_backend": ("TaskiqResult",),
    "taskiq.brokers.shared_broker": ("shared_task",),
    "taskiq.cli.scheduler.run": (
        "ScheduleSource",
        "ScheduledTask",
        "SchedulerArgs",
        "TaskiqScheduler",
        "logger",
    ),
    "taskiq.receiver.receiver": (
        "AckController",
        "AckableMessage",
        "AcknowledgeType",
        "Context",
        "logger",
    ),
    "taskiq.scheduler.scheduler": ("ScheduledTask",),
}
TOP_MODULES = [module.name for module in pkgutil.iter_modules(taskiq.__path__)]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(taskiq.__path__, "taskiq.")
    if module.name not in OPTIONAL and not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", taskiq.__all__)
def test_name_resolves(name: str) -> None:
    assert getattr(taskiq, name) is not None


@pytest.mark.parametrize("name", MODULES)
def test_module_exports_what_it_says(name: str) -> None:
    module = import_module(name)

    for public in getattr(module, "__all__", []):
        assert getattr(module, public) is not None


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in BORROWED.items() for name in names]
)
def test_name_is_where_programs_of_0_13_import_it(module: str, name: str) -> None:
    found = getattr(import_module(module), name)

    assert found is getattr(taskiq, name, found)
    assert name in import_module(module).__all__


def test_types_that_editors_see_are_those_that_programs_get() -> None:
    """The names under TYPE_CHECKING are those of the lazy table, from the same modules."""
    source = Path(taskiq.__file__).read_text()
    declared = source[source.index("if TYPE_CHECKING:") : source.index("__version__")]

    for name in taskiq.__all__:
        assert name == "__version__" or name in declared


def test_everything_of_core_is_here() -> None:
    contracts = {"AbstractBroker", "Slots", "TaskiqCMD"}  # for plugin authors, who import core

    assert set(taskiq_core.__all__) - contracts <= set(taskiq.__all__)


@pytest.mark.parametrize("core", [taskiq_core.exceptions, taskiq_core.plugins])
def test_module_is_complete(core: ModuleType) -> None:
    facade = import_module(core.__name__.replace("taskiq_core", "taskiq"))
    own = [name for name, value in vars(core).items() if _is_public_class(name, value, core)]

    assert set(getattr(core, "__all__", own)) == set(facade.__all__)


def test_import_loads_nothing() -> None:
    program = """
import json, sys
before = set(sys.modules)
import taskiq
print(json.dumps(sorted(set(sys.modules) - before)))
"""

    loaded = json.loads(_python(program))

    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {
        "taskiq",
        "taskiq._lazy",
    }


def test_modules_are_attributes_as_they_were() -> None:
    program = "import taskiq; print(taskiq.exceptions.TaskiqError, taskiq.abc.broker.AsyncBroker)"

    assert "taskiq_core" in _python(program)
    assert {"__main__", "_cure", "_lazy", "plugin", *taskiq._MODULES} == set(TOP_MODULES)


def test_names_are_offered_for_completion() -> None:
    assert {*taskiq.__all__, "exceptions"} <= set(dir(taskiq))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'taskiq' has no attribute 'Nothing'"):
        getattr(taskiq, "Nothing")  # noqa: B009  # as programs do


def test_command_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "taskiq", "--help"], check=True, capture_output=True, text=True
    )

    assert "worker" in done.stdout


def _is_public_class(name: str, value: object, module: ModuleType) -> bool:
    is_own = isinstance(value, type) and value.__module__ == module.__name__
    return is_own and not name.startswith("_")


def _python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return done.stdout
