"""Messages, results and schedules of taskiq 0.13 are read here, and ours there."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

WRITE = """
import json
from datetime import UTC, datetime
from taskiq import InMemoryBroker, ScheduledTask, TaskiqResult
from taskiq.kicker import AsyncKicker

broker = InMemoryBroker()
kicker = AsyncKicker("app:add", broker, {"max_retries": 3, "retry_on_error": True, "raw": b"x"})
kicker = kicker.with_task_id("the-id").with_labels(delay=1.5, note="text")
message = broker.formatter.dumps(kicker._prepare_message(1, [2], name={"deep": None}))
good = TaskiqResult(is_err=False, return_value=[1, {"a": 2}], execution_time=0.5, labels={"b": 1})
bad = TaskiqResult(is_err=True, return_value=None, execution_time=0, error=LookupError("not here"))
moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
schedules = [
    ScheduledTask(task_name="t", labels={"a": 1}, args=[1], kwargs={}, schedule_id="s", **when)
    for when in ({"cron": "1 2 * * *", "cron_offset": "Europe/Berlin"}, {"time": moment})
]
print(json.dumps({
    "message": message.message.decode(),
    "good": good.model_dump_json(),
    "bad": bad.model_dump_json(),
    "schedules": [each.model_dump_json() for each in schedules],
}))
"""
READ = """
import json
import sys
from taskiq import InMemoryBroker, ScheduledTask, TaskiqResult

written = json.load(sys.stdin)
broker = InMemoryBroker()
message = broker.formatter.loads(written["message"].encode())
message.parse_labels()
good = TaskiqResult.model_validate_json(written["good"])
bad = TaskiqResult.model_validate_json(written["bad"])
schedules = [ScheduledTask.model_validate_json(each) for each in written["schedules"]]
print(json.dumps([
    [message.task_id, message.task_name, message.args, message.kwargs],
    sorted([name, repr(value)] for name, value in message.labels.items()),
    [good.is_err, good.return_value, good.execution_time, good.labels],
    [bad.is_err, repr(bad.error)],
    [[each.task_name, each.labels, each.args, each.schedule_id] for each in schedules],
    [[each.cron, each.cron_offset, str(each.time)] for each in schedules],
]))
"""
EXPECTED = [
    ["the-id", "app:add", [1, [2]], {"name": {"deep": None}}],
    [
        ["delay", "1.5"],
        ["max_retries", "3"],
        ["note", "'text'"],
        ["raw", "b'x'"],
        ["retry_on_error", "True"],
    ],
    [False, [1, {"a": 2}], 0.5, {"b": 1}],
    [True, "LookupError('not here')"],
    [["t", {"a": 1}, [1], "s"]] * 2,
    [["1 2 * * *", "Europe/Berlin", "None"], [None, None, "2026-01-02 03:04:00+00:00"]],
]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, str]]:
    """The environments of both."""
    folder = tmp_path_factory.mktemp("earlier")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--target", folder, "taskiq==0.13.0"], check=True)
    return {"0.13": {"PYTHONPATH": str(folder)}, "here": {}}


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("writer", "reader"), [("0.13", "here"), ("here", "0.13"), ("0.13", "0.13"), ("here", "here")]
)
def test_data_of_one_is_read_by_the_other(
    tmp_path: Path, versions: Mapping[str, dict[str, str]], writer: str, reader: str
) -> None:
    written = _run(WRITE, versions[writer], tmp_path)
    read = _run(READ, versions[reader], tmp_path, text=written)

    assert json.loads(read) == EXPECTED


def _run(program: str, env: dict[str, str], folder: Path, *, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=text,
        env={**os.environ, **env},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
