"""AsyncBroker: what programs declare tasks on, and what broker plugins inherit."""

import inspect
import os
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import update_wrapper
from typing import Any, ClassVar, Final, ParamSpec, Self, TypeVar, get_type_hints, overload

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.abc.task import RegisteredTask
from taskiq_core.capabilities import Capability
from taskiq_core.client.argument_errors import explain_unsendable
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.client.task_names import default_task_name
from taskiq_core.events import EventHandler, EventHandlers, TaskiqEvents
from taskiq_core.exceptions import (
    CapabilityError,
    ResultBackendMissingError,
    SendTaskError,
    TaskDefinitionError,
    UnsupportedLabelError,
    reason_of,
)
from taskiq_core.formatters.proxy_formatter import ProxyFormatter
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.acks import parse_acknowledge_type
from taskiq_core.messages.labels import (
    ACK_TYPE,
    NEEDED_CAPABILITY,
    QUEUE_NAME,
    TIMEOUT,
    wrong_label,
    wrong_timeout,
)
from taskiq_core.messages.message import TaskiqMessage, wrong_task_id
from taskiq_core.middleware_chain import MiddlewareChain, notify, transform
from taskiq_core.registry import TaskRegistry
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_core.state import TaskiqState

_ABORTS: Final = frozenset({Capability.ABORT_RUNNING, Capability.ABORT_QUEUED})
_FuncParams = ParamSpec("_FuncParams")
_ReturnType = TypeVar("_ReturnType")


def default_id_generator() -> str:
    """A random task id: 128 bits as 32 hexadecimal digits."""
    return os.urandom(16).hex()


class AsyncBroker(AbstractBroker):
    """A broker and the tasks declared on it.

    Composed of parts that do the work: a registry of tasks, event handlers, a chain of middlewares,
    a serializer and a formatter. Plugins inherit it and implement `kick` and `listen`; the rest of
    what they may implement is in `AbstractBroker`.

    Args:
        result_backend: where results are kept; `with_result_backend` sets it later.
        task_id_generator: makes task ids; `with_id_generator` sets it later.
    """

    global_task_registry: ClassVar[TaskRegistry[AsyncTaskiqDecoratedTask[Any, Any]]] = (
        TaskRegistry()
    )
    """Tasks of the shared broker, which every broker of the process can run."""

    def __init__(
        self,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
    ) -> None:
        self.result_backend = result_backend or DummyResultBackend()
        self.id_generator = task_id_generator or default_id_generator
        self.decorator_class = AsyncTaskiqDecoratedTask
        self.serializer = JSONSerializer()
        self.formatter = ProxyFormatter(self)
        self.middlewares: list[TaskiqMiddleware] = []
        self.local_task_registry: TaskRegistry[AsyncTaskiqDecoratedTask[Any, Any]] = TaskRegistry()
        self.event_handlers = EventHandlers()
        self.state = TaskiqState()
        self.custom_dependency_context: dict[Any, Any] = {}
        self.dependency_overrides: dict[Any, Any] = {}
        self.is_worker_process = False
        self.is_scheduler_process = False
        self._chain = MiddlewareChain(self.middlewares)
        self._is_started = False

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Call the handlers of start-up, and start middlewares and the result backend.

        Raises:
            UnsupportedLabelError: a declared task carries a label that this broker can't honour.
        """
        if self._is_started:
            return
        for task in self.local_task_registry.values():
            self._refuse_unsupported(task.task_name, task.labels)
        await self.event_handlers.fire(
            TaskiqEvents.WORKER_STARTUP if self.is_worker_process else TaskiqEvents.CLIENT_STARTUP,
            self.state,
        )
        await self.middleware_chain.startup()
        await self.result_backend.startup()
        self._is_started = True

    async def shutdown(self) -> None:
        """Call the handlers of shutdown, and stop middlewares and the result backend.

        Does nothing if the broker was not started, or was stopped before.
        """
        if not self._is_started:
            return
        self._is_started = False
        event = (
            TaskiqEvents.WORKER_SHUTDOWN if self.is_worker_process else TaskiqEvents.CLIENT_SHUTDOWN
        )
        # Each is stopped, whatever the one before raises.
        async with AsyncExitStack() as stopping:
            stopping.push_async_callback(self.result_backend.shutdown)
            stopping.push_async_callback(self.middleware_chain.shutdown)
            await self.event_handlers.fire(event, self.state)

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(self, *args: object, **kwargs: Any) -> None:
        await self.shutdown()

    # -- sending ------------------------------------------------------------------------------

    async def send(self, message: TaskiqMessage) -> None:
        """Send a message through the middlewares, the formatter and `kick`.

        Raises:
            UnsupportedLabelError: a label asks for what this broker can't do.
            TaskArgumentError: an argument can't be serialized.
            SendTaskError: `kick` failed, or the task id or a label can't be used; it says which.
        """
        chain = self.middleware_chain
        if chain.pre_send:
            message = await transform(chain.pre_send, message)
        self._refuse_wrong(message)
        try:
            formatted = self.formatter.dumps(message)
        except Exception as error:
            raise explain_unsendable(message, self.formatter, error) from error
        try:
            await self.kick(formatted)
        except SendTaskError:
            raise
        except Exception as error:
            raise SendTaskError(task_name=message.task_name, reason=reason_of(error)) from error
        if chain.post_send:
            await notify(chain.post_send, message)

    async def abort(self, task_id: str) -> AbortState:
        """Ask for a task to be aborted, wherever it is.

        Returns:
            Where the task was found.

        Raises:
            CapabilityError: this broker can't abort tasks, or not where this one is.
        """
        try:
            state = await self.request_abort(task_id)
        except CapabilityError:
            if _ABORTS.isdisjoint(self.capabilities or ()):
                raise
            with suppress(ResultBackendMissingError):
                if await self.result_backend.is_result_ready(task_id):
                    return AbortState.FINISHED
            raise
        if state is AbortState.UNKNOWN and await self.result_backend.is_result_ready(task_id):
            return AbortState.FINISHED
        return state

    def _refuse_wrong(self, message: TaskiqMessage) -> None:
        wrong = wrong_task_id(message.task_id)
        if message.labels:
            self._refuse_unsupported(message.task_name, message.labels)
            wrong = wrong or wrong_label(message.labels)
        if wrong:
            raise SendTaskError(task_name=message.task_name, reason=wrong)

    def _refuse_unsupported(self, task_name: str, labels: dict[str, Any]) -> None:
        if self.capabilities is None:
            return
        for label in NEEDED_CAPABILITY.keys() & labels.keys():
            if label == QUEUE_NAME and labels[label] == self.queue_name:
                continue
            if NEEDED_CAPABILITY[label] not in self.capabilities:
                raise UnsupportedLabelError(
                    task_name=task_name,
                    label=label,
                    broker=type(self).__name__,
                    capability=NEEDED_CAPABILITY[label].value,
                )

    # -- tasks --------------------------------------------------------------------------------

    @overload
    def task(
        self,
        task_name: Callable[_FuncParams, _ReturnType],
        **labels: Any,
    ) -> AsyncTaskiqDecoratedTask[_FuncParams, _ReturnType]: ...

    @overload
    def task(
        self,
        task_name: str | None = None,
        **labels: Any,
    ) -> Callable[
        [Callable[_FuncParams, _ReturnType]],
        AsyncTaskiqDecoratedTask[_FuncParams, _ReturnType],
    ]: ...

    def task(self, task_name: Any = None, **labels: Any) -> Any:
        """Make a task of a function; as `@broker.task` or `@broker.task(name, **labels)`.

        Args:
            task_name: under which workers find it; `module:function` by default.
            labels: sent with every call.

        Raises:
            DuplicateTaskError: another function has the name.
            TaskDefinitionError: this can't be run as a task, or not with the label `timeout`.
            ValueError: the label `ack_type` is not an acknowledgement type.
        """
        if callable(task_name):
            return self.register_task(task_name, **labels)
        return lambda func: self.register_task(func, task_name, **labels)

    def register_task(
        self,
        func: Callable[_FuncParams, _ReturnType],
        task_name: str | None = None,
        **labels: Any,
    ) -> AsyncTaskiqDecoratedTask[_FuncParams, _ReturnType]:
        """Make a task of a function, at any time; `task` says more."""
        if isinstance(func, AsyncTaskiqDecoratedTask):
            func = func.original_func
        _check_runnable(func)
        if ACK_TYPE in labels:
            labels[ACK_TYPE] = parse_acknowledge_type(labels[ACK_TYPE]).value
        task_name = task_name or default_task_name(func)
        if TIMEOUT in labels and (wrong := wrong_timeout(labels[TIMEOUT])):
            raise TaskDefinitionError(function=f"{task_name!r}", reason=wrong)
        task = self.decorator_class(
            broker=self,
            original_func=func,
            labels=labels,
            task_name=task_name,
            return_type=_return_type(func),
        )
        update_wrapper(task, func)
        self._register(task)
        return task

    def _register(self, task: AsyncTaskiqDecoratedTask[Any, Any]) -> None:
        self.local_task_registry.add(task)

    def find_task(self, task_name: str) -> AsyncTaskiqDecoratedTask[Any, Any] | None:
        """Return the task of that name, declared here or on the shared broker; None if unknown."""
        return self.local_task_registry.get(task_name) or self.global_task_registry.get(task_name)

    def get_all_tasks(self) -> dict[str, AsyncTaskiqDecoratedTask[Any, Any]]:
        """Return all tasks that this broker can run, by name."""
        return {**self.global_task_registry, **self.local_task_registry}

    def adopt_task(self, task: RegisteredTask) -> None:
        """Register a task that was declared on another broker."""
        if isinstance(task, AsyncTaskiqDecoratedTask):
            self.local_task_registry.add(task)

    # -- parts --------------------------------------------------------------------------------

    @property
    def middleware_chain(self) -> MiddlewareChain:
        """The compiled middlewares; compiled again when the list has changed."""
        chain = self._chain
        if chain.source is not self.middlewares or chain.count != len(self.middlewares):
            chain = self._chain = MiddlewareChain(self.middlewares)
        return chain

    def add_middlewares(self, *middlewares: TaskiqMiddleware | list[TaskiqMiddleware]) -> None:
        """Add middlewares, one by one or as a list, after the present ones."""
        for entry in middlewares:
            for middleware in entry if isinstance(entry, list | tuple) else (entry,):
                if not isinstance(middleware, TaskiqMiddleware):
                    raise TypeError(f"{middleware!r} is not a TaskiqMiddleware")
                middleware.set_broker(self)
                self.middlewares.append(middleware)

    def add_event_handler(self, event: TaskiqEvents, handler: EventHandler) -> None:
        """Call a function with the broker's state on an event."""
        self.event_handlers[event].append(handler)

    def on_event(self, *events: TaskiqEvents) -> Callable[[EventHandler], EventHandler]:
        """Decorate a function to be called on these events."""

        def register(handler: EventHandler) -> EventHandler:
            for event in events:
                self.add_event_handler(event, handler)
            return handler

        return register

    def add_dependency_context(self, new_ctx: dict[Any, Any]) -> None:
        """Add values for dependencies: a dict from types to instances."""
        self.custom_dependency_context.update(new_ctx)

    def with_result_backend(self, result_backend: AsyncResultBackend[Any]) -> Self:
        """Set the result backend."""
        self.result_backend = result_backend
        return self

    def with_id_generator(self, task_id_generator: Callable[[], str]) -> Self:
        """Set the function that makes task ids."""
        self.id_generator = task_id_generator
        return self

    def with_middlewares(self, *middlewares: TaskiqMiddleware) -> Self:
        """Add middlewares; see `add_middlewares`."""
        self.add_middlewares(*middlewares)
        return self

    def with_event_handlers(self, event: TaskiqEvents, *handlers: EventHandler) -> Self:
        """Add handlers of an event."""
        self.event_handlers[event].extend(handlers)
        return self

    def with_serializer(self, serializer: TaskiqSerializer) -> Self:
        """Set the serializer of messages; client and worker must use the same."""
        self.serializer = serializer
        return self

    def with_formatter(self, formatter: TaskiqFormatter) -> Self:
        """Set the formatter of messages; client and worker must use the same."""
        self.formatter = formatter
        return self


def _check_runnable(func: Callable[..., Any]) -> None:
    if not callable(func):
        raise TaskDefinitionError(function=repr(func), reason="it can't be called")
    if inspect.isasyncgenfunction(func) or inspect.isgeneratorfunction(func):
        name = getattr(func, "__qualname__", repr(func))
        raise TaskDefinitionError(
            function=f"The generator function {name}",
            reason="a task returns once; return a list, or send a task for each item",
        )


def _return_type(func: Callable[..., Any]) -> Any:
    try:
        return get_type_hints(func).get("return")
    except (NameError, TypeError, AttributeError):
        # Annotations that only a type checker can resolve: nothing to restore by.
        return None
