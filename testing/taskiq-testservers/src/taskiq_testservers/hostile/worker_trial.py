"""WorkerTrial: workers that run good tasks beside hostile input."""

import asyncio
import subprocess
import textwrap
from pathlib import Path
from typing import Any

from taskiq_core import AsyncBroker
from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_testservers.commands import StartWorker
from taskiq_testservers.hostile.canary import VARIABLE, canary
from taskiq_testservers.hostile.processes import children_of, peak_memory, share_of_a_core
from taskiq_testservers.hostile.scale import Scale

APPLICATION = """
    from typing import Any

    {broker}


    @broker.task(task_name="good")
    async def good(number: int) -> int:
        return 2 * number


    @broker.task(task_name="work")
    async def work(*args: Any, **kwargs: Any) -> int:
        return len(args) + len(kwargs)
"""

READY = "Listening started"


class WorkerTrial:
    """A supervisor with one worker, and good tasks that it must run whatever comes.

    Args:
        folder: for the application and its log.
        scale: how much is tried.
        broker: the lines of the application that make its broker.
    """

    def __init__(self, folder: Path, scale: Scale, broker: str) -> None:
        self.folder = folder
        self._scale = scale
        source = textwrap.dedent(APPLICATION).format(broker=textwrap.dedent(broker).strip())
        (folder / "tkq.py").write_text(source)
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._worker = 0

    async def start(self, start_worker: StartWorker, *arguments: str) -> None:
        """Start the worker, and wait until it is there."""
        environment = {VARIABLE: str(canary().absolute())}
        command = ("tkq:broker", "--workers", "1", "--max-async-tasks", "20", *arguments)
        before = self.log.count(READY)
        self._supervisor = start_worker(*command, cwd=self.folder, env=environment)
        async with asyncio.timeout(self._scale.patience):
            while self.log.count(READY) == before:
                assert self._supervisor.poll() is None, self.log
                await asyncio.sleep(0.05)
        [self._worker] = self.workers()

    def workers(self) -> list[int]:
        """Ids of the worker processes."""
        assert self._supervisor is not None
        return children_of(self._supervisor.pid)

    @property
    def log(self) -> str:
        """What the worker has logged."""
        path = self.folder / "worker.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def finish(self, tasks: list[AsyncTaskiqTask[Any]]) -> None:
        """Wait for the results of good tasks, which are right."""
        async with asyncio.timeout(self._scale.patience):
            for number, task in enumerate(tasks):
                assert (await task.wait_result()).return_value == 2 * number

    @property
    def is_running(self) -> bool:
        """Whether the supervisor runs."""
        return self._supervisor is not None and self._supervisor.poll() is None

    async def finished_or_ended(self, tasks: list[AsyncTaskiqTask[Any]]) -> bool:
        """Wait until good tasks are done, or the worker has ended.

        Returns:
            Whether the tasks are done.
        """
        finishing = asyncio.create_task(self.finish(tasks))
        while self.is_running and not finishing.done():  # noqa: ASYNC110  # a process has no event
            await asyncio.sleep(0.05)
        finishing.cancel()
        await asyncio.gather(finishing, return_exceptions=True)
        return not finishing.cancelled()

    async def ended(self) -> int:
        """Wait for the end of the supervisor; its exit status."""
        assert self._supervisor is not None
        async with asyncio.timeout(self._scale.patience):
            return await asyncio.to_thread(self._supervisor.wait)

    async def check(self) -> dict[str, Any]:
        """Check that the worker is the one that was started, idle, small, and not talkative.

        Returns:
            What was measured.
        """
        assert self.workers() == [self._worker], f"it died:\n{self.log[-9000:]}"
        memory = peak_memory(self._worker)
        assert memory < self._scale.memory
        share = await share_of_a_core(self._worker, 1.0)
        assert share < 0.8, f"it spins: {share}"
        assert not canary().exists(), "hostile input was executed"
        return {"memory": memory, "log": len(self.log)}


async def send_good(broker: AsyncBroker, scale: Scale) -> list[AsyncTaskiqTask[Any]]:
    """Send the good tasks."""

    async def good(number: int) -> int:
        raise AssertionError(f"it runs in the worker: {number}")

    task = broker.find_task("good") or broker.register_task(good, "good")
    return [await task.kiq(number) for number in range(scale.good)]


async def until_settled(broker: AsyncBroker, *, seconds: float) -> QueueStats:
    """Wait until nothing changes any more, and nothing waits.

    What hostile records say to be delayed, or leased, for a thousand years stays so.

    Returns:
        What is left.
    """
    before = None
    async with asyncio.timeout(seconds):
        while True:
            stats = await broker.stats()
            if stats == before and not stats.waiting:
                return stats
            before = stats
            await asyncio.sleep(2.0)
