import asyncio
from typing import Annotated

from taskiq import Context, InMemoryBroker, SmartRetryMiddleware, TaskiqDepends

broker = InMemoryBroker().with_middlewares(
    SmartRetryMiddleware(default_delay=1, use_delay_exponent=True, use_jitter=True),
)


@broker.task(retry_on_error=True, max_retries=5)
async def call_service(context: Annotated[Context, TaskiqDepends()]) -> str:
    if context.attempt < 3:
        raise ConnectionError("the service is away")
    return f"done at attempt {context.attempt}"


async def main() -> None:
    task = await call_service.kiq()
    print((await task.wait_result()).return_value)


asyncio.run(main())
