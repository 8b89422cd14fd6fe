"""RedisBroker beside taskiq 0.13 with its Redis plugin, on one private server; prints a table.

    python benchmarks/redis.py --peer PYTHON [--tasks 20000] [--rounds 3]

Run it with the Python of an environment that has taskiq, taskiq-cli and taskiq-redis. PYTHON is
that of another one with `taskiq==0.13.0 taskiq-redis==1.2.4`. Both run the same program with
results, each by its own `taskiq worker` command with one worker process; results are counted by the
number of keys that the server has. Rounds alternate, figures are medians.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

APP = """
import os
URL = os.environ["BENCHMARK_URL"]
try:
    from taskiq_redis import RedisBroker
    broker = RedisBroker(URL)
except ImportError:
    from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend
    backend = RedisAsyncResultBackend(URL, result_ex_time=86400)
    broker = ListQueueBroker(URL).with_result_backend(backend)
@broker.task(task_name="noop")
async def noop() -> None: ...
"""
SEND = """
import asyncio, json, sys, time
from app import broker, noop
async def main(count):
    await broker.startup()
    await noop.kiq()
    start = time.perf_counter()
    for _ in range(count // 10):
        await noop.kiq()
    one = count // 10 / (time.perf_counter() - start)
    start = time.perf_counter()
    for _ in range(9):
        await asyncio.gather(*(noop.kiq() for _ in range(count // 10)))
    print(json.dumps([one, count // 10 * 9 / (time.perf_counter() - start)]))
    await broker.shutdown()
asyncio.run(main(int(sys.argv[1])))
"""
ROUND_TRIP = """
import asyncio, json, sys, time
from statistics import median
from app import broker, noop
async def main():
    await broker.startup()
    values = []
    for _ in range(300):
        start = time.perf_counter()
        task = await noop.kiq()
        await task.wait_result(**json.loads(sys.argv[1]))
        values.append(time.perf_counter() - start)
    print(json.dumps(median(values[50:]) * 1000))
    await broker.shutdown()
asyncio.run(main())
"""
FINEST = {"check_interval": 0}
"""The peer asks for results; without a pause it is fastest."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds = [
        (
            Side(sys.executable, {}).measure(options.tasks),
            Side(options.peer, FINEST).measure(options.tasks),
        )
        for _ in range(options.rounds)
    ]
    print(f"{'':44}{'ours':>10}{'0.13':>10}{'ratio':>8}  of the rounds")
    for title in rounds[0][0]:
        ours, theirs = ([each[side][title] for each in rounds] for side in (0, 1))
        ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
        spread = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(
            f"{title:44}{median(ours):10,.2f}{median(theirs):10,.2f}{median(ratios):8.2f}  {spread}"
        )


class Side:
    """One of the two.

    Args:
        python: of its environment.
        waiting: how its results are waited for.
    """

    def __init__(self, python: str, waiting: dict[str, float]) -> None:
        self.python = python
        self.waiting = waiting

    def measure(self, tasks: int) -> dict[str, float]:
        """All figures, on a server of their own."""
        with tempfile.TemporaryDirectory() as name, server() as url:
            folder = Path(name)
            (folder / "app.py").write_text(APP)
            env = {**os.environ, "BENCHMARK_URL": url, "PYTHONPATH": name}
            one, many = json.loads(self._run(SEND, str(tasks), env=env))
            with self._worker(folder, env):
                drained = rate_of_results(url, tasks)
                trip = json.loads(self._run(ROUND_TRIP, json.dumps(self.waiting), env=env))
            return {
                "send one by one, tasks/s": one,
                f"gather of {tasks // 10:,} sends, tasks/s": many,
                "drain with results, one worker, tasks/s": drained,
                "idle round trip, median, ms": trip,
            }

    def _run(self, program: str, *arguments: str, env: dict[str, str]) -> str:
        command = [self.python, "-c", program, *arguments]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    @contextmanager
    def _worker(self, folder: Path, env: dict[str, str]) -> Iterator[None]:
        command = [str(Path(self.python).with_name("taskiq")), "worker", "app:broker"]
        options = ["--workers", "1", "--log-level", "ERROR"]
        worker = subprocess.Popen([*command, *options], cwd=folder, env=env)
        try:
            yield
        finally:
            worker.terminate()
            worker.wait()


@contextmanager
def server() -> Iterator[str]:
    """A private server without persistence."""
    binary = shutil.which("redis-server")
    if binary is None:
        sys.exit("redis-server is not on this machine: install it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL) as process:
        while not is_open(port):
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}"
        process.terminate()


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def rate_of_results(url: str, tasks: int) -> float:
    """Results a second, from the first tenth to the last."""
    port = int(url.rpartition(":")[2])
    last = tasks - 10  # keys of the queue itself come and go
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start, first, before = 0.0, 0, keys(connection)
        while (done := keys(connection) - before) < last:
            if not start and done >= tasks // 10:
                start, first = time.perf_counter(), done
            time.sleep(0.02)
        return (done - first) / (time.perf_counter() - start)


def keys(connection: socket.socket) -> int:
    """How many keys the server has."""
    connection.sendall(b"DBSIZE\r\n")
    return int(connection.recv(100).strip()[1:])


if __name__ == "__main__":
    main()
