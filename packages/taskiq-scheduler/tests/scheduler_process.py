"""One of the schedulers that `test_processes.py` kills: `scheduler_process.py FILE SECONDS`."""

import asyncio
import logging
import signal
import sys
from datetime import timedelta

from taskiq_scheduler import SchedulerLoop, TaskiqScheduler
from taskiq_sqlite import SQLiteBroker, SQLiteScheduleSource


async def main(path: str, claim_lease: float) -> None:
    broker = SQLiteBroker(path)
    broker.task("t")(lambda: None)
    source = SQLiteScheduleSource(broker.database, claim_lease=claim_lease)
    await broker.startup()
    loop = SchedulerLoop(TaskiqScheduler(broker, [source]))
    serving = asyncio.create_task(loop.run(update_interval=timedelta(seconds=0.2)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    await asyncio.gather(serving, return_exceptions=True)
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
