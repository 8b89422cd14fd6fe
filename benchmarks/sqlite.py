"""SQLiteBroker: what sending, draining and fetching cost; prints a table.

    python benchmarks/sqlite.py [--tasks 20000] [--rounds 3] [--queued 1000 1000000]

Run it with the Python of an environment that has taskiq, taskiq-cli and taskiq-sqlite. If huey is
installed there, too, its SQLite storage is measured beside ours: its consumer with one thread,
results stored as ours are.
"""

import argparse
import asyncio
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median

from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.slots import Slots
from taskiq_sqlite import SQLiteBroker

SYNCHRONOUS = ("normal", "full")

_APP = """
import os
from taskiq_sqlite import SQLiteBroker
broker = SQLiteBroker(
    os.environ["BENCHMARK_DATABASE"],
    synchronous=os.environ["SYNCHRONOUS"],
    lease=float(os.environ["LEASE"]),
)
@broker.task(task_name="noop")
async def noop() -> None: ...
"""
_HUEY = """
import os
from huey import SqliteHuey
huey = SqliteHuey(filename=os.environ["BENCHMARK_DATABASE"], results=True, store_none=True)
@huey.task()
def noop(): pass
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--queued", type=int, nargs=2, default=(1_000, 1_000_000))
    options = parser.parse_args()
    for title, unit, values in measures(options.tasks, options.rounds, options.queued):
        spread = f"{min(values):,.2f} to {max(values):,.2f}"
        print(f"{title:58}{median(values):>12,.2f} {unit:8} ({spread})", flush=True)


def measures(
    tasks: int, rounds: int, queued: tuple[int, int]
) -> Iterator[tuple[str, str, list[float]]]:
    for mode in SYNCHRONOUS:
        yield f"send one by one, {mode}", "tasks/s", repeat(rounds, mode, tasks // 10, one_by_one)
        yield f"send 100 at once, {mode}", "tasks/s", repeat(rounds, mode, tasks, at_once)
        yield f"kick_many of 100, {mode}", "tasks/s", repeat(rounds, mode, tasks, in_bulk)
    for mode in SYNCHRONOUS:
        for workers in (1, 2):
            title = f"drain with results, {workers} worker process(es), {mode}"
            yield title, "tasks/s", [drain(mode, tasks, workers) for _ in range(rounds)]
    yield "drain, leases of 1 s / of a day", "", list(lease_cost(tasks, rounds))
    if importlib.util.find_spec("huey"):
        yield from beside_huey(tasks, rounds)
    for title, idle in (("until an idle worker has it", True), ("until its result is back", False)):
        values = latencies(200, idle=idle)
        yield f"from kick {title}, median", "ms", [median(values)]
        yield "  the same, 99 %", "ms", [sorted(values)[len(values) * 99 // 100]]
    for batch in (1, 100):
        for count, values in zip(queued, asyncio.run(fetching(queued, batch)), strict=True):
            yield f"fetch of {batch}, a message, {count:,} queued", "us", values


def lease_cost(tasks: int, rounds: int) -> Iterator[float]:
    """What renewing leases costs: those of 1 s are renewed three times a second, others never."""
    for _ in range(rounds):
        yield drain("normal", tasks, 1, lease=1) / drain("normal", tasks, 1, lease=86_400)


def beside_huey(tasks: int, rounds: int) -> Iterator[tuple[str, str, list[float]]]:
    """Both in turns: sent one by one and drained by one worker, each as it does best."""
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for _ in range(rounds):
        sent = repeat(1, "normal", tasks // 5, one_by_one)[0]
        ours.append((sent, drain("normal", tasks, 1)))
        theirs.append(huey(tasks // 5))
    yield "huey: send one by one", "tasks/s", [sent for sent, _ in theirs]
    yield "huey: drain with results, one worker process", "tasks/s", [done for _, done in theirs]
    pairs = list(zip(ours, theirs, strict=True))
    yield "send one by one, ours / huey", "", [own[0] / other[0] for own, other in pairs]
    yield "drain with results, ours / huey", "", [own[1] / other[1] for own, other in pairs]


Send = Callable[[SQLiteBroker, int], Awaitable[None]]


async def one_by_one(broker: SQLiteBroker, count: int) -> None:
    for _ in range(count):
        await broker.kick(message())


async def at_once(broker: SQLiteBroker, count: int) -> None:
    numbers = iter(range(count))

    async def sender() -> None:
        for _ in numbers:
            await broker.kick(message())

    await asyncio.gather(*(sender() for _ in range(100)))


async def in_bulk(broker: SQLiteBroker, count: int) -> None:
    for _ in range(0, count, 100):
        await broker.kick_many([message() for _ in range(100)])


def repeat(rounds: int, mode: str, count: int, send: Send) -> list[float]:
    async def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            broker = SQLiteBroker(Path(folder) / "tasks.db", synchronous=mode)
            await broker.startup()
            start = time.perf_counter()
            await send(broker, count)
            taken = time.perf_counter() - start
            await broker.shutdown()
            return count / taken

    return [asyncio.run(run()) for _ in range(rounds)]


def message() -> BrokerMessage:
    """A call without arguments, as the JSON formatter writes it."""
    task_id = os.urandom(16).hex()
    body = (
        f'{{"task_id":"{task_id}","task_name":"noop","labels":{{}},"labels_types":{{}},'
        '"args":[],"kwargs":{}}'
    )
    return BrokerMessage(task_id=task_id, task_name="noop", message=body.encode(), labels={})


def drain(mode: str, count: int, workers: int, *, lease: float = 60) -> float:
    """No-op tasks a second, from the first result to the last, once the workers are at work."""

    async def fill(path: Path) -> None:
        broker = SQLiteBroker(path)
        await in_bulk(broker, count)
        await broker.shutdown()

    async def watch(path: Path) -> float:
        broker = SQLiteBroker(path)
        warm, done, start = count // 10, 0, 0.0
        while done < count:
            await asyncio.sleep(0.02)
            stats = await broker.stats()
            done = count - stats.waiting - stats.delivered
            if not start and done >= warm:
                start, first = time.perf_counter(), done
        taken = time.perf_counter() - start
        await broker.shutdown()
        return (count - first) / taken

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tasks.db"
        (Path(folder) / "app.py").write_text(_APP)
        asyncio.run(fill(path))
        env = {**os.environ, "BENCHMARK_DATABASE": str(path), "SYNCHRONOUS": mode}
        env["LEASE"] = str(lease)
        command = [str(Path(sys.executable).with_name("taskiq")), "worker", "app:broker"]
        command += ["--app-dir", folder, "--workers", str(workers), "--log-level", "ERROR"]
        worker = subprocess.Popen(command, env=env)
        try:
            return asyncio.run(watch(path))
        finally:
            worker.terminate()
            worker.wait()


def huey(count: int) -> tuple[float, float]:
    """What huey's SQLite storage sends, and one consumer thread drains, a second."""
    program = (
        "import sys, time; from app import huey, noop\n"
        "n = int(sys.argv[1]); start = time.perf_counter()\n"
        "for _ in range(n): noop()\n"
        "print(n / (time.perf_counter() - start)); consumer = huey.create_consumer(workers=1)\n"
        "consumer.start(); start = time.perf_counter()\n"
        "while huey.storage.result_store_size() < n: time.sleep(0.02)\n"
        "print(n / (time.perf_counter() - start)); consumer.stop()\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.py").write_text(_HUEY)
        search = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        env = {**os.environ, "BENCHMARK_DATABASE": str(Path(folder) / "h.db"), "PYTHONPATH": search}
        command = [sys.executable, "-c", program, str(count)]
        out = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    sent, drained = map(float, out.split()[:2])
    return sent, drained


_ECHO = """
import asyncio, sys, time
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.slots import Slots
from taskiq_sqlite import SQLiteBroker
async def main():
    broker = SQLiteBroker(sys.argv[1])
    async for delivery in broker.deliveries(Slots(1)):
        now = time.time()
        result = TaskiqResult(is_err=False, return_value=now, execution_time=0)
        await broker.result_backend.set_result(delivery.data.decode(), result)
        await delivery.ack()
asyncio.run(main())
"""


def latencies(count: int, *, idle: bool) -> list[float]:
    """Milliseconds from `kick` until another process has it; or until its result is back."""

    async def run(path: Path) -> list[float]:
        broker = SQLiteBroker(path)
        values = []
        for number in range(count + 10):
            task_id = str(number)
            start = time.time()
            body = BrokerMessage(
                task_id=task_id, task_name="echo", message=task_id.encode(), labels={}
            )
            await broker.kick(body)
            result = await broker.result_backend.wait(task_id)
            end = result.return_value if idle else time.time()
            values.append((end - start) * 1000)
            await asyncio.sleep(0.01)
        await broker.shutdown()
        return values[10:]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tasks.db"
        echo = subprocess.Popen([sys.executable, "-c", _ECHO, str(path)])
        try:
            return asyncio.run(run(path))
        finally:
            echo.kill()
            echo.wait()


async def fetching(queued: tuple[int, int], batch: int) -> list[list[float]]:
    """Microseconds a message, with so many behind it; the queues in turns, kept at their length."""
    with tempfile.TemporaryDirectory() as folder:
        brokers = [SQLiteBroker(Path(folder) / f"{count}.db") for count in queued]
        for broker, count in zip(brokers, queued, strict=True):
            for _ in range(0, count, 1_000):
                await broker.kick_many([message() for _ in range(min(count, 1_000))])
            await broker.shutdown()
        os.sync()  # what the filling left to be written is not the fetch's
        values: list[list[float]] = [[] for _ in queued]
        streams = [broker.deliveries(Slots(batch)) for broker in brokers]
        for _ in range(500):
            for broker, stream, mine in zip(brokers, streams, values, strict=True):
                await broker.kick_many([message() for _ in range(batch)])
                start = time.perf_counter()
                got = [await anext(stream) for _ in range(batch)]
                mine.append((time.perf_counter() - start) / batch * 1e6)
                await asyncio.gather(*(each.ack() for each in got))
        for broker, stream in zip(brokers, streams, strict=True):
            await stream.aclose()
            await broker.shutdown()
        return values


if __name__ == "__main__":
    main()
