"""What a test tells the plugin about itself: which class it tested, of which distribution."""

from collections.abc import Collection
from functools import cache
from importlib.metadata import entry_points, packages_distributions, version
from typing import Any, Final

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.plugins import BrokerSpec, load_plugins
from taskiq_testkit.contract import applies, reason_of, tests_of

PROPERTY: Final = "taskiq_contract"
"""The name under which a test's report carries it."""


def report_subject(
    item: pytest.Item,
    suite: type[Any],
    tested: object,
    capabilities: Collection[Capability],
) -> None:
    """Have the report of a test say what it tested; it reaches the plugin across processes, too.

    Args:
        item: the test.
        suite: the contract class.
        tested: the broker, result backend or schedule source.
        capabilities: what that object declares.
    """
    module = type(tested).__module__
    name, number = distribution_of(module)
    declared = sorted(each.value for each in capabilities)
    item.user_properties.append(
        (
            PROPERTY,
            {
                "suite": suite.__qualname__,
                "kind": suite.kind,
                "class": f"{module}:{type(tested).__qualname__}",
                "distribution": name,
                "version": number,
                "declared": declared,
                "depends": sorted(_offered(tested, declared).symmetric_difference(declared)),
                "test": getattr(item, "originalname", None) or item.name,
                "tests": _tests(suite),
                "departs": _departures(suite),
            },
        )
    )


def _offered(tested: object, declared: Collection[str]) -> set[str]:
    """Return what the class declares, or else its plugin, or else the object."""
    offered = getattr(type(tested), "capabilities", None)
    if not isinstance(offered, Collection):
        registry = load_plugins()
        specs = [spec for spec in registry.brokers.values() if _leads_to(spec, tested)]
        offered = specs[0].capabilities if specs else declared
    return {str(each) for each in offered}


def _leads_to(spec: BrokerSpec, tested: object) -> bool:
    """Whether a spec of the same package names the class; nothing is imported for it."""
    package, _, name = spec.factory.partition(":")
    cls = type(tested)
    return (package.partition(".")[0], name) == (cls.__module__.partition(".")[0], cls.__name__)


@cache
def distribution_of(module: str) -> tuple[str | None, str | None]:
    """The distribution that a module belongs to, and its version; None if it has none."""
    package = module.partition(".")[0]
    for entry in entry_points(group="taskiq"):
        if entry.dist is not None and entry.value.partition(".")[0] == package:
            return entry.dist.name, entry.dist.version
    names = packages_distributions().get(package)
    return (names[0], version(names[0])) if names else (None, None)


def _tests(suite: type[Any]) -> dict[str, str]:
    """Which tests apply to a class, and what each proves."""
    return {test.name: test.proves for test in tests_of(suite).values() if applies(suite, test)}


def _departures(suite: type[Any]) -> dict[str, Any]:
    found = {name: reason_of(getattr(suite, name)) for name in _tests(suite)}
    return {name: reason for name, reason in found.items() if reason is not None}
