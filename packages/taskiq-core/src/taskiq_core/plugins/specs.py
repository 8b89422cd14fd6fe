"""The descriptors by which plugins say what they provide, without importing it.

Each is a frozen value. `factory` and `target` are lazy: `"package.module:Name"`, imported on
demand and never by listing. An invalid field raises `PluginSpecError` at once.
"""

from dataclasses import KW_ONLY, dataclass
from typing import TypeAlias

from taskiq_core.capabilities import Capability
from taskiq_core.plugins.spec_checks import check_fields


@dataclass(frozen=True, slots=True)
class BrokerSpec:
    """A broker.

    Attributes:
        name: what it is called in lists and configuration.
        schemes: the URL schemes that `broker_from_url` resolves to it, without `://`.
        factory: its class, or a function of a URL and options.
        capabilities: what it can do, as in `AsyncBroker.capabilities`.
        description: a line for `taskiq plugins`.
    """

    name: str
    _: KW_ONLY
    schemes: tuple[str, ...] = ()
    factory: str
    capabilities: frozenset[Capability] = frozenset()
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class ResultBackendSpec:
    """A result backend; fields as in `BrokerSpec`."""

    name: str
    _: KW_ONLY
    schemes: tuple[str, ...] = ()
    factory: str
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class ScheduleSourceSpec:
    """A schedule source; fields as in `BrokerSpec`."""

    name: str
    _: KW_ONLY
    schemes: tuple[str, ...] = ()
    factory: str
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class MiddlewareSpec:
    """A middleware; `factory` is its class."""

    name: str
    _: KW_ONLY
    factory: str
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class SerializerSpec:
    """A serializer; `factory` is its class."""

    name: str
    _: KW_ONLY
    factory: str
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command of the `taskiq` program.

    Attributes:
        name: what is typed after `taskiq`.
        target: a click command.
        help: its line in `taskiq --help`, which does not import it.
    """

    name: str
    _: KW_ONLY
    target: str
    help: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class HealthCheckSpec:
    """A health check; `target` is a function."""

    name: str
    _: KW_ONLY
    target: str
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class WorkerServiceSpec:
    """A service that runs beside the tasks of a worker process.

    Only a process that was asked for the service imports it.

    Attributes:
        name: what it is asked for by.
        target: a subclass of `taskiq_core.abc.worker_service.WorkerService`.
        description: a line for `taskiq plugins`.
    """

    name: str
    _: KW_ONLY
    target: str
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class WebPageSpec:
    """A page of the dashboard; imported when it is first opened.

    Attributes:
        name: its place in the dashboard's URLs, `pages/<name>`.
        title: its entry in the menu.
        target: a subclass of `taskiq_core.abc.web_page.WebPage` that needs no arguments.
        description: a line for `taskiq plugins`.
    """

    name: str
    _: KW_ONLY
    title: str
    target: str
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class InstallCure:
    """How to install a distribution that may be missing; errors that miss it quote the command.

    Attributes:
        distribution: the distribution, such as "taskiq-redis".
        words: plugin names and URL schemes that it provides.
        command: the shell command that installs it.
    """

    distribution: str
    _: KW_ONLY
    words: tuple[str, ...] = ()
    command: str

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class PreloadModule:
    """A module that workers need, imported once in the process from which they are forked.

    Importing it starts no thread and opens no connection, file or event loop: a forked process
    would share them with others.

    Attributes:
        module: its full name, such as "taskiq_redis.broker".
    """

    module: str

    def __post_init__(self) -> None:
        check_fields(self)


Spec: TypeAlias = (
    BrokerSpec
    | ResultBackendSpec
    | ScheduleSourceSpec
    | MiddlewareSpec
    | SerializerSpec
    | CommandSpec
    | HealthCheckSpec
    | WorkerServiceSpec
    | WebPageSpec
)


def target_of(spec: Spec) -> str:
    """The lazy target of any descriptor."""
    if isinstance(spec, CommandSpec | HealthCheckSpec | WorkerServiceSpec | WebPageSpec):
        return spec.target
    return spec.factory


def schemes_of(spec: Spec) -> tuple[str, ...]:
    """The URL schemes of any descriptor; empty for kinds without schemes."""
    if isinstance(spec, BrokerSpec | ResultBackendSpec | ScheduleSourceSpec):
        return spec.schemes
    return ()
