import asyncio
from pathlib import Path

from taskiq import InMemoryBroker

broker = InMemoryBroker()


@broker.task
def count_lines(path: str) -> int:
    return len(Path(path).read_text().splitlines())


async def main(path: str) -> None:
    task = await count_lines.kiq(path)
    print((await task.wait_result()).return_value)


Path("upload.txt").write_text("one\ntwo\n")
asyncio.run(main("upload.txt"))
