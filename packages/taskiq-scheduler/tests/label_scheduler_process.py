"""One of the schedulers that `test_redis_processes.py` kills: `label_scheduler_process.py URL`."""

import asyncio
import logging
import signal
import sys

from taskiq_core.messages.message import BrokerMessage
from taskiq_redis import RedisBroker
from taskiq_redis.claims import RedisTickClaims
from taskiq_scheduler import LabelScheduleSource, SchedulerLoop, TaskiqScheduler

CLAIM_LEASE = 2.0


SENDS = "sends"


class CountedBroker(RedisBroker):
    """Notes each send in a list, and has a dead scheduler's ticks sent soon.

    The queue itself may hide a second send, as it knows the tick's message by a unique key.
    """

    async def kick(self, message: BrokerMessage) -> None:
        await self.queue.store.connection.call("RPUSH", SENDS, message.task_id)
        await super().kick(message)

    def tick_claims(self, *, lease: float = CLAIM_LEASE) -> RedisTickClaims:
        return super().tick_claims(lease=lease)


async def main(url: str) -> None:
    broker = CountedBroker(url)
    broker.task("t", schedule=[{"interval": 1, "schedule_id": "label"}])(lambda: None)
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
