"""The demo of the README on a server: one environment variable, and no other change."""

import sys
from pathlib import Path

import pytest

from taskiq_testservers.commands import ROOT, run
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
