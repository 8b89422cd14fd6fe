"""Schedules: what a tick costs among 100,000, and how late 1,000 due in one second are.

    python benchmarks/scheduler.py --peer PYTHON [--schedules 100000] [--rounds 3]

PYTHON is that of an environment with taskiq 0.13. Both sides run this file, with names that both
have, in turns, each round in a new process; prints medians and what ours is of the peer's.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

DUE = 100
"""Schedules that are due each second."""
BURST = 1_000
"""Schedules that are due in one second."""
WARM = 2
"""Ticks before it is measured."""
LONGEST = 120.0
"""Seconds after which what was measured until then has to do."""

ROWS = (
    ("cpu_lines", "CPU a tick, {due} due among {schedules:,} cron lines", "ms", 1 / 50),
    ("cpu_moments", "CPU a tick, {due} due among {schedules:,} moments", "ms", 1 / 50),
    ("cpu_alone", "  the same with nothing but what is due: sending", "ms", None),
    ("memory", "memory a schedule, with the schedule itself", "bytes", None),
    ("memory_of_loop", "  of that, what the scheduler adds", "bytes", None),
    ("late_p50", "lateness of {burst:,} in a second, median", "ms", 50.0),
    ("late_p99", "  the same, 99 %", "ms", 500.0),
    ("late_among_p50", "lateness of {burst:,} among {schedules:,}, median", "ms", 50.0),
    ("late_among_p99", "  the same, 99 %", "ms", 500.0),
)
"""Key, title, unit, and what ours must be at most: a ratio for CPU, else milliseconds."""


def main() -> None:
    options = parse_options()
    if options.measure:
        print(json.dumps(asyncio.run(MEASURES[options.measure](options.schedules))))
        return
    samples: dict[str, dict[str, list[float]]] = {"ours": {}, "peer": {}}
    sides = {"ours": options.ours, "peer": options.peer}
    for turn in range(options.rounds):
        for side in sorted(sides, reverse=turn % 2 == 1):
            for measure in MEASURES:
                print(f"round {turn + 1} of {options.rounds}: {measure}, {side}", file=sys.stderr)
                for name, value in run(sides[side], measure, options.schedules).items():
                    samples[side].setdefault(name, []).append(value)
    print_table(samples, options.schedules)


def print_table(samples: dict[str, dict[str, list[float]]], schedules: int) -> None:
    print(f"{'':52}{'ours':>12}{'0.13':>12}  unit")
    for name, title, unit, target in ROWS:
        ours, peer = (median(samples[side][name]) for side in ("ours", "peer"))
        words = title.format(due=DUE, burst=BURST, schedules=schedules)
        verdict = ""
        if target is not None:
            reached = ours / peer if target < 1 else ours
            shown = f"1/{peer / ours:,.0f}" if target < 1 else ""
            verdict = f"{shown} {'ok' if reached <= target else 'missed'}"
        print(f"{words:52}{ours:>12,.2f}{peer:>12,.2f}  {unit:6} {verdict}")


def run(python: Path, measure: str, schedules: int) -> dict[str, float]:
    command = [str(python), __file__, "--measure", measure, "--schedules", str(schedules)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=600)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


# -- in a process of one side: only names that both have -----------------------------------------


def scheduled(number: int, **when: Any) -> Any:
    from taskiq import ScheduledTask

    return ScheduledTask(
        task_name="noop",
        labels={},
        args=[number],
        kwargs={},
        schedule_id=f"schedule-{number}",
        **when,
    )


def lines(count: int) -> list[Any]:
    """Cron lines that are due in half a year."""
    month = (datetime.now(UTC) + timedelta(days=180)).month
    return [scheduled(n, cron=f"{n % 60} {n % 24} {1 + n % 28} {month} *") for n in range(count)]


def moments(count: int) -> list[Any]:
    later = datetime.now(UTC) + timedelta(days=180)
    return [scheduled(n, time=later + timedelta(seconds=n)) for n in range(count)]


class Recorder:
    """A broker that drops what it gets, a scheduler for it, and what happened when."""

    def __init__(self, schedules: list[Any]) -> None:
        from taskiq import AsyncBroker, ScheduleSource, TaskiqScheduler

        recorder = self
        self.sent: list[tuple[float, float]] = []  # wall time and CPU time
        self.wanted = 0
        self.reached = asyncio.Event()

        class Broker(AsyncBroker):
            async def kick(self, message: Any) -> None:
                recorder.sent.append((time.time(), time.process_time()))
                if len(recorder.sent) >= recorder.wanted:
                    recorder.reached.set()

            async def listen(self) -> AsyncGenerator[bytes, None]:
                yield b""

        class Source(ScheduleSource):
            async def get_schedules(self) -> list[Any]:
                return schedules

        self.broker = Broker()
        self.broker.register_task(noop, "noop")
        self.scheduler = TaskiqScheduler(self.broker, [Source()])

    async def serve(self, wanted: int) -> None:
        from taskiq.api import run_scheduler_task

        self.wanted = wanted
        hour = timedelta(hours=1)
        serving = asyncio.create_task(run_scheduler_task(self.scheduler, interval=hour))
        try:
            async with asyncio.timeout(LONGEST):
                await self.reached.wait()
        except TimeoutError:
            pass
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def noop(number: int) -> None: ...


async def ticks_among_lines(count: int) -> dict[str, float]:
    before = resident()
    others = lines(count - DUE)
    made = resident()
    cpu = await cpu_per_tick(others)
    loaded = resident()
    memory, added = (loaded - before) / count, (loaded - made) / count
    return {"cpu_lines": cpu, "memory": memory, "memory_of_loop": added}


async def ticks_among_moments(count: int) -> dict[str, float]:
    return {"cpu_moments": await cpu_per_tick(moments(count - DUE))}


async def ticks_alone(_: int) -> dict[str, float]:
    return {"cpu_alone": await cpu_per_tick([])}


async def cpu_per_tick(others: list[Any]) -> float:
    """Milliseconds of CPU between two ticks, everything that a tick takes included."""
    recorder = Recorder([*others, *(scheduled(-n - 1, interval=1) for n in range(DUE))])
    await recorder.serve((WARM + 10) * DUE)
    cpu = [recorder.sent[n][1] for n in range(WARM * DUE, len(recorder.sent), DUE)]
    return (cpu[-1] - cpu[0]) / (len(cpu) - 1) * 1e3


async def burst_alone(_: int) -> dict[str, float]:
    return {f"late_{name}": value for name, value in (await lateness([], 3)).items()}


async def burst_among(count: int) -> dict[str, float]:
    found = await lateness(lines(count - BURST), 30)
    return {f"late_among_{name}": value for name, value in found.items()}


async def lateness(others: list[Any], ahead: int) -> dict[str, float]:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=ahead)
    recorder = Recorder([*others, *(scheduled(-n - 1, time=moment) for n in range(BURST))])
    await recorder.serve(BURST)
    late = [(sent - moment.timestamp()) * 1e3 for sent, _ in recorder.sent]
    return {"p50": median(late), "p99": quantiles(late, n=100)[98]}


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


MEASURES: dict[str, Any] = {
    each.__name__: each
    for each in (ticks_among_lines, ticks_among_moments, ticks_alone, burst_alone, burst_among)
}


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", type=Path, default=Path(sys.executable), help="Python of ours")
    parser.add_argument("--peer", type=Path, help="Python that has taskiq 0.13")
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=list(MEASURES))
    return parser.parse_args()


if __name__ == "__main__":
    main()
