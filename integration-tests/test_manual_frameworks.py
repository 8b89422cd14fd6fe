"""The manual's programs for web frameworks, each as its users would run it."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from taskiq_testservers.commands import ROOT, StartWorker, run

SETTINGS = """
[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
pythonpath = ["."]
taskiq_broker = "app:broker"
"""
FLASK = """
import time
from app import app, client

web = app.test_client()
sent = web.post("/reports/sales")
assert sent.status_code == 202
while (answer := web.get(sent.json["url"])).status_code == 202:
    time.sleep(0.01)
print(answer.json["report"])
client.close()
"""
STARLETTE = """
from starlette.testclient import TestClient
from starlette_app import app

with TestClient(app) as client:
    print(client.post("/add").status_code)
"""
SENTRY = """
import asyncio
import sentry_sdk
from sentry import Sentry
from taskiq import InMemoryBroker

def show(event, hint):
    print(event["tags"]["task_name"], type(hint["exc_info"][1]).__name__)

sentry_sdk.init("http://key@127.0.0.1:1/1", before_send=show, default_integrations=False)
broker = InMemoryBroker().with_middlewares(Sentry())

@broker.task(task_name="fail")
async def fail():
    raise LookupError

async def main():
    await (await fail.kiq()).wait_result()

asyncio.run(main())
"""
JSON_LOGS = """
import json_logs
import logging

logging.getLogger("app").warning("late by %d s", 3)
"""


@pytest.mark.parametrize("example", ["testing", "fastapi"])
def test_the_tests_of_the_manual_pass(tmp_path: Path, example: str) -> None:
    for file in (ROOT / "examples" / example).glob("*.py"):
        shutil.copy(file, tmp_path)
    (tmp_path / "pyproject.toml").write_text(SETTINGS)

    finished = run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", cwd=tmp_path)

    assert finished.returncode == 0, finished.stdout


def test_flask_with_a_worker(tmp_path: Path, start_worker: StartWorker) -> None:
    shutil.copy(ROOT / "examples/flask/app.py", tmp_path)
    (tmp_path / "visit.py").write_text(FLASK)

    start_worker("app:broker", "--workers", "1", cwd=tmp_path)
    finished = run(sys.executable, "visit.py", cwd=tmp_path)

    assert finished.stdout == "the report on sales\n", finished.stderr


def test_starlette_sends(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/manual/starlette_app.py", tmp_path)
    (tmp_path / "visit.py").write_text(STARLETTE)

    finished = run(sys.executable, "visit.py", cwd=tmp_path)

    assert finished.stdout == "202\n", finished.stderr


def test_the_schedules_of_the_manual_are_listed(tmp_path: Path, taskiq: Path) -> None:
    shutil.copy(ROOT / "examples/manual/schedules.py", tmp_path / "manual.py")

    finished = run(taskiq, "schedules", "manual:scheduler", cwd=tmp_path)

    assert "every 10 minutes" in finished.stdout, finished.stderr
    assert "at 03:00 every day, Europe/Berlin" in finished.stdout


def test_sentry_gets_what_tasks_raise(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/manual/sentry.py", tmp_path)
    (tmp_path / "program.py").write_text(SENTRY)

    finished = run(sys.executable, "program.py", cwd=tmp_path)

    assert finished.stdout == "fail LookupError\n", finished.stderr


def test_logs_are_json(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/manual/json_logs.py", tmp_path)
    (tmp_path / "program.py").write_text(JSON_LOGS)

    finished = run(sys.executable, "program.py", cwd=tmp_path)

    line = json.loads(finished.stderr)
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "app", "late by 3 s")
