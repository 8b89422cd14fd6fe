"""Workers as real processes: woken, killed, killed again."""

import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import TaskAbortedError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.sqlite_workers import PATIENCE, SpawnWorker, until

MakeBroker = Callable[..., SQLiteBroker]
EMPTY = QueueStats(waiting=0, delivered=0, delayed=0, dead=0)


def task(broker: SQLiteBroker, name: str) -> Any:
    """A task that only the workers have."""

    async def elsewhere(*_args: Any) -> None: ...

    return broker.register_task(elsewhere, name)


async def emptied(broker: SQLiteBroker) -> None:
    async with asyncio.timeout(PATIENCE):
        while await broker.stats() != EMPTY:  # noqa: ASYNC110  # what other processes do
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("loop", ["", "1"])
async def test_a_waiting_worker_is_woken_and_the_result_comes_back(
    broker: SQLiteBroker, spawn_worker: SpawnWorker, loop: str
) -> None:
    spawn_worker(UVLOOP=loop)

    sent = [await task(broker, "double").kiq(number) for number in range(100)]
    results = [await each.wait_result(timeout=PATIENCE) for each in sent]

    assert [result.return_value for result in results] == [2 * n for n in range(100)]
    await emptied(broker)


async def test_two_workers_never_share_a_message(
    broker: SQLiteBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    spawn_worker(LEASE="60", MAX_ASYNC_TASKS="5")
    spawn_worker(LEASE="60", MAX_ASYNC_TASKS="5")

    record = task(broker, "record")
    sent = await asyncio.gather(*(record.kiq(str(traces), number) for number in range(400)))
    for each in sent:
        await each.wait_result(timeout=PATIENCE)

    runs = [(traces / str(number)).read_text().split() for number in range(400)]
    assert all(len(run) == 1 for run in runs)
    assert len({run[0] for run in runs}) == 2


async def test_the_message_of_a_killed_worker_is_anothers_on_an_idle_queue(
    broker: SQLiteBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    first = spawn_worker(LEASE="1")
    sent = await task(broker, "hang_at_first").kiq(str(started))
    await until(started.exists)
    second = spawn_worker(LEASE="1")

    first.kill()

    result = await sent.wait_result(timeout=PATIENCE)
    assert result.return_value == [2, second.process.pid]


async def test_what_a_killed_worker_held_is_given_back_at_once(
    broker: SQLiteBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    """With leases of a minute, a supervisor that saw its worker die need not wait for them."""
    started = tmp_path / "started"
    first = spawn_worker(LEASE="60", WORKER_ID="first")
    sent = await task(broker, "hang_at_first").kiq(str(started))
    await until(started.exists)
    second = spawn_worker(LEASE="60", WORKER_ID="second")

    first.kill()
    assert await broker.reclaim(owner="first") == 1

    result = await sent.wait_result(timeout=PATIENCE)
    assert result.return_value == [2, second.process.pid]


async def test_a_paused_queue_hands_out_nothing_to_other_processes(
    broker: SQLiteBroker, spawn_worker: SpawnWorker
) -> None:
    spawn_worker()
    assert (await (await task(broker, "double").kiq(1)).wait_result(timeout=PATIENCE)).return_value

    await broker.pause()
    sent = await task(broker, "double").kiq(2)
    await asyncio.sleep(0.2)

    assert (await broker.stats()).waiting == 1
    await broker.resume()
    assert (await sent.wait_result(timeout=PATIENCE)).return_value == 4


async def test_a_long_task_keeps_its_short_lease(
    broker: SQLiteBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    """Its worker renews, while another one reclaims several times."""
    started = tmp_path / "started"
    spawn_worker(LEASE="0.6")
    sent = await task(broker, "hang_at_first").kiq(str(started))
    await until(started.exists)

    impatient = SQLiteBroker(broker.database, lease=0.6)
    reclaimed = 0
    for _ in range(15):
        reclaimed += await impatient.reclaim()
        await asyncio.sleep(0.1)

    assert reclaimed == 0
    assert await sent.abort(timeout=PATIENCE) is AbortState.RUNNING
    assert isinstance((await sent.get_result()).error, TaskAbortedError)


async def test_an_aborted_task_that_waits_is_not_started(
    broker: SQLiteBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    sent = await task(broker, "hang_at_first").kicker().with_labels(delay=1000).kiq(str(started))
    assert await sent.abort() is AbortState.QUEUED

    spawn_worker()

    result = await sent.wait_result(timeout=PATIENCE)
    assert isinstance(result.error, TaskAbortedError)
    assert not started.exists()


async def test_nothing_is_lost_while_workers_are_killed_at_random(
    broker: SQLiteBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    rng = random.Random(7)
    workers = [spawn_worker(LEASE="1.5") for _ in range(2)]
    record = task(broker, "record")
    sent = await asyncio.gather(*(record.kiq(str(traces), number) for number in range(600)))

    for _ in range(5):
        # Between two kills the queue moves on, by at least as many tasks as are drawn.
        target = min(len(list(traces.iterdir())) + rng.randrange(10, 60), 550)
        await until(lambda target=target: len(list(traces.iterdir())) >= target)  # type: ignore[misc]
        workers.pop(rng.randrange(2)).kill()
        workers.append(spawn_worker(LEASE="1.5"))
    results = [await each.wait_result(timeout=PATIENCE) for each in sent]

    assert not any(result.is_err for result in results)
    assert {path.name for path in traces.iterdir()} == {str(number) for number in range(600)}
    await emptied(broker)


async def test_a_listener_wakes_without_polling(make_broker: MakeBroker, path: Path) -> None:
    """Another process sends; the poll interval is far longer than the test's patience."""
    broker = make_broker(poll_interval=1_000.0)
    async with aclosing(broker.listen()) as messages:
        waiting = asyncio.ensure_future(anext(messages))
        await broker.stats()
        program = (
            "import asyncio, sys\n"
            "from taskiq_core.messages.message import BrokerMessage\n"
            "from taskiq_sqlite import SQLiteBroker\n"
            "async def main():\n"
            "    broker = SQLiteBroker(sys.argv[1])\n"
            "    await broker.kick(BrokerMessage(\n"
            "        task_id='a', task_name='t', message=b'hello', labels={}))\n"
            "    await broker.shutdown()\n"
            "asyncio.run(main())\n"
        )
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(path))

        delivery = await asyncio.wait_for(waiting, PATIENCE)

        assert await process.wait() == 0
        assert delivery.data == b"hello"
