"""What connects a broker and an application: `init` and its steps."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from aiohttp import web, web_request
from aiohttp.test_utils import make_mocked_request

from taskiq_aiohttp.errors import ApplicationError
from taskiq_core.broker import AsyncBroker
from taskiq_core.events import TaskiqEvents
from taskiq_core.loading.objects import import_object
from taskiq_core.state import TaskiqState

# aiohttp has this name for type checkers only, and dependencies are found by type hints: without it
# each task that depends on a request would warn. The object is that of the public name.
setattr(web_request, "RequestHandler", web.RequestHandler)  # noqa: B010  # typed without it

Factory = Callable[[], web.Application | Awaitable[web.Application]]


def init(broker: AsyncBroker, app_path: str | web.Application | Factory) -> None:
    """Give the tasks of a broker the application, and requests of it.

    A worker runs the start-up, the clean-up contexts and the clean-up of the application, so that
    tasks find what these set up; a broker that runs its tasks in the process of the application,
    such as InMemoryBroker, does not.

    Args:
        broker: whose tasks they are.
        app_path: the path of the application, such as "app.main:app", which is imported when a
            worker starts; or the application, or a function that makes it.
    """
    connection = _Connection(broker, app_path)
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, connection.open)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, connection.close)


def populate_context(
    broker: AsyncBroker,
    server: object = None,
    app: web.Application | None = None,
    loop: object = None,
) -> None:
    """Let tasks depend on Application and Request; `init` does so when a worker starts.

    Args:
        broker: whose tasks they are.
        server: not used; for callers written for taskiq-aiohttp 0.3.
        app: the application.
        loop: not used; for callers written for taskiq-aiohttp 0.3.

    Raises:
        ApplicationError: `app` is not an application.
    """
    del server, loop
    if not isinstance(app, web.Application):
        raise ApplicationError(given=repr(app), kind=type(app).__name__)
    application = app

    def make_request() -> web.Request:
        """Return a new request; tasks may put into it what they like."""
        return make_mocked_request("GET", "/", app=application)

    broker.add_dependency_context({web.Application: application})
    broker.dependency_overrides[web.Request] = make_request


def broker_context(broker: AsyncBroker) -> Callable[[web.Application], AsyncGenerator[None]]:
    """Return a clean-up context that starts and stops a broker with its application.

    It does nothing in a worker, which runs the clean-up contexts of the application, too::

        app.cleanup_ctx.append(broker_context(broker))

    Args:
        broker: the broker that the application sends with.
    """

    async def run(_: web.Application) -> AsyncGenerator[None]:
        if broker.is_worker_process:
            yield
            return
        async with broker:
            yield

    return run


class _Connection:
    """The application in one process."""

    def __init__(self, broker: AsyncBroker, app_path: str | web.Application | Factory) -> None:
        self._broker = broker
        self._app_path = app_path
        self._runner: web.AppRunner | None = None
        self._is_open = False

    async def open(self, _: TaskiqState) -> None:
        if self._is_open:
            return  # the start-up of the application starts the broker once more
        self._is_open = True
        try:
            await self._open()
        except BaseException:
            self._is_open = False
            raise

    async def _open(self) -> None:
        app = await _load(self._app_path)
        if self._broker.is_worker_process:
            self._runner = web.AppRunner(app, handle_signals=False, access_log=None)
            await self._runner.setup()
        populate_context(self._broker, app=app)

    async def close(self, _: TaskiqState) -> None:
        self._is_open = False
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()


async def _load(app_path: str | web.Application | Factory) -> web.Application:
    found: Any = import_object(app_path) if isinstance(app_path, str) else app_path
    if not isinstance(found, web.Application) and callable(found):
        found = found()
        if inspect.isawaitable(found):
            found = await found
    if isinstance(found, web.Application):
        return found
    raise ApplicationError(given=repr(app_path), kind=type(found).__name__)
