import asyncio

from tkq import broker, count_words, greet

from taskiq import gather


async def main() -> None:
    async with broker:
        greeting = await greet.kiq("world")
        words = await count_words.kiq("to be or not to be")
        for result in await gather(greeting, words, timeout=30):
            print(result.raise_for_error().return_value)


asyncio.run(main())
