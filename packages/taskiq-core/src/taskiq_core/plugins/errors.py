"""The errors about plugins, as one tree.

```
TaskiqError
└── PluginError
    ├── PluginSpecError             a field of a descriptor is invalid (also a ValueError)
    ├── PluginSettingsError         [tool.taskiq] in pyproject.toml can't be used
    ├── RequiredPluginError         a required plugin is missing or out of order
    ├── PluginTargetError           what a descriptor points at can't be imported
    ├── NotProvidedError            no plugin has what was asked for (also a KeyError)
    │   └── PluginUnavailableError      ... but one that is out of order would
    └── BrokerUrlError              a URL can't be used
```
"""

from taskiq_core.exceptions import TaskiqError


class PluginError(TaskiqError):
    """A plugin, or a request to the plugins, is wrong."""

    __template__ = "Base exception for all plugin errors"


class PluginSpecError(PluginError, ValueError):
    """A field of a descriptor is invalid."""

    __template__ = "{spec}: {field} {value} {problem}"
    spec: str
    field: str
    value: str
    problem: str


class PluginSettingsError(PluginError):
    """The table [tool.taskiq] of a pyproject.toml can't be used."""

    __template__ = "{file}: {key}: {problem}"
    file: str
    key: str
    problem: str


class RequiredPluginError(PluginError):
    """A plugin that the project requires is missing or out of order."""

    __template__ = "The plugin {plugin!r} is required, but {reason}. {cure}"
    plugin: str
    reason: str
    cure: str


class PluginTargetError(PluginError):
    """The target of a descriptor can't be imported, or has the wrong type."""

    __template__ = (
        "The {wanted} of the plugin {plugin!r} ({distribution} {version}) can't be used: "
        "{reason}. {cure}"
    )
    wanted: str
    plugin: str
    distribution: str
    version: str
    reason: str
    cure: str


class NotProvidedError(PluginError, KeyError):
    """No installed plugin has what was asked for."""

    __template__ = "There is no {wanted}. Known are: {known}. {cure}"
    wanted: str
    known: str
    cure: str


class PluginUnavailableError(NotProvidedError):
    """The plugin that has what was asked for is broken, incompatible, disabled or in conflict."""

    __template__ = (
        "There is no {wanted}: the plugin {plugin!r} ({distribution} {version}) is {status}: "
        "{reason}. {cure}"
    )
    known: str = ""
    plugin: str
    distribution: str
    version: str
    status: str
    reason: str


class BrokerUrlError(PluginError, ValueError):
    """A URL can't be used; the message never holds the URL, which may hold a password."""

    __template__ = "The URL of the {noun} can't be used: {reason}"
    noun: str
    reason: str
