"""Take pictures of the dashboard's pages, light and dark, into docs/dashboard/.

`python -m nox -s screenshots` calls it. Needs Chromium and its driver; the content of the pages is
made up.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.history import BUCKETS, DeliveryEnd, DeliveryRecord, MinuteCounters
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import RunningTask, WorkerRecord
from taskiq_core.plugins.urls import broker_from_url
from taskiq_core.worker_report import WorkerState
from taskiq_scheduler import InMemoryScheduleSource
from taskiq_web import Action, DashboardOptions, dashboard, token_access

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "dashboard"
TOKEN: Final = "a-token-for-pictures"  # noqa: S105  # of a dashboard that lives for some seconds
WIDTH: Final = 1200
HEIGHT: Final = 760
QUALITY: Final = 55
TASKS: Final = ("shop:charge", "shop:confirm", "shop:export")
PAGES: Final = {
    "overview": "/",
    "queues": "/queues",
    "messages": "/messages",
    "task": "/task?id=o-4711",
    "dead": "/dead",
    "letter": "/dead/letter?id=1",
    "workers": "/workers",
    "history": "/history",
    "schedules": "/schedules",
    "tasks": "/tasks",
    "run": "/tasks/run?name=shop:charge",
    "metrics": "/metrics",
    "plugins": "/plugins",
    "audit": "/audit",
}
"""Names of the pictures, and the pages that they show."""


async def main(names: Sequence[str]) -> None:
    """Take the pictures of some pages, or of all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="taskiq-pictures-") as folder:
        async with shop(Path(folder)) as base:
            wanted = {name: PAGES[name] for name in names or PAGES}
            await asyncio.to_thread(take_pictures, base, wanted, Path(folder))


def take_pictures(base: str, pages: dict[str, str], folder: Path) -> None:
    """Open each page in a browser, light and dark.

    Args:
        base: the address of the dashboard.
        pages: names of pictures and what they show.
        folder: for the browser's profile.
    """
    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/p"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.get(f"{base}/?token={TOKEN}")
        for scheme in ("light", "dark"):
            _emulate(driver, scheme)
            for name, path in pages.items():
                driver.get(f"{base}{path}")
                shot = driver.execute_cdp_cmd(
                    "Page.captureScreenshot", {"format": "webp", "quality": QUALITY}
                )
                file = FOLDER / f"{name}-{scheme}.webp"
                file.write_bytes(b64decode(shot["data"]))
                print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1024:.0f} KiB")
    finally:
        driver.quit()


def _emulate(driver: Any, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


# --- a shop that looks busy -----------------------------------------------------------------------


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[str]:
    """Serve a dashboard of a broker in which much has happened; yields its address."""
    broker = broker_from_url(f"sqlite:///{folder}/shop.db?history=10000")
    declare_tasks(broker)
    source = InMemoryScheduleSource()
    actions = frozenset(Action)
    app = dashboard(
        broker,
        resolver=token_access(TOKEN, name="ann", actions=actions),
        options=DashboardOptions(title="Shop", actions=actions),
        schedule_sources=[source],
    )
    config = uvicorn.Config(app, port=0, log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    async with app.router.lifespan_context(app):
        await fill(broker, source)
        app.state.dashboard.audit.add(
            "ann", "queues/pause", "mails", count=1, is_done=True, text="Queue mails is paused."
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        app.state.dashboard.feed.close()
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def declare_tasks(broker: AsyncBroker) -> None:
    """Declare the tasks of the shop."""

    @broker.task(task_name="shop:charge")
    async def charge(order: int, currency: str = "EUR", note: str = "") -> None:
        """Charge the card of an order."""

    @broker.task(task_name="shop:confirm", queue_name="mails")
    async def confirm(order: int, *, is_gift: bool = False) -> None:
        """Write to the customer."""

    @broker.task(task_name="shop:export")
    async def export(year: int) -> None:
        """Write the books of a year."""


async def fill(broker: AsyncBroker, source: InMemoryScheduleSource) -> None:
    """Fill queues, history and schedules."""
    now = datetime.now(UTC)
    for number in range(3):
        await send(broker, "shop:charge", number, task_id=f"o-{number}")
        await bury(broker, "failed 4 times", "PaymentError: declined")
    await send(broker, "shop:export", 1999, task_id="o-9")
    await bury(broker, "rejected by the task", None)
    await send(broker, "shop:charge", 4711, task_id="o-4711", note="urgent")
    async with aclosing(broker.deliveries(Slots(1))) as deliveries:
        await anext(deliveries)
    for number in range(4712, 4730):
        await send(broker, "shop:charge", number, task_id=f"o-{number}")
    for number in range(7):
        await send(broker, "shop:confirm", number, task_id=f"m-{number}")
    await send(broker, "shop:export", 2026, task_id="x-1", delay=7200)
    await broker.pause(queue="mails")
    for number, version in enumerate(("1.1.0", "1.1.0", "1.0.0")):
        await broker.announce(worker(number, version, now), ttl=600)
    await broker.add_history(deliveries_before(now), counters_before(now))
    for name, when in (("shop:export", {"cron": "0 3 1 * *"}), ("shop:confirm", {"interval": 600})):
        schedule = ScheduledTask(
            task_name=name, labels={}, args=[2026], kwargs={}, schedule_id=name[5:], **when
        )
        await source.add_schedule(schedule)


async def send(broker: AsyncBroker, name: str, *args: Any, task_id: str, **options: Any) -> None:
    """Send a task of the shop; see `AsyncKicker` for the arguments."""
    task = broker.find_task(name)
    if task is None:
        raise LookupError(name)
    labels = {key: value for key, value in options.items() if key == "delay"}
    kwargs = {key: value for key, value in options.items() if key != "delay"}
    await task.kicker().with_task_id(task_id).with_labels(**labels).kiq(*args, **kwargs)


async def bury(broker: AsyncBroker, reason: str, error: str | None) -> None:
    """Have the next message buried; see `Delivery.bury` for the arguments."""
    async with aclosing(broker.deliveries(Slots(1))) as deliveries:
        await (await anext(deliveries)).bury(reason, error)


def worker(number: int, version: str, now: datetime) -> WorkerRecord:
    """Return the record of a worker; see `WorkerRecord` for the arguments."""
    started_at = now - timedelta(seconds=18)
    run = RunningTask(task_id="o-4711", task_name="shop:charge", attempt=2, started_at=started_at)
    return WorkerRecord(
        worker_id=f"web-{number + 1}-410{number}",
        host=f"web-{number + 1}",
        pid=4100 + number,
        state=WorkerState.RUNNING,
        started_at=now - timedelta(hours=3),
        seen_at=now - timedelta(seconds=2),
        queues=["default", "mails"] if number == 0 else ["default"],
        slots_total=10,
        running=[run] if number == 0 else [],
        running_count=1 if number == 0 else 0,
        tasks_done=812 - 31 * number,
        loop_lag=0.002,
        memory=48 * 1024 * 1024,
        versions={"taskiq-core": version, "taskiq-sqlite": "1.0.0"},
        task_names=list(TASKS),
    )


def deliveries_before(now: datetime) -> list[DeliveryRecord]:
    """Return deliveries of the last minutes, a retry of the running task among them."""
    found = [
        DeliveryRecord(
            task_id=f"o-{4600 + number}",
            task_name=TASKS[number % 2],
            worker_id=f"web-{number % 3 + 1}-410{number % 3}",
            end=DeliveryEnd.FAILED if number % 9 == 0 else DeliveryEnd.SUCCEEDED,
            error="PaymentError: declined" if number % 9 == 0 else None,
            sent_at=now - timedelta(seconds=62 - number, milliseconds=40),
            started_at=now - timedelta(seconds=62 - number),
            ended_at=now - timedelta(seconds=61 - number),
        )
        for number in range(40)
    ]
    retried = DeliveryRecord(
        task_id="o-4711",
        task_name="shop:charge",
        worker_id="web-2-4101",
        end=DeliveryEnd.RETRIED,
        error="ConnectionError: the bank does not answer",
        sent_at=now - timedelta(seconds=33),
        started_at=now - timedelta(seconds=32),
        ended_at=now - timedelta(seconds=20),
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    )
    return [*found, retried]


def counters_before(now: datetime) -> list[MinuteCounters]:
    """Return the counters of eight hours of ups and downs."""
    random = Random(7)
    return [
        counters(now - timedelta(minutes=ago), name, random)
        for ago in range(480)
        for name in TASKS[:2]
    ]


def counters(minute: datetime, name: str, random: Random) -> MinuteCounters:
    """Return the counters of one minute; see `MinuteCounters` for the arguments."""
    wave = 60 + 40 * ((minute.minute // 10) % 3)
    started = random.randint(wave // 2, wave)
    failed = random.choice((0, 0, 1, 3))
    ran = [0] * (len(BUCKETS) + 1)
    ran[4], ran[7] = started - started // 10, started // 10
    return MinuteCounters(
        minute=minute.replace(second=0, microsecond=0),
        task_name=name,
        started=started,
        succeeded=started - failed,
        failed=failed,
        waited=ran,
        ran=ran,
        waited_sum=started * random.uniform(0.02, 0.06),
        ran_sum=started * random.uniform(0.1, 0.3),
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
