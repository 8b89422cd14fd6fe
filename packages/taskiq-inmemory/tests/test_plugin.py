"""What the package declares is what it has."""

from importlib import import_module
from importlib.metadata import entry_points

from taskiq_core import Capability
from taskiq_inmemory import InMemoryBroker, InmemoryResultBackend, plugin


def test_broker_that_is_declared_is_the_one_there_is() -> None:
    (spec,) = plugin.taskiq_register_brokers()
    module, _, name = spec.factory.partition(":")

    assert getattr(import_module(module), name) is InMemoryBroker
    assert (spec.name, spec.schemes) == ("inmemory", ("memory",))


def test_declared_capabilities_are_those_of_the_broker() -> None:
    (spec,) = plugin.taskiq_register_brokers()

    assert spec.capabilities == InMemoryBroker.capabilities
    assert Capability.PUSH_RESULTS in spec.capabilities


def test_result_backend_that_is_declared_is_the_one_there_is() -> None:
    (spec,) = plugin.taskiq_register_result_backends()
    module, _, name = spec.factory.partition(":")

    assert getattr(import_module(module), name) is InmemoryResultBackend
    assert (spec.name, spec.schemes) == ("inmemory", ("memory",))


def test_entry_point_leads_to_the_plugin() -> None:
    (entry,) = entry_points(group="taskiq", name="inmemory")

    assert entry.load() is plugin
    assert plugin.TASKIQ_PLUGIN_API[0] == 1
