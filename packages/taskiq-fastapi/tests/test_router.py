"""Routes that send tasks and show what has become of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException

from taskiq import InMemoryBroker, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker
from taskiq_fastapi import task_router

KEY = {"key": "secret"}


def authorize(key: str | None = Header(default=None)) -> None:
    if key != "secret":
        raise HTTPException(401)


@pytest.fixture
async def broker() -> AsyncIterator[InMemoryBroker]:
    async with InMemoryBroker() as broker:
        yield broker


@pytest.fixture
async def client(broker: InMemoryBroker) -> AsyncIterator[httpx.AsyncClient]:
    go_on = asyncio.Event()

    @broker.task(task_name="add")
    async def add(first: int, second: int) -> int:
        return first + second

    @broker.task(task_name="fail")
    async def fail() -> None:
        raise LookupError("not here")

    @broker.task(task_name="hold")
    async def hold(tracker: ProgressTracker[int] = TaskiqDepends()) -> str:
        await tracker.set_progress("half", 50)
        await go_on.wait()
        return "held"

    @broker.task(task_name="go_on")
    async def let_go() -> None:
        go_on.set()

    @broker.task(task_name="private")
    async def private() -> None: ...

    app = FastAPI()
    tasks: list[Any] = [add, fail, hold, let_go]
    app.include_router(task_router(broker, tasks=tasks, authorize=authorize, prefix="/tasks"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=KEY
    ) as client:
        yield client


async def finished(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    for _ in range(1000):
        answer: dict[str, Any] = (await client.get(url)).json()
        if answer["is_ready"]:
            return answer
        await asyncio.sleep(0.005)
    raise AssertionError("the task does not end")


async def half_done(client: httpx.AsyncClient) -> str:
    """Send a task that holds on, and return its path when it has begun."""
    url: str = (await client.post("/tasks/hold")).headers["location"]
    for _ in range(1000):
        if (await client.get(url)).json()["progress"] is not None:
            return url
        await asyncio.sleep(0.005)
    raise AssertionError("the task does not begin")


async def test_a_task_is_sent_and_looked_at(client: httpx.AsyncClient) -> None:
    sent = await client.post("/tasks/add", json={"first": 1, "second": 2})

    assert sent.status_code == 202
    assert sent.headers["location"].endswith(f"/tasks/{sent.json()['task_id']}")
    answer = await finished(client, sent.headers["location"])
    assert answer["return_value"] == 3
    assert answer["error"] is None


async def test_an_error_has_no_traceback(client: httpx.AsyncClient) -> None:
    sent = await client.post("/tasks/fail")

    answer = await finished(client, sent.headers["location"])

    assert answer["error"] == {"type": "LookupError", "message": "not here"}
    assert "Traceback" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/tasks/add"),
        ("GET", "/tasks/some-id"),
        ("DELETE", "/tasks/some-id"),
        ("GET", "/tasks/some-id/events"),
    ],
)
async def test_each_route_asks_for_authorization(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path, headers={"key": "wrong"})

    assert answer.status_code == 401


async def test_only_listed_tasks_can_be_sent(client: httpx.AsyncClient) -> None:
    assert (await client.post("/tasks/private")).status_code == 404
    assert (await client.post("/tasks/unknown")).status_code == 404


async def test_wrong_arguments_are_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/tasks/add", json={"first": 1})

    assert answer.status_code == 422
    assert "second" in answer.json()["detail"]


async def test_a_running_task_is_aborted(client: httpx.AsyncClient) -> None:
    url = await half_done(client)

    aborted = await client.delete(url)

    assert aborted.json()["found"] == "running"
    assert (await finished(client, url))["error"]["type"] == "TaskAbortedError"


async def test_events_tell_progress_and_result_once(client: httpx.AsyncClient) -> None:
    url = await half_done(client)
    await client.post("/tasks/go_on")
    await finished(client, url)

    text = (await client.get(f"{url}/events")).text
    blocks = [block.splitlines() for block in text.split("\n\n") if "event:" in block]
    events = [dict(line.split(": ", 1) for line in block) for block in blocks]

    assert [each["event"] for each in events] == ["progress", "result"]
    assert json.loads(events[0]["data"]) == {"state": "half", "meta": 50}
    assert json.loads(events[1]["data"])["return_value"] == "held"

    again = await client.get(f"{url}/events", headers={**KEY, "last-event-id": events[0]["id"]})
    assert "event: progress" not in again.text
    assert "event: result" in again.text


async def test_a_request_can_not_take_the_place_of_a_dependency(broker: InMemoryBroker) -> None:
    def tenant() -> str:
        return "safe"

    @broker.task(task_name="whoami")
    async def whoami(name: str, tenant: Annotated[str, Depends(tenant)]) -> str:
        return f"{name}@{tenant}"

    app = FastAPI()
    app.include_router(task_router(broker, tasks=[whoami], authorize=authorize))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=KEY) as client:
        forged = await client.post("/whoami", json={"name": "a", "tenant": "evil"})

    assert forged.status_code == 422
    assert "tenant: not an argument" in forged.json()["detail"]


async def test_values_have_to_fit_their_annotations(client: httpx.AsyncClient) -> None:
    answer = await client.post("/tasks/add", json={"first": 1, "second": "many"})

    assert answer.status_code == 422
    assert "second" in answer.json()["detail"]


async def test_the_location_is_that_of_the_router_that_was_asked(broker: InMemoryBroker) -> None:
    @broker.task(task_name="work")
    async def work() -> None: ...

    app = FastAPI()
    for prefix in ("/one", "/two"):
        app.include_router(task_router(broker, tasks=[work], authorize=authorize, prefix=prefix))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=KEY) as client:
        sent = await client.post("/two/work?x=1")

    assert sent.headers["location"] == f"http://t/two/{sent.json()['task_id']}"


async def test_a_browser_that_has_the_result_asks_no_more(client: httpx.AsyncClient) -> None:
    sent = await client.post("/tasks/add", json={"first": 1, "second": 2})
    url = sent.headers["location"]
    await finished(client, url)
    text = (await client.get(f"{url}/events")).text
    (event_id,) = [line[4:] for line in text.splitlines() if line.startswith("id: ")]

    again = await client.get(f"{url}/events", headers={**KEY, "last-event-id": event_id})

    assert again.status_code == 204
