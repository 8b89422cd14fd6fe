"""The dashboard: what it costs a Redis server and its workers, and how long a page takes.

    python benchmarks/dashboard.py [--viewers 0 1 100] [--messages 1000000] [--rounds 9]

Starts a private Redis server and `taskiq web`. A viewer listens to the live events and reads the
page again whenever they say so, as a browser does. Needs redis-server, taskiq-redis, taskiq-cli and
taskiq-web.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import redis.asyncio

from taskiq_core.messages.message import BrokerMessage
from taskiq_redis import RedisBroker

TOKEN = "a-token-for-measuring"
PAGES = ("/", "/queues", "/messages", "/dead", "/workers", "/history", "/tasks", "/metrics")
PARTS = ("commands", "drains", "pages")
PAGE_ROUNDS = 5
WATCHED = 10.0
"""Seconds that commands are counted."""
LOT = 2_000
APPLICATION = """
from taskiq_core.plugins import broker_from_url

broker = broker_from_url()


@broker.task(task_name="nothing")
async def nothing(number: int) -> None: ...
"""


@dataclass(frozen=True)
class Web:
    """A dashboard that runs."""

    base: str
    pid: int


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--viewers", type=int, nargs="+", default=[0, 1, 100])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tasks", type=int, default=20_000, help="of a drain")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="taskiq-dashboard-") as name:
        folder = Path(name)
        (folder / "tkq.py").write_text(APPLICATION)
        port = free_port()
        server = [shutil.which("redis-server") or "redis-server", "--port", str(port), "--save", ""]
        process = subprocess.Popen(server, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: ASYNC220  # returns at once
        url = f"redis://127.0.0.1:{port}?history=10000"
        os.environ.update(TASKIQ_BROKER_URL=url, TASKIQ_WEB_TOKEN=TOKEN)
        try:
            await answers(port)
            if "commands" in options.only:
                await commands(folder, url, options.viewers)
            if "drains" in options.only:
                await drains(folder, url, options.tasks, options.rounds)
            if "pages" in options.only:
                await page_times(folder, url, options.messages)
        finally:
            process.kill()
            process.wait()


# --- commands -------------------------------------------------------------------------------------


async def commands(folder: Path, url: str, viewers: Sequence[int]) -> None:
    """Print the commands of a Redis server a second, while a message is sent each 0.1 s."""
    async with RedisBroker.from_url(url) as broker, dashboard(folder) as web:
        print("viewers   commands a second   time of the server   CPU of the dashboard")
        each = await watched(broker, web, 0, Counted(0, 0.0))
        for count in viewers:
            found = await watched(broker, web, count, each.of_a_message)
            rate, share = f"{found.a_second.calls:.1f}", f"{found.a_second.seconds:.3%}"
            print(f"{count:>7}   {rate:>17}   {share:>18}   {found.cpu:>20.1%}")
        await broker.purge()


@dataclass(frozen=True)
class Counted:
    """Commands of a server, and its time for them; that of a script contains its commands'."""

    calls: float
    seconds: float

    def minus(self, other: "Counted") -> "Counted":
        return Counted(self.calls - other.calls, self.seconds - other.seconds)

    def times(self, factor: float) -> "Counted":
        return Counted(self.calls * factor, self.seconds * factor)


@dataclass(frozen=True)
class Watched:
    """What was counted in some seconds.

    Attributes:
        a_second: commands in a second, without the ones that sent messages.
        of_a_message: commands for each message that was sent.
        cpu: the share of a core that the dashboard took.
    """

    a_second: Counted
    of_a_message: Counted
    cpu: float


async def watched(broker: RedisBroker, web: Web, viewers: int, of_a_message: Counted) -> Watched:
    watchers = [asyncio.create_task(watch(web.base, "/")) for _ in range(viewers)]
    sent: list[int] = []
    sender = asyncio.create_task(trickle(broker, sent))
    await asyncio.sleep(3)  # until all of them listen
    client = redis.asyncio.from_url(os.environ["TASKIQ_BROKER_URL"].partition("?")[0])
    first, before, cpu = await processed(client), len(sent), cpu_seconds(web.pid)
    start = time.monotonic()
    await asyncio.sleep(WATCHED)
    seconds, messages = time.monotonic() - start, len(sent) - before
    count = (await processed(client)).minus(first)
    cpu = (cpu_seconds(web.pid) - cpu) / seconds
    await client.aclose()
    for task in (sender, *watchers):
        task.cancel()
    await asyncio.gather(sender, *watchers, return_exceptions=True)
    rest = count.minus(of_a_message.times(messages))
    return Watched(rest.times(1 / seconds), count.times(1 / messages), cpu)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def processed(client: "redis.asyncio.Redis[bytes]") -> Counted:
    stats = (await client.info("commandstats")).items()
    counted = [each for name, each in stats if name != "cmdstat_info"]
    calls = sum(each["calls"] for each in counted)
    return Counted(calls, sum(each["usec"] for each in counted) / 1e6)


async def trickle(broker: RedisBroker, sent: list[int]) -> None:
    """Change something for each tick."""
    while True:
        await broker.kick(message(0))
        sent.append(1)
        await asyncio.sleep(0.1)


# --- drains ---------------------------------------------------------------------------------------


async def drains(folder: Path, url: str, tasks: int, rounds: int) -> None:
    """Print what an open dashboard costs a drain: in time, and in CPU of worker and server."""
    times: list[float] = []
    cpus: list[float] = []
    for number in range(rounds):
        order = (False, True) if number % 2 else (True, False)
        found = {is_open: await drain(folder, url, tasks, is_open=is_open) for is_open in order}
        times.append(found[True].seconds / found[False].seconds)
        cpus.append(found[True].cpu / found[False].cpu)
        print(f"drain of {tasks:,}, open to closed: time {times[-1]:.3f}, CPU {cpus[-1]:.3f}")
    print(f"medians of {rounds} pairs: time {median(times):.3f}, CPU {median(cpus):.3f}")


@dataclass(frozen=True)
class Drain:
    """How long a drain took, and how much CPU the worker and the server spent on it."""

    seconds: float
    cpu: float


async def drain(folder: Path, url: str, tasks: int, *, is_open: bool) -> Drain:
    async with RedisBroker.from_url(url) as broker:
        for start in range(0, tasks, LOT):
            await broker.kick_many([message(number) for number in range(start, start + LOT)])
        if not is_open:
            return await drained(folder, broker, tasks)
        async with dashboard(folder) as web:
            viewer = asyncio.create_task(watch(web.base, "/"))
            await asyncio.sleep(1)
            try:
                return await drained(folder, broker, tasks)
            finally:
                viewer.cancel()
                await asyncio.gather(viewer, return_exceptions=True)


async def drained(folder: Path, broker: RedisBroker, tasks: int) -> Drain:
    """Measure from the first tenth of the messages to the last one."""
    command = [sys.executable, "-m", "taskiq_cli", "worker", "tkq:broker", "--workers", "1"]
    worker = subprocess.Popen([*command, "--log-level", "ERROR"], cwd=folder)  # noqa: ASYNC220
    client = redis.asyncio.from_url(os.environ["TASKIQ_BROKER_URL"].partition("?")[0])
    try:
        start = cpu = 0.0
        while left := await left_of(broker):
            if start == 0.0 and left < tasks * 0.9:
                start, cpu = time.monotonic(), await spent(client, worker.pid)
            await asyncio.sleep(0.05)
        return Drain(time.monotonic() - start, await spent(client, worker.pid) - cpu)
    finally:
        await client.aclose()
        worker.terminate()
        worker.wait()


async def spent(client: "redis.asyncio.Redis[bytes]", supervisor: int) -> float:
    """CPU seconds of the worker processes and the server so far."""
    info = await client.info("cpu")
    children = children_of(supervisor)
    workers = sum(cpu_seconds(int(pid)) for pid in children)
    return workers + float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def left_of(broker: RedisBroker) -> int:
    stats = await broker.stats()
    return (stats.waiting or 0) + (stats.delivered or 0)


# --- pages ----------------------------------------------------------------------------------------


async def page_times(folder: Path, url: str, messages: int) -> None:
    """Print how long each page takes with a thousand waiting messages, and with very many."""
    found: dict[int, dict[str, float]] = {}
    # Such a short interval that each page is read anew.
    async with RedisBroker.from_url(url) as broker, dashboard(folder, interval=0.2) as web:
        for count in (1_000, messages):
            have = await left_of(broker)
            for start in range(have, count, LOT):
                lot = range(start, min(start + LOT, count))
                await broker.kick_many([message(number) for number in lot])
            found[count] = {page: await page_time(web.base, page) for page in PAGES}
        await broker.purge()
    print(f"page          1,000 waiting   {messages:,} waiting")
    for page in PAGES:
        small, large = (found[count][page] * 1_000 for count in (1_000, messages))
        print(f"{page:<12}  {small:>10.1f} ms   {large:>10.1f} ms")


async def page_time(base: str, page: str) -> float:
    seconds: list[float] = []
    for _ in range(PAGE_ROUNDS):
        await asyncio.sleep(0.25)  # the dashboard keeps what it has read for less than that
        start = time.monotonic()
        status = await get(base, page)
        seconds.append(time.monotonic() - start)
        assert status == 200, (page, status)
    return median(seconds)


# --- the dashboard and its viewers ----------------------------------------------------------------


@asynccontextmanager
async def dashboard(folder: Path, *, interval: float = 2.0) -> AsyncIterator[Web]:
    """`taskiq web` in a process of its own."""
    command = [sys.executable, "-m", "taskiq_cli", "web", "tkq:broker", "--port", "0"]
    command += ["--interval", str(interval)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220  # returns at once
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    match = re.search(r"(http://\S+)/\?", line)
    assert match is not None, line
    try:
        yield Web(match[1], process.pid)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def watch(base: str, page: str) -> None:
    """Be a viewer: read the page, and read it again when the events say so."""
    await get(base, page)
    reader, writer = await connect(base, "/events")
    try:
        while line := await reader.readline():
            if line.startswith(b"event: changed"):
                await get(base, page)
    finally:
        writer.close()


async def get(base: str, page: str) -> int:
    reader, writer = await connect(base, page)
    try:
        head = await reader.readline()
        await reader.read()
        return int(head.split()[1])
    finally:
        writer.close()


async def connect(base: str, page: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(base)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"GET {page} HTTP/1.1\r\nHost: {address.netloc}\r\nAccept: text/html\r\n"
    writer.write(f"{head}Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode())
    return reader, writer


# --- the server -----------------------------------------------------------------------------------


def message(number: int) -> BrokerMessage:
    body = {
        "task_id": str(number),
        "task_name": "nothing",
        "labels": {},
        "args": [number],
        "kwargs": {},
    }
    encoded = json.dumps(body).encode()
    return BrokerMessage(task_id=str(number), task_name="nothing", message=encoded, labels={})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def answers(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


if __name__ == "__main__":
    asyncio.run(main())
