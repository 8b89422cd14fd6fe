"""From the installed distributions to a registry, at start-up, in one pass."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from taskiq_core.plugins.conflicts import settle_claims, settle_names
from taskiq_core.plugins.discovery import Candidate, discover
from taskiq_core.plugins.errors import RequiredPluginError
from taskiq_core.plugins.install_cures import InstallCures
from taskiq_core.plugins.plugin_info import PluginInfo, PluginStatus, canonical
from taskiq_core.plugins.plugin_module import load_plugin
from taskiq_core.plugins.registry import PluginRegistry
from taskiq_core.plugins.settings import read_settings

DISABLE_VARIABLE: Final = "TASKIQ_DISABLE_PLUGINS"
"""Environment variable: names that are not loaded, comma-separated; `*` means all."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def load_plugins(
    *,
    disabled: Collection[str] = (),
    required: Collection[str] = (),
    prefer: Mapping[str, str] = _NOTHING,
    environ: Mapping[str, str] | None = None,
) -> PluginRegistry:
    """Load all installed plugins, each isolated from the rest.

    Plugins are named by their entry point or their distribution. What a plugin provides is not
    imported, only its plugin module is.

    Args:
        disabled: plugins that are not loaded, beside those of `TASKIQ_DISABLE_PLUGINS`; `"*"` means
            all.
        required: plugins without which this raises.
        prefer: which distribution wins a name or URL scheme that several claim.
        environ: where `TASKIQ_DISABLE_PLUGINS` is looked up; `os.environ` by default.

    Raises:
        RequiredPluginError: a required plugin is missing, broken, disabled ...
    """
    environ = os.environ if environ is None else environ
    found = discover()
    active, blocked = _block(found.candidates, disabled, environ)
    chosen, rivals = settle_names(active, prefer)
    loaded = settle_claims((load_plugin(candidate) for candidate in chosen), prefer)
    plugins = [*loaded, *rivals, *blocked, *found.unreadable]
    plugins.sort(key=lambda plugin: (canonical(plugin.name), canonical(plugin.distribution)))
    registry = PluginRegistry(tuple(plugins))
    for name in required:
        _require(registry, name)
    return registry


def load_project_plugins(
    folder: Path | None = None,
    *,
    disabled: Collection[str] = (),
    environ: Mapping[str, str] | None = None,
) -> PluginRegistry:
    """Load all installed plugins as the pyproject.toml of a folder's project configures it.

    Args:
        folder: where the project is looked for, upward; the current one by default.
        disabled: plugins that are not loaded either.
        environ: as for `load_plugins`.

    Raises:
        PluginSettingsError: [tool.taskiq] can't be used.
        RequiredPluginError: a plugin of `required_plugins` is missing, broken, disabled ...
    """
    settings = read_settings(folder)
    return load_plugins(
        disabled=(*disabled, *settings.disabled_plugins),
        required=settings.required_plugins,
        prefer=settings.prefer,
        environ=environ,
    )


def _block(
    candidates: Sequence[Candidate], disabled: Collection[str], environ: Mapping[str, str]
) -> tuple[list[Candidate], list[PluginInfo]]:
    by_variable = _names(environ.get(DISABLE_VARIABLE, "").split(","))
    by_caller = _names(disabled)
    active: list[Candidate] = []
    blocked: list[PluginInfo] = []
    for candidate in candidates:
        if _holds(by_variable, candidate):
            reason = f"{DISABLE_VARIABLE} names it"
            cure = f"Remove it from the environment variable {DISABLE_VARIABLE}."
        elif _holds(by_caller, candidate):
            reason = "--no-plugin or `disabled_plugins` of [tool.taskiq] names it"
            cure = "Remove it from --no-plugin, or from `disabled_plugins` in pyproject.toml."
        else:
            active.append(candidate)
            continue
        blocked.append(candidate.info(PluginStatus.DISABLED, reason=reason, cure=cure))
    return active, blocked


def _names(names: Collection[str]) -> set[str]:
    return {canonical(name) for name in names if name.strip()}


def _holds(names: set[str], candidate: Candidate) -> bool:
    return "*" in names or candidate.answers_to(names)


def _require(registry: PluginRegistry, name: str) -> None:
    plugins = registry.find(name)
    if any(plugin.status is PluginStatus.OK for plugin in plugins):
        return
    if not plugins:
        install = InstallCures(registry.plugins).command(name)
        cure = f"Install it: {install}" if install else "Install the distribution that has it"
        cure += ", or remove it from `required_plugins` of [tool.taskiq] in pyproject.toml."
        raise RequiredPluginError(plugin=name, reason="it is not installed", cure=cure)
    plugin = plugins[0]
    reason = f"{plugin.label} is {plugin.status.value}: {plugin.reason}"
    raise RequiredPluginError(plugin=name, reason=reason, cure=plugin.cure)
