"""`taskiq web` as an operator starts it."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from taskiq_cli.group import cli
from taskiq_sqlite import SQLiteBroker

TOKEN = "a-token-from-the-environment"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tkq.py").write_text(
        "from taskiq_sqlite import SQLiteBroker\n"
        "broker = SQLiteBroker('tasks.db')\n"
        "@broker.task(task_name='shop:charge')\n"
        "async def charge(order: int) -> int: return order\n"
        "private = __import__('taskiq_inmemory').InMemoryBroker()\n"
    )
    asyncio.run(make_queue(tmp_path / "tasks.db"))
    return tmp_path


async def make_queue(file: Path) -> None:
    async with SQLiteBroker(str(file)):
        pass


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **env: str) -> "subprocess.Popen[str]":
        inherited = {name: value for name, value in os.environ.items() if "TASKIQ" not in name}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "taskiq_cli", "web", *arguments],
            cwd=folder,
            env={**inherited, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command that is to end by itself, in this process."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "tkq", raising=False)

    def run(*arguments: str, **env: str) -> Result:
        return CliRunner().invoke(cli, ["web", *arguments], env=env)

    return run


def url_of(process: "subprocess.Popen[str]") -> str:
    stream: IO[str] | None = process.stdout
    assert stream is not None
    line = stream.readline()
    found = re.search(r"http://\S+", line)
    assert found is not None, process.communicate()
    return found[0]


def read(url: str, token: str = "") -> Any:
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def test_url_that_is_printed_opens_the_dashboard(start: Start) -> None:
    process = start("tkq:broker", "--port", "0")
    url = url_of(process)
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    page = opener.open(url, timeout=20).read().decode()

    assert url.startswith("http://127.0.0.1:")
    assert "<h1>Overview</h1>" in page
    with pytest.raises(urllib.error.HTTPError, match="401"):
        read(url.partition("?")[0])


def test_it_ends_in_good_order_on_a_signal(start: Start) -> None:
    process = start("tkq:broker", "--port", "0", TASKIQ_WEB_TOKEN=TOKEN)
    base = url_of(process).partition("?")[0]
    request = urllib.request.Request(f"{base}events", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=20) as live:
        live.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (0, "")


def test_tasks_of_the_application_and_a_url(start: Start, folder: Path) -> None:
    of_path = start("tkq:broker", "--port", "0", "--allow-run", TASKIQ_WEB_TOKEN=TOKEN)
    base = url_of(of_path).partition("?")[0]
    tasks = read(f"{base}tasks", TOKEN)["tasks"]
    actions = read(f"{base}plugins", TOKEN)["actions"]
    of_url = start("--port", "0", TASKIQ_BROKER_URL="sqlite:///tasks.db", TASKIQ_WEB_TOKEN=TOKEN)
    base = url_of(of_url).partition("?")[0]

    assert [(each["name"], each["signature"]) for each in tasks] == [
        ("shop:charge", "(order: int) -> int")
    ]
    assert actions["run"] == ""
    assert "--allow-run" in read(f"{base}plugins", TOKEN)["actions"]["run"]


@pytest.mark.parametrize(
    ("arguments", "env", "status", "text"),
    [
        (("tkq:broker", "--host", "0.0.0.0"), {}, 2, "set TASKIQ_WEB_TOKEN"),
        (("tkq:broker", "--host", "example.org"), {}, 2, "set TASKIQ_WEB_TOKEN"),
        (("tkq:broker",), {"TASKIQ_WEB_TOKEN": "short"}, 2, "at least 16 characters"),
        (("tkq:broker",), {"TASKIQ_WEB_USER": "ann"}, 2, "go together"),
        ((), {}, 2, "Which broker?"),
        (("tkq:missing",), {}, 3, "missing"),
        (("nothing://here",), {}, 4, "nothing://"),
        (("sqlite:///misspelt.db",), {}, 8, "misspelt.db"),
        (("tkq:private",), {}, 1, "InMemoryBroker"),
        (("tkq:broker", "--trace-url", "javascript:1"), {}, 2, "trace_url"),
        (("tkq:broker", "--scheduler", "tkq:charge"), {}, None, "tkq:charge"),
    ],
    ids=range(11),
)
def test_what_it_refuses_to_start_with(
    refused: Callable[..., Result],
    arguments: tuple[str, ...],
    env: dict[str, str],
    status: int | None,
    text: str,
) -> None:
    result = refused(*arguments, **env)

    assert text in result.output
    assert "The dashboard is at" not in result.output
    assert "Traceback" not in result.output
    assert result.exit_code == status or (status is None and result.exit_code != 0)


def test_port_that_is_taken(refused: Callable[..., Result]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = refused("tkq:broker", "--port", str(taken.getsockname()[1]))

    assert result.exit_code == 1
    assert "it can't listen at 127.0.0.1:" in result.output


def test_name_and_password_on_every_address(start: Start) -> None:
    process = start(
        "tkq:broker",
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        TASKIQ_WEB_USER="ann",
        TASKIQ_WEB_PASSWORD="a secret",
    )
    url = url_of(process).replace("0.0.0.0", "127.0.0.1")
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, "ann", "a secret")
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))

    assert b"Overview" in opener.open(url, timeout=20).read()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        read(url)
