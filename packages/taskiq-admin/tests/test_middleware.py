"""Reports to a server that works, is slow, refuses, or is gone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web

from taskiq_admin import TaskiqAdminMiddleware
from taskiq_admin.plugin import taskiq_register_middlewares
from taskiq_core import Context, TaskiqDepends
from taskiq_inmemory import InMemoryBroker


class Dashboard:
    """A server that records the requests it gets."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.told: list[tuple[str, str, str | None, dict[str, Any]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self.may_answer.wait()
        token = request.headers.get("access-token")
        parts = request.match_info
        self.told.append((parts["id"], parts["event"], token, body))
        return web.Response(status=self.status)


@pytest.fixture
async def dashboard() -> AsyncIterator[Dashboard]:
    dashboard = Dashboard()
    application = web.Application()
    application.router.add_post("/api/tasks/{id}/{event}", dashboard.answer)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    dashboard.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield dashboard
    dashboard.may_answer.set()
    await runner.cleanup()


def broker_with(url: str, **options: Any) -> InMemoryBroker:
    middleware = TaskiqAdminMiddleware(url, "secret", taskiq_broker_name="mails", **options)
    return InMemoryBroker().with_middlewares(middleware)


async def test_life_of_a_task_is_reported_in_order(dashboard: Dashboard) -> None:
    broker = broker_with(dashboard.url + "/")

    @broker.task("add", topic="sums")
    async def add(first: int, *, second: bytes) -> int:
        return first + len(second)

    async with broker:
        task = await add.kiq(1, second=b"\xff")
        await task.wait_result(timeout=10)

    assert {told[1] for told in dashboard.told} == {"queued", "started", "executed"}
    assert {(told[0], told[2]) for told in dashboard.told} == {(task.task_id, "secret")}
    bodies = {told[1]: told[3] for told in dashboard.told}
    for event, moment in (("queued", "queuedAt"), ("started", "startedAt")):
        body = bodies[event]
        assert datetime.fromisoformat(body.pop(moment)).tzinfo is not None
        assert (body["taskName"], body["args"], body["worker"]) == ("add", [1], "mails")
        assert body["kwargs"].keys() == {"second"}
        assert body["labels"]["topic"] == "sums"
    executed = bodies["executed"]
    assert executed["returnValue"] == {"return_value": 2}
    assert executed["error"] is None
    assert executed["executionTime"] >= 0
    assert datetime.fromisoformat(executed["finishedAt"]).tzinfo is not None


async def test_error_is_reported_and_a_retry_is_no_end(dashboard: Dashboard) -> None:
    broker = broker_with(dashboard.url)

    @broker.task("again")
    async def again(context: Context = TaskiqDepends()) -> None:
        if context.attempt == 1:
            await context.requeue()
        raise ValueError("at last")

    async with broker:
        await again.kiq()
        await broker.wait_all()

    events = [told[1] for told in dashboard.told]
    assert events.count("started") == 2
    assert [told[3]["error"] for told in dashboard.told if told[1] == "executed"] == [
        "ValueError: at last"
    ]


async def test_slow_dashboard_delays_no_task(dashboard: Dashboard) -> None:
    dashboard.may_answer.clear()
    broker = broker_with(dashboard.url, timeout=1)

    @broker.task
    async def quick() -> int:
        return 1

    async with broker:
        task = await quick.kiq()
        assert (await task.wait_result(timeout=10)).return_value == 1
        assert dashboard.told == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "no url"])
async def test_dashboard_that_is_gone_fails_no_task(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker = broker_with(url)

    @broker.task
    async def quick() -> int:
        return 1

    async with broker:
        task = await quick.kiq()
        assert (await task.wait_result(timeout=10)).return_value == 1

    assert f"'queued' can't be sent to {url}" in caplog.text
    assert "secret" not in caplog.text


async def test_refusal_is_logged(dashboard: Dashboard, caplog: pytest.LogCaptureFixture) -> None:
    dashboard.status = 401
    broker = broker_with(dashboard.url)

    @broker.task
    async def quick() -> None: ...

    with caplog.at_level(logging.WARNING):
        async with broker:
            await quick.kiq()
            await broker.wait_all()

    assert f"{dashboard.url} answered 401 to 'queued'" in caplog.text


async def test_client_without_startup_reports(dashboard: Dashboard) -> None:
    broker = broker_with(dashboard.url)

    @broker.task
    async def quick() -> None: ...

    await quick.kiq()
    await broker.wait_all()
    await broker.middlewares[0].shutdown()  # type: ignore[misc]

    assert [told[1] for told in dashboard.told].count("queued") == 1


def test_plugin_names_its_middleware() -> None:
    (spec,) = taskiq_register_middlewares()

    assert (spec.name, spec.factory) == ("admin", "taskiq_admin:TaskiqAdminMiddleware")
