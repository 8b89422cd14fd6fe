"""The hooks that a plugin module may implement, as pluggy specifications.

```python
from taskiq_core.plugins import BrokerSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)

@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    return [BrokerSpec("zmq", schemes=("zmq+tcp",), factory="taskiq_zmq:ZeroMQBroker")]
```

Hooks are called once, when plugins are loaded. They take no arguments, do no I/O, import nothing.
"""

from typing import Final

from pluggy import HookimplMarker, HookspecMarker

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
    WebPageSpec,
    WorkerServiceSpec,
)

PROJECT: Final = "taskiq"
"""The name that the markers, the plugin manager and the entry-point group share."""

PLUGIN_API_VERSION: Final = (1, 1)
"""What a plugin module declares as `TASKIQ_PLUGIN_API`.

The minor number grows with every hook or field that is added, the major one when something that
plugins use goes away. A plugin declares the lowest version that has what it uses. 1.1 added
`taskiq_register_worker_services`, `taskiq_register_web_pages`, `taskiq_register_install_cures` and
`taskiq_register_preload_modules`.
"""

hookimpl = HookimplMarker(PROJECT)
hookspec = HookspecMarker(PROJECT)


@hookspec
def taskiq_register_brokers() -> list[BrokerSpec]:
    """Brokers, with the URL schemes that lead to them."""
    raise NotImplementedError


@hookspec
def taskiq_register_result_backends() -> list[ResultBackendSpec]:
    """Result backends, with the URL schemes that lead to them."""
    raise NotImplementedError


@hookspec
def taskiq_register_schedule_sources() -> list[ScheduleSourceSpec]:
    """Schedule sources, with the URL schemes that lead to them."""
    raise NotImplementedError


@hookspec
def taskiq_register_middlewares() -> list[MiddlewareSpec]:
    """Middlewares."""
    raise NotImplementedError


@hookspec
def taskiq_register_serializers() -> list[SerializerSpec]:
    """Serializers."""
    raise NotImplementedError


@hookspec
def taskiq_register_commands() -> list[CommandSpec]:
    """Commands of the `taskiq` program."""
    raise NotImplementedError


@hookspec
def taskiq_register_health_checks() -> list[HealthCheckSpec]:
    """Health checks."""
    raise NotImplementedError


@hookspec
def taskiq_register_worker_services() -> list[WorkerServiceSpec]:
    """Services that run beside the tasks of a worker process."""
    raise NotImplementedError


@hookspec
def taskiq_register_web_pages() -> list[WebPageSpec]:
    """Pages of the dashboard."""
    raise NotImplementedError


@hookspec
def taskiq_register_install_cures() -> list[InstallCure]:
    """Commands that install plugins which may be missing."""
    raise NotImplementedError


@hookspec
def taskiq_register_preload_modules() -> list[PreloadModule]:
    """Modules that are imported once, before workers are forked."""
    raise NotImplementedError
