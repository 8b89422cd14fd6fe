"""The pages and actions on a Redis server, which also goes away."""

from pathlib import Path
from typing import Any

from taskiq_testservers.redis_server import RedisServer
from taskiq_web.routes import PAGES


async def test_every_page_and_the_life_of_a_message(make_stage: Any, tmp_path: Path) -> None:
    async with RedisServer(tmp_path / "redis") as server:
        stage = await make_stage(f"{server.url}?history=1000")
        for number in range(3):
            await stage.send("shop:charge", number, task_id=f"t-{number}")
        await stage.send("shop:mail", "a", task_id="delayed-1", delay=600)
        await stage.bury(error="ValueError: no")

        pages = [
            await stage.html(f"/{page.path}", id="t-1", name="shop:charge")
            for page in PAGES
            if page.path != "dead/letter"
        ]
        letter_id = (await stage.get("/dead"))["page"]["letters"][0]["letter_id"]
        edited = await stage.post("/dead/edit", letter_id=letter_id, args="[9]", kwargs="{}")
        moved = await stage.post("/task/move", task_id="delayed-1")
        aborted = await stage.post("/task/abort", task_id="t-2")
        paused = await stage.post("/queues/pause", queue=stage.broker.queue_name)
        found = await stage.get("/")

        assert len(pages) == len(PAGES) - 1
        assert [each.status_code for each in (edited, moved, aborted, paused)] == [200] * 4
        assert (found["dead"], found["delayed"]) == (0, 0)
        assert "paused" in {each["kind"] for each in found["problems"]}


async def test_server_that_is_restarted(make_stage: Any, tmp_path: Path) -> None:
    """A page says so while it is away; nothing is missing afterwards."""
    async with RedisServer(tmp_path / "redis") as server:
        stage = await make_stage(server.url)
        await stage.send("shop:mail", "a", task_id="t-1")
        assert (await stage.get("/"))["waiting"] == 1

        server.kill()
        stage.app.state.dashboard.reads.forget()
        away = await stage.client.get("/queues")
        await server.start()
        stage.app.state.dashboard.reads.forget()

        assert away.status_code in (503, 504)
        assert (await stage.get("/"))["waiting"] == 1
