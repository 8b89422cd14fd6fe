"""Plugins as text and as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from taskiq_cli.tables import table
from taskiq_core.plugins import KINDS, BrokerSpec, PluginInfo, PluginStatus, Spec
from taskiq_core.plugins.capability_matrix import proof_of, summary
from taskiq_core.plugins.specs import schemes_of, target_of


def overview(plugins: Sequence[PluginInfo]) -> str:
    """A table of plugins, and below it the reasons and cures of the ones that do not work."""
    if not plugins:
        return "No plugin is installed. Try: pip install taskiq"
    rows = [
        (each.name, each.version, each.status.value, _provided(each) or "-") for each in plugins
    ]
    parts = [table(("NAME", "VERSION", "STATUS", "PROVIDES"), rows)]
    parts += [problem(each) for each in plugins if each.reason]
    return "\n\n".join(parts)


def details(plugins: Sequence[PluginInfo]) -> str:
    """All facts about some plugins."""
    return "\n\n".join(_details(each) for each in plugins)


def capabilities(plugins: Sequence[PluginInfo]) -> str:
    """What each broker can do, and the URLs that lead to it."""
    rows = [
        (
            spec.name,
            each.name,
            ", ".join(f"{scheme}://" for scheme in spec.schemes) or "-",
            ", ".join(sorted(each.value for each in spec.capabilities)) or "-",
            summary(spec, proof_of(each, spec)),
        )
        for each in plugins
        for spec in each.provides.brokers
    ]
    if not rows:
        return "No plugin has a broker."
    return table(("BROKER", "PLUGIN", "URLS", "DECLARED", "PROVEN"), rows)


def problem(plugin: PluginInfo) -> str:
    """Why a plugin does not take part, and what to do; one paragraph."""
    state = "" if plugin.status is PluginStatus.OK else f" is {plugin.status.value}"
    return f"{plugin.label}{state}: {plugin.reason}. {plugin.cure}".rstrip()


def as_json(plugins: Sequence[PluginInfo]) -> str:
    """A list of objects."""
    return json.dumps([_as_object(each) for each in plugins], indent=2)


def _provided(plugin: PluginInfo) -> str:
    words: list[str] = []
    for kind in KINDS:
        specs: tuple[Spec, ...] = getattr(plugin.provides, kind.field)
        words += [f"{kind.noun} {spec.name}" for spec in specs]
    if plugin.install_cures:
        words.append("install commands")
    return ", ".join(words)


def _details(plugin: PluginInfo) -> str:
    lines = [
        f"{plugin.name} {plugin.version}",
        f"  distribution: {plugin.distribution}",
        f"  status: {plugin.status.value}",
    ]
    if plugin.reason:
        lines += [f"  reason: {plugin.reason}", f"  cure: {plugin.cure}"]
    for kind in KINDS:
        specs: tuple[Spec, ...] = getattr(plugin.provides, kind.field)
        lines += [line for spec in specs for line in _spec_lines(plugin, kind.noun, spec)]
    for cure in plugin.install_cures:
        lines.append(f"  install command for {cure.distribution}: {cure.command}")
    if plugin.details:
        lines += ["", plugin.details.rstrip()]
    return "\n".join(lines)


def _spec_lines(plugin: PluginInfo, noun: str, spec: Spec) -> list[str]:
    about = _about(spec)
    lines = [f"  {noun} {spec.name}: {target_of(spec)}" + (f" ({about})" if about else "")]
    if schemes := schemes_of(spec):
        lines.append(f"    URLs: {', '.join(f'{scheme}://' for scheme in schemes)}")
    if isinstance(spec, BrokerSpec):
        can = ", ".join(sorted(each.value for each in spec.capabilities))
        lines.append(f"    capabilities: {can or 'none declared'}")
        lines.append(f"    proven: {summary(spec, proof_of(plugin, spec))}")
    return lines


def _about(spec: Spec) -> str:
    return str(getattr(spec, "description", "") or getattr(spec, "help", ""))


def _as_object(plugin: PluginInfo) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": plugin.status.value,
        "reason": plugin.reason,
        "cure": plugin.cure,
        "provides": {
            kind.field: [
                _spec_object(plugin, spec) for spec in getattr(plugin.provides, kind.field)
            ]
            for kind in KINDS
        },
    }


def _spec_object(plugin: PluginInfo, spec: Spec) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": spec.name,
        "target": target_of(spec),
        "description": _about(spec),
    }
    if schemes := schemes_of(spec):
        found["schemes"] = list(schemes)
    if isinstance(spec, BrokerSpec):
        found["capabilities"] = sorted(each.value for each in spec.capabilities)
        proof = proof_of(plugin, spec)
        found["proven"] = None if proof.proven is None else sorted(proof.proven)
        found["depends"] = sorted(proof.depends)
    return found
