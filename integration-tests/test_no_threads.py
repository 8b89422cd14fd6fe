"""A worker and a scheduler inside a program leave no thread when they have ended."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.receiver import Receiver
from taskiq_scheduler import TaskiqScheduler
from taskiq_scheduler.api import run_scheduler_task
from taskiq_sqlite import SQLiteBroker, SQLiteScheduleSource


async def test_worker_and_scheduler_that_have_ended_leave_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    broker = SQLiteBroker(tmp_path / "tasks.db")
    source = SQLiteScheduleSource(tmp_path / "tasks.db")
    finish, loop = asyncio.Event(), asyncio.get_running_loop()

    @broker.task("plain")
    def plain() -> None:
        loop.call_soon_threadsafe(finish.set)

    broker.is_worker_process = True
    await source.startup()
    await source.add_schedule(
        ScheduledTask(
            task_name="plain", labels={}, args=[], kwargs={}, interval=timedelta(seconds=0.1)
        )
    )
    scheduling = asyncio.create_task(run_scheduler_task(TaskiqScheduler(broker, [source])))
    await Receiver(broker).listen(finish)
    scheduling.cancel()
    await asyncio.gather(scheduling, return_exceptions=True)
    await source.shutdown()
    await broker.shutdown()

    left = set(threading.enumerate()) - before
    for thread in left - {each for each in left if each.name.startswith("asyncio_")}:
        await asyncio.to_thread(thread.join, 20)  # idle threads leave at once
        assert not thread.is_alive(), thread
