"""Tasks that depend on what an application has."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Header, Query, Request, Response
from starlette.requests import HTTPConnection

import taskiq_fastapi
from taskiq import InMemoryBroker, TaskiqEvents
from taskiq_fastapi import ApplicationError, RequestInWorkerError, TaskiqDepends
from taskiq_fastapi.errors import RequestParameterError


@pytest.fixture
def app() -> FastAPI:
    return FastAPI(title="application")


@pytest.fixture
async def broker(app: FastAPI) -> AsyncIterator[InMemoryBroker]:
    """A broker that runs its tasks in the process of the application."""
    broker = InMemoryBroker()
    taskiq_fastapi.init(broker, app)
    async with broker:
        yield broker


async def value_of(task: Any, *args: Any) -> Any:
    result = await (await task.kiq(*args)).wait_result(timeout=10)
    return result.raise_for_error().return_value


# -- requests -------------------------------------------------------------------------------------


async def test_a_task_depends_on_request_and_connection(
    app: FastAPI, broker: InMemoryBroker
) -> None:
    @broker.task
    async def titles(
        request: Request = TaskiqDepends(), connection: HTTPConnection = TaskiqDepends()
    ) -> list[str]:
        return [request.app.title, connection.app.title]

    assert await value_of(titles) == ["application", "application"]


async def test_a_bare_request_in_a_dependency_is_given(
    app: FastAPI, broker: InMemoryBroker
) -> None:
    def title(request: Request) -> str:
        return str(request.app.title)

    @broker.task
    async def show(title: Annotated[str, Depends(title)]) -> str:
        return title

    assert await value_of(show) == "application"


async def test_each_task_has_a_copy_of_the_state(app: FastAPI, broker: InMemoryBroker) -> None:
    taskiq_fastapi.populate_dependency_context(broker, app, {"pool": "p"})

    @broker.task
    async def spoil(request: Request = TaskiqDepends()) -> str:
        found = str(request.state.pool)
        request.state.pool = "spoilt"
        return found

    assert [await value_of(spoil), await value_of(spoil)] == ["p", "p"]


async def test_a_body_is_refused_loudly(broker: InMemoryBroker) -> None:
    @broker.task
    async def read(request: Request = TaskiqDepends()) -> bytes:
        return await request.body()

    with pytest.raises(RequestInWorkerError, match=r"request\.app"):
        await value_of(read)


# -- overrides and threads ------------------------------------------------------------------------


async def test_overrides_of_the_application_hold_as_they_change(
    app: FastAPI, broker: InMemoryBroker
) -> None:
    def clock() -> str:
        return "real"

    @broker.task
    async def of_fastapi(now: Annotated[str, Depends(clock)]) -> str:
        return now

    @broker.task
    async def of_taskiq(now: str = TaskiqDepends(clock)) -> str:
        return now

    assert [await value_of(of_fastapi), await value_of(of_taskiq)] == ["real", "real"]
    app.dependency_overrides[clock] = lambda: "fake"
    assert [await value_of(of_fastapi), await value_of(of_taskiq)] == ["fake", "fake"]
    broker.dependency_overrides[clock] = lambda: "broker's"
    assert await value_of(of_fastapi) == "broker's"
    app.dependency_overrides.clear()
    del broker.dependency_overrides[clock]
    assert await value_of(of_fastapi) == "real"


async def test_an_override_has_dependencies_of_its_own(
    app: FastAPI, broker: InMemoryBroker
) -> None:
    def zone(request: Request) -> str:
        return f"zone of {request.app.title}"

    def clock() -> str:
        return "real"

    def fake_clock(zone: Annotated[str, Depends(zone)]) -> str:
        return f"fake, {zone}"

    @broker.task
    async def show(now: Annotated[str, Depends(clock)]) -> str:
        return now

    app.dependency_overrides[clock] = fake_clock
    assert await value_of(show) == "fake, zone of application"


async def test_plain_functions_of_fastapi_run_in_threads(broker: InMemoryBroker) -> None:
    here = threading.get_ident()

    def place() -> bool:
        return threading.get_ident() == here

    def generator() -> Iterator[bool]:
        yield threading.get_ident() == here

    async def coroutine() -> bool:
        return threading.get_ident() == here

    class Place:
        def __init__(self) -> None:
            self.here = threading.get_ident() == here

    @broker.task
    async def places(
        function: Annotated[bool, Depends(place)],
        generated: Annotated[bool, Depends(generator)],
        awaited: Annotated[bool, Depends(coroutine)],
        instance: Annotated[Place, Depends()],
        of_taskiq: bool = TaskiqDepends(place, use_cache=False),
    ) -> list[bool]:
        return [function, generated, awaited, instance.here]

    assert await value_of(places) == [False, False, True, False]


async def test_generators_are_closed_and_see_errors(broker: InMemoryBroker) -> None:
    seen: list[str] = []

    def session() -> Iterator[str]:
        try:
            yield "session"
        except LookupError:
            seen.append("rolled back")
        finally:
            seen.append("closed")

    async def async_session() -> AsyncIterator[str]:
        try:
            yield "session"
        finally:
            seen.append("closed, too")

    @broker.task
    async def fail(
        first: Annotated[str, Depends(session)], second: Annotated[str, Depends(async_session)]
    ) -> None:
        raise LookupError(first + second)

    with pytest.raises(LookupError):
        await value_of(fail)
    assert sorted(seen) == ["closed", "closed, too", "rolled back"]


# -- what only a request brings -------------------------------------------------------------------


def of_query(page: Annotated[int, Query()] = 1) -> int:
    return page


def of_header(token: Annotated[str, Header()]) -> str:
    return token


def of_bare(page: int) -> int:
    return page


def of_response(response: Response) -> Response:
    return response


def of_background(background: BackgroundTasks) -> BackgroundTasks:
    return background


def deeper(page: Annotated[int, Depends(of_query)]) -> int:
    return page


@pytest.mark.parametrize(
    ("dependency", "named", "kind"),
    [
        (of_query, "of_query takes 'page'", "Query"),
        (of_header, "of_header takes 'token'", "Header"),
        (of_bare, "of_bare takes 'page'", "Query"),
        (of_response, "of_response takes 'response'", "Response"),
        (of_background, "of_background takes 'background'", "BackgroundTasks"),
        (deeper, "of_query takes 'page'", "Query"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_task_that_needs_a_request_is_refused(
    app: FastAPI, dependency: Any, named: str, kind: str
) -> None:
    broker = InMemoryBroker()

    async def work(value: Any = Depends(dependency)) -> None: ...

    taskiq_fastapi.init(broker, app)
    with pytest.raises(RequestParameterError) as caught:
        broker.task(task_name="work")(work)
    assert "'work' can't be a task" in str(caught.value)
    assert named in str(caught.value)
    assert f"({kind})" in str(caught.value)
    assert broker.find_task("work") is None


def test_tasks_that_were_declared_before_are_checked(app: FastAPI) -> None:
    broker = InMemoryBroker()

    @broker.task(task_name="early")
    async def early(value: Annotated[str, Depends(of_header)]) -> None: ...

    with pytest.raises(RequestParameterError, match="'early' can't be a task"):
        taskiq_fastapi.init(broker, app)


def test_parameters_with_plain_defaults_are_left_alone(app: FastAPI) -> None:
    def limit(limit: int = 10) -> int:
        return limit

    broker = InMemoryBroker()
    taskiq_fastapi.init(broker, app)

    @broker.task(task_name="work")
    async def work(limit: Annotated[int, Depends(limit)]) -> None: ...

    assert broker.find_task("work") is work


# -- life -----------------------------------------------------------------------------------------


async def test_a_worker_runs_the_lifespan(app: FastAPI) -> None:
    life: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        async with taskiq_fastapi.broker_lifespan(broker):
            life.append("started")
            app.state.pool = "pool"
            yield {"state": "of the lifespan"}
            life.append("stopped")

    app = FastAPI(lifespan=lifespan)
    broker = InMemoryBroker()
    taskiq_fastapi.init(broker, lambda: app)
    broker.is_worker_process = True

    @broker.task
    async def look(request: Request = TaskiqDepends()) -> list[str]:
        return [request.app.state.pool, request.state.state]

    async with broker:
        assert life == ["started"]
        assert await value_of(look) == ["pool", "of the lifespan"]
    assert life == ["started", "stopped"]


async def test_a_lifespan_that_starts_the_broker_unasked_ends(app: FastAPI) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await broker.startup()
        yield

    broker = InMemoryBroker()
    broker.is_worker_process = True
    taskiq_fastapi.init(broker, FastAPI(lifespan=lifespan))

    async with broker:
        assert broker.dependency_overrides


async def test_a_lifespan_that_fails_is_an_error() -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    broker = InMemoryBroker()
    broker.is_worker_process = True
    taskiq_fastapi.init(broker, FastAPI(lifespan=lifespan))

    with pytest.raises(ApplicationError, match="no database"):
        await broker.startup()


async def test_what_is_no_application_is_named() -> None:
    broker = InMemoryBroker()
    taskiq_fastapi.init(broker, "taskiq_fastapi:__version__")

    with pytest.raises(ApplicationError, match=r"taskiq_fastapi:__version__.*of type str"):
        await broker.startup()


async def test_the_lifespan_of_a_server_starts_and_stops_the_broker() -> None:
    life: list[str] = []
    broker = InMemoryBroker()
    broker.add_event_handler(TaskiqEvents.CLIENT_STARTUP, lambda _: life.append("started"))
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, lambda _: life.append("stopped"))

    async with taskiq_fastapi.broker_lifespan(broker):
        assert life == ["started"]

    assert life == ["started", "stopped"]


async def test_a_start_up_that_is_cancelled_ends() -> None:
    begun = asyncio.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        begun.set()
        await asyncio.Event().wait()
        yield

    broker = InMemoryBroker()
    broker.is_worker_process = True
    taskiq_fastapi.init(broker, FastAPI(lifespan=lifespan))
    starting = asyncio.create_task(broker.startup())
    await begun.wait()

    starting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(starting, 10)


async def test_a_start_up_that_failed_is_made_again(app: FastAPI) -> None:
    attempts: list[int] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        yield

    broker = InMemoryBroker()
    broker.is_worker_process = True
    taskiq_fastapi.init(broker, FastAPI(lifespan=lifespan))
    with pytest.raises(ApplicationError):
        await broker.startup()

    async with broker:
        assert len(attempts) == 2
