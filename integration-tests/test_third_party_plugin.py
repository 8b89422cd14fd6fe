"""A stranger's broker plugin: built, installed, listed and used, like one of ours."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT, StartWorker, run

TASKS = """
import os
from taskiq import broker_from_url

broker = broker_from_url("spool://" + os.environ["SPOOL"])


@broker.task
async def add(first: int, second: int) -> int:
    return first + second


@broker.task
def fail() -> None:
    raise LookupError("not here")
"""

SEND = """
import asyncio
from tkq import add, broker, fail


async def main() -> None:
    async with broker:
        tasks = [await add.kiq(number, 1) for number in range(20)]
        print([(await task.wait_result(timeout=60)).return_value for task in tasks])
        print(repr((await (await fail.kiq()).wait_result(timeout=60)).error))


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The plugin, built as a wheel and installed; the environment that sees it."""
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--quiet"]
    source = ROOT / "examples/taskiq-spool"
    subprocess.run([*pip, "wheel", *options, "-w", wheels, source], check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", *options, "--target", site, wheel], check=True)
    return {"PYTHONPATH": str(site)}


def test_plugin_is_listed(taskiq: Path, tmp_path: Path, installed: dict[str, str]) -> None:
    finished = run(taskiq, "plugins", "--json", cwd=tmp_path, env=installed)

    plugins = {plugin["name"]: plugin for plugin in json.loads(finished.stdout)}
    assert finished.returncode == 0
    assert plugins["spool"]["status"] == "ok"
    assert plugins["spool"]["distribution"] == "taskiq-spool"
    assert {"inmemory", "zmq", "spool"} <= plugins.keys()


def test_tasks_run_in_a_worker_process(
    tmp_path: Path,
    installed: dict[str, str],
    start_worker: StartWorker,
) -> None:
    (tmp_path / "tkq.py").write_text(TASKS)
    (tmp_path / "send.py").write_text(SEND)
    env = {**installed, "SPOOL": str(tmp_path / "spool")}

    start_worker("tkq:broker", "--workers", "2", cwd=tmp_path, env=env)
    finished = run(sys.executable, "send.py", cwd=tmp_path, env=env)

    assert finished.stdout.splitlines() == [
        str(list(range(1, 21))),
        "LookupError('not here')",
    ], finished.stderr
    assert not list((tmp_path / "spool/new").iterdir())
    assert not list((tmp_path / "spool/claimed").iterdir())
