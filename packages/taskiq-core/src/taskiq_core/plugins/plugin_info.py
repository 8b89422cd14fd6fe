"""What is known about one installed plugin."""

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

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


class PluginStatus(StrEnum):
    """Whether a plugin takes part, and if not, why."""

    OK = "ok"
    BROKEN = "broken"
    """It raised, or returned something invalid."""
    INCOMPATIBLE = "incompatible"
    """It was written for another version of the plugin API."""
    DISABLED = "disabled"
    """The environment, the project or the command line blocks it; it was not imported."""
    CONFLICT = "conflict"
    """Another plugin claims the same name or URL scheme, and `prefer` does not decide."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that plugins provide.

    Attributes:
        field: where it is in `Provides` and `PluginRegistry`; its hook is
            `taskiq_register_<field>`.
        spec: the class of its descriptors.
        noun: what a message calls one of it.
    """

    field: str
    spec: type[Spec]
    noun: str

    @property
    def hook(self) -> str:
        """The name of the hook that registers it."""
        return f"taskiq_register_{self.field}"


BROKERS: Final = Kind("brokers", BrokerSpec, "broker")
RESULT_BACKENDS: Final = Kind("result_backends", ResultBackendSpec, "result backend")
SCHEDULE_SOURCES: Final = Kind("schedule_sources", ScheduleSourceSpec, "schedule source")
MIDDLEWARES: Final = Kind("middlewares", MiddlewareSpec, "middleware")
SERIALIZERS: Final = Kind("serializers", SerializerSpec, "serializer")
COMMANDS: Final = Kind("commands", CommandSpec, "command")
HEALTH_CHECKS: Final = Kind("health_checks", HealthCheckSpec, "health check")
WORKER_SERVICES: Final = Kind("worker_services", WorkerServiceSpec, "worker service")
WEB_PAGES: Final = Kind("web_pages", WebPageSpec, "web page")

KINDS: Final = (
    BROKERS,
    RESULT_BACKENDS,
    SCHEDULE_SOURCES,
    MIDDLEWARES,
    SERIALIZERS,
    COMMANDS,
    HEALTH_CHECKS,
    WORKER_SERVICES,
    WEB_PAGES,
)


def kind_of(spec: Spec) -> Kind:
    """The kind that a descriptor belongs to."""
    return next(kind for kind in KINDS if isinstance(spec, kind.spec))


@dataclass(frozen=True, slots=True)
class Provides:
    """The descriptors of one plugin, by kind."""

    brokers: tuple[BrokerSpec, ...] = ()
    result_backends: tuple[ResultBackendSpec, ...] = ()
    schedule_sources: tuple[ScheduleSourceSpec, ...] = ()
    middlewares: tuple[MiddlewareSpec, ...] = ()
    serializers: tuple[SerializerSpec, ...] = ()
    commands: tuple[CommandSpec, ...] = ()
    health_checks: tuple[HealthCheckSpec, ...] = ()
    worker_services: tuple[WorkerServiceSpec, ...] = ()
    web_pages: tuple[WebPageSpec, ...] = ()

    def all(self) -> tuple[Spec, ...]:
        """Every descriptor."""
        return tuple(spec for field in fields(self) for spec in getattr(self, field.name))


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One installed plugin, whether it takes part or not.

    Attributes:
        name: of its entry point.
        distribution: what was installed.
        version: of the distribution.
        status: whether it takes part.
        reason: why not, or what it leaves to another plugin; a phrase without a full stop.
        cure: what to do about it, in sentences.
        details: the traceback of a plugin that raised.
        provides: its descriptors; registered only if it takes part.
        install_cures: commands that install other plugins, for errors that miss those.
        preload_modules: modules that are imported before workers are forked.
    """

    name: str
    distribution: str
    version: str
    status: PluginStatus = PluginStatus.OK
    reason: str = ""
    cure: str = ""
    details: str = ""
    provides: Provides = Provides()
    install_cures: tuple[InstallCure, ...] = ()
    preload_modules: tuple[PreloadModule, ...] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.name!r} ({self.distribution} {self.version})"


def canonical(name: str) -> str:
    """The form in which names of plugins and distributions are compared: `Foo_bar` is `foo-bar`."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
