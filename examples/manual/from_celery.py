import asyncio

from taskiq import InMemoryBroker, SmartRetryMiddleware

broker = InMemoryBroker().with_middlewares(
    SmartRetryMiddleware(use_delay_exponent=True, types_of_exceptions=[OSError])
)


@broker.task(retry_on_error=True, max_retries=3)
async def fetch(url: str) -> str:
    return f"the text at {url}"


async def main() -> None:
    task = await fetch.kiq("https://example.com")
    print((await task.wait_result(timeout=10)).return_value)


asyncio.run(main())
