"""Tasks that depend on an application of aiohttp and on its requests."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import taskiq_aiohttp
from taskiq import InMemoryBroker, TaskiqDepends, TaskiqEvents
from taskiq_aiohttp import ApplicationError
from taskiq_testservers.commands import run_beside_worker

NAME = web.AppKey("NAME", str)
SPOILT = web.RequestKey("SPOILT", bool)
README = (Path(__file__).parent.parent / "README.md").read_text()
(PROGRAM,) = re.findall(r"<!-- \S+ -->\n```python\n(.*?)```", README, re.DOTALL)
SEND = """
import asyncio
from app import broker, greet

async def main():
    async with broker:
        print((await (await greet.kiq("world")).wait_result(timeout=40)).return_value)

asyncio.run(main())
"""


async def value_of(task: Any) -> Any:
    return (await (await task.kiq()).wait_result(timeout=10)).raise_for_error().return_value


async def answer(_: web.Request) -> web.Response:
    return web.Response()


def make_app(life: list[str]) -> web.Application:
    async def context(app: web.Application) -> AsyncIterator[None]:
        life.append("started")
        app[NAME] = "application"
        yield
        life.append("stopped")

    app = web.Application()
    app.cleanup_ctx.append(context)
    app.router.add_get("/", answer)
    return app


@pytest.mark.parametrize("is_factory", [False, True])
async def test_a_worker_runs_the_application(is_factory: bool) -> None:
    life: list[str] = []
    app = make_app(life)

    async def factory() -> web.Application:
        return app

    broker = InMemoryBroker()
    broker.is_worker_process = True
    taskiq_aiohttp.init(broker, factory if is_factory else app)

    @broker.task
    async def look(
        app: web.Application = TaskiqDepends(), request: web.Request = TaskiqDepends()
    ) -> list[str]:
        return [app[NAME], request.app[NAME]]

    async with broker:
        assert life == ["started"]
        assert await value_of(look) == ["application", "application"]
    assert life == ["started", "stopped"]
    assert len(app.router.resources()) == 1


async def test_each_task_has_a_request_of_its_own() -> None:
    app = make_app([])
    broker = InMemoryBroker()
    taskiq_aiohttp.populate_context(broker, None, app, None)

    @broker.task
    async def spoil(request: web.Request = TaskiqDepends()) -> bool:
        was_spoilt = SPOILT in request
        request[SPOILT] = True
        return was_spoilt

    assert [await value_of(spoil), await value_of(spoil)] == [False, False]
    await broker.shutdown()


async def test_in_the_process_of_the_application_nothing_is_started_twice() -> None:
    life: list[str] = []
    broker = InMemoryBroker()
    taskiq_aiohttp.init(broker, make_app(life))

    @broker.task
    async def look(app: web.Application = TaskiqDepends()) -> bool:
        return isinstance(app, web.Application)

    async with broker:
        assert await value_of(look)
    assert life == []


async def test_the_broker_starts_and_stops_with_the_server() -> None:
    life: list[str] = []
    broker = InMemoryBroker()
    broker.add_event_handler(TaskiqEvents.CLIENT_STARTUP, lambda _: life.append("start"))
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, lambda _: life.append("stop"))
    app = web.Application()
    app.cleanup_ctx.append(taskiq_aiohttp.broker_context(broker))

    runner = web.AppRunner(app)
    await runner.setup()
    assert life == ["start"]
    await runner.cleanup()
    assert life == ["start", "stop"]


async def test_a_worker_that_starts_its_own_broker_once_more_ends() -> None:
    broker = InMemoryBroker()
    broker.is_worker_process = True
    app = web.Application()
    app.on_startup.append(lambda _: broker.startup())
    taskiq_aiohttp.init(broker, app)

    async with broker:
        assert web.Application in broker.custom_dependency_context


async def test_what_is_not_an_application_is_named() -> None:
    broker = InMemoryBroker()
    taskiq_aiohttp.init(broker, "taskiq_aiohttp:__version__")

    with pytest.raises(ApplicationError, match=r"taskiq_aiohttp:__version__'.*of type str"):
        await broker.startup()


def test_the_program_of_the_readme(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "send.py").write_text(SEND)

    assert run_beside_worker(tmp_path, client="send.py") == "Hello, world!\n"
