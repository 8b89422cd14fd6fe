"""AsyncBroker: what programs declare tasks on, and what broker plugins inherit."""

import inspect
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import update_wrapper
from typing import Any, ClassVar, Final, ParamSpec, Self, TypeVar, get_type_hints, overload

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.abc.task import RegisteredTask
from taskiq_core.brokers.describe import describe_broker
from taskiq_core.capabilities import Capability
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.client.label_checks import check_labels
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.client.send import send_message
from taskiq_core.client.task_names import default_task_name
from taskiq_core.events import EventHandler, EventHandlers, TaskiqEvents
from taskiq_core.exceptions import (
    CapabilityError,
    SendTaskError,
    TaskDefinitionError,
    UnsupportedLabelError,
)
from taskiq_core.formatters.proxy_formatter import ProxyFormatter
from taskiq_core.loggers import get_logger
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.acks import parse_acknowledge_type
from taskiq_core.messages.known_labels import KNOWN_LABELS, KnownLabel
from taskiq_core.messages.labels import (
    ACK_TYPE,
    NEEDED_CAPABILITY,
    QUEUE_NAME,
    SENT_AT,
    TIMEOUT,
    wrong_label,
    wrong_timeout,
)
from taskiq_core.messages.message import TaskiqMessage, wrong_task_id
from taskiq_core.middleware_chain import MiddlewareChain
from taskiq_core.registry import register
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_core.state import TaskiqState

logger = get_logger(__name__)

TASK_OPTIONS: Final = ("strict", "validate_on_send")
"""Keywords of `@broker.task` that do not become labels."""

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

    Attributes:
        task_checks: called with each task that is declared; what they raise refuses the task.
    """

    global_task_registry: ClassVar[dict[str, AsyncTaskiqDecoratedTask[Any, Any]]] = {}
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
        self.local_task_registry: dict[str, AsyncTaskiqDecoratedTask[Any, Any]] = {}
        self.task_checks: list[Callable[[RegisteredTask], None]] = []
        self.event_handlers = EventHandlers()
        self.state = TaskiqState()
        self.custom_dependency_context: dict[Any, Any] = {}
        self.dependency_overrides: dict[Any, Any] = {}
        self.is_worker_process = False
        self.is_scheduler_process = False
        self._chain = MiddlewareChain(self.middlewares)
        self._is_started = self._is_stopped = False

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
        self._warn_of_retries_without_middleware()
        for event in self.startup_events():
            await self.event_handlers.fire(event, self.state)
        await self.middleware_chain.startup()
        await self.result_backend.startup()
        self._is_started, self._is_stopped = True, False
        if not self.is_worker_process:  # a worker logs what it listens to
            logger.info("Sending to %s, queue %s", describe_broker(self), self.queue_name)

    async def shutdown(self) -> None:
        """Call the handlers of shutdown, and stop middlewares and the result backend.

        Does so whether the broker was started or not; does nothing if it was stopped before.
        """
        if self._is_stopped:
            return
        self._is_started, self._is_stopped = False, True
        # Each is stopped, whatever the one before raises.
        async with AsyncExitStack() as stopping:
            stopping.push_async_callback(self.result_backend.shutdown)
            stopping.push_async_callback(self.middleware_chain.shutdown)
            for event in reversed(self.shutdown_events()):
                stopping.push_async_callback(self.event_handlers.fire, event, self.state)

    def startup_events(self) -> Sequence[TaskiqEvents]:
        """Return the events of start-up that concern this process."""
        is_worker = self.is_worker_process
        return (TaskiqEvents.WORKER_STARTUP if is_worker else TaskiqEvents.CLIENT_STARTUP,)

    def shutdown_events(self) -> Sequence[TaskiqEvents]:
        """Return the events of shutdown that concern this process."""
        is_worker = self.is_worker_process
        return (TaskiqEvents.WORKER_SHUTDOWN if is_worker else TaskiqEvents.CLIENT_SHUTDOWN,)

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(self, *args: object, **kwargs: Any) -> None:
        await self.shutdown()

    # -- sending ------------------------------------------------------------------------------

    def send(self, message: TaskiqMessage) -> Coroutine[Any, Any, None]:
        """Send a message through the middlewares, the formatter and `kick`.

        Raises:
            UnsupportedLabelError: a label asks for what this broker can't do.
            TaskArgumentError: an argument can't be serialized.
            SendTaskError: `kick` failed, or the task id or a label can't be used; it says which.
                Its `__cause__` is never None.
        """
        if self.history is not None:
            message.labels.setdefault(SENT_AT, str(time.time()))
        # One coroutine less for each message than with `async def`.
        return send_message(message, self, self.middleware_chain, check=self._refuse_wrong)

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
            if await self._has_result(task_id):
                return AbortState.FINISHED
            raise
        if state is AbortState.UNKNOWN and await self._has_result(task_id):
            return AbortState.FINISHED
        return state

    async def _has_result(self, task_id: str) -> bool:
        # A broker without a result backend calls every task ready.
        has_backend = not isinstance(self.result_backend, DummyResultBackend)
        return has_backend and await self.result_backend.is_result_ready(task_id)

    def _refuse_wrong(self, message: TaskiqMessage) -> None:
        wrong = wrong_task_id(message.task_id)
        if message.labels:
            self._refuse_unsupported(message.task_name, message.labels)
            wrong = wrong or wrong_label(message.labels)
        if wrong:
            raise SendTaskError(task_name=message.task_name, reason=wrong) from ValueError(wrong)

    def _refuse_unsupported(self, task_name: str, labels: dict[str, Any]) -> None:
        if self.capabilities is None:
            return
        for label in NEEDED_CAPABILITY.keys() & labels.keys():
            if label == QUEUE_NAME and labels[label] == self.queue_name:
                continue
            if label in self.disregarded_labels:
                continue
            if NEEDED_CAPABILITY[label] not in self.capabilities:
                raise UnsupportedLabelError(
                    task_name=task_name,
                    label=label,
                    broker=type(self).__name__,
                    capability=NEEDED_CAPABILITY[label].value,
                )

    def _warn_of_retries_without_middleware(self) -> None:
        runs_tasks = self.is_worker_process or bool(self.private_to_process)
        if not runs_tasks or self.middleware_chain.on_error:
            return
        asking = [name for name, task in self.get_all_tasks().items() if _asks_for_retries(task)]
        if asking:
            logger.warning(
                "These tasks have the label retry_on_error, and no middleware retries them: %s. "
                "Add one: broker.with_middlewares(SmartRetryMiddleware()).",
                ", ".join(sorted(asking)),
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

        A second function under one name replaces the first, with a warning.

        Args:
            task_name: under which workers find it; `module:function` by default.
            labels: sent with every call. Two are options and stay here: `strict=True` has workers
                refuse arguments that do not fit their annotations, `validate_on_send=True` `kiq`.

        Raises:
            TaskDefinitionError: this can't be run as a task, or not with these labels.
            ValueError: the label `ack_type` names no acknowledgement type.
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
        options = {name: labels.pop(name) for name in TASK_OPTIONS if name in labels}
        check_labels(
            task_name,
            labels,
            known=[*KNOWN_LABELS, *self._own_labels()],
            capabilities=self.capabilities or (),
        )
        task = self.decorator_class(
            broker=self,
            original_func=func,
            labels=labels,
            task_name=task_name,
            return_type=_return_type(func),
        )
        update_wrapper(task, func)
        task.strict = bool(options.get("strict", False))
        task.validate_on_send = bool(options.get("validate_on_send", False))
        for check in self.task_checks:
            check(task)
        self._register(task)
        return task

    def _own_labels(self) -> Iterator[KnownLabel]:
        yield from self.known_labels
        for middleware in self.middlewares:
            yield from getattr(middleware, "known_labels", ())

    def _register(self, task: AsyncTaskiqDecoratedTask[Any, Any]) -> None:
        register(self.local_task_registry, task)

    def find_task(self, task_name: str) -> AsyncTaskiqDecoratedTask[Any, Any] | None:
        """Return the task of that name, declared here or on the shared broker; None if unknown."""
        return self.local_task_registry.get(task_name) or self.global_task_registry.get(task_name)

    def get_all_tasks(self) -> dict[str, AsyncTaskiqDecoratedTask[Any, Any]]:
        """Return all tasks that this broker can run, by name."""
        return {**self.global_task_registry, **self.local_task_registry}

    def adopt_task(self, task: RegisteredTask) -> None:
        """Register a task that was declared on another broker."""
        if isinstance(task, AsyncTaskiqDecoratedTask):
            register(self.local_task_registry, task)

    # -- parts --------------------------------------------------------------------------------

    @property
    def middleware_chain(self) -> MiddlewareChain:
        """The compiled middlewares; compiled again when the list has changed."""
        chain = self._chain
        # The first two are what `is_of` asks for most brokers, without a call.
        if (chain.middlewares != self.middlewares or chain.has_own_equality) and not chain.is_of(
            self.middlewares
        ):
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


def _asks_for_retries(task: RegisteredTask) -> bool:
    return str(task.labels.get("retry_on_error", "")).lower() == "true"


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
