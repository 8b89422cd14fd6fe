import asyncio
import logging
import sys
from contextvars import ContextVar

from taskiq import InMemoryBroker, TaskiqMessage, TaskiqMiddleware

task_id: ContextVar[str] = ContextVar("task_id", default="-")


class TaskId(TaskiqMiddleware):
    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        task_id.set(message.task_id)
        return message


class TaskIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.task_id = task_id.get()
        return True


logger = logging.getLogger("app")
handler = logging.StreamHandler(sys.stdout)
handler.addFilter(TaskIdFilter())
handler.setFormatter(logging.Formatter("%(task_id)s: %(message)s"))
logger.addHandler(handler)
logger.setLevel(logging.INFO)
broker = InMemoryBroker().with_middlewares(TaskId())


@broker.task
async def work() -> None:
    logger.info("working")


async def main() -> None:
    task = await work.kicker().with_task_id("one").kiq()
    await task.wait_result()
    logger.info("done")


asyncio.run(main())
