"""What connects a broker and an application: `init` and its steps."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request

from taskiq_core.abc.task import RegisteredTask
from taskiq_core.broker import AsyncBroker
from taskiq_core.events import TaskiqEvents
from taskiq_core.loading.objects import import_object
from taskiq_core.state import TaskiqState
from taskiq_fastapi.asgi_lifespan import asgi_lifespan
from taskiq_fastapi.errors import ApplicationError
from taskiq_fastapi.overrides import AppOverrides
from taskiq_fastapi.signatures import check_dependencies
from taskiq_fastapi.worker_request import WorkerRequests

PathOrAppOrFactory: TypeAlias = str | FastAPI | Callable[[], FastAPI]


def init(broker: AsyncBroker, app_or_path: PathOrAppOrFactory) -> None:
    """Give the tasks of a broker the dependencies of an application.

    A worker runs the lifespan of the application, so that tasks find what it has set up; a broker
    that runs its tasks in the process of the application, such as InMemoryBroker, does not. Tasks
    that depend on what only a request brings are refused where they are declared.

    Args:
        broker: whose tasks they are.
        app_or_path: the application, a function that makes it, or the path of either, such as
            "app.main:app". A path is imported when a worker starts, so that the module of the
            application can import the tasks.

    Raises:
        RequestParameterError: a task that was declared before depends on a request.
    """
    connection = _Connection(broker, app_or_path)
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, connection.open)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, connection.close)
    for task in broker.get_all_tasks().values():
        _check(task)
    broker.task_checks.append(_check)


def populate_dependency_context(
    broker: AsyncBroker, app: FastAPI, asgi_state: dict[str, Any] | None = None
) -> None:
    """Let tasks depend on Request and HTTPConnection, and see the overrides of the application.

    `init` does so when a worker starts. Call it by hand in tests, and where the state of the
    lifespan is known in the process of the application.

    Args:
        broker: whose tasks they are.
        app: what `request.app` is.
        asgi_state: what `request.state` has; each task gets a copy.
    """
    requests = WorkerRequests(app, asgi_state)
    overrides = AppOverrides(broker.dependency_overrides, app)
    overrides[Request] = requests.make_request
    overrides[HTTPConnection] = requests.make_connection
    for task in broker.get_all_tasks().values():
        overrides.know(task.original_func)
    if _know not in broker.task_checks:
        broker.task_checks.append(_know)
    broker.dependency_overrides = overrides


@asynccontextmanager
async def broker_lifespan(broker: AsyncBroker) -> AsyncGenerator[None]:
    """Start and stop a broker with its application; does nothing in a worker.

    For the lifespan of the application, which workers run as well::

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with broker_lifespan(broker):
                yield

    Args:
        broker: the broker that the application sends with.
    """
    if broker.is_worker_process:
        yield
        return
    async with broker:
        yield


class _Connection:
    """The application in one process."""

    def __init__(self, broker: AsyncBroker, app_or_path: PathOrAppOrFactory) -> None:
        self._broker = broker
        self._app_or_path = app_or_path
        self._lifespan = AsyncExitStack()
        self._is_open = False

    async def open(self, _: TaskiqState) -> None:
        if self._is_open:
            return  # the lifespan of the application starts the broker once more
        self._is_open = True
        try:
            await self._open()
        except BaseException:
            self._is_open = False
            raise

    async def _open(self) -> None:
        app = _load(self._app_or_path)
        state: dict[str, Any] | None = None
        if self._broker.is_worker_process:
            state = await self._lifespan.enter_async_context(asgi_lifespan(app))
        populate_dependency_context(self._broker, app, state)

    async def close(self, _: TaskiqState) -> None:
        self._is_open = False
        await self._lifespan.aclose()


def _load(app_or_path: PathOrAppOrFactory) -> FastAPI:
    found: object = import_object(app_or_path) if isinstance(app_or_path, str) else app_or_path
    if not isinstance(found, FastAPI) and callable(found):
        found = found()
    if isinstance(found, FastAPI):
        return found
    raise ApplicationError(
        reason=f"taskiq_fastapi.init was given {app_or_path!r}, which is an object of type "
        f"{type(found).__name__}. Give a FastAPI application, or a function that returns one."
    )


def _check(task: RegisteredTask) -> None:
    check_dependencies(task.task_name, task.original_func)


def _know(task: RegisteredTask) -> None:
    """Note the dependencies of a task that is declared after start-up."""
    overrides = getattr(getattr(task, "broker", None), "dependency_overrides", None)
    if isinstance(overrides, AppOverrides):
        overrides.know(task.original_func)
