"""A task that blocks the event loop of its worker runs once, and the log names it."""

import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from taskiq_core import AsyncBroker
from taskiq_redis import RedisBroker
from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.commands import StartWorker
from taskiq_testservers.redis_server import RedisServer

TASKS = """
    import time
    from pathlib import Path

    from taskiq_core.plugins import broker_from_url

    broker = broker_from_url("{url}")


    @broker.task(task_name="block")
    async def block(seconds: float) -> str:
        with Path("runs").open("a") as runs:
            runs.write("run\\n")
        time.sleep(seconds)
        return "done"


    @broker.task(task_name="work")
    async def work() -> str:
        return "work"
"""
LEASE = 1.0


@pytest.fixture(params=["sqlite", "redis"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'block.db'}?lease={LEASE}"
        return
    async with RedisServer(tmp_path / "redis") as server:
        yield f"{server.url}?lease={LEASE}"


async def test_task_that_blocks_for_five_leases_runs_once(
    url: str, tmp_path: Path, start_worker: StartWorker
) -> None:
    (tmp_path / "tkq.py").write_text(textwrap.dedent(TASKS).format(url=url))
    client: AsyncBroker
    client = (SQLiteBroker if url.startswith("sqlite") else RedisBroker).from_url(url)

    async def block(seconds: float) -> str:
        raise AssertionError(f"it runs in the workers: {seconds}")

    start_worker("tkq:broker", "--workers", "2", cwd=tmp_path)
    async with client:
        task = await client.register_task(block, "block").kiq(5 * LEASE)
        result = await task.wait_result(timeout=50)

    assert result.return_value == "done"
    assert (tmp_path / "runs").read_text() == "run\n"
    log = (tmp_path / "worker.log").read_text()
    assert f"block ({task.task_id}) blocks the event loop" in log
    assert "time.sleep(seconds)" in log
    assert "asyncio.to_thread" in log


async def test_lease_is_renewed_only_for_max_block(
    tmp_path: Path, start_worker: StartWorker
) -> None:
    url = f"sqlite:///{tmp_path / 'block.db'}?lease={LEASE}"
    (tmp_path / "tkq.py").write_text(textwrap.dedent(TASKS).format(url=url))
    client = SQLiteBroker.from_url(url)

    async def block(seconds: float) -> str:
        raise AssertionError(f"it runs in the workers: {seconds}")

    start_worker("tkq:broker", "--workers", "2", "--max-block", "1.5", cwd=tmp_path)
    async with client:
        task = await client.register_task(block, "block").kiq(6 * LEASE)
        await task.wait_result(timeout=50)

    assert (tmp_path / "runs").read_text().count("run") > 1
    assert "(--max-block)" in (tmp_path / "worker.log").read_text()
