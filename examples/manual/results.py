import asyncio

from taskiq import InMemoryBroker, gather

broker = InMemoryBroker()


@broker.task
async def divide(dividend: int, divisor: int) -> float:
    return dividend / divisor


async def main() -> None:
    good, bad = await divide.kiq(1, 4), await divide.kiq(1, 0)
    result, failure = await gather(good, bad, timeout=10)

    print(result.is_err, result.return_value)
    print(failure.is_err, repr(failure.error))

    try:
        failure.raise_for_error()
    except ZeroDivisionError as error:
        print("raised here:", error)


asyncio.run(main())
