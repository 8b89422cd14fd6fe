"""The demo of the README on a server: one environment variable, and no other change."""

import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskiq import broker_from_url
from taskiq_testservers.cli_project import until
from taskiq_testservers.commands import ROOT, run
from taskiq_testservers.nats_server import NatsServer
from taskiq_testservers.postgres_server import PostgresServer
from taskiq_testservers.redis_server import RedisServer


@pytest.mark.timeout(150)
async def test_the_demo_runs_on_redis(tmp_path: Path) -> None:
    """Also there one of its workers is killed half-way, and every file is counted."""
    demo = ROOT / "examples" / "census" / "demo.py"
    async with RedisServer(tmp_path / "redis") as server:
        env = {"TASKIQ_BROKER_URL": f"{server.url}?lease=2"}

        done = run(sys.executable, demo, cwd=tmp_path, env=env)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "was killed with SIGKILL" in done.stdout
        assert await server.say("HLEN", "{taskiq}:messages") == "0\n"
        assert int(await server.say("DBSIZE")) > 1000, "the results are there"


@pytest.mark.timeout(150)
async def test_the_demo_runs_on_postgresql(tmp_path: Path) -> None:
    """Also in a database every file is counted."""
    demo = ROOT / "examples" / "census" / "demo.py"
    async with PostgresServer() as server:
        env = {"TASKIQ_BROKER_URL": f"{server.url()}?lease=2"}

        done = run(sys.executable, demo, cwd=tmp_path, env=env)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "was killed with SIGKILL" in done.stdout
        [[left]] = await server.run("SELECT count(*) FROM taskiq.messages")
        [[results]] = await server.run("SELECT count(*) FROM taskiq.results")
        assert left == 0
        assert results > 1000


@pytest.mark.timeout(150)
async def test_the_demo_runs_on_nats(tmp_path: Path) -> None:
    """Also in JetStream every file is counted."""
    demo = ROOT / "examples" / "census" / "demo.py"
    async with NatsServer(tmp_path / "nats") as server:
        env = {"TASKIQ_BROKER_URL": f"{server.url}?lease=2"}

        done = run(sys.executable, demo, cwd=tmp_path, env=env)
        async with broker_from_url(env["TASKIQ_BROKER_URL"]) as broker:
            stats = await broker.stats()

        assert done.returncode == 0, done.stdout + done.stderr
        assert "was killed with SIGKILL" in done.stdout
        assert (stats.waiting, stats.delivered, stats.dead) == (0, 0, 0)


@pytest.mark.timeout(150)
def test_the_demo_is_seen_in_a_second_terminal(tmp_path: Path) -> None:
    """The command that it prints opens a dashboard, which knows the two workers."""
    demo = ROOT / "examples" / "census" / "demo.py"
    with piped(sys.executable, str(demo), "--watch", cwd=tmp_path) as running:
        command = line_with(running, " web ").strip()
        env = {"TASKIQ_WEB_TOKEN": "a-token-for-this-test"}
        words = [*shlex.split(command), "--port", "0"]
        with piped(*words, cwd=tmp_path, env=env) as dashboard:
            url = line_with(dashboard, "http://").split()[-1]
            workers = until(lambda: workers_of(url, env["TASKIQ_WEB_TOKEN"]), "two workers", 60)

    assert workers == 2


def workers_of(url: str, token: str) -> int | None:
    """Return the number of workers on the first page; None as long as there are fewer than two."""
    page = urllib.request.Request(f"{url.partition('?')[0]}?format=json")
    page.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(page, timeout=20) as response:
        found = int(json.load(response)["workers"])
    return found if found > 1 else None


@contextmanager
def piped(
    *command: str, cwd: Path, env: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def line_with(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"no line has {text!r}")
