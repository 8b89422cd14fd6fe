"""The broker that a path leads to, made by its factory where there is one."""

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from taskiq_core.broker import AsyncBroker
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.loading.errors import NotABrokerError
from taskiq_core.loading.factories import call_factory
from taskiq_core.loading.object_paths import split_path
from taskiq_core.loading.objects import import_object


def load_broker(spec: str, run: Callable[[Awaitable[Any]], Any]) -> AsyncBroker:
    """Import a broker, or call the function that makes it.

    Args:
        spec: as in "app.tkq:broker" or "app.tkq:make_broker".
        run: runs what a coroutine function gives, in the event loop that the broker will live in.

    Raises:
        LoadError: there is none; subclasses say why.
    """
    found = import_object(spec)
    if isinstance(found, AsyncBroker):
        return found
    if not _is_factory(found):
        raise _not_a_broker(spec, found, "")
    made = call_factory(spec, found, product="broker", run=run)
    if isinstance(made, AsyncBroker):
        return made
    raise _not_a_broker(spec, made, "a function that returned ")


def _is_factory(found: object) -> bool:
    return callable(found) and not isinstance(found, type | AsyncTaskiqDecoratedTask)


def _not_a_broker(spec: str, found: object, how: str) -> NotABrokerError:
    description, cure = _describe(spec, found)
    return NotABrokerError(spec=spec, description=how + description, cure=cure)


def _describe(spec: str, found: object) -> tuple[str, str]:  # noqa: PLR0911  # a table of cases
    module, attribute = split_path(spec)
    if isinstance(found, AsyncTaskiqDecoratedTask):
        return (
            f"the task {found.task_name!r}",
            "Give the path of the broker that it is declared on.",
        )
    if isinstance(found, type) and issubclass(found, AsyncBroker):
        return (
            f"the class {found.__name__}",
            f"Give an object: {attribute.lower()} = {found.__name__}(...)",
        )
    if isinstance(found, type):
        return f"the class {found.__name__}", "Give an object that inherits AsyncBroker."
    if isinstance(found, ModuleType):
        return "a module", f"Give a name in it: {module}.{attribute}:broker"
    if isinstance(getattr(found, "broker", None), AsyncBroker):
        name = type(found).__name__
        return f"a {name}, which has a broker", f"Give that one: {module}:{attribute}.broker"
    if found is None:
        return "None", "A function that makes the broker must return it."
    return (
        f"an object of type {type(found).__qualname__}",
        "Give an object that inherits AsyncBroker.",
    )
