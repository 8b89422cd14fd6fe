"""One of the schedulers that `test_label_processes.py` kills: `label_scheduler_process.py URL`."""

import asyncio
import logging
import signal
import sys
from functools import partial

from taskiq_core.plugins import broker_from_url
from taskiq_scheduler import LabelScheduleSource, SchedulerLoop, TaskiqScheduler

CLAIM_LEASE = 1.0


async def main(url: str) -> None:
    broker = broker_from_url(url)
    # The ticks of a scheduler that is killed are sent soon.
    broker.tick_claims = partial(broker.tick_claims, lease=CLAIM_LEASE)  # type: ignore[method-assign]
    schedule = [{"interval": 0.25, "schedule_id": "label", "missed": "all"}]
    broker.task("tick", schedule=schedule)(lambda: None)
    await broker.startup()
    source = LabelScheduleSource(broker)
    await source.startup()
    loop = SchedulerLoop(TaskiqScheduler(broker, [source]))
    serving = asyncio.create_task(loop.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    await asyncio.gather(serving, return_exceptions=True)
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(sys.argv[1]))
