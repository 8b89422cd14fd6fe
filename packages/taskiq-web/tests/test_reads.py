"""What pages read: once for all viewers, never when there is no viewer, and what is wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from taskiq_core.messages.history import DeliveryEnd, DeliveryRecord, MinuteCounters
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.worker_report import WorkerState
from taskiq_web import Access, DashboardOptions
from taskiq_web.reads.feed import SnapshotFeed, Tick
from taskiq_web.reads.metrics import series_of
from taskiq_web.reads.problems import Facts, find_problems
from taskiq_web.reads.schedules import ScheduleRow, SourceReport
from taskiq_web.reads.shared import SharedReads
from taskiq_web.reads.snapshot import Snapshot
from taskiq_web.render.chart import bar_chart, nice_top
from taskiq_web.render.values import MASK

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Looks:
    """Counts looks at a broker, and changes at each."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.is_still = False

    async def __call__(self) -> Snapshot:
        self.count += 1
        if self.error:
            raise self.error
        waiting = 0 if self.is_still else self.count
        return Snapshot(NOW, {"default": QueueStats(waiting, 0, 0, 0)})


async def ticks_of(feed: SnapshotFeed, count: int) -> list[Tick]:
    async with aclosing(feed.ticks()) as ticks:
        found: list[Tick] = []
        async for tick in ticks:
            found.append(tick)
            if len(found) == count:
                break
        return found


async def test_hundred_viewers_cost_what_one_costs() -> None:
    looks = Looks()
    feed = SnapshotFeed(looks, interval=0.02, timeout=10, max_viewers=100)

    found = await asyncio.gather(*(ticks_of(feed, 5) for _ in range(100)))

    assert {len(each) for each in found} == {5}
    assert looks.count <= 10


async def test_nobody_looks_when_no_viewer_is_there() -> None:
    looks = Looks()
    feed = SnapshotFeed(looks, interval=0.01, timeout=10, max_viewers=1)
    await asyncio.sleep(0.05)
    assert looks.count == 0

    await ticks_of(feed, 2)
    before = looks.count
    await asyncio.sleep(0.05)

    assert (looks.count, feed.viewers) == (before, 0)


async def test_pages_are_read_again_now_and_then_although_nothing_shows() -> None:
    looks = Looks()
    looks.is_still = True
    feed = SnapshotFeed(looks, interval=0.005, timeout=10, max_viewers=1)

    found = await ticks_of(feed, 6)

    changed = [tick.is_changed for tick in found]
    assert changed.count(True) < len(changed)
    assert changed.count(True) >= 2


async def test_feed_goes_on_while_the_store_is_away() -> None:
    looks = Looks()
    feed = SnapshotFeed(looks, interval=0.005, timeout=10, max_viewers=1)
    async with aclosing(feed.ticks()) as ticks:
        assert (await anext(ticks)).error == ""
        looks.error = ConnectionError("gone")
        async with asyncio.timeout(10):
            while not (await anext(ticks)).error:
                pass
            looks.error = None
            while (await anext(ticks)).error:
                pass


async def test_feed_says_when_the_store_hangs() -> None:
    async def hang() -> Snapshot:
        await asyncio.Event().wait()
        raise AssertionError

    feed = SnapshotFeed(hang, interval=0.005, timeout=0.01, max_viewers=1)

    assert [tick.error for tick in await ticks_of(feed, 1)] == ["TimeoutError: "]


async def test_viewer_learns_of_a_change_at_once() -> None:
    looks = Looks()
    looks.is_still = True
    feed = SnapshotFeed(looks, interval=600, timeout=10, max_viewers=1)
    async with aclosing(feed.ticks()) as ticks:
        await anext(ticks)
        feed.notify()

        assert (await asyncio.wait_for(anext(ticks), 10)).is_changed


async def test_closed_feed_sends_viewers_away() -> None:
    feed = SnapshotFeed(Looks(), interval=600, timeout=10, max_viewers=1)
    async with aclosing(feed.ticks()) as ticks:
        await anext(ticks)
        feed.close()
        feed.close()

        assert [tick async for tick in ticks] == []


async def test_one_question_is_asked_once_at_a_time() -> None:
    reads, asked = SharedReads(60), 0
    gate = asyncio.Event()

    async def read() -> int:
        nonlocal asked
        asked += 1
        await gate.wait()
        return asked

    waiting = [asyncio.create_task(reads.get("a", read)) for _ in range(10)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    gate.set()

    assert await asyncio.gather(*waiting[1:]) == [1] * 9
    reads.forget()
    assert await reads.get("a", read) == 2


async def test_question_that_hangs_is_asked_once() -> None:
    reads, asked = SharedReads(0.001), 0
    gate = asyncio.Event()

    async def read() -> None:
        nonlocal asked
        asked += 1
        await gate.wait()

    for _ in range(5):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reads.get("a", read), 0.01)
    gate.set()
    await reads.get("a", read)

    assert asked <= 2


async def test_failed_reading_is_not_kept() -> None:
    reads = SharedReads(60)

    async def fail() -> int:
        raise ValueError("no")

    async def succeed() -> int:
        return 1

    with pytest.raises(ValueError, match="no"):
        await reads.get("a", fail)
    assert await reads.get("a", succeed) == 1


async def test_answers_do_not_pile_up() -> None:
    reads = SharedReads(60)

    async def read() -> bytes:
        return b""

    for number in range(1_000):
        await reads.get(number, read)

    assert len(reads._kept) <= 256


class Streaming:
    """Reads a live page as a browser would, through the ASGI interface."""

    def __init__(self, app: Any, headers: dict[str, str]) -> None:
        self.chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": "/events",
            "raw_path": b"/events",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"host", b"dashboard"), *raw],
            "server": ("dashboard", 80),
        }
        self.left = asyncio.Event()
        self.task = asyncio.create_task(app(self.scope, self.receive, self.send))

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status.set_result(message["status"])
        else:
            self.chunks.put_nowait(message["body"])

    async def close(self) -> None:
        self.left.set()
        await asyncio.wait([self.task], timeout=10)


@pytest.fixture
async def live(stage: Any) -> AsyncIterator[Streaming]:
    page = Streaming(stage.app, {"Authorization": "Bearer a-token-for-tests-only"})
    yield page
    await page.close()


async def test_live_page_is_sent_ticks_until_it_leaves(stage: Any, live: Streaming) -> None:
    assert await live.status == 200
    async with asyncio.timeout(20):
        assert b"retry" in await live.chunks.get()
        assert b"event: changed" in await live.chunks.get()
    assert stage.app.state.dashboard.feed.viewers == 1

    await live.close()

    assert stage.app.state.dashboard.feed.viewers == 0


async def test_so_many_live_pages_and_no_more(make_stage: Any) -> None:
    stage = await make_stage(max_viewers=1)
    page = Streaming(stage.app, {"Authorization": "Bearer a-token-for-tests-only"})
    assert await page.status == 200
    await page.chunks.get()
    await page.chunks.get()

    assert (await stage.client.get("/events")).status_code == 503

    await page.close()


async def test_store_that_is_away_is_said_and_comes_back(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(**_: Any) -> Any:
        raise ConnectionError("redis://user:hunter2@host is away")

    with monkeypatch.context() as patch:
        patch.setattr(stage.broker, "stats", away)
        stage.app.state.dashboard.reads.forget()
        page = await stage.client.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert "is away" in page.text
    assert "hunter2" not in page.text

    assert (await stage.client.get("/")).status_code == 200


async def test_store_that_does_not_answer(make_stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = await make_stage(read_timeout=0.05)

    async def hang(**_: Any) -> Any:
        await asyncio.sleep(0.5)

    monkeypatch.setattr(stage.broker, "stats", hang)

    assert (await stage.client.get("/")).status_code == 504


async def test_viewers_with_accounts_of_their_own_share_what_is_read(
    make_stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def who(request: Request) -> Access:
        return Access(request.headers["x-user"])

    stage = await make_stage(resolver=who, interval=600)
    asked = 0
    stats = stage.broker.stats

    async def count(**options: Any) -> Any:
        nonlocal asked
        asked += 1
        return await stats(**options)

    monkeypatch.setattr(stage.broker, "stats", count)
    for number in range(50):
        await stage.client.get("/queues", headers={"X-User": f"viewer-{number}"})

    assert asked == 1


async def test_broker_with_very_many_queues(stage: Any) -> None:
    """The first hundred are counted, the page says so, and any of them can be asked for."""
    for number in range(105):
        await stage.send("shop:mail", "a", task_id=f"t-{number}", queue_name=f"queue-{number:03}")
    stage.app.state.dashboard.reads.forget()

    found = await stage.get("/queues")

    assert len(found["queues"]) == 100
    assert "6 further queues are not counted." in await stage.html("/queues")
    assert len((await stage.get("/messages", queue="queue-104"))["messages"]) == 1


# --- what is wrong --------------------------------------------------------------------------------


def facts(**values: Any) -> Facts:
    return Facts(**{"waiting_tasks": {}, "lost": (), "schedules": (), **values})


def kinds(snapshot: Snapshot, found: Facts | None = None) -> list[str]:
    problems = find_problems(snapshot, found or facts(), DashboardOptions(oldest_age=60))
    assert all(problem.text and problem.link for problem in problems)
    return [problem.kind for problem in problems]


def queue(**values: Any) -> dict[str, QueueStats]:
    return {
        "default": QueueStats(**{"waiting": 0, "delivered": 0, "delayed": 0, "dead": 0, **values})
    }


def test_nothing_is_wrong(worker: Any) -> None:
    assert kinds(Snapshot(NOW, queue(waiting=5, oldest_age=59.0), [worker("w")])) == []


def test_old_messages(worker: Any) -> None:
    assert kinds(Snapshot(NOW, queue(waiting=5, oldest_age=61.0), [worker("w")])) == ["old-message"]
    paused = queue(waiting=5, oldest_age=61.0, is_paused=True)
    assert kinds(Snapshot(NOW, paused, [worker("w")])) == ["paused"]


def test_queue_without_worker(worker: Any) -> None:
    assert kinds(Snapshot(NOW, queue(waiting=1), [])) == ["no-worker"]
    assert kinds(Snapshot(NOW, queue(waiting=1), [worker("w", queues=["mails"])])) == ["no-worker"]
    assert kinds(Snapshot(NOW, queue(waiting=0), [])) == []
    assert kinds(Snapshot(NOW, queue(waiting=1), None)) == []


def test_task_that_nobody_registers(worker: Any) -> None:
    waiting = facts(waiting_tasks={"default": ["shop:charge", "shop:misspelt"]})

    assert kinds(Snapshot(NOW, queue(), [worker("w")]), waiting) == ["unregistered-task"]
    silent = worker("w", task_names=[])
    assert kinds(Snapshot(NOW, queue(), [silent]), waiting) == []


def test_schedule_that_missed_its_tick() -> None:
    row = ScheduleRow(0, "s-1", "shop:mail", "0 3 * * *", True, missed=NOW)
    broken = ScheduleRow(0, "s-2", "shop:mail", "x", True, problem="It won't fire")
    reports = [SourceReport(0, "Source", [row, broken]), SourceReport(1, "Other", problem="away")]

    found = kinds(Snapshot(NOW, queue()), facts(schedules=reports))

    assert sorted(found) == ["broken-schedule", "missed-tick", "schedule-source"]


def test_lost_leases_and_dead_letters() -> None:
    lost = DeliveryRecord(
        task_id="t", task_name="n", end=DeliveryEnd.LOST, started_at=NOW, ended_at=NOW
    )
    counters = [MinuteCounters(minute=NOW, task_name="n", dead=2)]

    assert kinds(Snapshot(NOW, queue()), facts(lost=[lost])) == ["lost-lease"]
    assert kinds(Snapshot(NOW, queue(dead=3))) == ["dead-letters"]
    assert kinds(Snapshot(NOW, queue(dead=3), counters=counters)) == ["dead-letters-grow"]


def test_workers_that_are_not_well(worker: Any) -> None:
    workers = [
        worker("a", state=WorkerState.DEGRADED),
        worker("b", loop_lag=3.0, versions={"taskiq-core": "0.9"}),
    ]

    found = kinds(Snapshot(NOW, queue(), workers))

    assert found == ["degraded-worker", "blocked-loop", "versions"]


async def test_missed_tick_of_a_source_that_claims(full: Any, registry: Any) -> None:
    """What is overdue after the last tick in a broker's claims shows on the first page."""
    from taskiq_web.application import label_sources

    (source,) = label_sources(full.broker, registry)
    await source.startup()
    full.app.state.dashboard.sources.append(source)
    claims = full.broker.tick_claims()
    day = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=3)
    (schedule,) = await source.get_schedules()
    assert await claims.claim(schedule.schedule_id, day)
    await claims.confirm(schedule.schedule_id, day)

    problems = (await full.get("/"))["problems"]
    rows = (await full.get("/schedules"))["sources"][1]["rows"]

    assert "missed-tick" in {each["kind"] for each in problems}
    assert datetime.fromisoformat(rows[0]["missed"]) == day + timedelta(days=1)


# --- single pages ---------------------------------------------------------------------------------


async def test_task_that_ended_has_its_deliveries_and_its_trace(make_stage: Any) -> None:
    stage = await make_stage(trace_url="https://traces.example/{trace_id}")
    await stage.broker.add_history(
        [
            DeliveryRecord(
                task_id="t-1",
                task_name="shop:charge",
                end=DeliveryEnd.FAILED,
                attempt=attempt,
                started_at=NOW,
                ended_at=datetime.now(UTC),
                trace_id="a/b",
            )
            for attempt in (1, 2)
        ],
        [],
    )

    found = await stage.get("/task", id="t-1")

    assert [each["attempt"] for each in found["report"]["deliveries"]] == [1, 2]
    assert found["report"]["state"] == "ended"
    assert "https://traces.example/a%2Fb" in await stage.html("/task", id="t-1")


async def test_result_that_can_not_be_read_hides_nothing_else(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("not a result")

    await stage.send("shop:charge", 1, task_id="t-1")
    monkeypatch.setattr(stage.broker.result_backend, "is_result_ready", fail)

    found = (await stage.get("/task", id="t-1"))["report"]

    assert found["state"] == "waiting"
    assert "not a result" in found["notes"][0]


async def test_result_traceback_and_progress_of_a_task(stage: Any) -> None:
    try:
        raise ValueError("<declined>")
    except ValueError as error:
        failed = TaskiqResult(is_err=True, return_value=None, execution_time=1.0, error=error)
    backend = stage.broker.result_backend
    await backend.set_result("t-1", failed)
    await backend.set_progress("t-1", TaskProgress(state="half", meta={"done": 50, "token": "x"}))

    report = (await stage.get("/task", id="t-1"))["report"]
    page = await stage.html("/task", id="t-1")

    assert report["outcome"]["error"] == "ValueError: <declined>"
    assert "Traceback" in report["outcome"]["traceback"]
    assert report["progress"] == {"state": "half", "meta": {"done": 50, "token": MASK}}
    assert "&lt;declined&gt;" in page


async def test_plugins_with_what_was_proven(stage: Any) -> None:
    found = await stage.get("/plugins")

    assert "web" in {each["name"] for each in found["plugins"]}
    (sqlite,) = [each for each in found["brokers"] if each["broker"] == "sqlite"]
    assert sqlite["declared"]


def test_series_add_up_workers_and_leave_out_what_is_too_old() -> None:
    counters = [
        MinuteCounters(
            minute=NOW - timedelta(minutes=ago), task_name=name, started=1, waited_sum=2.0
        )
        for ago in (0, 5, 600)
        for name in ("a", "b")
    ]

    series = series_of(counters, NOW)

    assert sum(series.counts["started"]) == 4
    assert series.counts["started"][-1] == 2
    assert series.waited_mean[-1] == 2.0
    assert series.waited_mean[-2] is None


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.003, 0.005), (7, 10), (101, 200), (2, 2)])
def test_charts_end_at_a_round_number(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)


def test_chart_escapes_its_title() -> None:
    chart = bar_chart("<script>", NOW, [("plain", [1.0, 2.0])], unit='"x"')

    assert "<script>" not in chart
    assert '"x"' not in chart.replace('viewBox="', "")


async def test_pages_by_key(stage: Any) -> None:
    stage.app.state.dashboard.reads.forget()
    for number in range(120):
        await stage.send("shop:charge", number, task_id=f"t-{number:03}")
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await stage.get("/messages", **({"after": after} if after else {}))
        seen += [each["task_id"] for each in page["messages"]]
        after = page["after"]
        if after is None:
            break

    assert seen == [f"t-{number:03}" for number in range(120)]
    greedy = await stage.get("/messages", limit="1000000", page_size="1000000", after="")
    assert len(greedy["messages"]) == 50


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/messages", {"after": "nonsense"}),
        ("/messages", {"after": "\x00"}),
        ("/messages", {"state": "unknown"}),
        ("/messages", {"queue": "unknown"}),
        ("/history", {"after": "nonsense"}),
        ("/history", {"end": "unknown"}),
        ("/dead", {"offset": "-1"}),
        ("/dead", {"offset": "9" * 30}),
        ("/dead/letter", {"id": "nonsense"}),
        ("/task", {}),
        ("/task", {"id": "a\x00b"}),
        ("/tasks/run", {}),
    ],
    ids=str,
)
async def test_queries_that_make_no_sense(stage: Any, path: str, query: dict[str, str]) -> None:
    response: httpx.Response = await stage.client.get(path, params=query)

    assert response.status_code in (400, 404)
