"""Plugins: what they declare, how they are found, and how they are kept apart.

A plugin module imports nothing but the standard library and this package. Importing it is cheap:
what only programs need, and not plugins, is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from taskiq_core.capabilities import Capability
from taskiq_core.plugins.errors import (
    BrokerUrlError,
    NotProvidedError,
    PluginError,
    PluginSettingsError,
    PluginSpecError,
    PluginTargetError,
    PluginUnavailableError,
    RequiredPluginError,
)
from taskiq_core.plugins.hooks import PLUGIN_API_VERSION, hookimpl
from taskiq_core.plugins.plugin_info import KINDS, Kind, PluginInfo, PluginStatus, Provides
from taskiq_core.plugins.specs import (
    BrokerSpec,
    CommandSpec,
    HealthCheckSpec,
    InstallCure,
    MiddlewareSpec,
    PreloadModule,
    ResultBackendSpec,
    ScheduleSourceSpec,
    SerializerSpec,
    Spec,
    WebPageSpec,
    WorkerServiceSpec,
)

if TYPE_CHECKING:
    from taskiq_core.plugins.loader import load_plugins, load_project_plugins
    from taskiq_core.plugins.registry import PluginRegistry
    from taskiq_core.plugins.settings import ProjectSettings, read_settings
    from taskiq_core.plugins.urls import broker_from_url, result_backend_from_url

__all__ = [
    # for plugins
    "BrokerSpec",
    "Capability",
    "CommandSpec",
    "HealthCheckSpec",
    "InstallCure",
    "MiddlewareSpec",
    "PLUGIN_API_VERSION",
    "PreloadModule",
    "ResultBackendSpec",
    "ScheduleSourceSpec",
    "SerializerSpec",
    "Spec",
    "WebPageSpec",
    "WorkerServiceSpec",
    "hookimpl",
    # for programs
    "KINDS",
    "Kind",
    "PluginInfo",
    "PluginRegistry",
    "PluginStatus",
    "ProjectSettings",
    "Provides",
    "broker_from_url",
    "load_plugins",
    "load_project_plugins",
    "read_settings",
    "result_backend_from_url",
    # errors
    "BrokerUrlError",
    "NotProvidedError",
    "PluginError",
    "PluginSettingsError",
    "PluginSpecError",
    "PluginTargetError",
    "PluginUnavailableError",
    "RequiredPluginError",
]

_HOMES: Final = {
    "PluginRegistry": "taskiq_core.plugins.registry",
    "ProjectSettings": "taskiq_core.plugins.settings",
    "broker_from_url": "taskiq_core.plugins.urls",
    "load_plugins": "taskiq_core.plugins.loader",
    "load_project_plugins": "taskiq_core.plugins.loader",
    "read_settings": "taskiq_core.plugins.settings",
    "result_backend_from_url": "taskiq_core.plugins.urls",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
