import asyncio
from typing import Annotated

from taskiq import InMemoryBroker, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker

broker = InMemoryBroker()


@broker.task
async def import_rows(rows: int, tracker: Annotated[ProgressTracker[int], TaskiqDepends()]) -> int:
    for row in range(rows):
        await tracker.set_progress("importing", row)
    return rows


async def main() -> None:
    task = await import_rows.kiq(3)
    result = await task.wait_result()
    progress = await task.get_progress()
    assert progress is not None
    print(progress.state, progress.meta, result.return_value)


asyncio.run(main())
