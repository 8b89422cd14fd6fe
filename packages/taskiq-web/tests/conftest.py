"""A broker with messages in every state, its dashboard, and a client that may do everything."""

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
from starlette.applications import Starlette

from taskiq_core import TaskiqDepends
from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.history import DeliveryEnd, DeliveryRecord, MinuteCounters
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import RunningTask, WorkerRecord
from taskiq_core.plugins import PluginRegistry, load_plugins
from taskiq_core.plugins.urls import broker_from_url
from taskiq_core.worker_report import WorkerState
from taskiq_scheduler import InMemoryScheduleSource
from taskiq_web import Action, DashboardOptions, dashboard, token_access

TOKEN = "a-token-for-tests-only"
ALL = frozenset(Action)


@dataclass
class Stage:
    """A dashboard and the broker behind it.

    Attributes:
        broker: of the dashboard, started.
        app: the dashboard.
        client: with the token.
        source: of schedules that can be changed.
    """

    broker: AsyncBroker
    app: Starlette
    client: httpx.AsyncClient
    source: InMemoryScheduleSource
    held: list[Delivery] = field(default_factory=list)

    async def send(self, name: str, *args: Any, task_id: str, **labels: Any) -> str:
        task = self.broker.find_task(name)
        assert task is not None
        kicker = task.kicker().with_labels(**labels).with_task_id(task_id)
        return (await kicker.kiq(*args)).task_id

    async def kick(self, body: bytes, *, task_id: str = "raw", task_name: str = "raw") -> None:
        """Store bytes that no client would send."""
        await self.broker.kick(
            BrokerMessage(task_id=task_id, task_name=task_name, message=body, labels={})
        )

    async def take(self) -> Delivery:
        """Fetch one message, and hold it."""
        async with aclosing(self.broker.deliveries(Slots(1))) as deliveries:
            async for delivery in deliveries:
                self.held.append(delivery)
                return delivery
        raise AssertionError("there is no message")

    async def bury(self, reason: str = "it failed", error: str | None = "ValueError: no") -> None:
        await (await self.take()).bury(reason, error)

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of a page."""
        response = await self.client.get(path, params=query, headers={"Accept": "application/json"})
        assert response.status_code == 200, response.text
        return response.json()

    async def html(self, path: str, **query: Any) -> str:
        response = await self.client.get(path, params=query, headers={"Accept": "text/html"})
        assert response.status_code == 200, response.text
        return response.text

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        return await self.client.post(path, json=fields, headers={"Accept": "application/json"})


MakeStage = Callable[..., Awaitable[Stage]]


def declare_tasks(broker: AsyncBroker) -> None:
    def connection() -> str:
        return "secret connection"

    @broker.task(task_name="shop:charge")
    async def charge(
        order: int,
        currency: Literal["EUR", "USD"] = "EUR",
        note: str = "",
        is_gift: bool = False,
        extras: list[int] | None = None,
        password: str = "hidden-default",
        database: Annotated[str, TaskiqDepends(connection)] = "",
    ) -> int:
        """Charge an order."""
        return order

    @broker.task(task_name="shop:mail", schedule=[{"cron": "0 3 * * *", "args": ["a@b"]}])
    async def mail(address: str) -> None: ...


@pytest.fixture(scope="session")
def registry() -> PluginRegistry:
    return load_plugins()


@pytest.fixture
async def make_stage(tmp_path: Path, registry: PluginRegistry) -> AsyncIterator[MakeStage]:
    """Makes a dashboard of a SQLite broker, or of the one of a URL."""
    closers: list[Callable[[], Awaitable[object]]] = []

    numbers = itertools.count()

    async def make(url: str | None = None, **options: Any) -> Stage:
        file = tmp_path / f"{next(numbers)}.db"
        broker = broker_from_url(url or f"sqlite:///{file}?history=1000")
        declare_tasks(broker)
        source = InMemoryScheduleSource()
        resolver = options.pop("resolver", None) or token_access(TOKEN, actions=ALL)
        made = DashboardOptions(**{"actions": ALL, "interval": 0.02, **options})
        app = dashboard(
            broker, resolver=resolver, options=made, schedule_sources=[source], registry=registry
        )
        lifespan = app.router.lifespan_context(app)
        await lifespan.__aenter__()
        closers.append(lambda: lifespan.__aexit__(None, None, None))
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://dashboard",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        closers.append(client.aclose)
        return Stage(broker, app, client, source)

    yield make
    for close in reversed(closers):
        await close()


@pytest.fixture
async def stage(make_stage: MakeStage) -> Stage:
    return await make_stage()


@pytest.fixture
async def full(stage: Stage) -> Stage:
    """Messages in every state, workers, history and schedules."""
    await stage.send("shop:charge", 1, task_id="dead-1")
    await stage.bury()
    await stage.send("shop:charge", 2, task_id="running-1")
    await stage.take()
    await stage.send("shop:charge", 3, task_id="waiting-1")
    await stage.send("shop:mail", "a@b", task_id="delayed-1", delay=600)
    now = datetime.now(UTC)
    await stage.broker.announce(
        make_worker(
            "w-1",
            running=[
                RunningTask(task_id="running-1", task_name="shop:charge", attempt=1, started_at=now)
            ],
            running_count=1,
        ),
        ttl=600,
    )
    await stage.broker.add_history(
        [
            DeliveryRecord(
                task_id="ended-1",
                task_name="shop:charge",
                end=DeliveryEnd.FAILED,
                worker_id="w-1",
                sent_at=now - timedelta(seconds=3),
                started_at=now - timedelta(seconds=2),
                ended_at=now - timedelta(seconds=1),
                error="ValueError: declined",
                trace_id="ab/c1",
            )
        ],
        [
            MinuteCounters(
                minute=now.replace(second=0, microsecond=0),
                task_name="shop:charge",
                started=10,
                succeeded=9,
                failed=1,
            )
        ],
    )
    await stage.source.add_schedule(
        ScheduledTask(
            task_name="shop:mail",
            labels={},
            args=["a@b"],
            kwargs={},
            schedule_id="s-1",
            cron="0 3 * * *",
        )
    )
    return stage


def make_worker(worker_id: str, **fields: Any) -> WorkerRecord:
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "host": "server-1",
        "pid": 7,
        "state": WorkerState.RUNNING,
        "started_at": now,
        "seen_at": now,
        "slots_total": 10,
        "task_names": ["shop:charge", "shop:mail"],
        "versions": {"taskiq-core": "1.0"},
        **fields,
    }
    return WorkerRecord(worker_id=worker_id, **values)


@pytest.fixture
def worker() -> Callable[..., WorkerRecord]:
    return make_worker


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it loud where the tests of the browser did not run."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        terminalreporter.section("NO BROWSER", sep="!", red=True, bold=True)
        terminalreporter.line(
            "Chromium is not on this machine: the dashboard was not tested in a real browser. "
            "apt-get install chromium chromium-driver",
            red=True,
        )
