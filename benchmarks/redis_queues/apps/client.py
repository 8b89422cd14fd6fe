"""The client of one queue, in its own environment; prints what it measured as JSON.

python client.py MODULE enqueue ONE_BY_ONE BULK     tasks a second, both ways
python client.py MODULE fill work|nap COUNT         seconds that it took
python client.py MODULE trips COUNT                 seconds of each round trip
"""

import asyncio
import json
import sys
import time
from importlib import import_module

try:
    import uvloop
except ImportError:
    run = asyncio.run
else:
    run = uvloop.run


async def enqueue(app, one_by_one: str, bulk: str) -> dict[str, float]:
    await app.send(0)
    start = time.perf_counter()
    for number in range(int(one_by_one)):
        await app.send(number)
    one = int(one_by_one) / (time.perf_counter() - start)
    start = time.perf_counter()
    await app.send_many("work", int(bulk))
    return {"one": one, "bulk": int(bulk) / (time.perf_counter() - start)}


async def fill(app, name: str, count: str) -> float:
    start = time.perf_counter()
    await app.send_many(name, int(count))
    return time.perf_counter() - start


async def trips(app, count: str) -> list[float]:
    seconds = []
    for number in range(int(count)):
        start = time.perf_counter()
        answer = await app.result_of(await app.send(number))
        seconds.append(time.perf_counter() - start)
        assert answer == number, f"the result of {number} is {answer!r}"
    return seconds


async def main(module: str, measure: str, *arguments: str) -> None:
    app = import_module(module)
    async with app.connected():
        measured = await {"enqueue": enqueue, "fill": fill, "trips": trips}[measure](
            app, *arguments
        )
    print(json.dumps(measured))


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
