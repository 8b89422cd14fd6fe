"""The plugin that offers a broker declares what its class declares."""

from taskiq_core.broker import AsyncBroker
from taskiq_core.plugins import BrokerSpec, PluginRegistry, load_plugins
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.harness import BrokerHarness


class PluginSpecContract(BrokerBase):
    """The broker as its plugin describes it."""

    @proves()
    async def test_plugin_declares_what_the_class_does(self, harness: BrokerHarness) -> None:
        """A plugin's BrokerSpec has the capabilities of its class; its schemes lead to the class.

        Nothing is checked of a class that no installed plugin offers. Of a class whose objects
        differ in their capabilities only the schemes are.
        """
        registry = load_plugins()
        broker_class = type(harness.broker)
        for spec in _specs_of(registry, broker_class):
            check_capabilities(spec, broker_class)
            for scheme in spec.schemes:
                check_scheme(registry, scheme, broker_class)


def check_capabilities(spec: BrokerSpec, broker_class: type[AsyncBroker]) -> None:
    """Compare the capabilities of a spec and of the class that it offers.

    Raises:
        AssertionError: one declares what the other does not.
    """
    declared = broker_class.capabilities
    if declared is None or declared == spec.capabilities:
        return
    name = broker_class.__name__
    raise AssertionError(
        f"the plugin's BrokerSpec {spec.name!r} and {name}.capabilities differ: only the spec has "
        f"{sorted(spec.capabilities - declared)}, only the class has "
        f"{sorted(declared - spec.capabilities)}. Use one constant for both"
    )


def check_scheme(registry: PluginRegistry, scheme: str, broker_class: type[AsyncBroker]) -> None:
    """Check that URLs of a scheme lead to a class.

    Args:
        registry: of the installed plugins.
        scheme: what is before `://`.
        broker_class: the class.

    Raises:
        AssertionError: they lead to another one.
    """
    found = registry.resolve(registry.broker_for_url(f"{scheme}://"))
    if found is not broker_class:
        raise AssertionError(
            f"URLs of the scheme {scheme!r} lead to {found!r}, not to {broker_class.__name__}"
        )


def _specs_of(registry: PluginRegistry, broker_class: type[AsyncBroker]) -> list[BrokerSpec]:
    package = broker_class.__module__.partition(".")[0]
    near = [each for each in registry.brokers.values() if _package_of(each) == package]
    return [spec for spec in near if registry.resolve(spec) is broker_class]


def _package_of(spec: BrokerSpec) -> str:
    return spec.factory.partition(":")[0].partition(".")[0]
