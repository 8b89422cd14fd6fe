"""Count the source code of Python's library with two worker processes, and kill one of them.

Starts the workers through the command line, sends one task a file, kills a worker half-way with
SIGKILL, gathers all results and compares their totals with those of a plain count in one process.

The tasks are kept in a SQLite file, which is deleted in the end; with TASKIQ_BROKER_URL in the
environment, wherever that says. With --watch it says how to see it all in a dashboard, and waits.
"""

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).parent
ENOUGH_FILES = 1000


FOLDER = tempfile.TemporaryDirectory(prefix="taskiq-census-")

# Before the tasks are imported, and for the workers to inherit. The lease is short so that nobody
# waits for long for the tasks of the worker that is killed.
os.environ.setdefault(
    "TASKIQ_BROKER_URL", f"sqlite:///{FOLDER.name}/census.db?lease=2&history=10000"
)

from count import Census, take_census  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import Progress, track  # noqa: E402
from rich.table import Table  # noqa: E402
from tasks import Report, broker, report_on  # noqa: E402

console = Console()


def source_files() -> list[str]:
    """The files of the standard library; of installed packages, too, where it is a small one."""
    paths = sysconfig.get_paths()
    library, packages = Path(paths["stdlib"]), Path(paths["purelib"])
    files = [path for path in library.rglob("*.py") if "site-packages" not in path.parts]
    if len(files) < ENOUGH_FILES:
        files.extend(packages.rglob("*.py"))
    return sorted(map(str, files))


@asynccontextmanager
async def workers(count: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Worker processes, as an operator would start them; stopped at the end."""
    command = [Path(sys.executable).with_name("taskiq"), "worker", "tasks:broker"]
    options = ["--workers", str(count), "--max-async-tasks", "4", "--log-level", "WARNING"]
    process = subprocess.Popen([*command, *options], cwd=HERE)  # noqa: ASYNC220  # returns at once
    try:
        yield process
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def take_census_by_workers(files: list[str]) -> list[Report]:
    """Send a task a file, and kill the worker of the result that is half-way."""
    reports: list[Report] = []
    with Progress(console=console) as progress:
        bar = progress.add_task("Two workers", total=len(files))
        tasks = [await report_on.kiq(path) for path in files]
        for next_result in asyncio.as_completed([task.wait_result(timeout=120) for task in tasks]):
            result = await next_result
            reports.append(result.raise_for_error().return_value)
            progress.advance(bar)
            if len(reports) == len(files) // 2:
                victim = reports[-1].worker
                os.kill(victim, signal.SIGKILL)
                progress.console.print(f"Half-way: worker {victim} was killed with SIGKILL.")
    return reports


def totals_of(censuses: Iterable[Census]) -> dict[str, int]:
    """The sums over all files."""
    totals = {"files": 0, "lines": 0, "functions": 0, "classes": 0, "not parsed": 0}
    for census in censuses:
        totals["files"] += 1
        totals["lines"] += census.lines
        totals["functions"] += census.functions
        totals["classes"] += census.classes
        totals["not parsed"] += not census.is_parsed
    return totals


def show(reports: list[Report], totals: dict[str, int], expected: dict[str, int]) -> None:
    """Print the totals beside those expected, and the longest functions."""
    table = Table("total", "by two workers", "in one process", title="The library in numbers")
    for name, total in totals.items():
        table.add_row(name, f"{total:,}", f"{expected[name]:,}")
    console.print(table)
    found = (report.census.longest for report in reports)
    longest = sorted((function for function in found if function is not None), reverse=True)
    table = Table("lines", "function", "file", title="The ten longest functions, one a file")
    for function in longest[:10]:
        table.add_row(str(function.lines), function.name, Path(function.path).name)
    console.print(table)


async def show_dashboard() -> None:
    """Say how to open the dashboard, and wait."""
    taskiq = Path(sys.executable).with_name("taskiq")
    url = shlex.quote(os.environ["TASKIQ_BROKER_URL"])
    console.print("Run this in a second terminal, and open the URL that it prints:")
    print(f"    {taskiq} web {url}", flush=True)
    await asyncio.to_thread(input, "Press Enter to begin. ")


async def main() -> int:
    """Run the demo; the exit status says whether the totals agree."""
    # Some of the library's own sources use what its compiler warns of.
    warnings.simplefilter("ignore")
    files = source_files()
    console.print(f"{len(files):,} source files, one task each.")
    is_watched = "--watch" in sys.argv[1:]
    async with broker, workers(2):
        if is_watched:
            await show_dashboard()
        started = time.monotonic()
        reports = await take_census_by_workers(files)
        seconds = time.monotonic() - started
        if is_watched:
            await asyncio.to_thread(
                input, "All tasks have ended. Press Enter when you have seen it. "
            )
    expected = totals_of(map(take_census, track(files, "One process", console=console)))
    totals = totals_of(report.census for report in reports)
    show(reports, totals, expected)
    processes = len({report.worker for report in reports})
    console.print(
        f"{len(reports):,} tasks in {seconds:.1f} s, {len(reports) / seconds:,.0f} a second, "
        f"by {processes} worker processes, one of which was killed.",
    )
    if totals != expected:
        console.print("[bold red]The totals differ: something was lost.[/]")
        return 1
    console.print("[bold green]The totals agree: nothing was lost.[/]")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
