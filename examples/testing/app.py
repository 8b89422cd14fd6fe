from taskiq import SmartRetryMiddleware
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker("redis://queue.example.com").with_middlewares(SmartRetryMiddleware())


@broker.task(retry_on_error=True, max_retries=3, delay=60)
async def send_mail(to: str, subject: str) -> str:
    return f"{subject} -> {to}"


@broker.task
async def remind(to: str) -> None:
    await send_mail.kiq(to, "Did you forget us?")


async def sign_up(address: str) -> None:
    await send_mail.kiq(address, "Welcome!")
    await remind.kicker().with_labels(delay=7 * 24 * 3600).kiq(address)
