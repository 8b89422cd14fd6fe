"""Installed plugins: what they provide, and what was proven of their brokers."""

from collections.abc import Sequence
from dataclasses import dataclass

from taskiq_core.plugins import BrokerSpec, PluginInfo, PluginRegistry
from taskiq_core.plugins.capability_matrix import proof_of
from taskiq_core.plugins.specs import schemes_of


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One plugin, whether it takes part or not."""

    name: str
    distribution: str
    version: str
    status: str
    reason: str
    cure: str
    provides: Sequence[str]


@dataclass(frozen=True, slots=True)
class CapabilityRow:
    """One broker of a plugin.

    Attributes:
        broker: its name.
        schemes: the URLs that lead to it.
        declared: the capabilities that it declares.
        proven: the declared ones that were proven by the contract tests; None if that is not known.
        depends: capabilities that depend on its server or its options.
    """

    broker: str
    schemes: Sequence[str]
    declared: Sequence[str]
    proven: Sequence[str] | None
    depends: Sequence[str]


def plugin_rows(registry: PluginRegistry) -> list[PluginRow]:
    """Return a row for each installed plugin."""
    return [_row(each) for each in registry.plugins]


def capability_rows(registry: PluginRegistry) -> list[CapabilityRow]:
    """Return a row for each broker; reads the matrices of their packages."""
    return [
        _capabilities(plugin, spec)
        for plugin in registry.plugins
        for spec in plugin.provides.brokers
    ]


def _row(plugin: PluginInfo) -> PluginRow:
    provides = [
        f"{type(each).__name__.removesuffix('Spec')} {each.name}" for each in plugin.provides.all()
    ]
    return PluginRow(
        plugin.name,
        plugin.distribution,
        plugin.version,
        plugin.status.value,
        plugin.reason,
        plugin.cure,
        provides,
    )


def _capabilities(plugin: PluginInfo, spec: BrokerSpec) -> CapabilityRow:
    proof = proof_of(plugin, spec)
    return CapabilityRow(
        spec.name,
        [f"{scheme}://" for scheme in schemes_of(spec)],
        sorted(each.value for each in spec.capabilities),
        None if proof.proven is None else sorted(proof.proven),
        sorted(proof.depends),
    )
