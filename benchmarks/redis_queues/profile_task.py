"""Where the time of one task goes: profiles of sending, of a round trip and of running.

    python benchmarks/redis_queues/profile_task.py [--write-docs]

A profiler makes short functions look slow, so it only divides: the processor time of a task is
measured without it, and then divided among parts of the code as the profile says. The time of the
server is its own account of its processor and of its commands.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairs import TASKS as DRAINED
from pairs import TEXT, CountedTasks, task_of
from redis import Redis
from rig import RedisServer, redis_server

from taskiq_core.receiver import Receiver
from taskiq_redis import RedisBroker

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
CALLS, ROUNDS = 500, 5
PARTS = {
    "the socket": ("storage/protocol.py:write", "storage/protocol.py:_flush"),
    "bytes to and from replies (hiredis)": (
        "hiredis",
        "storage/protocol.py",
        "storage/connection.py",
    ),
    "the queue in Redis": ("taskiq_redis",),
    "messages and results as JSON (pydantic)": ("pydantic", "formatters", "serializers"),
    "sending": ("taskiq_core/client", "taskiq_core/messages", "middleware_chain"),
    "the steps of a task": ("taskiq_core/flow", "receiver.py"),
    "deliveries and slots": ("taskiq_core/brokers", "taskiq_core/broker.py"),
    "the task itself": ("pairs.py",),
}
"""Parts of the code by what their functions have in their paths, the first that fits."""
REST = "Python, asyncio and uvloop"

Work = Callable[[], Awaitable[None]]
Prepare = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """Something that is profiled.

    Attributes:
        title: in the page.
        count: how often it is done in one `work`.
        work: does it.
        prepare: makes it possible; not timed.
    """

    title: str
    count: int
    work: Work
    prepare: Prepare


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of processor time for one task.

    Attributes:
        process: of the Python process.
        server: of the server.
        parts: of the process, by part.
        commands: of the server: the number and the microseconds of each command, those of scripts
            among them.
    """

    process: float
    server: float
    parts: dict[str, float]
    commands: dict[str, tuple[float, float]]


# --- what is profiled -----------------------------------------------------------------------------


async def nothing() -> None:
    pass


@asynccontextmanager
async def sending(server: RedisServer) -> AsyncIterator[Case]:
    broker = RedisBroker(server.url)
    task = task_of(broker)
    await broker.startup()

    async def work() -> None:
        for number in range(CALLS):
            await task.kiq(number, TEXT)

    yield Case("A task is sent, one after the other", CALLS, work, nothing)
    await broker.shutdown()


@asynccontextmanager
async def round_trip(server: RedisServer) -> AsyncIterator[Case]:
    client, worker = RedisBroker(server.url), RedisBroker(server.url)
    task = task_of(client)
    worker.register_task(task.original_func, task.task_name)
    worker.is_worker_process = True
    finish = asyncio.Event()
    async with client, worker:
        listening = asyncio.create_task(Receiver(worker, max_async_tasks=100).listen(finish))

        async def work() -> None:
            for number in range(CALLS):
                await (await task.kiq(number, TEXT)).wait_result()

        yield Case(
            "Sent, run, and its result awaited: client and worker together", CALLS, work, nothing
        )
        finish.set()
        await listening


@asynccontextmanager
async def running(server: RedisServer) -> AsyncIterator[Case]:
    broker = RedisBroker(server.url)
    tasks = CountedTasks(broker)
    broker.is_worker_process = True
    async with broker:
        title = "A task of a full queue is run, and its result stored"
        yield Case(title, DRAINED, tasks.run, tasks.send)


# --- measuring ------------------------------------------------------------------------------------


async def costs_of(case: Case, server: RedisServer) -> Costs:
    """Measure, and then profile."""
    client = Redis(port=server.port)
    await case.prepare()
    await case.work()
    plain: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        await case.prepare()
        before, begin = server_seconds(client), time.process_time()
        await case.work()
        plain.append((time.process_time() - begin, server_seconds(client) - before))
    process, of_server = (min(each) / case.count * 1e6 for each in zip(*plain, strict=True))
    await case.prepare()
    client.config_resetstat()
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    await case.work()
    profile.disable()
    commands = {
        name.removeprefix("cmdstat_"): (each["calls"] / case.count, each["usec"] / case.count)
        for name, each in client.info("commandstats").items()
        if each["calls"] >= case.count / 100
    }
    client.close()
    return Costs(process, of_server, divided(profile, process), commands)


def server_seconds(client: Any) -> float:
    usage = client.info("cpu")
    return float(usage["used_cpu_user"] + usage["used_cpu_sys"])


def divided(profile: cProfile.Profile, total: float) -> dict[str, float]:
    """Divide a time among the parts of the code as a profile says."""
    seconds: Counter[str] = Counter()
    stats: Any = pstats.Stats(profile)
    for (file, _, name), (_, _, own, _, callers) in stats.stats.items():
        if file == "~" and callers:  # a function in C is a part of the one that calls it
            for (caller, _, its_name), (_, _, spent, _) in callers.items():
                seconds[part_of(f"{caller}:{its_name}", name)] += spent
        else:
            seconds[part_of(f"{file}:{name}")] += own
    whole = sum(seconds.values())
    return {part: total * each / whole for part, each in seconds.most_common()}


def part_of(caller: str, function: str = "") -> str:
    for part, pieces in PARTS.items():
        if any(piece in function or piece in caller for piece in pieces):
            return part
    return REST


# --- the page -------------------------------------------------------------------------------------


def figures(measured: list[tuple[Case, Costs]]) -> str:
    lines: list[str] = []
    for case, costs in measured:
        lines += [f"### {case.title}", ""]
        lines += ["| part of the process | us | share |", "| --- | ---: | ---: |"]
        for part, each in costs.parts.items():
            lines.append(f"| {part} | {each:.1f} | {each / costs.process:.0%} |")
        lines += [f"| together | {costs.process:.1f} | |", ""]
        in_scripts = sum(each for name, (_, each) in costs.commands.items() if name != "evalsha")
        scripts = costs.commands.get("evalsha", (0, 0))
        lines += ["| part of the server | times | us |", "| --- | ---: | ---: |"]
        around = scripts[1] - in_scripts
        lines.append(f"| scripts, without their commands | {scripts[0]:.2f} | {around:.1f} |")
        ordered = sorted(costs.commands.items(), key=lambda item: -item[1][1])
        for name, (times, each) in ordered:
            if name != "evalsha":
                lines.append(f"| {name.upper()} | {times:.2f} | {each:.1f} |")
        rest = costs.server - scripts[1]
        lines += [f"| sockets, parsing, the rest | | {max(rest, 0):.1f} |"]
        lines += [f"| together | | {costs.server:.1f} |", ""]
    return "\n".join(lines)


async def measure(server: RedisServer) -> list[tuple[Case, Costs]]:
    measured: list[tuple[Case, Costs]] = []
    for make in (sending, round_trip, running):
        server.empty()
        async with make(server) as case:
            measured.append((case, await costs_of(case, server)))
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/")
    options = parser.parse_args()
    factory = None
    if os.name != "nt":
        import uvloop

        factory = uvloop.new_event_loop
    with redis_server() as server, asyncio.Runner(loop_factory=factory) as runner:
        text = figures(runner.run(measure(server)))
    print(text)
    if options.write_docs:
        page = PAGE.read_text()
        head, tail = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}")


if __name__ == "__main__":
    main()
