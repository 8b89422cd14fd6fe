"""The registry of what all installed plugins provide; it never changes."""

from dataclasses import dataclass, field
from typing import Final

from taskiq_core.plugins.errors import BrokerUrlError, PluginTargetError
from taskiq_core.plugins.plugin_info import (
    BROKERS,
    KINDS,
    RESULT_BACKENDS,
    SCHEDULE_SOURCES,
    Kind,
    PluginInfo,
    PluginStatus,
    canonical,
)
from taskiq_core.plugins.redaction import scheme_of
from taskiq_core.plugins.spec_mapping import SpecMapping
from taskiq_core.plugins.specs import (
    BrokerSpec,
    CommandSpec,
    HealthCheckSpec,
    MiddlewareSpec,
    ResultBackendSpec,
    ScheduleSourceSpec,
    SerializerSpec,
    Spec,
    WebPageSpec,
    WorkerServiceSpec,
)
from taskiq_core.plugins.targets import resolve_target, target_error

_NO_SCHEME: Final = "it has no scheme; it must look like redis://localhost:6379/0"


@dataclass(frozen=True, slots=True)
class PluginRegistry:
    """The installed plugins, and what the ones that take part provide.

    The mappings are by name. `registry.brokers["redis"]` raises a `KeyError` that says why there is
    none, and what to do; `get` and `in` work as ever.

    Attributes:
        plugins: all installed plugins by name, broken and disabled ones included.
    """

    plugins: tuple[PluginInfo, ...] = ()
    brokers: SpecMapping[BrokerSpec] = field(init=False, repr=False, compare=False)
    result_backends: SpecMapping[ResultBackendSpec] = field(init=False, repr=False, compare=False)
    schedule_sources: SpecMapping[ScheduleSourceSpec] = field(init=False, repr=False, compare=False)
    middlewares: SpecMapping[MiddlewareSpec] = field(init=False, repr=False, compare=False)
    serializers: SpecMapping[SerializerSpec] = field(init=False, repr=False, compare=False)
    commands: SpecMapping[CommandSpec] = field(init=False, repr=False, compare=False)
    health_checks: SpecMapping[HealthCheckSpec] = field(init=False, repr=False, compare=False)
    worker_services: SpecMapping[WorkerServiceSpec] = field(init=False, repr=False, compare=False)
    web_pages: SpecMapping[WebPageSpec] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for kind in KINDS:
            specs: SpecMapping[Spec] = SpecMapping(kind, self.plugins)
            object.__setattr__(self, kind.field, specs)

    def find(self, name: str) -> tuple[PluginInfo, ...]:
        """The plugins with this name or distribution; several if they are in conflict."""
        wanted = canonical(name)
        return tuple(
            plugin
            for plugin in self.plugins
            if wanted in {canonical(plugin.name), canonical(plugin.distribution)}
        )

    def owner(self, spec: Spec) -> PluginInfo:
        """The plugin that provides a descriptor of this registry."""
        for plugin in self.plugins:
            if plugin.status is PluginStatus.OK and spec in plugin.provides.all():
                return plugin
        raise ValueError(f"{spec!r} is not in this registry")

    def broker_for_url(self, url: str) -> BrokerSpec:
        """The broker that a URL's scheme leads to.

        Raises:
            BrokerUrlError: it has no scheme.
            PluginUnavailableError: a plugin that is broken, disabled ... has the scheme.
            NotProvidedError: no plugin has the scheme; known ones and the cure are named.
        """
        return self.brokers.for_scheme(_scheme(url, BROKERS))

    def result_backend_for_url(self, url: str) -> ResultBackendSpec:
        """The result backend that a URL's scheme leads to; errors as `broker_for_url`."""
        return self.result_backends.for_scheme(_scheme(url, RESULT_BACKENDS))

    def schedule_source_for_url(self, url: str) -> ScheduleSourceSpec:
        """The schedule source that a URL's scheme leads to; errors as `broker_for_url`."""
        return self.schedule_sources.for_scheme(_scheme(url, SCHEDULE_SOURCES))

    def resolve(self, spec: Spec) -> object:
        """Import the target of a descriptor.

        Raises:
            PluginTargetError: it can't be imported; names the plugin and the cure.
        """
        return resolve_target(spec, self.owner(spec))

    def reject(self, spec: Spec, reason: str) -> PluginTargetError:
        """The error to raise when the target of a descriptor has the wrong type."""
        return target_error(spec, self.owner(spec), reason)


def _scheme(url: str, kind: Kind) -> str:
    scheme = scheme_of(url)
    if scheme is None:
        raise BrokerUrlError(noun=kind.noun, reason=_NO_SCHEME)
    return scheme
