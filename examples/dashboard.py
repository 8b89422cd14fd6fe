from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from taskiq import broker_from_url
from taskiq_web import Access, Action, DashboardOptions, dashboard

broker = broker_from_url()


def who(request: Request) -> Access | None:
    """What your own authentication says; here a header that your proxy sets."""
    name = request.headers.get("x-forwarded-user")
    if name is None:
        return None
    is_operator = name.endswith("@operators.example")
    return Access(
        name,
        actions=frozenset(Action) if is_operator else frozenset(),
        masks_content=not is_operator,
    )


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncGenerator[None, None]:
    async with broker:
        yield


options = DashboardOptions(title="Shop", actions=frozenset(Action))
app = Starlette(
    routes=[Mount("/tasks", dashboard(broker, resolver=who, options=options))],
    lifespan=lifespan,
)
