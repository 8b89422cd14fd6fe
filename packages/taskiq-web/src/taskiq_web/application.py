"""The dashboard as an ASGI application."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.broker import AsyncBroker
from taskiq_core.loggers import get_logger
from taskiq_core.plugins import PluginRegistry, load_project_plugins
from taskiq_web.access import Resolver
from taskiq_web.errors import RequestRefusedError
from taskiq_web.http.guard import Guard
from taskiq_web.http.responses import refusal
from taskiq_web.options import DashboardOptions
from taskiq_web.routes import routes_of
from taskiq_web.state import DashboardState, make_state

logger = get_logger(__name__)
STATIC = Path(__file__).parent / "static"


def dashboard(
    broker: AsyncBroker,
    *,
    resolver: Resolver,
    options: DashboardOptions | None = None,
    schedule_sources: Sequence[ScheduleSource] = (),
    registry: PluginRegistry | None = None,
) -> Starlette:
    """Return the dashboard of a broker, to be served or mounted.

    Served by itself, it starts and stops broker and schedule sources. Mounted in an application, it
    leaves that to the application, which has its own use for them.

    Args:
        broker: what it shows.
        resolver: says who may see and do what, as `token_access` does, or the application's own
            function. There is no dashboard without one.
        options: how it is configured.
        schedule_sources: the sources that the page of schedules shows; without them the labels of
            the broker's tasks, if taskiq-scheduler is installed.
        registry: the installed plugins; those of the project without it.
    """
    options = options or DashboardOptions()
    registry = registry or load_project_plugins()
    sources = list(schedule_sources) or label_sources(broker, registry)
    state = make_state(broker, options, resolver, sources, registry)
    app = Starlette(
        routes=[*routes_of(state), Mount("/static", StaticFiles(directory=STATIC))],
        middleware=[Middleware(Guard, resolver=resolver, options=options)],
        exception_handlers={404: _not_found, 405: _not_found, RequestRefusedError: _refused},
        lifespan=_lifespan(state),
    )
    app.state.dashboard = state
    return app


def label_sources(broker: AsyncBroker, registry: PluginRegistry) -> list[ScheduleSource]:
    """Return the source of schedules in the labels of tasks, if a plugin has it."""
    spec = registry.schedule_sources.get("label")
    if spec is None:
        return []
    factory: Any = registry.resolve(spec)
    source = factory(broker)
    return [source] if isinstance(source, ScheduleSource) else []


def _lifespan(state: DashboardState) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            await state.broker.startup()
            stack.push_async_callback(state.broker.shutdown)
            for source in state.sources:
                await source.startup()
                stack.push_async_callback(source.shutdown)
            stack.push_async_callback(state.jobs.close)
            yield

    return lifespan


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    reason = "There is no such page." if status == 404 else "There is no such method here."  # noqa: PLR2004
    return refusal(request, RequestRefusedError(status=status, reason=reason))


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestRefusedError):
        return refusal(request, error)
    raise error
