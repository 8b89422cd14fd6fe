"""A stranger's broker plugin: built, installed, listed and used, like one of ours."""

import json
import sys
from pathlib import Path

from taskiq_testservers.commands import StartWorker, run

TASKS = """
import os
from taskiq import broker_from_url
from taskiq_sqlite import SQLiteResultBackend

broker = broker_from_url("spool://" + os.environ["SPOOL"]).with_result_backend(
    SQLiteResultBackend(os.environ["RESULTS"])
)


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


def test_plugin_is_listed(taskiq: Path, tmp_path: Path, spool: dict[str, str]) -> None:
    finished = run(taskiq, "plugins", "--json", cwd=tmp_path, env=spool)

    plugins = {plugin["name"]: plugin for plugin in json.loads(finished.stdout)}
    assert finished.returncode == 0
    assert plugins["spool"]["status"] == "ok"
    assert plugins["spool"]["distribution"] == "taskiq-spool"
    assert {"inmemory", "zmq", "spool"} <= plugins.keys()


def test_tasks_run_in_a_worker_process(
    tmp_path: Path,
    spool: dict[str, str],
    start_worker: StartWorker,
) -> None:
    (tmp_path / "tkq.py").write_text(TASKS)
    (tmp_path / "send.py").write_text(SEND)
    env = {**spool, "SPOOL": str(tmp_path / "spool"), "RESULTS": str(tmp_path / "r.db")}

    start_worker("tkq:broker", "--workers", "2", cwd=tmp_path, env=env)
    finished = run(sys.executable, "send.py", cwd=tmp_path, env=env)

    assert finished.stdout.splitlines() == [
        str(list(range(1, 21))),
        "LookupError('not here')",
    ], finished.stderr
    assert not list((tmp_path / "spool/new").iterdir())
    assert not list((tmp_path / "spool/claimed").iterdir())
