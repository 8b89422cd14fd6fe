import asyncio

from taskiq import InMemoryBroker

broker = InMemoryBroker()


@broker.task(queue_name="mails")
async def send_mail(to: str) -> None: ...


@broker.task
async def make_report(name: str) -> None: ...


async def main() -> None:
    await send_mail.kiq("ann@example.com")
    await make_report.kicker().with_labels(queue_name="reports").kiq("sales")
    print(sorted(await broker.queue_names()))


asyncio.run(main())
