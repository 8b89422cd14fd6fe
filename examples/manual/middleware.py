import asyncio
import time
from typing import Any

from taskiq import InMemoryBroker, TaskiqMessage, TaskiqMiddleware, TaskiqResult


class Tenant(TaskiqMiddleware):
    """Sends the tenant of the caller with each task, and notes slow tasks."""

    def __init__(self, tenant: str, *, slow: float) -> None:
        super().__init__()
        self.tenant = tenant
        self.slow = slow

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        message.labels["tenant"] = self.tenant
        return message

    async def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        if result.execution_time > self.slow:
            print(f"{message.task_name} of {message.labels['tenant']} is slow")


broker = InMemoryBroker().with_middlewares(Tenant("acme", slow=0.05))


@broker.task(task_name="report")
def report() -> None:
    time.sleep(0.1)


async def main() -> None:
    await (await report.kiq()).wait_result()


asyncio.run(main())
