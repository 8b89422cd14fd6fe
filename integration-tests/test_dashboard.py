"""The program of the dashboard's README: mounted, with the application's own authentication."""

import runpy
from pathlib import Path

import httpx
import pytest

from taskiq_testservers.commands import ROOT

EXAMPLE = ROOT / "examples/dashboard.py"


def test_program_of_the_readme_is_the_example() -> None:
    readme = (ROOT / "packages/taskiq-web/README.md").read_text()

    assert f"<!-- examples/dashboard.py -->\n```python\n{EXAMPLE.read_text()}```" in readme


async def test_mounted_dashboard_asks_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKIQ_BROKER_URL", f"sqlite:///{tmp_path}/tasks.db")
    app = runpy.run_path(str(EXAMPLE))["app"]
    ann = {"X-Forwarded-User": "ann@operators.example", "Origin": "http://shop"}
    bob = {"X-Forwarded-User": "bob@shop.example", "Origin": "http://shop"}
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        assert (await client.get("/tasks/")).status_code == 401
        page = await client.get("/tasks/queues", headers=ann)
        paused = await client.post("/tasks/queues/pause", headers=ann, data={"queue": "default"})
        refused = await client.post("/tasks/queues/pause", headers=bob, data={"queue": "default"})
        style = await client.get("/tasks/static/style.css")
        found = await client.get("/tasks/queues?format=json", headers=bob)

    assert 'href="/tasks/static/style.css"' in page.text
    assert 'action="/tasks/queues/pause"' in page.text
    assert 'href="/queues' not in page.text
    assert paused.headers["location"] == "/tasks/queues?done=1"
    assert (refused.status_code, style.status_code) == (403, 200)
    assert found.json()["queues"]["default"]["is_paused"]
